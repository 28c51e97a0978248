"""The rules a statement must pass to be offloaded, in order. Pure: no IO, no clock, no cache.

The order is that of cost and of what tells the user most; the first refusal is the one that is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.engine.loaded import LoadedTables
from proxy.reasons import Reason, Refusal
from proxy.sessions.state import OFF
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
    loaded: LoadedTables
    schema: str | None = None
    lake: frozenset[tuple[str, str]] = frozenset()  # tables of the statement that are lake tables
    only_reads: bool = False  # the transaction, if there is one, has only read so far (proxy.routing.reading)

    @property
    def only_lake(self) -> bool:
        """Tell whether all that is read are files, which no transaction of the backend concerns."""
        return bool(self.facts.tables) and self.facts.tables <= self.lake


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
    harmless = subject.status & Status.AUTOCOMMIT or subject.only_reads or subject.only_lake
    return None if harmless else Refusal(Reason.AUTOCOMMIT_OFF)


def _no_transaction(subject: Subject) -> Refusal | None:
    in_one = subject.status & Status.IN_TRANS and not subject.only_reads and not subject.only_lake
    return Refusal(Reason.IN_TRANSACTION) if in_one else None


def _no_locks(subject: Subject) -> Refusal | None:
    return Refusal(Reason.LOCKED_TABLES) if subject.locked_tables else None


def _is_supported(subject: Subject) -> Refusal | None:
    return Refusal(Reason.UNSUPPORTED, subject.facts.reason) if subject.facts.reason else None


def _tables_loaded(subject: Subject) -> Refusal | None:
    for schema, name in sorted(subject.facts.tables):
        if (schema, name) not in subject.lake and not subject.loaded.has(schema or subject.schema, name):
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
