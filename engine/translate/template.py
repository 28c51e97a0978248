"""A translation for other literals: SQL with places for them, and all that was asked about those it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.translate.found import Found
from engine.translate.given import Mark, Question, Step, Trace, alike, plain_text
from engine.translate.refusal import Refused
from engine.translate.translator import Translation
from engine.translate.tree import Expr
from statements.context import SessionContext


@dataclass(frozen=True, slots=True)
class Template:
    """`bound` are the literals, by number, that have to be the same; `free` those that may be others."""

    translation: Translation
    bound: tuple[tuple[int, str], ...]
    free: frozenset[int]
    steps: tuple[Step, ...]
    questions: tuple[Question, ...]
    pieces: tuple[str | Mark, ...]
    counting: tuple[tuple[str | Mark, ...], ...] = ()  # the texts of `Translation.found`

    def filled(self, literals: Sequence[str], context: SessionContext) -> Translation | None:
        """Give the translation for a statement of the same digest with these literals; None unless all that was asked
        about the old ones has the same answer."""
        if any(literals[at] != text for at, text in self.bound):
            return None
        try:
            made = self._made(literals, context)
        except Refused:
            return None
        if made is None or any(q.asked(made) != q.answer for q in self.questions):
            return None
        texts = [_text(pieces, made) for pieces in (self.pieces, *self.counting)]
        known = [text for text in texts if text is not None]
        if len(known) < len(texts):
            return None
        found = Found(known[1], known[2]) if self.counting else None
        return replace(self.translation, sql=known[0], found=found)

    def _made(self, literals: Sequence[str], context: SessionContext) -> list[Expr] | None:
        """Make all values, step by step; raises Refused."""
        made: list[Expr] = []
        for step in self.steps:
            if step.literal is not None:
                text = plain_text(literals[step.literal])
                if text is None:
                    return None
                value = step.make(text, *step.facts)
            elif step.parent is not None and step.seen is not None:
                value = step.make(Expr("literal", step.seen, (), made[step.parent].value), *step.facts)
            else:
                value = step.make(context, *step.facts)
            if value.op != "literal" or value.value is None or alike(value.type) != step.type:
                return None
            made.append(value)
        return made


def _text(pieces: Sequence[str | Mark], made: Sequence[Expr]) -> str | None:
    """Write SQL with values in its places; None where one cannot stand there."""
    parts = [
        piece if isinstance(piece, str) else piece.write(made[piece.place].value, *piece.facts) for piece in pieces
    ]
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def template_of(translation: Translation, trace: Trace, literals: Sequence[str]) -> Template | None:
    """Make a template of a translation that was traced; None where it holds for its own literals only."""
    if translation.asked or not trace.of_session:
        return None
    try:
        pieces = tuple(trace.pieces(translation.sql))
        found = translation.found
        counting = () if found is None else tuple(tuple(trace.pieces(sql)) for sql in (found.counted, found.offset))
    except (ValueError, IndexError):
        return None
    free = frozenset(step.literal for step in trace.steps if step.literal is not None) - trace.bound
    bound = tuple((at, text) for at, text in enumerate(literals) if at not in free)
    return Template(translation, bound, free, tuple(trace.steps), tuple(trace.questions), pieces, counting)
