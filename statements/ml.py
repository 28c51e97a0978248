"""AutoML's routines in `sys`: their signatures, and calls of them taken apart into arguments as they are written.

Source: the HeatWave manual's chapter on AutoML routines. The last parameter, when it is options, may be left out.
"""

import difflib
import functools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

from base.errors import BackendError

SCHEMA = "sys"
IN, OUT, INOUT = "IN", "OUT", "INOUT"
INOUT_OR_VALUE = "INOUT or value"  # a variable is set as well
IN_BYTES = "IN bytes"  # as the bytes that they are, of a text those of its character set
CATALOGS = "ML_SCHEMA_"  # and a user: the schema of the user's models
_CATALOG_TABLES = frozenset({"model_catalog", "model_object_catalog"})
ASKED = "WARMFRONT_ML_"  # and a number: a call of a model, as the engine is given it
_JSON = {"mysql": "CAST({} AS JSON)", "mariadb": "CAST({} AS CHAR(50000000) CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"}
_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_HEAD = re.compile(
    rf"\s*(?:/\*(?![!+]).*?\*/\s*)*call\s+(?:({_NAME})\s*\.\s*)?({_NAME})\s*(\()?", re.IGNORECASE | re.DOTALL
)
_REPLACE = re.compile(r"(?<=\A)replace\b", re.IGNORECASE)
_MAY_USE = re.compile(rb"\bsys`?\s*\.\s*`?ml_")
_MAY_CALL = re.compile(rb"[^(]*\b(?:ml_|train_test_split)", re.IGNORECASE)


_LONGEST_NAME = 256
# Literals, whose text says nothing of a statement's form; and what may hide a quote when it stands outside of them.
_LITERAL = re.compile(r"'[^']*'|\b\d+(?:\.\d+)?\b")
_HIDING = re.compile(r"[`\"#]|--|/\*")
_SHORT = 4096  # characters of statements that are kept as they were read: prepared ones come again and again
_SET_WORDS = (TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT)
_BEFORE_ALIAS = frozenset({TokenType.R_PAREN, TokenType.END, TokenType.NUMBER, TokenType.STRING})


@dataclass(frozen=True, slots=True)
class Routine:
    """One routine. `modes` has one for each parameter; `least` is how many arguments are needed."""

    name: str
    modes: tuple[str, ...]
    least: int
    is_function: bool = False

    @property
    def kind(self) -> str:
        """As error messages name it."""
        return "FUNCTION" if self.is_function else "PROCEDURE"


ROUTINES = {
    routine.name: routine
    for routine in (
        Routine("ML_TRAIN", (IN, IN, IN, INOUT), 4),
        Routine("ML_EXPLAIN", (IN, IN, IN, IN), 3),
        Routine("ML_EXPLAIN_TABLE", (IN, IN, IN, IN), 3),
        Routine("ML_PREDICT_TABLE", (IN, IN, IN, IN), 3),
        Routine("ML_SCORE", (IN, IN, IN, IN, OUT, IN), 5),
        Routine("ML_MODEL_LOAD", (IN, IN), 1),
        Routine("ML_MODEL_UNLOAD", (IN,), 1),
        Routine("ML_MODEL_ACTIVE", (IN, OUT), 2),
        Routine("ML_MODEL_EXPORT", (IN, IN), 2),
        Routine("ML_MODEL_IMPORT", (IN_BYTES, IN, INOUT_OR_VALUE), 3),
        Routine("TRAIN_TEST_SPLIT", (IN, IN, IN), 2),
        Routine("ML_PREDICT_ROW", (IN, IN, IN), 2, is_function=True),
        Routine("ML_EXPLAIN_ROW", (IN, IN, IN), 2, is_function=True),
    )
}


@dataclass(frozen=True, slots=True)
class Call:
    """CALL of a procedure; the arguments are expressions as written. `schema` is "" when none is."""

    schema: str
    routine: Routine
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function inside a statement, which stands from `start` up to `end`, its arguments at `places`.

    `item` is the number of the select list's item that it is the whole of, without an alias, or None.
    """

    routine: Routine
    arguments: tuple[str, ...]
    start: int
    end: int
    places: tuple[tuple[int, int], ...] = ()
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the select list: its text is from `start` up to `end`; behind it up to `last` its `alias`, or ""."""

    start: int
    end: int
    last: int
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that calls functions of AutoML. `items` are those of the select list that names its columns, `plain`
    says that it is one SELECT without DISTINCT, UNION or INTO. `has_from` is of a FROM outside of the calls."""

    calls: tuple[FunctionCall, ...]
    items: tuple[Item, ...]
    has_from: bool
    plain: bool


def is_catalog(schema: str, table: str) -> bool:
    """Tell whether a table holds models."""
    return schema.upper().startswith(CATALOGS) and table.lower() in _CATALOG_TABLES


def may_use_functions(text: bytes) -> bool:
    """Tell at little cost whether a statement may call a function of AutoML."""
    lowered = text.lower()
    return b"ml_" in lowered and _MAY_USE.search(lowered) is not None


def may_call(text: bytes) -> bool:
    """Tell at little cost whether a CALL may be of a routine of AutoML."""
    return _MAY_CALL.match(text) is not None


def read_call(statement: str) -> Call | None:
    """Take a CALL apart; None when it is of no routine of AutoML, or in a form that the backend has to refuse.

    Raises BackendError: there is no such routine but one of nearly the same name, or the number of arguments is wrong.
    """
    head = _HEAD.match(statement)
    if head is None:
        return None
    schema, name = _unquoted(head[1] or ""), _unquoted(head[2]).upper()
    if schema.casefold() not in ("", SCHEMA) or not name.startswith(("ML_", "TRAIN_TEST")):
        return None
    routine = find(name, schema, is_function=False)
    if routine is None:
        return None
    arguments: list[str] = []
    if head[3]:
        inner = statement[head.end() :]
        split = split_arguments(inner)
        if split is None or inner[split[1] :].strip("; \t\r\n"):
            return None
        arguments = split[0]
    return Call(schema, routine, _counted(routine, arguments))


def find(name: str, schema: str, is_function: bool) -> Routine | None:
    """Give a routine by name; None when none is like it.

    Raises BackendError: error 1305 with the near name when the schema is given and there is one.
    """
    known = {n: r for n, r in ROUTINES.items() if r.is_function == is_function}
    if name in known:
        return known[name]
    if name in ROUTINES and schema:
        way = "in an expression, as in SELECT" if ROUTINES[name].is_function else "with CALL"
        kind = "FUNCTION" if is_function else "PROCEDURE"
        raise BackendError(1305, "42000", f"{kind} {SCHEMA}.{name} does not exist: it is called {way}")
    near = difflib.get_close_matches(name, known, 1, 0.75)
    if not near or not schema:
        return None
    kind = "FUNCTION" if is_function else "PROCEDURE"
    raise BackendError(1305, "42000", f"{kind} {SCHEMA}.{name} does not exist; did you mean {SCHEMA}.{near[0]}?")


def _counted(routine: Routine, arguments: list[str]) -> tuple[str, ...]:
    wanted = len(routine.modes)
    if not routine.least <= len(arguments) <= wanted:
        raise BackendError(
            1318,
            "42000",
            f"Incorrect number of arguments for {routine.kind} {SCHEMA}.{routine.name}; "
            f"expected {wanted}, got {len(arguments)}",
        )
    return (*arguments, *["NULL"] * (wanted - len(arguments)))


def split_arguments(text: str) -> tuple[list[str], int] | None:
    """Split what stands behind a parenthesis at its commas; gives the parts and the place behind the one that closes
    it, or None when nothing does."""
    tokens = tokens_of(text)
    if tokens is None:
        return None
    parts, end = _split(tokens, 0)
    return None if end is None else ([text[start:last] for start, last in parts], tokens[end].end + 1)


def _split(tokens: list[Token], at: int) -> tuple[list[tuple[int, int]], int | None]:
    """Split from a token on; gives where the parts stand, and the number of the parenthesis that ends them."""
    parts: list[tuple[int, int]] = []
    depth, first = 0, at
    for number in range(at, len(tokens)):
        kind = tokens[number].token_type
        if kind is TokenType.L_PAREN:
            depth += 1
        elif kind is TokenType.R_PAREN and depth:
            depth -= 1
        elif depth == 0 and kind in (TokenType.COMMA, TokenType.R_PAREN):
            if number > first:
                parts.append((tokens[first].start, tokens[number - 1].end + 1))
            elif parts or kind is TokenType.COMMA:
                return [], None  # nothing between two commas
            if kind is TokenType.R_PAREN:
                return parts, number
            first = number + 1
    return [], None


def read_functions(statement: str) -> Statement | None:
    """Find the calls of AutoML's functions in a statement; None when there are none or it cannot be read.

    Raises BackendError: there is no such function but one of nearly the same name, or the number of arguments is wrong.
    """
    if len(statement) > _SHORT:
        return _read(statement)
    return _read_short(statement) if "\\" in statement else _read_alike(statement)


def _read(statement: str) -> Statement | None:
    tokens = tokens_of(statement)
    if not tokens:
        return None
    found = _find_calls(tokens, statement)
    if not found:
        return None
    items, plain = _read_list(tokens, statement)
    has_from = any(not any(call.start < place < call.end for call in found) for place in _clauses(tokens))
    calls = []
    for call in found:
        whole = (number for number, item in enumerate(items) if (item.start, item.end) == (call.start, call.end))
        calls.append(replace(call, item=next(whole, None)))
    return Statement(tuple(calls), tuple(items), has_from, plain)


_read_short = functools.lru_cache(maxsize=512)(_read)


def _read_alike(statement: str) -> Statement | None:
    """Read a statement by one that has other literals in the same places, of which all but the places is the same."""
    pieces: list[str] = []
    ends, moves, at, size = [], [0], 0, 0  # of literals in the other statement: where they end, and what lies behind
    for literal in _LITERAL.finditer(statement):
        start, last = literal.span()
        blank = "''" if statement[start] == "'" else "0"
        pieces += statement[at:start], blank
        size += start - at + len(blank)
        at = last
        ends.append(size)
        moves.append(last - size)
    other = "".join((*pieces, statement[at:]))
    read = None if _HIDING.search(other) else _read_short(other)
    if read is None or any(item.last != item.end for item in read.items):  # an alias may be a literal
        return _read_short(statement)

    def there(place: int) -> int:
        return place + moves[bisect_right(ends, place)]

    calls = []
    for call in read.calls:
        places = tuple((there(start), there(last)) for start, last in call.places)
        texts = [statement[start:last] for start, last in places]
        arguments = (*texts, *call.arguments[len(texts) :])
        calls.append(FunctionCall(call.routine, arguments, there(call.start), there(call.end), places, call.item))
    items = tuple(Item(there(item.start), there(item.end), there(item.last)) for item in read.items)
    return Statement(tuple(calls), items, read.has_from, read.plain)


def as_json(expression: str, is_mariadb: bool) -> str:
    """An expression of the type that the functions have: JSON, which MariaDB keeps as a text compared by its bytes."""
    return _JSON["mariadb" if is_mariadb else "mysql"].format(expression)


def with_calls(text: str, statement: Statement, written: Sequence[str]) -> str:
    """Write something in the place of each call. Items of the select list are called what they were called."""
    pieces = [(call.start, call.end, each) for call, each in zip(statement.calls, written, strict=True)]
    for item in statement.items:
        if not item.alias and any(item.start <= call.start < item.last for call in statement.calls):
            name = text[item.start : item.end][:_LONGEST_NAME].replace("`", "``")
            pieces.append((item.last, item.last, f" AS `{name}`"))
    for start, end, piece in sorted(pieces, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _find_calls(tokens: list[Token], text: str) -> list[FunctionCall]:
    found: list[FunctionCall] = []
    at = 0
    while at + 3 < len(tokens):
        schema, dot, name, paren = tokens[at : at + 4]
        if (
            schema.text.casefold() == SCHEMA
            and schema.token_type is not TokenType.STRING
            and dot.token_type is TokenType.DOT
            and paren.token_type is TokenType.L_PAREN
            and name.text.upper().startswith("ML_")
            and (routine := find(name.text.upper(), SCHEMA, is_function=True))
        ):
            places, end = _split(tokens, at + 4)
            if end is not None:
                counted = _counted(routine, [text[start:last] for start, last in places])
                found.append(FunctionCall(routine, counted, schema.start, tokens[end].end + 1, tuple(places)))
                at = end
        at += 1
    return found


def clauses_of(statement: str) -> list[int]:
    """Give the places of each FROM that is a clause."""
    return _clauses(tokens_of(statement) or [])


def _clauses(tokens: list[Token]) -> list[int]:
    """Find each FROM that is a clause of a query, not a word in the parentheses of EXTRACT, TRIM or SUBSTRING."""
    found = []
    queries = [True]  # whether the parentheses that are open hold a query
    for number, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            following = tokens[number + 1].token_type if number + 1 < len(tokens) else None
            queries.append(following in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN))
        elif token.token_type is TokenType.R_PAREN and len(queries) > 1:
            queries.pop()
        elif token.token_type is TokenType.FROM and queries[-1]:
            found.append(token.start)
    return found


def _read_list(tokens: list[Token], text: str) -> tuple[list[Item], bool]:
    """Read the select list that names the columns: its items, and whether the statement is one plain SELECT."""
    enders = (TokenType.FROM, TokenType.SEMICOLON, TokenType.LIMIT, TokenType.WHERE, TokenType.INTO, *_SET_WORDS)
    at = _first_select(tokens)
    if at is None:
        return [], False
    items: list[Item] = []
    depth, first, last = 0, at + 1, len(tokens)
    while first < last and tokens[first].token_type in (TokenType.DISTINCT, TokenType.ALL):
        first += 1
    for number in range(first, last + 1):
        kind = tokens[number].token_type if number < last else TokenType.SEMICOLON
        if depth == 0 and (kind in (TokenType.COMMA, TokenType.R_PAREN) or kind in enders):
            items.append(_item(tokens[first:number], text))
            first = number + 1
            if kind is not TokenType.COMMA:
                break
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
    depth = 0
    plain = at == 0 and last > 1 and tokens[1].token_type not in (TokenType.DISTINCT, TokenType.ALL)
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        plain = plain and not (depth == 0 and token.token_type in (*_SET_WORDS, TokenType.INTO))
    return items, plain


def _first_select(tokens: list[Token]) -> int | None:
    """Find the SELECT whose list names the columns: the first of all, or the one behind WITH."""
    depth = 0
    is_with = tokens[0].token_type is TokenType.WITH
    for number, token in enumerate(tokens):
        if token.token_type is TokenType.SELECT and not (is_with and depth):
            return number
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
    return None


def _item(tokens: list[Token], text: str) -> Item:
    if not tokens:
        return Item(0, 0, 0)
    alias, shown = "", tokens
    if len(tokens) > 2 and tokens[-2].token_type is TokenType.ALIAS:
        alias, shown = tokens[-1].text, tokens[:-2]
    elif len(tokens) > 1 and tokens[-2].token_type in _BEFORE_ALIAS and _is_name(tokens[-1]):
        alias, shown = tokens[-1].text, tokens[:-1]
    return Item(shown[0].start, shown[-1].end + 1, tokens[-1].end + 1, alias)


def _is_name(token: Token) -> bool:
    return token.token_type in (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING)


def tokens_of(text: str) -> list[Token] | None:
    """Tokenize a statement; None when that cannot be done. REPLACE would be one token with all behind it."""
    try:
        return tokenize(_REPLACE.sub("INSERT ", text), read="mysql")
    except SqlglotError:
        return None


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
