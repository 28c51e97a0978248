"""HeatWave's SELECT … INTO OUTFILE {URL | URI} '…' and … INTO OUTFILE WITH PARAMETERS '{…}' taken apart.

Both forms give the same description, that of WITH PARAMETERS. Source: the HeatWave manual's page on exporting query
results; the clauses of the first form are those of MySQL's own INTO OUTFILE.
"""

import json
import re
from typing import Any

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

from base.errors import ParseError
from statements.lake import unquoted

_INTO = re.compile(rb"\boutfile\s+(?:uri|url|with)\b", re.IGNORECASE)


def may_export(text: bytes) -> bool:
    """Tell at little cost whether a statement may be an export."""
    return b"outfile" in text.lower() and _INTO.search(text) is not None


def read_export(statement: str) -> tuple[str, dict[str, Any]] | None:
    """Give the query without its INTO, and the description; None when it has no such INTO.

    Raises ParseError for a clause that is not as it must be.
    """
    try:
        tokens = tokenize(statement, read="mysql")
    except SqlglotError:
        return None
    places = [
        at
        for at, token in enumerate(tokens)
        if token.token_type is TokenType.INTO
        and _words(tokens, at + 1) == ["OUTFILE"]
        and _words(tokens, at + 2) in (["URI"], ["URL"], ["WITH"])
    ]
    if len(places) != 1:
        return None
    reader = _Reader(statement, tokens, places[0] + 2)
    found = reader.read()
    before = statement[: tokens[places[0]].start].rstrip()
    return f"{before} {reader.rest()}".rstrip(), found


def _words(tokens: list[Token], at: int) -> list[str]:
    """The word at a place; nothing for a text, and behind the end."""
    return [token.text.upper() for token in tokens[at : at + 1] if token.token_type is not TokenType.STRING]


class _Reader:
    """Reads the clauses behind OUTFILE."""

    def __init__(self, statement: str, tokens: list[Token], at: int) -> None:
        self._statement = statement
        self._tokens = tokens
        self._at = at

    def read(self) -> dict[str, Any]:
        if self._take("WITH"):
            self._need("PARAMETERS")
            return self._parameters()
        if not self._take("URI") and not self._take("URL"):
            raise self._error()
        dialect: dict[str, Any] = {}
        description = {"file": [{"uri": self._text()}], "dialect": dialect}
        while self._clause(dialect):
            pass
        return description

    def rest(self) -> str:
        """The statement behind the clauses."""
        return self._statement[self._tokens[self._at].start :] if self._at < len(self._tokens) else ""

    def _parameters(self) -> dict[str, Any]:
        try:
            found = json.loads(self._text(), object_pairs_hook=_once)
        except (ValueError, RecursionError):
            raise ParseError("The text behind WITH PARAMETERS is no JSON object without repeated keys") from None
        if not isinstance(found, dict):
            raise ParseError("The text behind WITH PARAMETERS is no JSON object")
        return found

    def _clause(self, dialect: dict[str, Any]) -> bool:
        if self._take("FORMAT"):
            self._set(dialect, "format", self._word().lower())
        elif self._take("COMPRESSION"):
            self._take("=")
            self._set(dialect, "compression", self._text())
        elif self._take("CHARACTER"):
            self._need("SET")
            self._set(dialect, "encoding", self._word())
        elif self._take("CHARSET"):
            self._set(dialect, "encoding", self._word())
        elif self._take("HEADER"):
            word = self._word().upper()
            if word not in ("ON", "OFF"):
                raise self._error(-1)
            self._set(dialect, "has_header", word == "ON")
        elif self._take("FIELDS") or self._take("COLUMNS"):
            self._several(self._field, dialect)
        elif self._take("LINES"):
            self._several(self._line, dialect)
        else:
            return False
        return True

    def _several(self, one: Any, dialect: dict[str, Any]) -> None:
        if not one(dialect):
            raise self._error()
        while one(dialect):
            pass

    def _field(self, dialect: dict[str, Any]) -> bool:
        if self._take("NULL"):
            self._need("AS")
            self._set(dialect, "null_value", self._text())
        elif self._take("TERMINATED"):
            self._need("BY")
            self._set(dialect, "field_delimiter", self._text())
        elif self._take("OPTIONALLY"):
            self._need("ENCLOSED")
            self._need("BY")
            self._set(dialect, "quotation_marks", self._text())
        elif self._take("ENCLOSED"):
            self._need("BY")
            self._set(dialect, "quotation_marks", self._text())
            dialect["quote_all"] = True
        elif self._take("ESCAPED"):
            self._need("BY")
            self._set(dialect, "escape_character", self._text())
        else:
            return False
        return True

    def _line(self, dialect: dict[str, Any]) -> bool:
        if self._take("TERMINATED"):
            self._need("BY")
            self._set(dialect, "record_delimiter", self._text())
        elif self._take("STARTING"):
            self._need("BY")
            self._set(dialect, "record_start", self._text())
        else:
            return False
        return True

    def _set(self, dialect: dict[str, Any], key: str, value: Any) -> None:
        if key in dialect:
            raise self._error(-1)
        dialect[key] = value

    def _take(self, word: str) -> bool:
        if _words(self._tokens, self._at) != [word]:
            return False
        self._at += 1
        return True

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._error()

    def _word(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or not re.fullmatch(r"\w+", token.text):
            raise self._error()
        self._at += 1
        return token.text

    def _text(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.token_type is not TokenType.STRING:
            raise self._error()
        self._at += 1
        return unquoted(self._statement[token.start : token.end + 1])

    def _error(self, back: int = 0) -> ParseError:
        """As the servers say it: the statement from the word on that was not expected."""
        at = self._at + back
        near = self._statement[self._tokens[at].start :][:80] if at < len(self._tokens) else ""
        return ParseError(
            f"You have an error in your SQL syntax; check the clauses of INTO OUTFILE for the syntax near '{near}'"
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
