"""The rules a statement must pass to be offloaded, in order. Pure: no IO, no clock, no cache.

The order is that of cost and of what tells the user most; the first refusal is the one that is reported.
"""

import re
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
    lake: frozenset[tuple[str, str]] = frozenset()  # tables of the statement that are lake tables
    only_reads: bool = False  # the transaction, if there is one, has only read so far (proxy.reading)

    @property
    def only_lake(self) -> bool:
        """Tell whether all that is read are files, which no transaction of the backend concerns."""
        return bool(self.facts.tables) and self.facts.tables <= self.lake


@dataclass(frozen=True, slots=True)
class LoadedTables:
    """The tables that the engine can answer from."""

    tables: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[str] = field(default=frozenset())
    lake: frozenset[tuple[str, str]] = frozenset()  # those whose rows are files, names as the backend has them
    lake_name: re.Pattern[bytes] | None = None
    lake_words: tuple[bytes, ...] = ()  # the same names in lower case, which most texts are seen at once not to have

    @classmethod
    def of(cls, tables: frozenset[tuple[str, str]], lake: frozenset[tuple[str, str]] = frozenset()) -> "LoadedTables":
        """Build from (schema, table) pairs; `lake` are some of them."""
        folded = frozenset((schema.casefold(), name.casefold()) for schema, name in tables)
        words = sorted({name for _, name in lake}, key=len, reverse=True)
        pattern = b"|".join(re.escape(word.replace("`", "``").encode()) for word in words)
        named = (
            re.compile(rb"(?<![\w$\x80-\xff])(?:" + pattern + rb")(?![\w$\x80-\xff])", re.IGNORECASE) if words else None
        )
        lowered = tuple(word.replace("`", "``").encode().lower() for word in words)
        return cls(folded, frozenset(name for _, name in folded), lake, named, lowered)

    def names_lake(self, text: bytes) -> bool:
        """Tell at little cost whether a text has the name of a lake table in it, whatever it means there."""
        if self.lake_name is None:
            return False
        lowered = text.lower()
        return any(word in lowered for word in self.lake_words) and self.lake_name.search(text) is not None

    def lake_in(self, text: bytes) -> list[tuple[str, str]]:
        """The lake tables whose names are in a text, of whatever schema."""
        found = (
            {bytes(name).decode("utf-8", "replace").casefold() for name in self.lake_name.findall(text)}
            if self.lake_name
            else set()
        )
        return sorted(name for name in self.lake if name[1].replace("`", "``").casefold() in found)

    def is_lake(self, schema: str | None, name: str) -> bool:
        """Tell whether a table is known as a lake table; for an unknown schema, whether any of this name is."""
        return any(
            known.casefold() == name.casefold() and (schema is None or its.casefold() == schema.casefold())
            for its, known in self.lake
        )

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
