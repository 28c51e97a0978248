"""What an ALTER TABLE does to the columns: which go, are renamed, redefined or come, and with which default.

Only what is read here without doubt is done to a copy in place; everything else has a reason for which it is loaded
again. Attributes of the columns are not read from the statement but from the server (engine.replicate.reshape).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from engine.replicate.ddl import Tokens
from wire.binlog_types import Query

DefaultKind = Literal["none", "null", "number", "text", "other"]


@dataclass(frozen=True, slots=True)
class Default:
    """A column's DEFAULT clause; `text` is the literal's value when it is a number or a text."""

    kind: DefaultKind
    text: str = ""


@dataclass(slots=True)
class Alteration:
    """Columns by name as the statement writes them. Names of `renamed`, `dropped` are those before the statement."""

    added: dict[str, Default] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    redefined: set[str] = field(default_factory=set)  # names after the statement
    converts: bool = False  # all strings, to another character set
    touches_definition: bool = False  # the definition may be another one than before
    adds_index: bool = False  # which no copy has, and by which the backend may read rows in another order


class Unreadable(Exception):
    """The statement's effect on the rows is not known; the text is the reason."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# First words of table options and of clauses that leave rows and columns as they are.
_OPTIONS = _words(
    """
    COMMENT AUTO_INCREMENT ROW_FORMAT STATS_PERSISTENT STATS_AUTO_RECALC STATS_SAMPLE_PAGES KEY_BLOCK_SIZE
    AVG_ROW_LENGTH MAX_ROWS MIN_ROWS CHECKSUM DELAY_KEY_WRITE PACK_KEYS COMPRESSION ENCRYPTION TABLESPACE
    AUTOEXTEND_SIZE SECONDARY_ENGINE SECONDARY_ENGINE_ATTRIBUTE ENGINE_ATTRIBUTE PAGE_COMPRESSED PAGE_CHECKSUM
    ENCRYPTED FORCE ENABLE DISABLE ALGORITHM LOCK WAIT NOWAIT ORDER SECONDARY_LOAD SECONDARY_UNLOAD
    """
)
# As above, but columns, keys or engine of the definition may be others afterwards.
_DEFINING_OPTIONS = _words("ENGINE DEFAULT CHARACTER CHARSET COLLATE")
_KEEPS_ROWS = _words("COALESCE REORGANIZE REBUILD OPTIMIZE ANALYZE CHECK")  # before PARTITION
_REDIVIDES = _words("COALESCE REORGANIZE")  # of these
_KEYS = _words("INDEX KEY FULLTEXT SPATIAL")
_CONSTRAINTS = _words("UNIQUE PRIMARY FOREIGN CONSTRAINT CHECK")


def read_alteration(statement: str, sql_mode: int) -> Alteration:
    """Read an ALTER TABLE, CREATE INDEX or DROP INDEX; `sql_mode` is the bit mask. Raises Unreadable."""
    # What stands in such comments is done or not depending on the server's version; escapes on its mode.
    if "/*!" in statement or "/*M!" in statement or "\\" in statement:
        raise Unreadable("its definition changed by a statement with conditional parts or escapes")
    tokens = Tokens(Query("", statement, sql_mode, 0), False)
    try:
        return _read(tokens)
    except (ValueError, IndexError):
        raise Unreadable("its definition changed in a way that is not read") from None


def _read(tokens: Tokens) -> Alteration:
    found = Alteration()
    if tokens.word() in ("CREATE", "DROP"):  # an index: only a unique one can be the key
        found.touches_definition = tokens.word() == "DROP" or tokens.word(1) not in ("INDEX", "FULLTEXT", "SPATIAL")
        found.adds_index = not found.touches_definition
        return found
    if not tokens.take("ALTER"):
        raise Unreadable("its definition changed")
    tokens.take("ONLINE")
    if not tokens.take("TABLE"):
        raise Unreadable("its definition changed")  # ALTER IGNORE TABLE may remove rows
    tokens.take("IF", "EXISTS")
    tokens.name()
    while not tokens.ended:
        if tokens.take(","):
            continue
        word = tokens.word()
        reader = _CLAUSES.get(word)
        if reader is not None:
            tokens.at += 1
            if reader(tokens, found):
                break
        elif word in _KEEPS_ROWS and tokens.word(1) == "PARTITION":
            found.touches_definition |= word in _REDIVIDES
            break
        elif word in _OPTIONS or word in _DEFINING_OPTIONS:
            found.touches_definition |= word in _DEFINING_OPTIONS
            tokens.at += 1
            _skip_clause(tokens)
            if word == "ORDER":
                break
        else:
            raise Unreadable(f"its definition changed: {_start(tokens)}")
    return found


def _start(tokens: Tokens) -> str:
    return " ".join(tokens.raw[tokens.at : tokens.at + 3])[:60]


def _skip_clause(tokens: Tokens) -> list[int]:
    """Step to the comma that ends the clause, or to the end; gives the places of its tokens outside parentheses."""
    depth = 0
    places = []
    while not tokens.ended:
        word = tokens.word()
        if not depth and (word == "," or word == ")"):
            break
        if not depth:
            places.append(tokens.at)
        depth += (word == "(") - (word == ")")
        tokens.at += 1
    return places


def _add(tokens: Tokens, found: Alteration) -> bool:
    word = tokens.word()
    if word == "PARTITION":
        found.touches_definition = True
        return True
    if word in _KEYS:
        found.adds_index = True
        _skip_clause(tokens)
        return False
    if word in _CONSTRAINTS:
        found.touches_definition = True
        _skip_clause(tokens)
        return False
    if word in ("SYSTEM", "PERIOD", "VECTOR"):
        raise Unreadable(f"its definition changed: ADD {word}")
    tokens.take("COLUMN")
    if tokens.take("IF", "NOT", "EXISTS"):
        raise Unreadable("its definition changed: ADD COLUMN IF NOT EXISTS")
    if not tokens.take("("):
        _add_column(tokens, found)
        return False
    while not tokens.take(")"):
        if not tokens.take(","):
            if tokens.word() in _KEYS | _CONSTRAINTS:
                _skip_clause(tokens)
            else:
                _add_column(tokens, found)
    return False


def _add_column(tokens: Tokens, found: Alteration) -> None:
    found.touches_definition = True
    name = tokens.part()
    default = _default(tokens, _skip_clause(tokens))
    found.added[name] = default


def _default(tokens: Tokens, places: list[int]) -> Default:
    """The DEFAULT among a column's attributes."""
    end = tokens.at
    words = {_word_at(tokens, at) for at in places}
    if words & {"AUTO_INCREMENT", "SERIAL", "AS", "GENERATED", "ROW", "WITHOUT"}:
        return Default("other")
    at = next((at for at in places if _word_at(tokens, at) == "DEFAULT"), None)
    if at is None:
        return Default("none")
    rest = [i for i in places if at < i < end]
    return _literal(tokens, rest)


def _literal(tokens: Tokens, rest: list[int]) -> Default:
    if not rest:
        return Default("other")
    first = tokens.raw[rest[0]]
    if _word_at(tokens, rest[0]) == "NULL":
        return Default("null") if _ends_here(tokens, rest[1:]) else Default("other")
    if first[0] in "'\"" and not tokens.quoted[rest[0]]:
        quote = first[0]
        text = first[1:-1].replace(quote * 2, quote)
        return Default("text", text) if _ends_here(tokens, rest[1:]) else Default("other")
    number = _NUMBER.match(" ".join(tokens.raw[i] for i in rest))
    if number is None or not _ends_here(tokens, rest[len(number[0].split()) :]):
        return Default("other")
    return Default("number", number[0].replace(" ", "").lstrip("+"))


def _ends_here(tokens: Tokens, rest: list[int]) -> bool:
    """Whether a literal is a whole default: MariaDB takes expressions without parentheses, as 5 MOD 3."""
    words = [_word_at(tokens, at) for at in rest[:2]]
    if words[:1] == ["NOT"]:
        return words == ["NOT", "NULL"]
    return not words or words[0] in _ATTRIBUTES


_NUMBER = re.compile(r"(?:[-+] )?[0-9]+(?: \. [0-9]+)?(?= |$)", re.ASCII)
_ATTRIBUTES = _words("NULL COMMENT FIRST AFTER UNIQUE PRIMARY KEY INVISIBLE VISIBLE ON")


def _word_at(tokens: Tokens, at: int) -> str:
    return "" if tokens.quoted[at] else tokens.raw[at].upper()


def _drop(tokens: Tokens, found: Alteration) -> bool:
    word = tokens.word()
    if word in ("PARTITION", "SYSTEM", "PERIOD"):
        raise Unreadable(f"its definition changed: DROP {word}")
    found.touches_definition = True
    if word in _KEYS | _CONSTRAINTS:
        _skip_clause(tokens)
        return False
    tokens.take("COLUMN")
    if tokens.take("IF", "EXISTS"):
        raise Unreadable("its definition changed: DROP COLUMN IF EXISTS")
    found.dropped.add(tokens.part())
    _skip_clause(tokens)
    return False


def _change(tokens: Tokens, found: Alteration) -> bool:
    return _redefine(tokens, found, renames=True)


def _modify(tokens: Tokens, found: Alteration) -> bool:
    return _redefine(tokens, found, renames=False)


def _redefine(tokens: Tokens, found: Alteration, renames: bool) -> bool:
    found.touches_definition = True
    tokens.take("COLUMN")
    if tokens.take("IF", "EXISTS"):
        raise Unreadable("its definition changed: a column if it exists")
    old = tokens.part()
    new = tokens.part() if renames else old
    words = {_word_at(tokens, at) for at in _skip_clause(tokens)}
    if words & {"AUTO_INCREMENT", "SERIAL", "AS", "GENERATED", "ROW"}:
        raise Unreadable(f"its definition changed: column {new} is filled by the server")
    if new != old:
        found.renamed[old] = new
    found.redefined.add(new)
    return False


def _rename(tokens: Tokens, found: Alteration) -> bool:
    if tokens.take("COLUMN"):
        found.touches_definition = True
        old = tokens.part()
        if not tokens.take("TO"):
            raise ValueError(old)
        found.renamed[old] = tokens.part()
    elif tokens.take("INDEX") or tokens.take("KEY"):
        found.touches_definition = True
    else:
        tokens.skip(frozenset({"TO", "AS", "="}))
        tokens.name()
    _skip_clause(tokens)
    return False


def _alter(tokens: Tokens, found: Alteration) -> bool:
    _skip_clause(tokens)  # a default, whether an index is seen or a constraint enforced
    found.touches_definition = True  # whether a column is seen
    return False


def _convert(tokens: Tokens, found: Alteration) -> bool:
    if not tokens.take("TO") or tokens.word() not in ("CHARACTER", "CHARSET"):
        raise Unreadable("its definition changed: CONVERT")
    found.converts = found.touches_definition = True
    _skip_clause(tokens)
    return False


def _partition(tokens: Tokens, found: Alteration) -> bool:
    if not tokens.take("BY"):
        raise Unreadable("its definition changed: PARTITION")
    found.touches_definition = True
    return True


def _remove(tokens: Tokens, found: Alteration) -> bool:
    if not tokens.take("PARTITIONING"):
        raise Unreadable("its definition changed: REMOVE")
    found.touches_definition = True
    return True


def _validation(tokens: Tokens, found: Alteration) -> bool:
    if not tokens.take("VALIDATION"):
        raise Unreadable("its definition changed: WITH")
    return False


# What reads the clause behind its first word; true when no other clause can follow.
_CLAUSES: dict[str, Callable[[Tokens, Alteration], bool]] = {
    "ADD": _add,
    "DROP": _drop,
    "CHANGE": _change,
    "MODIFY": _modify,
    "RENAME": _rename,
    "ALTER": _alter,
    "CONVERT": _convert,
    "PARTITION": _partition,
    "REMOVE": _remove,
    "WITH": _validation,
    "WITHOUT": _validation,
}
