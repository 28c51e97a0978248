"""The rules a statement must pass to be offloaded, in order. Pure: no IO, no clock, no cache.

The order is that of cost and of what tells the user most; the first refusal is the one that is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.reasons import Reason, Refusal
from proxy.state import OFF
from statements.facts import StatementFacts
from wire.constants import Status

_SYSTEM_SCHEMAS = frozenset({"information_schema", "performance_schema", "mysql", "sys"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A statement in its session. `schema` None means that the session's schema is not known yet."""

    facts: StatementFacts
    use: str
    status: int
    locked_tables: bool
    loaded: "LoadedTables"
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedTables:
    """The tables that the engine can answer from."""

    tables: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, tables: frozenset[tuple[str, str]]) -> "LoadedTables":
        """Build from (schema, table) pairs."""
        folded = frozenset((schema.casefold(), name.casefold()) for schema, name in tables)
        return cls(folded, frozenset(name for _, name in folded))

    def has(self, schema: str | None, name: str) -> bool:
        """Tell whether a table is loaded; for an unknown schema, whether any table of this name is.

        Case is folded: on a case-sensitive backend the engine has the last word.
        """
        if schema is None:
            return name.casefold() in self.names
        return (schema.casefold(), name.casefold()) in self.tables


def _switched_on(subject: Subject) -> Refusal | None:
    return Refusal(Reason.OFF) if subject.use == OFF else None


def _is_select(subject: Subject) -> Refusal | None:
    if subject.facts.kind in ("select", "explain"):
        return None
    if subject.facts.kind == "other" and subject.facts.reason:
        return Refusal(Reason.UNSUPPORTED, subject.facts.reason)
    return Refusal(Reason.NOT_A_SELECT)


def _reads_tables(subject: Subject) -> Refusal | None:
    if not subject.facts.tables:
        return Refusal(Reason.NO_TABLE)
    if any(schema.casefold() in _SYSTEM_SCHEMAS for schema, _ in subject.facts.tables):
        return Refusal(Reason.SYSTEM_TABLE)
    if subject.schema is not None and subject.schema.casefold() in _SYSTEM_SCHEMAS:
        return Refusal(Reason.SYSTEM_TABLE)
    return None


def _autocommit(subject: Subject) -> Refusal | None:
    return None if subject.status & Status.AUTOCOMMIT else Refusal(Reason.AUTOCOMMIT_OFF)


def _no_transaction(subject: Subject) -> Refusal | None:
    return Refusal(Reason.IN_TRANSACTION) if subject.status & Status.IN_TRANS else None


def _no_locks(subject: Subject) -> Refusal | None:
    return Refusal(Reason.LOCKED_TABLES) if subject.locked_tables else None


def _is_supported(subject: Subject) -> Refusal | None:
    return Refusal(Reason.UNSUPPORTED, subject.facts.reason) if subject.facts.reason else None


def _tables_loaded(subject: Subject) -> Refusal | None:
    for schema, name in sorted(subject.facts.tables):
        if not subject.loaded.has(schema or subject.schema, name):
            return Refusal(Reason.NOT_LOADED)
    return None


Rule = Callable[[Subject], Refusal | None]

RULES: tuple[Rule, ...] = (
    _switched_on,
    _is_select,
    _reads_tables,
    _autocommit,
    _no_transaction,
    _no_locks,
    _is_supported,
    _tables_loaded,
)


def check(subject: Subject) -> Refusal | None:
    """Give the first refusal, or None when the statement may be offloaded as far as can be known without asking."""
    for rule in RULES:
        if refusal := rule(subject):
            return refusal
    return None
