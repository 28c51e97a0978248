"""What must be known of the table that an INSERT … SELECT writes, before somebody else than MySQL runs its query.

The rows come back as literals and are written by one INSERT of the user's own. That is the same write where each value
has a column of its own family, and where nothing but the rows themselves goes into the table. Pure: bytes out and in.
"""

import re
from dataclasses import dataclass

from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_prepare, build_query, quote_name
from statements.writes import InsertSelect
from wire.constants import BINARY_CHARSET, Command, FieldFlag, FieldType
from wire.responses import parse_column_definition

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_MOMENTS = frozenset({"datetime", "timestamp"})
CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
_NUMBERS = _INTEGERS | {"decimal", "double"}
# What may be stored where: the value's type as the backend describes it, and the columns that take it as it is.
_FITS: dict[int, frozenset[str]] = {
    **dict.fromkeys((FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG), _NUMBERS),
    FieldType.YEAR: frozenset({"year"}),
    FieldType.NEWDECIMAL: _NUMBERS,
    FieldType.DOUBLE: frozenset({"double"}),
    FieldType.DATE: frozenset({"date", "datetime"}),
    FieldType.DATETIME: _MOMENTS,
    FieldType.TIMESTAMP: _MOMENTS,
}
_STRINGS = frozenset(
    {
        *(FieldType.VARCHAR, FieldType.VAR_STRING, FieldType.STRING),
        *(FieldType.TINY_BLOB, FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB),
    }
)
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_PLAIN_DEFAULT = re.compile(r"(?:NULL|-?\d+(?:\.\d+)?|'(?:[^']|'')*')", re.IGNORECASE)
VARIABLES = (
    *("transaction_isolation", "tx_isolation", "binlog_format", "gtid_next", "completion_type", "max_allowed_packet"),
    *("partial_revokes", "session_track_transaction_info"),
)
# What the session must have for the write to be what the statement itself would do; a variable that is not there holds.
_WANTED = {
    "binlog_format": ("ROW",),
    "gtid_next": ("AUTOMATIC",),
    "completion_type": ("NO_CHAIN", "0"),
    "session_track_transaction_info": ("OFF",),
}
LOCKLESS = ("READ-COMMITTED", "READ-UNCOMMITTED")
# Triggers are shown to those only who may make them.
_ACCOUNT = (
    "CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER())"
    " - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1),"
    " '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"
)


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column of the target, as information_schema shows it."""

    name: str
    type: str
    charset: str
    default: str
    extra: str

    @property
    def is_special(self) -> bool:
        """Tell whether the server gives the column values whatever is written, or hides it."""
        extra = self.extra.replace("DEFAULT_GENERATED", "")
        return any(word in extra for word in ("GENERATED", "AUTO_INCREMENT", "INVISIBLE"))

    def has_constant(self, is_mariadb: bool) -> bool:
        """Tell whether the default is a constant; MySQL says so in EXTRA, MariaDB by the default's text."""
        if not is_mariadb:
            return "DEFAULT_GENERATED" not in self.extra
        return not self.default or bool(_PLAIN_DEFAULT.fullmatch(self.default))


@dataclass(slots=True)
class Target:
    """What the backend said. `refusal` "" means that rows may be written there."""

    refusal: str = ""
    must_lock: bool = True  # MySQL itself would lock what it reads, so it must be seen to have stayed
    most: int = 0  # bytes of one statement


@dataclass(frozen=True, slots=True)
class TargetQuestions:
    """The pipelined commands about one target."""

    statement: bytes
    insert: InsertSelect
    schema: str
    is_mariadb: bool
    capabilities: int

    def build(self) -> tuple[bytes, list[int]]:
        """Give the bytes to write and the commands in them."""
        name = f"{quote_name(self.schema)}.{quote_name(self.insert.table)}"
        queries = [
            f"SHOW CREATE TABLE {name}",
            "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS"
            f" WHERE {self._is('TABLE')} ORDER BY ORDINAL_POSITION",
            f"SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE {self._is('TABLE')}",
            f"SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE {self._is('EVENT_OBJECT')}",
            self._sees_triggers(),
            f"SHOW SESSION VARIABLES WHERE Variable_name IN ({', '.join(map(_quoted, VARIABLES))})",
        ]
        parts = [build_prepare(self.statement), *(build_query(q.encode(), self.capabilities) for q in queries)]
        return b"".join(parts), [int(Command.STMT_PREPARE), *[int(Command.QUERY)] * len(queries)]

    def _is(self, kind: str) -> str:
        schema, name = _quoted(self.schema), _quoted(self.insert.table)
        return f"{kind}_SCHEMA = {schema} AND {kind}_{'NAME' if kind == 'TABLE' else 'TABLE'} = {name}"

    def _sees_triggers(self) -> str:
        wanted = f"GRANTEE = {_ACCOUNT} AND PRIVILEGE_TYPE = 'TRIGGER'"
        here = f"{wanted} AND TABLE_SCHEMA = {_quoted(self.schema)}"
        return (
            f"SELECT (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE {wanted}),"
            f" (SELECT COUNT(*) FROM information_schema.SCHEMA_PRIVILEGES WHERE {here})"
            f" + (SELECT COUNT(*) FROM information_schema.TABLE_PRIVILEGES WHERE {here}"
            f" AND TABLE_NAME = {_quoted(self.insert.table)})"
        )

    def read(self, data: bytes, definitions: list[bytes], time_zone: str) -> tuple[Target, int | None]:
        """Judge the answers for rows of these definitions; gives the prepared statement's number to close as well."""
        answers = AnswerReader(data, self.capabilities)
        prepared = answers.prepare()
        shown, columns, table, triggers, sees, variables = (answers.result() for _ in range(6))
        number = prepared.prepared.statement_id if prepared.prepared else None
        settings = {_text(row[0]).lower(): _text(row[1]).upper() for row in variables.rows}
        isolation = settings.get("transaction_isolation", settings.get("tx_isolation", ""))
        target = Target(must_lock=isolation not in LOCKLESS)
        target.most = int(settings.get("max_allowed_packet", "0"))
        target.refusal = (
            _judge_statement(prepared)
            or judge_session(settings)
            or _judge_table(shown, table)
            or _judge_triggers(triggers, sees, settings.get("partial_revokes") == "ON")
            or self._judge_columns(columns, definitions, time_zone)
        )
        return target, number

    def _judge_columns(self, answer: Answer, definitions: list[bytes], time_zone: str) -> str:
        columns = [TargetColumn(*map(_text, row)) for row in answer.rows]
        columns = [TargetColumn(c.name, c.type.lower(), c.charset.lower(), c.default, c.extra.upper()) for c in columns]
        known = {column.name.casefold(): column for column in columns}
        wanted = self.insert.columns
        names = [c.name for c in columns] if wanted is None else wanted
        given = [known.get(name.casefold()) for name in names]
        if len(given) != len(definitions) or not columns:
            return "the columns to be written could not be read"
        for column in columns:
            named = any(column is other for other in given)
            if column.is_special or not (named or column.has_constant(self.is_mariadb)):
                return f"column {column.name} is filled in by the server"
        for one, definition in zip(given, definitions, strict=True):
            if one is None or not _fits(definition, one, self.capabilities, time_zone):
                return f"column {one.name if one else '?'} takes values of another type"
            if one.type == "timestamp" and not one.has_constant(self.is_mariadb):  # NULL may mean now
                return f"column {one.name} is filled in by the server"
        return ""


def _judge_statement(prepared: Answer) -> str:
    if prepared.error or prepared.prepared is None:
        return "the backend does not accept the statement"
    if prepared.prepared.parameters or prepared.definitions or prepared.warnings:
        return "the statement has parameter markers, an answer or warnings"
    return ""


def judge_session(settings: dict[str, str]) -> str:
    """Say what of a session's variables makes a write of ours another one; "" when nothing does."""
    for name, values in _WANTED.items():
        if name in settings and settings[name] not in values:
            return f"{name} is {settings[name]}"
    return ""


def _judge_table(shown: Answer, table: Answer) -> str:
    if shown.error or len(shown.rows) != 1 or not _text(shown.rows[0][1]).startswith("CREATE TABLE "):
        return "the table to be written is no base table, or may not be shown"
    if len(table.rows) != 1 or [_text(v).upper() for v in table.rows[0]] != ["BASE TABLE", "INNODB"]:
        return "the table to be written is no table of InnoDB"
    return ""


def _judge_triggers(triggers: Answer, sees: Answer, partial: bool) -> str:
    if len(triggers.rows) != 1 or len(sees.rows) != 1 or triggers.rows[0][0] != b"0":
        return "the table to be written has triggers"
    everywhere, here = (int(value or 0) for value in sees.rows[0])
    if not here and (partial or not everywhere):
        return "without the TRIGGER privilege it is not known whether the table to be written has triggers"
    return ""


def is_written(payload: bytes, capabilities: int, time_zone: str) -> bool:
    """Tell whether a literal of a described value is the value again in a column made for it."""
    definition = parse_column_definition(payload, capabilities)
    if definition.type in _STRINGS:
        return definition.charset == BINARY_CHARSET or not definition.flags & (FieldFlag.ENUM | FieldFlag.SET)
    return definition.type in _FITS and (definition.type != FieldType.TIMESTAMP or bool(_OFFSET.fullmatch(time_zone)))


def _fits(payload: bytes, column: TargetColumn, capabilities: int, time_zone: str) -> bool:
    definition = parse_column_definition(payload, capabilities)
    if definition.type in _STRINGS:
        if definition.charset == BINARY_CHARSET:
            return column.type in _BYTES
        if definition.flags & (FieldFlag.ENUM | FieldFlag.SET):
            return False
        return column.type in _TEXTS and column.charset in CHARSETS
    if definition.type == FieldType.TIMESTAMP and column.type == "timestamp":
        # The hour that clocks strike twice: a literal does not say which of the two it was.
        return bool(_OFFSET.fullmatch(time_zone))
    return column.type in _FITS.get(definition.type, ())


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
