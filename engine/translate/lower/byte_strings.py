"""DuckDB for bytes and texts made of each other (see `engine.translate.bind.values.byte_strings`, `parts_of_bytes`)."""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote_blob
from engine.translate.given import written
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr

Writer = Callable[[Lowering, Expr], str]
_PLAIN = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_UUID = f"{_PLAIN}|\\{{{_PLAIN}\\}}|[0-9A-Fa-f]{{32}}"
_BYTE = "(25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"


def _template(template: str) -> Writer:
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def _checked(pattern: str, made: str) -> Writer:
    """Make something of texts of one form; others fail."""

    def write(low: Lowering, expr: Expr) -> str:
        sql = low.expr(expr.args[0])
        valid = f"regexp_full_match({sql}, '{pattern}')"
        failure = "error('a text that does not stand for bytes')"
        return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {valid} THEN {made.format(sql)} ELSE {failure} END)"

    return write


def _test(pattern: str) -> Writer:
    """1 or 0; of NULL it is NULL on MySQL, 0 on MariaDB."""

    def write(low: Lowering, expr: Expr) -> str:
        found = f"CAST(regexp_full_match({low.expr(expr.args[0])}, '{pattern}') AS BIGINT)"
        return found if expr.value == "mysql" else f"coalesce({found}, 0)"

    return write


def _uuid_to_bytes(low: Lowering, expr: Expr) -> str:
    digits = "regexp_replace({0}, '[{{}}-]', '', 'g')"
    if expr.value:  # the parts of the time, the slowest first
        parts = [f"substring({digits}, {at}, {count})" for at, count in ((13, 4), (9, 4), (1, 8), (17, 16))]
        digits = " || ".join(parts)
    return _checked(_UUID, f"unhex({digits})")(low, expr)


def _bytes_to_uuid(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    digits = f"lower(hex({sql}))"
    starts = ((9, 8), (5, 4), (1, 4), (17, 4), (21, 12)) if expr.value else ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    parts = " || '-' || ".join(f"substring({digits}, {at}, {count})" for at, count in starts)
    failure = "error('not 16 bytes')"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN octet_length({sql}) = 16 THEN {parts} ELSE {failure} END)"


def _quoted(low: Lowering, expr: Expr) -> str:
    made = low.expr(expr.args[0])
    for plain, escaped in (("'\\'", "'\\\\'"), ("''''", "'\\'''"), ("chr(0)", "'\\0'"), ("chr(26)", "'\\Z'")):
        made = f"replace({made}, {plain}, {escaped})"
    return f"coalesce('''' || {made} || '''', 'NULL')"


def _char_bytes(low: Lowering, expr: Expr) -> str:
    """The bytes of numbers, as many as each needs; beyond 32 bits, and beyond ASCII for a text, they fail."""
    most, failure = (127, "no ASCII") if expr.value else (4294967295, "no number of 32 bits")
    parts = []
    for arg in expr.args:
        sql = low.expr(arg)
        written = f"format('{{:X}}', CAST({sql} AS BIGINT))"
        padded = f"CASE WHEN length({written}) % 2 = 1 THEN '0' ELSE '' END || {written}"
        parts.append(
            f"CASE WHEN {sql} NOT BETWEEN 0 AND {most} THEN error('{failure}') ELSE coalesce({padded}, '') END"
        )
    made = f"unhex({' || '.join(parts)})"
    return f"decode({made})" if expr.value else made


def _bytes_cut(low: Lowering, expr: Expr) -> str:
    """A part of bytes, by way of their digits; from the end, of fewer bytes nothing is left."""
    from_end, begin, count = cast("tuple[bool, int, int | None]", expr.value)
    sql = low.expr(expr.args[0])
    if count == 0:
        return f"(CASE WHEN {sql} IS NULL THEN NULL ELSE ''::BLOB END)"
    length = "" if count is None else f", {2 * count}"
    if not from_end:
        return f"unhex(substring(hex({sql}), {2 * begin + 1}{length}))"
    if not begin:  # RIGHT
        return f"unhex(right(hex({sql}), {2 * (count or 0)}))"
    return (
        f"(CASE WHEN octet_length({sql}) < {begin} THEN ''::BLOB"
        f" ELSE unhex(substring(right(hex({sql}), {2 * begin}), 1{length})) END)"
    )


def _bytes_replaced(low: Lowering, expr: Expr) -> str:
    """Bytes with others in the place of some: digits of two, each with a space behind, are found at bytes only."""
    value, *others = expr.args
    sought, put = (written(_spaced, other) for other in others)
    spaced = f"regexp_replace(hex({low.expr(value)}), '(..)', '\\1 ', 'g')"
    if sought == "''":
        return low.expr(value)
    return f"unhex(replace(replace({spaced}, {sought}, {put}), ' ', ''))"


def _spaced(text: str) -> str:
    return "'" + "".join(f"{byte:02X} " for byte in text.encode()) + "'"


def _bytes_like(low: Lowering, expr: Expr) -> str:
    value, pattern = expr.args
    return f"regexp_full_match(hex({low.expr(value)}), {written(_digits_like, pattern, str(expr.value))})"


def _digits_like(pattern: str, escape: str) -> str:
    """A pattern of LIKE for digits of bytes."""
    parts, signs = [], iter(pattern)
    for sign in signs:
        if sign == escape:
            sign = next(signs, sign)
        elif sign in "%_":
            parts.append("(?:..)*" if sign == "%" else "..")
            continue
        parts.append(sign.encode().hex().upper())
    return "'" + "".join(parts) + "'"


BYTE_OPS: dict[str, Writer] = {
    **dict.fromkeys(("bytes", "plain_bytes"), lambda low, expr: quote_blob(cast(bytes, expr.value))),
    "as_bytes": _template("encode({0})"),
    "bytes_as_text": _template("decode({0})"),
    "bytes_cut": _bytes_cut,
    "bytes_like": _bytes_like,
    "bytes_replaced": _bytes_replaced,
    "unhex": _checked("([0-9A-Fa-f]{2})*", "unhex({0})"),
    "from_base64": _checked("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", "from_base64({0})"),
    "is_ipv4": _test(f"{_BYTE}[.]{_BYTE}[.]{_BYTE}[.]{_BYTE}"),
    "is_uuid": _test(_UUID),
    "uuid_to_bytes": _uuid_to_bytes,
    "bytes_to_uuid": _bytes_to_uuid,
    "quoted": _quoted,
    "char_bytes": _char_bytes,
}
