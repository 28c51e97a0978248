"""Translations that were made, each with everything it was made from.

What a translation reads of its session and its snapshot — values, tables, weights, time zones — is written down while
it is made. It serves again as long as each of these questions has the answer that it had then, so nothing has to say
what a translation depends on, and nothing has to be forgotten when that changes.

A statement that is another's with other literals is made as a template the second time: literals that differ may be
others again, unless a rule looked at them, and then those and the digest are the key.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from engine.catalog import CatalogView, LoadedTable
from engine.translate.given import Trace
from engine.translate.refusal import Refusal
from engine.translate.template import template_of
from engine.translate.translator import Translation
from engine.translating.shapes import Shapes
from statements.context import SessionContext
from statements.digest import digest
from wire.responses import ColumnDefinition

Answers = dict[tuple[Any, ...], Any]  # question -> answer
# What is asked beside the session and the tables: weights, time zones, cases.
Find = Callable[..., Any]
Make = Callable[[SessionContext, "Tables", dict[str, Find], Trace | None], Translation | Refusal]

_MOST = 512  # statements
_VARIANTS = 4  # of one statement: sessions of other settings
_LONGEST = 1 << 18  # characters of a translation that is kept


@dataclass(slots=True)
class _Reads:
    """What one translation asked, and the answers."""

    session: dict[str, Any] = field(default_factory=dict)
    tables: dict[tuple[str, str], LoadedTable | str] = field(default_factory=dict)
    found: Answers = field(default_factory=dict)

    def hold(self, context: SessionContext, view: CatalogView, finds: dict[str, Find]) -> bool:
        """Tell whether everything is answered as it was."""
        return (
            all(getattr(context, name) == value for name, value in self.session.items())
            and all(_same(view.table(*name), table) for name, table in self.tables.items())
            and all(finds[name](*asked) is answer for (name, *asked), answer in self.found.items())
        )


def _same(now: LoadedTable | str, then: LoadedTable | str) -> bool:
    """Tell whether a table is what it was; how it was loaded no translation reads, and how many rows it has makes one
    fast, not right."""
    if isinstance(now, str) or isinstance(then, str):
        return now == then
    return now is then or (
        (now.id, now.store_name, now.state) == (then.id, then.store_name, then.state)
        and (now.table is then.table or now.table == then.table)
        and now.presence == then.presence
        and now.left_out == then.left_out
    )


class _Session:
    """A session's context that writes down what is read of it."""

    def __init__(self, context: SessionContext, reads: _Reads) -> None:
        self._context = context
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        value = self._reads.session[name] = getattr(self._context, name)
        return value


class Tables:
    """A snapshot's tables, which writes down those that are asked for."""

    def __init__(self, view: CatalogView, reads: _Reads) -> None:
        self._view = view
        self._reads = reads

    def table(self, schema: str, name: str) -> LoadedTable | str:
        """Find a table that can answer, or give the reason why there is none."""
        found = self._reads.tables[schema, name] = self._view.table(schema, name)
        return found


def _written_down(name: str, find: Find, reads: _Reads) -> Find:
    def ask(*asked: Any) -> Any:
        answer = reads.found[(name, *asked)] = find(*asked)
        return answer

    return ask


class Translations:
    """The translations of the statements seen last, for any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], list[tuple[_Reads, Translation | Refusal]]] = OrderedDict()
        self._shapes: Shapes[_Reads] = Shapes()
        self._lock = threading.Lock()

    def get(
        self,
        statement: str,
        context: SessionContext,
        view: CatalogView,
        definitions: Sequence[ColumnDefinition],
        finds: dict[str, Find],
        make: Make,
    ) -> Translation | Refusal:
        """Give the translation of a statement; `make` makes it, from what it is given instead of the arguments."""
        key = (statement, *definitions)
        with self._lock:
            variants = list(self._kept.get(key, ()))
            if variants:
                self._kept.move_to_end(key)
        for reads, kept in variants:
            if reads.hold(context, view, finds):
                return kept
        parts = digest(statement)
        shape, literals = (parts.key, len(parts.literals), *definitions), parts.literals
        filled = self._shapes.find(shape, literals, context, lambda reads: reads.hold(context, view, finds))
        if filled is not None:
            return filled

        def watched(trace: Trace | None) -> tuple[_Reads, Translation | Refusal]:
            reads = _Reads()
            asked = {name: _written_down(name, find, reads) for name, find in finds.items()}
            return reads, make(cast(SessionContext, _Session(context, reads)), Tables(view, reads), asked, trace)

        reads, made = watched(None)
        if isinstance(made, Refusal):
            self._keep(key, reads, made)
            return made
        if len(made.sql) > _LONGEST:
            return made
        self._keep(key, reads, made)
        free = self._shapes.see(shape, literals)
        if free is not None:
            trace = Trace(context, free)
            reads, traced = watched(trace)
            template = None if isinstance(traced, Refusal) else template_of(traced, trace, literals)
            if template is not None and template.filled(literals, context) == made:
                self._shapes.keep(shape, reads, template)
        return made

    def _keep(self, key: tuple[Any, ...], reads: _Reads, made: Translation | Refusal) -> None:
        with self._lock:
            variants = self._kept.setdefault(key, [])
            variants.insert(0, (reads, made))
            del variants[_VARIANTS:]
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
