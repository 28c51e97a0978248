"""DuckDB for JSON_TABLE (see `bind.json_tables`): rows of an array, and what MySQL makes of their scalars.

A value that a column cannot hold is NULL there, or an error when the column says so; what the two might read in
different ways fails here.
"""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote
from engine.translate.lower.documents import SEPARATORS, SPELLING, Steps, kind_of, path_of
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.rounding import half_even
from engine.translate.tree import Expr, JsonRows
from engine.translate.types import STORED_BITS, Family, Type

Writer = Callable[[Lowering, Expr], str]
_REFUSED = "error('a value that a column of JSON_TABLE does not take')"
_MISSING = "error('a path of JSON_TABLE that leads nowhere')"
_WORD = "'^([A-Za-z].*)?$'"  # texts that are no numbers and no dates, whoever reads them
_PLAIN_FRACTION = "'-?[0-9]{1,9}\\.[0-9]{1,4}'"  # of numbers that everybody writes alike
_MOST_WHOLE = 10**15  # that a double has exactly
_BEYOND = 2 * 10**19  # all integers of 64 bits
_LONG_NUMBER = "'[0-9]\\.[0-9]{5}|[0-9][eE][-+0-9]|[0-9]{10}\\.'"  # that not everybody writes alike
_SHORT_NUMBER = "'-?[1-9][0-9]{0,8}(\\.[0-9]{1,6})?'"
_RARE = "'[\\x{10000}-\\x{10FFFF}]'"


def json_rows(low: Lowering, source: JsonRows) -> str:
    """Write the rows of a document as a source that sees those before it."""
    sql, path = low.expr(source.document), path_of(source.path)
    kind = kind_of(sql, source.path)
    if source.every:
        found = f"CASE WHEN {kind} = 'ARRAY' THEN json_extract({sql}, {path_of(source.path, '[*]')}) ELSE [] END"
    else:
        found = f"CASE WHEN {kind} IS NOT NULL THEN [json_extract({sql}, {path})] ELSE [] END"
    numbered = "unnest(range(1, len(l) + 1)) AS o"
    return f"LATERAL (SELECT unnest(l) AS v, {numbered} FROM (SELECT {found} AS l)) AS {source.alias}"


def _exists(low: Lowering, expr: Expr) -> str:
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    return f"(CASE WHEN {sql} IS NOT NULL THEN CASE WHEN {kind_of(sql, steps)} IS NULL THEN 0 ELSE 1 END END)"


def _cell(low: Lowering, expr: Expr) -> str:
    steps, given, strict = cast("tuple[Steps, str | tuple[str], bool]", expr.value)
    sql, nothing = low.expr(expr.args[0]), _REFUSED if strict else "NULL"
    write = _FAMILIES[expr.type.family]
    if isinstance(given, tuple):
        constant = f"CAST({quote(given[0])} AS JSON)"
        empty = write(constant, (), expr.type, _REFUSED)
    else:
        empty = _MISSING if given == "ERROR" else "NULL"
    made = write(sql, steps, expr.type, nothing)
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {kind_of(sql, steps)} IS NULL THEN {empty} ELSE {made} END)"


def _by_kind(sql: str, steps: Steps, cases: dict[str, str], nothing: str) -> str:
    """Choose by what the part is: null is NULL, what no case names `nothing`."""
    chosen = " ".join(f"WHEN '{kind}' THEN {made}" for kind, made in cases.items())
    return f"(CASE {kind_of(sql, steps)} WHEN 'NULL' THEN NULL {chosen} ELSE {nothing} END)"


def _text(sql: str, steps: Steps) -> str:
    return f"json_extract_string({sql}, {path_of(steps)})"


def _integer(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    text, bits = _text(sql, steps), STORED_BITS.get(type_.digits, 32)
    least, most = (0, (1 << bits) - 1) if type_.unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    held = f"CAST({{0}} AS {'UBIGINT' if type_.unsigned else 'BIGINT'})"

    def within(value: str) -> str:
        return f"CASE WHEN {value} BETWEEN {least} AND {most} THEN {held.format(value)} ELSE {nothing} END"

    whole = f"CAST({text} AS HUGEINT)"
    nearest = f"CAST({half_even(f'CAST({text} AS DOUBLE)')} AS HUGEINT)"
    size = f"abs(CAST({text} AS DOUBLE))"
    cases = {
        "BIGINT": within(whole),
        "UBIGINT": within(whole),
        "DOUBLE": f"CASE WHEN {size} < {_MOST_WHOLE} THEN {within(nearest)}"
        f" WHEN {size} >= {_BEYOND} THEN {nothing} ELSE {SPELLING} END",
        "BOOLEAN": held.format(f"CASE {text} WHEN 'true' THEN 1 ELSE 0 END"),
        "VARCHAR": _of_word(text, "'-?[0-9]{1,18}'", within(whole), nothing),
    }
    return _by_kind(sql, steps, cases, nothing)


def _of_word(text: str, pattern: str, made: str, nothing: str) -> str:
    """A text that reads as a number or date, or as none at all; others fail."""
    return (
        f"CASE WHEN regexp_full_match({text}, {pattern}) THEN {made}"
        f" WHEN regexp_matches({text}, {_WORD}, 's') THEN {nothing} ELSE {SPELLING} END"
    )


def _decimal(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    text, scale = _text(sql, steps), type_.scale
    rounded = f"round(CAST({text} AS DECIMAL(38, 15)), {scale})"
    fits = f"abs({rounded}) < {10 ** (type_.digits - scale)}"
    made = f"CASE WHEN {fits} THEN CAST({rounded} AS DECIMAL(38, {scale})) ELSE {nothing} END"
    pattern = "'-?[0-9]{1,15}(\\.[0-9]{1,15})?'"
    large = f"abs(CAST({text} AS DOUBLE)) >= 2 * 1e{type_.digits - scale}"
    plain = (
        f"CASE WHEN {large} THEN {nothing} WHEN regexp_full_match({text}, {pattern}) THEN {made} ELSE {SPELLING} END"
    )
    truth = f"CAST(CASE {text} WHEN 'true' THEN 1 ELSE 0 END AS DECIMAL(38, {scale}))"
    # MySQL 9.7.4 takes an integer beyond signed ones for a negative one.
    unsigned = f"CASE WHEN CAST({text} AS HUGEINT) >= {1 << 63} THEN {SPELLING} ELSE {plain} END"
    cases = {"BIGINT": plain, "UBIGINT": unsigned, "DOUBLE": plain, "BOOLEAN": truth}
    cases["VARCHAR"] = _of_word(text, pattern, made, nothing)
    return _by_kind(sql, steps, cases, nothing)


def _double(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    text = _text(sql, steps)
    number = (
        f"CASE WHEN {text} LIKE '-0%' AND CAST({text} AS DOUBLE) = 0 THEN {SPELLING} ELSE CAST({text} AS DOUBLE) END"
    )
    cases = {
        "BIGINT": number,
        "UBIGINT": number,
        "DOUBLE": number,
        "BOOLEAN": f"CASE {text} WHEN 'true' THEN 1e0 ELSE 0e0 END",
        "VARCHAR": f"CASE WHEN {text} = '' THEN {SPELLING} ELSE {_of_word(text, _SHORT_NUMBER, number, nothing)} END",
    }
    return _by_kind(sql, steps, cases, nothing)


def _string(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    """A text is NULL where it is too long, and cut with a note where only spaces are.

    Of characters beyond the BMP the weights are not known in all collations: they fail.
    """
    text, most = _text(sql, steps), type_.characters
    made = text
    if most:
        spaces = f"length({text}) > {most} AND length(rtrim({text}, ' ')) <= {most}"
        made = f"CASE WHEN {spaces} THEN {SPELLING} WHEN length({text}) > {most} THEN {nothing} ELSE {text} END"
    fraction = f"CASE WHEN regexp_full_match({text}, {_PLAIN_FRACTION}) THEN {made} ELSE {SPELLING} END"
    common = f"CASE WHEN regexp_matches({text}, {_RARE}) THEN {SPELLING} ELSE {made} END"
    cases = {"VARCHAR": common, "BIGINT": made, "UBIGINT": made, "BOOLEAN": made, "DOUBLE": fraction}
    return _by_kind(sql, steps, cases, nothing)


def _moment(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    """A date, or a moment with a time or none, written in full; not of years before 1000. Of a time cut off both would
    have to note that."""
    text, name = _text(sql, steps), "DATE" if type_.family is Family.DATE else "TIMESTAMP"
    made = f"coalesce(TRY_CAST(TRY_CAST({text} AS TIMESTAMP) AS {name}), {SPELLING})"
    time = "" if type_.family is Family.DATE else "( [0-9]{2}:[0-9]{2}:[0-9]{2})?"
    pattern = f"'[1-9][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}{time}'"
    cases = {
        "VARCHAR": _of_word(text, pattern, made, nothing),
        "BIGINT": SPELLING,
        "UBIGINT": SPELLING,
        "DOUBLE": SPELLING,
    }
    return _by_kind(sql, steps, cases, nothing)


def _document(sql: str, steps: Steps, type_: Type, nothing: str) -> str:
    """A part as MySQL writes it: with white space behind commas and colons; fractions and escapes fail."""
    text, part = _text(sql, steps), f"json_extract({sql}, {path_of(steps)})"
    spaced = f"rtrim(regexp_replace({part}, {SEPARATORS}, '\\1\\2 ', 'g'))"
    awkward = f"contains({part}, '\\') OR regexp_matches({part}, {_LONG_NUMBER})"
    whole = f"CASE WHEN {awkward} THEN {SPELLING} ELSE {spaced} END"
    fraction = f"CASE WHEN regexp_full_match({text}, {_PLAIN_FRACTION}) THEN {text} ELSE {SPELLING} END"
    string = f"CASE WHEN contains({part}, '\\') THEN {SPELLING} ELSE '\"' || {text} || '\"' END"
    cases = {"OBJECT": whole, "ARRAY": whole, "VARCHAR": string, "DOUBLE": fraction}
    return _by_kind(sql, steps, cases, text)


_FAMILIES: dict[Family, Callable[[str, Steps, Type, str], str]] = {
    Family.INT: _integer,
    Family.DECIMAL: _decimal,
    Family.DOUBLE: _double,
    Family.STRING: _string,
    Family.DATE: _moment,
    Family.DATETIME: _moment,
    Family.JSON: _document,
}
CELL_OPS: dict[str, Writer] = {"json_cell": _cell, "json_cell_exists": _exists}
