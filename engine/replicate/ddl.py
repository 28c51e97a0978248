"""What a logged statement does: transaction control, which tables a DDL statement touches, or a change we cannot read.

A scanner of the first tokens, made to be wrong on the safe side: what it does not know is an "unknown" table event.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.changes.batch import TableEvent
from wire.binlog_types import Query

EffectKind = Literal[
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "rollback to",
    "xa begin",
    "xa commit",
    "xa rollback",
    "harmless",
    "ddl",
    "dml",
]
Xid = tuple[bytes, bytes, int]
Name = tuple[str, str]  # (schema, table)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does. `name` is a savepoint's; `xid` is None when it could not be read."""

    kind: EffectKind
    events: tuple[TableEvent, ...] = ()
    name: str = ""
    xid: Xid | None = None


HARMLESS = Effect("harmless")
_ANSI_QUOTES = 4
_NO_BACKSLASH_ESCAPES = 1 << 20
SYSTEM_SCHEMAS = frozenset({"mysql", "sys", "performance_schema", "information_schema"})

_TOKEN = re.compile(
    r"""\s+ | --(?=\s|$)[^\n]* | \#[^\n]* | /\*M?!\d* | \*/ | /\*.*?\*/
      | (?P<tick>`(?:[^`]|``)*`)
      | (?P<double>"(?:[^"\\]|""|\\.)*")
      | (?P<single>'(?:[^'\\]|''|\\.)*')
      | (?P<word>[\w$\x80-\U0010ffff]+)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_XID = re.compile(r"X'([0-9a-f]*)'\s*,\s*X'([0-9a-f]*)'\s*,\s*(\d+)", re.IGNORECASE)

_OBJECTS = frozenset(
    [
        "VIEW",
        "PROCEDURE",
        "FUNCTION",
        "TRIGGER",
        "EVENT",
        "USER",
        "ROLE",
        "SERVER",
        "TABLESPACE",
        "UNDO",
        "LOGFILE",
        "RESOURCE",
        "REFERENCE",
        "SEQUENCE",
        "PACKAGE",
        "LIBRARY",
        "INSTANCE",
        "PROFILE",
        "MASKING",
        "DATABASE",
        "SCHEMA",
        "PREPARE",
        "CATALOG",
    ]
)
_NO_ROWS = frozenset(
    [
        "FLUSH",
        "ANALYZE",
        "OPTIMIZE",
        "REPAIR",
        "CHECK",
        "GRANT",
        "REVOKE",
        "INSTALL",
        "UNINSTALL",
        "SET",
        "RELEASE",
        "CHANGE",
        "START",
        "STOP",
        "RESET",
        "LOCK",
        "UNLOCK",
        "SHOW",
        "USE",
        "KILL",
        "PURGE",
        "CACHE",
        "BINLOG",
    ]
)
_DML = frozenset(
    [
        "INSERT",
        "REPLACE",
        "UPDATE",
        "DELETE",
        "LOAD",
        "CALL",
        "DO",
        "SELECT",
        "WITH",
        "MERGE",
        "HANDLER",
        "EXECUTE",
        "TABLE",
        "VALUES",
    ]
)


class Tokens:
    """The statement's tokens: upper-cased words, names without their quotes, single marks."""

    def __init__(self, query: Query, fold: bool) -> None:
        self.query = query
        self.fold = fold
        self._ansi = bool(query.sql_mode & _ANSI_QUOTES)
        self.texts: list[str] = []
        self.raw: list[str] = []  # as they stand in the statement
        self.quoted: list[bool] = []
        for match in _TOKEN.finditer(query.statement):
            kind = match.lastgroup
            if kind:
                self._add(kind, match[0])
        self.at = 0

    def _add(self, kind: str, text: str) -> None:
        self.raw.append(text)
        if kind == "tick":
            self.texts.append(text[1:-1].replace("``", "`"))
        elif kind == "double" and self._ansi:
            self.texts.append(text[1:-1].replace('""', '"'))
        elif kind in ("double", "single"):
            self.texts.append("'")  # a string's content never matters here
        else:
            self.texts.append(text)
        self.quoted.append(kind == "tick" or (kind == "double" and self._ansi))

    def word(self, ahead: int = 0) -> str:
        """The keyword ahead, in upper case; "" at the end or for a quoted name."""
        at = self.at + ahead
        if at >= len(self.texts) or self.quoted[at]:
            return ""
        return self.texts[at].upper()

    def take(self, *words: str) -> bool:
        """Step over these keywords when they come next."""
        if all(self.word(i) == word for i, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def skip(self, words: frozenset[str]) -> None:
        """Step over any of these keywords."""
        while self.word() in words:
            self.at += 1

    def name(self) -> Name:
        """Read a table's name; raises ValueError."""
        first = self.part()
        if self.word() == "." and not self._ended():
            self.at += 1
            return first, self.part()
        schema = self.query.schema
        return (schema.lower() if self.fold else schema), first

    def part(self) -> str:
        """Read one name; raises ValueError."""
        if self._ended() or not (self.quoted[self.at] or re.match(r"[\w$\x80-\U0010ffff]", self.texts[self.at])):
            raise ValueError(self.query.statement)
        text = self.texts[self.at]
        self.at += 1
        return text.lower() if self.fold else text

    def _ended(self) -> bool:
        return self.at >= len(self.texts)

    @property
    def ended(self) -> bool:
        """Whether no token is left (a closing semicolon does not count)."""
        return self._ended() or self.texts[self.at :] == [";"]


def read_effect(query: Query, fold: bool = False) -> Effect:
    """Tell what a logged statement does; `fold` when the server keeps table names in lower case."""
    quick = _QUICK.get(query.statement)
    if quick is not None:
        return quick
    tokens = Tokens(query, fold)
    try:
        return _read(tokens)
    except ValueError:
        return _unknown(tokens)


_QUICK = {"BEGIN": Effect("begin"), "COMMIT": Effect("commit"), "ROLLBACK": Effect("rollback")}


def _unknown(tokens: Tokens) -> Effect:
    return Effect("ddl", (TableEvent("", "", "unknown", tokens.query.statement),))


def _read(tokens: Tokens) -> Effect:
    while tokens.take("SET", "STATEMENT"):  # MariaDB: SET STATEMENT variables FOR statement
        while not tokens.ended and not tokens.take("FOR"):
            tokens.at += 1
    verb = tokens.word()
    tokens.at += 1
    if reader := _READERS.get(verb):
        return reader(tokens)
    if verb in _NO_ROWS:
        return Effect("begin") if verb == "START" and tokens.word() == "TRANSACTION" else HARMLESS
    if verb in _DML:
        return _read_dml(tokens, verb)
    return _unknown(tokens)


def _make(tokens: Tokens, *events: TableEvent) -> Effect:
    return Effect("ddl", events)


def _event(tokens: Tokens, name: Name, kind: str, to: Name | None = None) -> TableEvent:
    query = tokens.query
    return TableEvent(name[0], name[1], kind, query.statement, to, query.sql_mode)  # type: ignore[arg-type]


def _read_begin(tokens: Tokens) -> Effect:
    return Effect("begin")


def _read_commit(tokens: Tokens) -> Effect:
    return Effect("commit")


def _read_rollback(tokens: Tokens) -> Effect:
    tokens.take("WORK")
    if tokens.take("TO"):
        tokens.take("SAVEPOINT")
        return Effect("rollback to", name=tokens.part().lower())
    return Effect("rollback")


def _read_savepoint(tokens: Tokens) -> Effect:
    return Effect("savepoint", name=tokens.part().lower())


def _read_xa(tokens: Tokens) -> Effect:
    verb = tokens.word()
    match = _XID.search(tokens.query.statement)
    xid = (bytes.fromhex(match[1]), bytes.fromhex(match[2]), int(match[3])) if match else None
    if verb in ("START", "BEGIN"):
        return Effect("xa begin", xid=xid)
    if verb == "COMMIT":
        return Effect("xa commit", xid=xid)
    if verb == "ROLLBACK":
        return Effect("xa rollback", xid=xid)
    return HARMLESS


def _read_create(tokens: Tokens) -> Effect:
    replaces = tokens.take("OR", "REPLACE")
    if tokens.take("TEMPORARY"):
        return HARMLESS
    if tokens.take("TABLE"):
        kind = "create if absent" if tokens.take("IF", "NOT", "EXISTS") else "create"
        name = tokens.name()
        created = _event(tokens, name, kind)
        return _make(tokens, _event(tokens, name, "drop"), created) if replaces else _make(tokens, created)
    if replaces and tokens.word() in ("DATABASE", "SCHEMA"):
        tokens.at += 1
        return _make(tokens, _event(tokens, (tokens.part(), ""), "drop"))
    tokens.skip(frozenset({"ONLINE", "OFFLINE", "UNIQUE", "FULLTEXT", "VECTOR"}))
    if tokens.word() == "SPATIAL" and tokens.word(1) == "INDEX":
        tokens.at += 1
    if tokens.take("INDEX"):
        return _read_index(tokens)
    return _read_object(tokens)


def _read_index(tokens: Tokens) -> Effect:
    while not tokens.ended:
        if tokens.take("ON"):
            return _make(tokens, _event(tokens, tokens.name(), "alter"))
        tokens.at += 1
    raise ValueError(tokens.query.statement)


def _read_object(tokens: Tokens) -> Effect:
    """CREATE, ALTER, DROP of things that are no tables: known by a word before any parenthesis."""
    while not tokens.ended and tokens.word() not in ("(", "TABLE", "TABLES", "INDEX"):
        if tokens.word() in _OBJECTS:
            return HARMLESS
        tokens.at += 1
    raise ValueError(tokens.query.statement)


# What becomes of the table that takes, gives or becomes a partition, by the word before it.
_OTHER_TABLE = {"WITH": "alter", "TO": "create", "CONVERT": "drop"}


def _read_alter(tokens: Tokens) -> Effect:
    tokens.skip(frozenset({"ONLINE", "OFFLINE", "IGNORE"}))
    if not tokens.take("TABLE"):
        return _read_object(tokens)
    tokens.take("IF", "EXISTS")
    name = tokens.name()
    if tokens.take("TRUNCATE", "PARTITION", "ALL") and tokens.ended:
        return _make(tokens, _event(tokens, name, "truncate"))
    events = [_event(tokens, name, "alter")]
    renamed = None
    depth = 0
    while not tokens.ended:
        word = tokens.word()
        depth += (word == "(") - (word == ")")
        tokens.at += 1
        if depth:
            continue
        if word == "RENAME" and tokens.word() not in ("COLUMN", "INDEX", "KEY"):
            tokens.skip(frozenset({"TO", "AS", "="}))
            renamed = _event(tokens, name, "rename", tokens.name())  # of several the last one holds
        elif word in _OTHER_TABLE and tokens.take("TABLE"):
            events.append(_event(tokens, tokens.name(), _OTHER_TABLE[word]))
    return _make(tokens, *events, *([renamed] if renamed else []))


def _read_drop(tokens: Tokens) -> Effect:
    if tokens.take("TEMPORARY"):
        return HARMLESS
    if tokens.take("TABLE") or tokens.take("TABLES"):
        tokens.take("IF", "EXISTS")
        events = [_event(tokens, tokens.name(), "drop")]
        while tokens.take(","):
            events.append(_event(tokens, tokens.name(), "drop"))
        return _make(tokens, *events)
    if tokens.take("DATABASE") or tokens.take("SCHEMA"):
        tokens.take("IF", "EXISTS")
        return _make(tokens, _event(tokens, (tokens.part(), ""), "drop"))
    tokens.skip(frozenset({"ONLINE", "OFFLINE"}))
    if tokens.take("INDEX"):
        return _read_index(tokens)
    return _read_object(tokens)


def _read_rename(tokens: Tokens) -> Effect:
    if not (tokens.take("TABLE") or tokens.take("TABLES")):
        return HARMLESS  # RENAME USER
    tokens.take("IF", "EXISTS")
    events = []
    while True:
        name = tokens.name()
        tokens.take("NOWAIT")
        if tokens.take("WAIT"):
            tokens.at += 1
        if not tokens.take("TO"):
            raise ValueError(tokens.query.statement)
        events.append(_event(tokens, name, "rename", tokens.name()))
        if not tokens.take(","):
            return _make(tokens, *events)


def _read_truncate(tokens: Tokens) -> Effect:
    tokens.take("TABLE")
    return _make(tokens, _event(tokens, tokens.name(), "truncate"))


def _read_dml(tokens: Tokens, verb: str) -> Effect:
    """Only two forms have an effect we can tell: emptying a table at restart, and writing the server's own."""
    tokens.skip(frozenset({"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM"}))
    try:
        name = tokens.name()
    except ValueError:
        return Effect("dml")
    if verb == "DELETE" and tokens.ended:
        return _make(tokens, _event(tokens, name, "truncate"))
    if verb in ("INSERT", "REPLACE", "UPDATE", "DELETE") and name[0].lower() in SYSTEM_SCHEMAS and tokens.word() != ",":
        return HARMLESS
    return Effect("dml")


_READERS: dict[str, Callable[[Tokens], Effect]] = {
    "BEGIN": _read_begin,
    "COMMIT": _read_commit,
    "ROLLBACK": _read_rollback,
    "SAVEPOINT": _read_savepoint,
    "XA": _read_xa,
    "CREATE": _read_create,
    "ALTER": _read_alter,
    "DROP": _read_drop,
    "RENAME": _read_rename,
    "TRUNCATE": _read_truncate,
}
