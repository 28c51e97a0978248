"""Literals that may be others next time: what a translation looks at of them is written down while it is made.

A `Given` is a literal whose value cannot be looked at unnoticed. Who needs a part of it asks by one of three functions:
`derived` for a literal made of it, `answered` for a question about it, `written` for its SQL. Each takes a function of
the value and facts, which depends on nothing else, so it can be asked again about another value. Whoever takes `value`
instead binds the translation to it, so nothing has to say which rules look at values. See `template.py`.
"""

import operator
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlglot import exp

from engine.collate.presence import Presence, of_values, values
from engine.translate.tree import Expr
from engine.translate.types import Family, Type
from statements.context import SessionContext
from statements.digest import spans

_RAW = cast(Any, Expr.__dict__["value"])
_OPEN, _CLOSE = "\ue000", "\ue001"  # around a mark in the SQL
_CLASSES = tuple(
    frozenset(letters) for letters in (range(0x61, 0x7B), range(0x41, 0x5B), range(0x30, 0x3A))
)  # of texts that are taken for alike: small letters, large ones, digits


class Place(int):
    """The number of a step whose value is a fact of a question."""


Make = Callable[..., Expr]
Write = Callable[..., str | None]


@dataclass(frozen=True, slots=True)
class Step:
    """How a literal is made: of a literal of the text, of another step's as seen under a type, or of the session."""

    make: Make
    facts: tuple[Hashable, ...]
    type: Type
    literal: int | None = None
    parent: int | None = None
    seen: Type | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked about a step's value, and the answer."""

    place: int
    ask: Callable[..., object]
    facts: tuple[Hashable, ...]
    answer: object

    def asked(self, made: list[Expr]) -> object:
        """Ask again about the steps' new values."""
        facts = (made[fact].value if type(fact) is Place else fact for fact in self.facts)
        return self.ask(made[self.place].value, *facts)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a step's value stands in the SQL, and how it is written."""

    place: int
    write: Write
    facts: tuple[Hashable, ...]


class Given(Expr):
    """A literal of a trace; without one it is like any other."""

    __slots__ = ("place", "trace")
    trace: "Trace | None"
    place: int

    def __init__(
        self,
        op: str,
        type: Type,
        args: tuple[Expr, ...] = (),
        value: object = None,
        trace: "Trace | None" = None,
        place: int = -1,
    ) -> None:
        for name, what in (("op", op), ("type", type), ("args", args), ("trace", trace), ("place", place)):
            object.__setattr__(self, name, what)
        _RAW.__set__(self, value)

    @property
    def value(self) -> object:
        """The value, which the translation is bound to from here on."""
        if self.trace is not None:
            self.trace.bind(self.place)
        return _RAW.__get__(self)

    def typed(self, type_: Type) -> Expr:
        """The same literal seen as another type."""
        return Given(self.op, type_, self.args, _RAW.__get__(self), self.trace, self.place)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Expr):
            return NotImplemented
        if (self.op, self.type, self.args) != (other.op, other.type, other.args):
            return False
        if isinstance(other, Given) and other.trace is self.trace is not None:
            return self.place == other.place or bool(self.trace.answer(self, operator.eq, (Place(other.place),)))
        return bool(answered(operator.eq, self, other.value))

    __hash__ = Expr.__hash__


class _Watched(dict[str, Any]):
    """The arguments of a literal's node, which notice that its text is read."""

    def __init__(self, args: dict[str, Any], number: int, read: set[int]) -> None:
        super().__init__(args)
        self.number, self._read = number, read

    def get(self, key: str, default: Any = None) -> Any:
        if key == "this":
            self._read.add(self.number)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        if key == "this":
            self._read.add(self.number)
        return super().__getitem__(key)

    def items(self) -> Any:
        self._read.add(self.number)
        return super().items()


@dataclass(slots=True)
class Trace:
    """What one translation asks about the literals that may be others; `free` are their numbers in the text."""

    context: SessionContext
    free: frozenset[int]
    steps: list[Step] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    questions: dict[Question, None] = field(default_factory=dict)
    marks: dict[Mark, int] = field(default_factory=dict)
    bound: set[int] = field(default_factory=set)  # numbers of literals
    of_session: bool = True  # no value of the session was looked at
    _known: dict[tuple[Hashable, ...], Given] = field(default_factory=dict)

    def watch(self, statement: str, tree: exp.Expression) -> None:
        """Take the nodes of the statement's literals that may be others."""
        starts = {start: (at, end) for at, (start, end) in enumerate(spans(statement))}
        for node in tree.find_all(exp.Literal):
            at, end = starts.get(node.meta.get("start", -1), (-1, 0))
            if at not in self.free or node.meta.get("end") != end - 1:
                continue
            if node.this == plain_text(statement[node.meta["start"] : end]):
                node.args = _Watched(node.args, at, self.bound)

    def literal(self, node: exp.Expression, make: Make, *facts: Hashable) -> Expr:
        """Make the literal that a node stands for, of its text."""
        text = dict.get(node.args, "this")
        if not isinstance(node.args, _Watched):
            return make(text, *facts)
        return self._step(node.args.number, make(text, *facts), make, facts, literal=node.args.number)

    def session(self, make: Make, *facts: Hashable) -> Expr:
        """Make a literal of the session's state that is another with each statement."""
        return self._step(-1, make(self.context, *facts), make, facts)

    def _step(self, key: Hashable, made: Expr, make: Make, facts: tuple[Hashable, ...], **source: Any) -> Given:
        known = self._known.get((key, make, facts))
        if known is None:
            type_ = alike(made.type)
            self.steps.append(Step(make, facts, type_, **source))
            self.values.append(made.value)
            known = self._known[key, make, facts] = Given("literal", type_, (), made.value, self, len(self.steps) - 1)
        return known

    def derive(self, literal: Given, make: Make, facts: tuple[Hashable, ...]) -> Expr:
        """Make a literal of another; raises what `make` raises."""
        try:
            made = make(Expr("literal", literal.type, (), self.values[literal.place]), *facts)
        except Exception:
            self.bind(literal.place)
            raise
        if made.op != "literal" or made.value is None:
            self.bind(literal.place)
            return made
        source = {"parent": literal.place, "seen": literal.type}
        return self._step((literal.place, literal.type), made, make, facts, **source)

    def answer(self, literal: Given, ask: Callable[..., object], facts: tuple[Hashable, ...]) -> object:
        """Ask about a literal's value."""
        answer = ask(self.values[literal.place], *(self.values[f] if type(f) is Place else f for f in facts))
        self.questions[Question(literal.place, ask, facts, answer)] = None
        return answer

    def write(self, literal: Given, write: Write, facts: tuple[Hashable, ...]) -> str | None:
        """Write a mark where the value's SQL will stand; None where it cannot be written."""
        made = write(self.values[literal.place], *facts)
        if made is None or any(isinstance(fact, str) and _OPEN in fact for fact in facts):
            self.bind(literal.place)  # a mark in a mark would stay
            return made
        number = self.marks.setdefault(Mark(literal.place, write, facts), len(self.marks))
        return f"{_OPEN}{number}{_CLOSE}"

    def bind(self, place: int) -> None:
        """Note that a value was looked at: the translation is for this one only."""
        step = self.steps[place]
        while step.parent is not None:
            step = self.steps[step.parent]
        if step.literal is None:
            self.of_session = False
        else:
            self.bound.add(step.literal)

    def pieces(self, sql: str) -> Iterator[str | Mark]:
        """Cut SQL at its marks; raises ValueError where these are not all there is of their kind."""
        marks = list(self.marks)
        first, *others = sql.split(_OPEN)
        yield first
        for part in others:
            number, text = part.split(_CLOSE)
            yield marks[int(number)]
            yield text


def alike(type_: Type) -> Type:
    """Take texts of the same kinds of characters for alike: that any letter may occur is true of each of them."""
    return replace(type_, presence=_any_of_classes(type_.presence)) if type_.family is Family.STRING else type_


def _any_of_classes(held: Presence) -> Presence:
    there = values(held)
    wider = frozenset().union(*(letters for letters in _CLASSES if letters & there))
    return bytes(a | b for a, b in zip(held, of_values(wider), strict=True))


def plain_text(written: str) -> str | None:
    """What a literal says that is written without escapes; None for others."""
    if written[0] not in "'\"":
        return written
    inner = written[1:-1]
    return None if "\\" in inner or written[0] in inner else inner


def derived(make: Make, literal: Expr, *facts: Hashable) -> Expr:
    """Make a literal of another by a function of it and these facts; raises what that raises."""
    if isinstance(literal, Given) and literal.trace is not None:
        return literal.trace.derive(literal, make, facts)
    return make(literal, *facts)


def answered(ask: Callable[..., Any], literal: Expr, *facts: Hashable) -> Any:
    """Ask a function of a literal's value and these facts."""
    if isinstance(literal, Given) and literal.trace is not None:
        return literal.trace.answer(literal, ask, facts)
    return ask(literal.value, *facts)


def written(write: Write, literal: Expr, *facts: Hashable) -> str | None:
    """Write a literal's value by a function of it and these facts."""
    if isinstance(literal, Given) and literal.trace is not None:
        return literal.trace.write(literal, write, facts)
    return write(literal.value, *facts)
