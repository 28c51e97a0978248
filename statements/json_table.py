"""JSON_TABLE as MySQL writes it: the parser's node with the columns' clauses, which sqlglot itself does not read.

A column is a `JSONColumnDef`: `ordinality`, or `kind` with `path`, `exists`, `empty` and `error`; or `nested_schema`
with the `path` of its rows. `empty` and `error` are "NULL", "ERROR", or the literal behind DEFAULT.
Manual: functions-json.html, "JSON Table Functions".
"""

from typing import Any

from sqlglot import TokenType, exp
from sqlglot.parsers.mysql import MySQLParser


def parse_json_table(parser: Any) -> exp.JSONTable:
    """Read what stands in the parentheses of JSON_TABLE; raises ParseError."""
    document = parser._parse_bitwise()
    if not parser._match(TokenType.COMMA):
        parser.raise_error("JSON_TABLE without a path")
    path = parser._parse_string()
    return exp.JSONTable(this=document, path=path, schema=_columns(parser))


def _columns(parser: Any) -> exp.JSONSchema:
    if not parser._match_text_seq("COLUMNS"):
        parser.raise_error("JSON_TABLE without COLUMNS")
    return exp.JSONSchema(expressions=parser._parse_wrapped_csv(lambda: _column(parser)))


def _column(parser: Any) -> exp.JSONColumnDef:
    if parser._match_text_seq("NESTED"):
        parser._match_text_seq("PATH")
        path = parser._parse_string()
        return exp.JSONColumnDef(path=path, nested_schema=_columns(parser))
    name = parser._parse_id_var()
    if parser._match_text_seq("FOR", "ORDINALITY"):
        return exp.JSONColumnDef(this=name, ordinality=True)
    column = exp.JSONColumnDef(this=name, kind=parser._parse_types(allow_identifiers=False))
    column.set("exists", bool(parser._match_text_seq("EXISTS")))
    if not parser._match_text_seq("PATH"):
        parser.raise_error("a column of JSON_TABLE without PATH")
    column.set("path", parser._parse_string())
    column.set("empty", _handling(parser, "EMPTY"))
    column.set("error", _handling(parser, "ERROR"))
    return column


def _handling(parser: Any, event: str) -> str | exp.Expression:
    """What is given ON EMPTY or ON ERROR; NULL where nothing is said."""
    for word in ("NULL", "ERROR"):
        if parser._match_text_seq(word, "ON", event):
            return word
    here = parser._index
    if parser._match(TokenType.DEFAULT):
        value: exp.Expression | None = parser._parse_string()
        if value is not None and parser._match_text_seq("ON", event):
            return value
        parser._retreat(here)
    return "NULL"


def read_json_tables() -> None:
    """Let the parser of MySQL's dialect read JSON_TABLE in this way."""
    MySQLParser.FUNCTION_PARSERS = {**MySQLParser.FUNCTION_PARSERS, "JSON_TABLE": parse_json_table}
