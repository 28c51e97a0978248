"""DDL of lake tables as text: CREATE … ENGINE=lakehouse and CREATE EXTERNAL TABLE taken apart; the stored form read.

The backend gets an ordinary CREATE TABLE of the same columns, its shadow; what concerns the files is cut out of it and
kept in an option of that table: SECONDARY_ENGINE_ATTRIBUTE on MySQL, CONNECTION on MariaDB.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from base.errors import LakeError
from statements.lake_clauses import read_clauses
from statements.schema import Table

MARK = "warmfront_lake"  # the key of the stored form: no other program's attribute has it
ENGINE = "lakehouse"
_TOKEN = re.compile(
    r"""(?P<space>\s+|/\*(?![!+M]).*?\*/|--(?=[\s]|\Z)[^\n]*|\#[^\n]*)
      | (?P<string>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*")
      | (?P<name>`(?:[^`]|``)+`)
      | (?P<word>[\w$\u0080-\uffff]+)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_BEGINS = re.compile(rb"\s*create\s+(?:or\s+replace\s+)?(?:external\s+)?table\b", re.IGNORECASE)
_ALTERS = re.compile(rb"\s*alter\s+table\b", re.IGNORECASE)
# What a table whose rows are files cannot have, as HeatWave's Lakehouse: in a column or beside the columns.
_REFUSED = {
    "AUTO_INCREMENT": "AUTO_INCREMENT",
    "GENERATED": "generated columns",
    "CHECK": "CHECK constraints",
    "REFERENCES": "foreign keys",
    "FULLTEXT": "indexes",
    "SPATIAL": "indexes",
    "ON": "ON UPDATE",
    "CURRENT_TIMESTAMP": "computed defaults",
    "NOW": "computed defaults",
}
_REFRESH = ("AUTO_REFRESH", "AUTO_REFRESH_SOURCE")
_REFUSED_OPTIONS = {
    "PARTITION": "PARTITION BY",
    "SELECT": "CREATE TABLE … SELECT",
    "LIKE": "CREATE TABLE … LIKE",
    "UNION": "UNION",
    "CONNECTION": "CONNECTION",
    "TABLESPACE": "TABLESPACE",
    "DIRECTORY": "DATA DIRECTORY",
    "SECONDARY_ENGINE_ATTRIBUTE": "SECONDARY_ENGINE_ATTRIBUTE",
    "AUTO_INCREMENT": "AUTO_INCREMENT",
    "WITH": "SYSTEM VERSIONING",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name, string or mark of the statement, and where it stands."""

    kind: str  # "word", "name", "string" or "mark"
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """A word or mark in upper case; "" for names and strings, which are never keywords."""
        return self.text.upper() if self.kind in ("word", "mark") else ""

    @property
    def value(self) -> str:
        """What a string or name stands for, with its quotes and escapes taken off."""
        return unquoted(self.text)


@dataclass(frozen=True, slots=True)
class LakeCreate:
    """A lake table's definition as it was written. `schema` is "" for the session's own.

    `body` is the list of columns with its parentheses, without the columns' attributes; `options` what else stands
    behind it. `attribute` is the table's ENGINE_ATTRIBUTE, `columns` the columns' by name.
    """

    schema: str
    table: str
    if_not_exists: bool
    or_replace: bool
    body: str
    options: str
    attribute: dict[str, Any]
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LakeAlter:
    """ALTER TABLE … ENGINE_ATTRIBUTE: the table, and its new attribute."""

    schema: str
    table: str
    attribute: dict[str, Any]


def mark_of(shown: bytes) -> str:
    """A short mark of what SHOW CREATE TABLE gave; another text has another one."""
    return hashlib.sha256(shown).hexdigest()[:16]


def may_create_lake(text: bytes) -> bool:
    """Tell at little cost whether a statement might make a lake table."""
    if _BEGINS.match(text) is None:
        return False
    lowered = text.lower()
    return b"lakehouse" in lowered or b"external" in lowered[:64]


def may_alter_lake(text: bytes) -> bool:
    """Tell at little cost whether a statement might give a lake table other files."""
    return _ALTERS.match(text) is not None and b"engine_attribute" in text.lower()


def read_create(statement: str) -> LakeCreate | None:
    """Take a lake table's CREATE apart; None when it is another statement. Raises LakeError."""
    tokens = significant(statement)
    at, words = 1, [token.upper for token in tokens]
    if words[:1] != ["CREATE"]:
        return None
    or_replace = words[at : at + 2] == ["OR", "REPLACE"]
    at += 2 * or_replace
    if words[at : at + 1] == ["TEMPORARY"]:
        return None
    external = words[at : at + 1] == ["EXTERNAL"]
    at += external
    if words[at : at + 1] != ["TABLE"]:
        return None
    at += 1
    if_not_exists = words[at : at + 3] == ["IF", "NOT", "EXISTS"]
    at += 3 * if_not_exists
    schema, table, at = _table_name(tokens, at)
    if words[at : at + 1] != ["("]:
        if external:
            raise LakeError("a lake table needs a list of columns: CREATE TABLE … LIKE and … SELECT make none")
        return None
    close = _closing(tokens, at)
    options = tokens[close + 1 :]
    if not external and not _is_lake(options):
        return None
    columns = _Columns(statement, tokens[at : close + 1])
    kept, attribute = _options(statement, options)
    return LakeCreate(schema, table, if_not_exists, or_replace, columns.text, kept, attribute, columns.attributes)


def read_alter(statement: str) -> LakeAlter | None:
    """Read ALTER TABLE … ENGINE_ATTRIBUTE='…' with nothing else; None for another one. Raises LakeError."""
    tokens = significant(statement)
    if [token.upper for token in tokens[:2]] != ["ALTER", "TABLE"]:
        return None
    schema, table, at = _table_name(tokens, 2)
    rest = [token for token in tokens[at:] if token.upper not in ("=", ",", ";")]
    if len(rest) != 2 or rest[0].upper != "ENGINE_ATTRIBUTE" or rest[1].kind != "string":
        return None
    return LakeAlter(schema, table, _json(rest[1], "ENGINE_ATTRIBUTE"))


def shadow_create(made: LakeCreate, stored: str, is_mariadb: bool) -> str:
    """The CREATE TABLE of the shadow, with the stored form of the definition in it.

    Its text is for a session whose strings are in single quotes and take backslashes as escapes.
    """
    name = ".".join(quoted(part) for part in (made.schema, made.table) if part)
    head = "CREATE OR REPLACE TABLE" if made.or_replace else "CREATE TABLE"
    exists = " IF NOT EXISTS" if made.if_not_exists else ""
    # TRUNCATE would give MariaDB's shadow its tablespace back, and a table without rows its answers: it is refused for
    # tables that keep their history.
    kept = " WITH SYSTEM VERSIONING" if is_mariadb else ""
    return f"{head}{exists} {name} {made.body} ENGINE=InnoDB {made.options} {stored_option(stored, is_mariadb)}{kept}"


def stored_option(stored: str, is_mariadb: bool) -> str:
    """The table option that holds a definition."""
    literal = "'" + stored.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"{'CONNECTION' if is_mariadb else 'SECONDARY_ENGINE_ATTRIBUTE'}={literal}"


def stored_form(attribute: dict[str, Any], columns: dict[str, dict[str, Any]]) -> str:
    """The text that the shadow keeps."""
    held = {"table": attribute, "columns": columns}
    return json.dumps({MARK: held}, separators=(",", ":"))


def stored_attribute(shown: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]] | None:
    """Read a definition out of what SHOW CREATE TABLE gives; None for a table that is no lake table."""
    if MARK not in shown:
        return None
    tokens = [token for token in _tokens(shown.replace("/*!80021 ", " ")) if token.kind != "space"]
    for before, after in itertools.pairwise(tokens):
        option, value = before, after
        if option.upper == "=":
            continue
        if option.upper in ("SECONDARY_ENGINE_ATTRIBUTE", "CONNECTION"):
            value = tokens[tokens.index(after) + 1] if after.upper == "=" else after
            held = _held(value)
            if held is not None:
                return held
    return None


def _held(value: Token) -> tuple[dict[str, Any], dict[str, dict[str, Any]]] | None:
    if value.kind != "string" or MARK not in value.text:
        return None
    for text in (value.value, value.text[1:-1].replace("''", "'")):  # the second: sql_mode NO_BACKSLASH_ESCAPES
        try:
            held = json.loads(text)[MARK]
            return dict(held["table"]), dict(held.get("columns", {}))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return None


class _Columns:
    """The list of columns: its text without the columns' ENGINE_ATTRIBUTE, and those."""

    def __init__(self, statement: str, tokens: list[Token]) -> None:
        self.attributes: dict[str, dict[str, Any]] = {}
        cuts: list[tuple[int, int]] = []
        for item in _items(tokens[1:-1]):
            self._refuse(item)
            name = item[0].value if item else ""
            for place, token in enumerate(item):
                if token.upper == "ENGINE_ATTRIBUTE" and place:
                    value = item[place + 1 + (item[place + 1].upper == "=")]
                    self.attributes[name] = _json(value, f"ENGINE_ATTRIBUTE of column {name}")
                    cuts.append((token.start, value.end))
        self.text = _without(statement, tokens[0].start, tokens[-1].end, cuts)

    @staticmethod
    def _refuse(item: list[Token]) -> None:
        words = [token.upper for token in item]
        if not words:
            raise LakeError("the list of columns has an empty place")
        is_key = words[0] in ("PRIMARY", "UNIQUE", "CONSTRAINT", "CHECK")
        if words[0] in ("KEY", "INDEX", "FULLTEXT", "SPATIAL"):
            raise LakeError("indexes are not for lake tables; PRIMARY KEY and UNIQUE are checked, not built")
        if words[0] == "FOREIGN" or (is_key and "FOREIGN" in words):
            raise LakeError("foreign keys are not for lake tables")
        for word in words if is_key else words[1:]:
            if found := _REFUSED.get(word):
                raise LakeError(f"{found} are not for lake tables: their rows are files")
        if "AS" in words[1:] or any(a == "DEFAULT" and b == "(" for a, b in itertools.pairwise(words)):
            raise LakeError("computed columns and defaults are not for lake tables: their rows are files")


def _options(statement: str, tokens: list[Token]) -> tuple[str, dict[str, Any]]:
    """Give the options that the shadow keeps, and the attribute."""
    cuts: list[tuple[int, int]] = []
    attribute: dict[str, Any] | None = None
    clauses: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        after = at + 1 + (at + 1 < len(tokens) and tokens[at + 1].upper == "=")
        if found := _REFUSED_OPTIONS.get(token.upper):
            raise LakeError(f"{found} is not for lake tables")
        if token.upper in ("ENGINE", "SECONDARY_ENGINE", "ENGINE_ATTRIBUTE") and after < len(tokens):
            value = tokens[after]
            _check_engine(token.upper, value)
            if token.upper == "ENGINE_ATTRIBUTE":
                attribute = _json(value, "ENGINE_ATTRIBUTE")
            cuts.append((token.start, value.end))
            at = after + 1
        elif token.upper in ("FILE_FORMAT", "FILES", "VERIFY_KEY_CONSTRAINTS", *_REFRESH) and after < len(tokens):
            end = after + _closing(tokens[after:], 0) if tokens[after].upper == "(" else after
            clauses += tokens[at : end + 1]
            cuts.append((token.start, tokens[end].end))
            at = end + 1
        elif token.upper in (",", ";"):
            cuts.append((token.start, token.end))
            at += 1
        else:
            at += 1
    if clauses:
        if attribute is not None:
            raise LakeError("a lake table has ENGINE_ATTRIBUTE or FILE_FORMAT and FILES, not both")
        attribute = read_clauses([(token.kind, token.text, token.value) for token in clauses])
    if attribute is None:
        raise LakeError('a lake table needs ENGINE_ATTRIBUTE=\'{"dialect": …, "file": […]}\'')
    if not tokens:
        return "", attribute
    return _without(statement, tokens[0].start, tokens[-1].end, cuts).strip(), attribute


def _check_engine(option: str, value: Token) -> None:
    name = value.value.lower()
    if option == "ENGINE" and name != ENGINE:
        raise LakeError(f"an external table's engine is {ENGINE}, not {name}")
    if option == "SECONDARY_ENGINE" and name not in ("rapid", "null"):
        raise LakeError(f"SECONDARY_ENGINE of a lake table is rapid, not {name}")


def _is_lake(tokens: list[Token]) -> bool:
    words = [token.upper for token in tokens if token.upper != "="]
    values = [token.value.lower() for token in tokens if token.upper != "="]
    return any(a == "ENGINE" and b == ENGINE for a, b in zip(words, values[1:], strict=False))


def _table_name(tokens: list[Token], at: int) -> tuple[str, str, int]:
    parts = [token for token in tokens[at : at + 3] if token.kind in ("word", "name") or token.upper == "."]
    if len(parts) == 3 and parts[1].upper == "." and parts[2].kind != "mark":
        return parts[0].value, parts[2].value, at + 3
    if not parts or parts[0].kind == "mark":
        raise LakeError("the table's name cannot be read")
    return "", parts[0].value, at + 1


def _closing(tokens: list[Token], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].upper, 0)
        if depth == 0:
            return place
    raise LakeError("a parenthesis is not closed")


def _items(tokens: list[Token]) -> Iterator[list[Token]]:
    depth = 0
    item: list[Token] = []
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.upper, 0)
        if token.upper == "," and depth == 0:
            yield item
            item = []
        else:
            item.append(token)
    yield item


def _without(statement: str, start: int, end: int, cuts: list[tuple[int, int]]) -> str:
    parts, at = [], start
    for first, last in sorted(cuts):
        parts.append(statement[at:first])
        at = last
    return "".join([*parts, statement[at:end]])


def _json(token: Token, what: str) -> dict[str, Any]:
    if token.kind != "string":
        raise LakeError(f"{what} is not a string")
    try:
        value = json.loads(token.value)
    except RecursionError:
        raise LakeError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise LakeError(f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise LakeError(f"{what} is not a JSON object")
    return value


def significant(statement: str) -> list[Token]:
    """The tokens of a statement without white space and comments."""
    return [token for token in _tokens(statement) if token.kind != "space"]


def _tokens(statement: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(statement):
        yield Token(found.lastgroup or "mark", found[0], found.start(), found.end())


def quoted(name: str) -> str:
    """Quote an identifier."""
    return "`" + name.replace("`", "``") + "`"


_UNIQUE = re.compile(
    r"^\s*UNIQUE KEY `(?:[^`]|``)*` \((?P<columns>(?:,?`(?:[^`]|``)+`(?: DESC| ASC)?)+)\)", re.MULTILINE
)
_NAME = re.compile(r"`((?:[^`]|``)+)`")


def unique_keys(shown: str, table: Table) -> tuple[tuple[str, ...], ...]:
    """The unique keys of whole columns in a table's text of SHOW CREATE TABLE, but for its primary one."""
    keys = [
        tuple(name.replace("``", "`") for name in _NAME.findall(found["columns"])) for found in _UNIQUE.finditer(shown)
    ]
    known = {column.name for column in table.columns}
    return tuple(key for key in keys if set(key) <= known and key != table.primary_key)


def unquoted(text: str) -> str:
    """Take the quotes and escapes off a string or name; a word is given as it is."""
    if text[:1] == "`":
        return text[1:-1].replace("``", "`")
    if text[:1] in ("'", '"'):
        mark, inner = text[0], text[1:-1]
        return re.sub(
            rf"\\(.)|{mark}{mark}",
            lambda found: mark if found[1] is None else _ESCAPES.get(found[1], found[1]),
            inner,
            flags=re.DOTALL,
        )
    return text
