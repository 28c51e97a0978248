"""Whether a generated column's value is the same for everyone who reads it: sessions differ in zones and modes."""

import re
from collections.abc import Collection

_TOKEN = re.compile(
    r"""\s+|`(?P<name>(?:[^`]|``)+)`|'(?:[^'\\]|''|\\.)*'|\d+(?:\.\d+)?|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign><=>|<>|!=|<=|>=|<<|>>|[-+*%(),=<>&|^~!./])""",
    re.DOTALL,
)
# Names that mean the same in every session, as both servers write expressions back.
_WORDS = frozenset(
    {
        "abs", "and", "as", "ascii", "between", "binary", "case", "cast", "ceiling", "char", "char_length",
        "character", "charset", "coalesce", "collate", "concat", "concat_ws", "crc32", "dayofmonth",
        "dayofweek", "dayofyear", "decimal", "div", "else", "end", "false", "floor", "greatest", "hex", "hour",
        "if", "ifnull", "in", "instr", "is", "isnull", "json_extract", "json_length", "json_unquote",
        "json_valid", "latin1", "lcase", "least", "left", "length", "like", "locate", "lower", "lpad", "ltrim",
        "md5", "minute", "mod", "month", "not", "null", "nullif", "octet_length", "or", "quarter", "regexp",
        "regexp_like",
        "repeat", "replace", "reverse", "right", "round", "rpad", "rtrim", "second", "set", "sha", "sha1",
        "sha2", "sign", "signed", "substr", "substring", "substring_index", "then", "trim", "true", "truncate",
        "ucase", "unhex", "unsigned", "upper", "utf8mb3", "utf8mb4", "weekday", "when", "xor", "year",
    }
)  # fmt: skip


def unsteady(expression: str, zoned: Collection[str], unsigned: Collection[str]) -> str:
    """Why a virtual column may be different for each session; empty when it is the same for all.

    `zoned` are the table's TIMESTAMP columns, `unsigned` its unsigned ones, in lower case.
    """
    at, subtracts, wrote = 0, False, set()
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            return "of an expression that is not read"
        at = found.end()
        if (name := found["name"]) is not None:
            wrote.add(name.replace("``", "`").lower())
        word = (found["word"] or "").lower()
        if word and word not in _WORDS and not word.startswith("_") and not word.endswith(("_ci", "_bin", "_cs")):
            return f"with {word}, which may depend on the session"
        if found["sign"] == "/":
            return "with a division, whose decimals depend on the session"
        subtracts = subtracts or found["sign"] == "-"
    if wrote & set(zoned):
        return "of a TIMESTAMP, which depends on the session's time zone"
    if subtracts and wrote & set(unsigned):
        return "with a subtraction of unsigned numbers, which depends on sql_mode"
    return ""
