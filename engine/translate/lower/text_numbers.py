"""DuckDB for texts that are read as numbers.

As doubles both servers read what stands in front of a text, and warn when anything but white space is left
(`double_from_string_with_check` in sql/item.cc, `my_strtod` in strings/dtoa.cc); so do MySQL's integers and decimals.
Read off MySQL 9.7 and MariaDB 10.11:

* white space may stand in front; behind it may on MySQL, MariaDB has a note for it;
* an empty text is 0 on MySQL without a warning, but for integers and decimals;
* MySQL warns of no double read of a column of TEXT, whatever stands in it (Field_blob::val_real), and of no decimal
  with something behind it.

Beside a column, whose index the servers may look up by what they store of the text in its type, only plain numbers are
read. What the server warns of fails.
"""

from collections.abc import Callable

from engine.translate.bind.numbers import WITH_CONSTANT, WITH_VALUE
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.tree import Expr, is_stored
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]
_SPACE = r"[ \t\n\v\f\r]*"
_NUMBER = r"[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)"
_PLAIN = "-?[0-9]+(?:[.][0-9]+)?"
_EXPONENT = "(?:[eE][+-]?[0-9]{1,2})?"
_LONGEST = 40  # characters: of more digits than 60 servers leave some out
_EXACT = 16  # of what MariaDB compares as a decimal
_FAILURE = "error('a text is not a plain number')"


def _is_long_text(low: Lowering, expr: Expr) -> bool:
    """Tell whether this is a column of a type of TEXT of MySQL's; VARCHAR and CHAR tell their length."""
    return low.backend == "mysql" and is_stored(expr) and expr.type.family is Family.STRING and not expr.type.characters


def _read(sql: str, pattern: str, longest: int, kind: str, empty: str = "") -> str:
    """Write the number that the group of a pattern finds, what an empty one is; other texts fail."""

    def write(v: str) -> str:
        found = f"regexp_extract({v}, '^{pattern}$', 1)"
        nothing = f" WHEN {found} = '' AND regexp_full_match({v}, '{pattern}') THEN {empty}" if empty else ""
        plain = f"{found} <> '' AND length({found}) <= {longest}"
        return (
            f"(CASE WHEN {v} IS NULL THEN NULL WHEN {plain} THEN CAST({found} AS {kind}){nothing} ELSE {_FAILURE} END)"
        )

    return once(sql, write)


def _around(low: Lowering, number: str, space: str = _SPACE) -> str:
    return f"{space}({number}){_SPACE if low.backend == 'mysql' else ''}"


def _as_double(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    sql = low.expr(arg)
    if expr.value == WITH_VALUE:
        return _read(sql, f"({_PLAIN})", _EXACT, "DOUBLE")
    if _is_long_text(low, arg):
        number = f"regexp_extract({sql}, '^{_SPACE}({_NUMBER}(?:[eE][+-]?[0-9]+)?)', 1)"
        return (
            f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {number} = '' THEN CAST(0 AS DOUBLE)"
            f" WHEN length({number}) > {_LONGEST} THEN {_FAILURE} ELSE CAST({number} AS DOUBLE) END)"
        )
    if low.backend != "mysql" and expr.value == WITH_CONSTANT:
        return _read(sql, _around(low, f"{_NUMBER}(?:[eE][+-]?[0-9])?"), _EXACT, "DOUBLE")
    if low.backend != "mysql":
        return _read(sql, _around(low, _NUMBER + _EXPONENT), _LONGEST, "DOUBLE")
    return _read(sql, _around(low, f"(?:{_NUMBER}{_EXPONENT})?"), _LONGEST, "DOUBLE", "CAST(0 AS DOUBLE)")


def _as_decimal(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    behind = "(?:[^0-9.eE](?s:.*))?" if _is_long_text(low, arg) else ""
    kind = f"DECIMAL({expr.type.digits}, {expr.type.scale})"
    return _read(low.expr(arg), _around(low, _NUMBER) + behind, _LONGEST, kind)


def _as_integer(kind: str, sign: str) -> Writer:
    """Integers may have blanks and tabs in front only (my_strtoll10)."""

    def write(low: Lowering, expr: Expr) -> str:
        return _read(low.expr(expr.args[0]), _around(low, f"{sign}[0-9]+", r"[ \t]*"), 18, kind)

    return write


TEXT_NUMBER_OPS: dict[str, Writer] = {
    "number_of_text": _as_double,
    "text_to_decimal": _as_decimal,
    "of_places": lambda low, expr: once(
        low.expr(expr.args[0]),
        lambda v: f"(CASE WHEN {v} <> round({v}, {expr.value}) THEN error('a text has more decimals') ELSE {v} END)",
    ),
    "text_to_signed": _as_integer("BIGINT", "[+-]?"),
    "text_to_unsigned": _as_integer("UBIGINT", "[+]?"),
}
