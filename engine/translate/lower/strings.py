"""DuckDB for strings: comparisons by collation keys, LIKE, and string functions."""

from collections.abc import Callable
from typing import cast

from engine.collate import rules
from engine.collate.presence import Presence, ascii_part, is_ascii
from engine.translate.bind.groups.joined import NO_ORDER
from engine.translate.bind.kept.doubles import is_loose
from engine.translate.given import answered, written
from engine.translate.lower.doubles import compared, in_order
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.lower.widths import aligned
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, Query
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]
_MOST_PIECES = 1 << 30  # no text has as many
_SIGNS = {"eq": "=", "ne": "<>", "null_safe_eq": "IS NOT DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BY_EQUALITY = frozenset({"eq", "ne", "null_safe_eq"})


def _comparison(low: Lowering, expr: Expr) -> str:
    left, right = expr.args
    if left.type.family is not Family.STRING:
        if is_loose(left) or is_loose(right):
            return compared(low, expr, _SIGNS[expr.op])
        first, second = aligned(low, expr.args)
        return f"({first} {_SIGNS[expr.op]} {second})"
    sign = _SIGNS[expr.op]
    sides = _strings(low, left, right, expr.op in _BY_EQUALITY)
    whole = f"({sides[0]} {sign} {sides[1]})"
    if (
        expr.op not in _BY_EQUALITY
        or right.op != "literal"
        or low.pair_type(left, right).collation != left.type.collation
    ):
        return whole  # a variable may bring another collation than the column's
    return _split(low, left, whole, lambda held: _equal_in(low, left, [right], held, "({0} " + sign + " {1})"))


def _split(low: Lowering, value: Expr, whole: str, plain: Callable[[Presence], str | None]) -> str:
    """Compare the rows of a column that are ASCII in a way of their own, where the others need weights: far cheaper."""
    if value.op != "column" or not rules.uses_weight_keys(whole):
        return whole
    written = plain(ascii_part(value.type.presence))
    if written is None or rules.uses_weight_keys(written):
        return whole
    return _apart(low.expr(value), written, whole)


def _apart(sql: str, ascii_only: str, others: str) -> str:
    return f"(CASE WHEN strlen({sql}) = length({sql}) THEN {ascii_only} ELSE {others} END)"


def _equal_in(low: Lowering, value: Expr, literals: list[Expr], held: Presence, form: str) -> str | None:
    """Write a test of equality with literals for texts of a presence; None where that is not exact."""
    weights = low.weights(value.type, value.type.presence)
    key = rules.equality_key(low.expr(value), weights, held)
    texts = [written(rules.equality_literal, literal, weights, held) for literal in literals]
    if key is None or any(text is None for text in texts):
        return None
    return form.format(key, ", ".join(filter(None, texts)))


def _strings(low: Lowering, left: Expr, right: Expr, equality: bool) -> tuple[str, str]:
    """Write both sides of a string comparison as keys of one collation."""
    type_, presence = low.pair_type(left, right), low.pair_presence(left, right)
    if right.op == "literal" and left.type.collation == type_.collation:
        return _with_literal(low, left, right, equality)
    if left.op == "literal" and right.type.collation == type_.collation:
        second, first = _with_literal(low, right, left, equality)
        return first, second
    key = low.equality_key if equality else low.order_key
    return (
        key(Expr(left.op, type_, left.args, left.value), presence),
        key(Expr(right.op, type_, right.args, right.value), presence),
    )


def _with_literal(low: Lowering, value: Expr, literal: Expr, equality: bool) -> tuple[str, str]:
    presence = value.type.presence
    if equality:
        weights = low.weights(value.type, presence)
        text = written(rules.equality_literal, literal, weights, presence)
        key = low.equality_key(value)
    else:
        presence = answered(_order_presence, literal, presence)
        weights = low.weights(value.type, presence)
        text = written(rules.order_literal, literal, weights, presence)
        key = low.order_key(value, presence)
    if text is None:
        refuse(f"a literal cannot be compared in collation {value.type.collation}")
    return key, text


def _order_presence(text: str, presence: Presence) -> Presence:
    return rules.order_presence(presence, text)


def _in(low: Lowering, expr: Expr) -> str:
    value, *items = expr.args
    if value.type.family is not Family.STRING:
        first, *others = aligned(low, expr.args)
        return f"({first} IN ({', '.join(others)}))"
    pairs = [_with_literal(low, value, item, equality=True) for item in items]
    whole = f"({pairs[0][0]} IN ({', '.join(written for _, written in pairs)}))"
    return _split(low, value, whole, lambda held: _equal_in(low, value, items, held, "({0} IN ({1}))"))


def _like(low: Lowering, expr: Expr) -> str:
    value, pattern = expr.args
    held, sql, escape = value.type.presence, low.expr(value), str(expr.value)
    weights = low.weights(value.type, held)
    whole = written(rules.like, pattern, sql, weights, held, escape)
    if whole is None:
        refuse(f"LIKE in collation {value.type.collation} cannot be done exactly")
    if rules.like_folds(weights, held):
        low.weights_used[weights.function] = weights
        if value.op == "column" and not rules.like_folds(weights, ascii_part(held)):
            plain = written(rules.like, pattern, sql, weights, ascii_part(held), escape)
            return whole if plain is None else _apart(sql, plain, whole)
    return whole


def _like_computed(low: Lowering, expr: Expr) -> str:
    value, pattern = expr.args
    type_, held = low.pair_type(value, pattern), low.pair_presence(value, pattern)
    weights = low.weights(type_, held)
    written = rules.like_computed(low.expr(value), low.expr(pattern), weights, held)
    if written is None:
        refuse(f"LIKE in collation {type_.collation} cannot be done exactly")
    if rules.uses_weight_keys(written):
        low.weights_used[weights.function] = weights
    return written


def _numbers_in(low: Lowering, value: Expr, query: Query, sign: str) -> str:
    """Compare with a sub-query's values; both sides are aligned."""
    output = query.outputs[0].expr
    left, right = aligned(low, (value, output))
    if right == low.expr(output):
        return f"({left} {sign} ({low.query(query)}))"
    inner = right.replace(low.expr(output), "q.c0", 1)
    return f"({left} {sign} (SELECT {inner} FROM ({low.query(query)}) AS q))"


def _query(word: str) -> Writer:
    """value IN (query), value = ANY (query), value > ALL (query)."""

    def write(low: Lowering, expr: Expr) -> str:
        operator, query = cast("tuple[str, Query]", expr.value)
        (value,) = expr.args
        sign = "IN" if not word else f"{_SIGNS[operator]} {word}"
        if value.type.family is not Family.STRING:
            return _numbers_in(low, value, query, sign)
        output = query.outputs[0].expr
        type_, presence = low.pair_type(value, output), low.pair_presence(value, output)
        beside = value.typed(type_)
        key = low.equality_key(beside, presence)
        # MySQL may look it up by a hash, in which what weighs as a space counts.
        key = low.ended_key(beside, key) if low.backend == "mysql" else key
        return f"({key} {sign} ({low.compared_query(query, type_, presence)}))"

    return write


def _template(template: str) -> Writer:
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def _replaced(low: Lowering, expr: Expr) -> str:
    source, sought, put = (low.expr(arg) for arg in expr.args)
    made = f"replace({source}, {sought}, {put})"
    if expr.value is None:
        return made
    unknown = f"{put} IS NULL AND {source} IS NOT NULL AND {sought} IS NOT NULL"
    return f"(CASE WHEN {unknown} THEN error('a text is replaced by NULL') ELSE {made} END)"


def _substring(low: Lowering, expr: Expr) -> str:
    text = low.expr(expr.args[0])
    position, length = cast("tuple[int, int | None]", expr.value)
    count = "" if length is None else f", {length}"
    if position > 0:
        return f"substring({text}, {position}{count})"
    inside = f"substring({text}, length({text}) - {-position - 1}{count})"
    return f"(CASE WHEN length({text}) < {-position} THEN '' ELSE {inside} END)"


def _enum_text(low: Lowering, expr: Expr) -> str:
    members = ("", *cast("tuple[str, ...]", expr.value))
    return f"[{', '.join(map(rules.quote, members))}][CAST({low.expr(expr.args[0])} AS INTEGER) + 1]"


def _set_text(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    members = cast("tuple[str, ...]", expr.value)
    parts = (
        f"CASE WHEN {sql} & CAST({1 << at} AS UBIGINT) > 0 THEN {rules.quote(member)} END"
        for at, member in enumerate(members)
    )
    return f"(CASE WHEN {sql} IS NOT NULL THEN concat_ws(',', {', '.join(parts)}) END)"


def _datetime_to_text(low: Lowering, expr: Expr) -> str:
    digits = int(str(expr.value))
    text = f"strftime({low.expr(expr.args[0])}, '%Y-%m-%d %H:%M:%S{'.%f' if digits else ''}')"
    return f"left({text}, {20 + digits})" if digits else text


def _substring_index(low: Lowering, expr: Expr) -> str:
    text, delimiter = (low.expr(arg) for arg in expr.args)
    count = int(str(expr.value))
    piece = f"[1:{count}]" if count > 0 else f"[{count}:]"
    return f"array_to_string(string_split({text}, {delimiter}){piece}, {delimiter})"


def _counted_pieces(low: Lowering, expr: Expr) -> str:
    """SUBSTRING_INDEX by a computed count, which 0 makes empty."""
    text, delimiter, count = (low.expr(arg) for arg in expr.args)
    pieces, bound = f"string_split({text}, {delimiter})", f"greatest(-{_MOST_PIECES}, least({_MOST_PIECES}, {count}))"
    left, right = (f"array_to_string({pieces}{cut}, {delimiter})" for cut in (f"[1:{bound}]", f"[{bound}:]"))
    missing = f"{text} IS NULL OR {count} IS NULL"
    return f"(CASE WHEN {missing} THEN NULL WHEN {count} > 0 THEN {left} WHEN {count} < 0 THEN {right} ELSE '' END)"


def _indexed_by(low: Lowering, expr: Expr) -> str:
    text, delimiter = (low.expr(arg) for arg in expr.args)
    count = int(str(expr.value))
    pieces = f"string_split({text}, {delimiter}){f'[1:{count}]' if count > 0 else f'[{count}:]'}"
    made = f"list_reduce({pieces}, lambda one, other: one || {delimiter} || other)"
    valid = f"length({delimiter}) = 1" if count < 0 else f"{delimiter} <> ''"
    missing = f"WHEN {text} IS NULL OR {delimiter} IS NULL THEN NULL"
    failure = "error('a text that may overlap itself')"
    return f"(CASE {missing} WHEN {delimiter} = '' THEN '' WHEN {valid} THEN {made} ELSE {failure} END)"


def _padded(low: Lowering, expr: Expr) -> str:
    """LPAD and RPAD to a computed length: a negative one gives NULL, nothing to fill with fails."""
    side, longest = cast("tuple[str, int]", expr.value)
    text, length, fill = (low.expr(arg) for arg in expr.args)
    made = f"{side[0]}pad({text}, CAST({length} AS INTEGER), {fill})"
    failure = "error('too long a text')"
    return f"(CASE WHEN {length} < 0 THEN NULL WHEN {length} > {longest} THEN {failure} ELSE {made} END)"


def _hexadecimal(low: Lowering, expr: Expr) -> str:
    (value,) = expr.args
    sql = low.expr(value)
    if value.type.family in (Family.STRING, Family.BINARY):
        return f"hex({sql})"
    return f"hex(CAST({sql} AS {'UBIGINT' if value.type.unsigned else 'BIGINT'}))"


_ZEROS = frozenset({Family.INT, Family.BOOL, Family.DECIMAL, Family.YEAR, Family.BIT, Family.ENUM, Family.SET,
                    Family.TIME, Family.PACKED_DATE, Family.PACKED_DATETIME})  # fmt: skip


def _place(low: Lowering, key: Expr) -> str:
    """Write a key of GROUP_CONCAT's ORDER BY: both servers compare what a NULL leaves in a row's field, zero or ''.

    No day or moment is as low as theirs, so NULLs stay first there.
    """
    sql, family = low.order_key(key), key.type.family
    if family in (Family.DATE, Family.DATETIME) or key.op == "literal":
        return sql
    if family is Family.STRING:
        nothing = low.order_key(Expr("literal", key.type, value=""))
        # DuckDB 1.5.5's coalesce lets go of a key that a function over Arrow has made, and another comes in its place.
        return f"(CASE WHEN {low.expr(key)} IS NULL THEN {nothing} ELSE {sql} END)"
    if family in _ZEROS:
        return f"coalesce({sql}, 0)"
    return f"(CASE WHEN {sql} IS NULL THEN error('NULL in an order of GROUP_CONCAT') ELSE {sql} END)"


def _group_concat(low: Lowering, expr: Expr) -> str:
    """Joined texts longer than group_concat_max_len are cut with a warning by the backend: they fail here.

    So do texts that differ between rows which are tied in the order, or which are one for DISTINCT. Without an order of
    its own they are joined as they are read (`Item_func_group_concat::add`).
    """
    distinct, by_row, separator, directions, longest = cast("tuple[bool, bool, str, tuple[bool, ...], int]", expr.value)
    value, *keys = expr.args
    text = low.expr(value)
    if not keys:
        if not low.key_order:
            refuse(NO_ORDER)
        made = f"string_agg({text}, {rules.quote(separator)} {in_order(low)})"
        return f"(CASE WHEN strlen({made}) > {longest} THEN error('a text is too long') ELSE {made} END)"
    ends = (" DESC NULLS LAST" if down else " ASC NULLS FIRST" for down in directions)
    places = [low.order_key(key) if key == value else _place(low, key) for key in keys]  # no NULL is joined
    order = ", ".join(place + end for place, end in zip(places, ends, strict=True))
    made = f"string_agg({'DISTINCT ' if distinct else ''}{text}, {rules.quote(separator)} ORDER BY {order})"
    failures = f"WHEN strlen({made}) > {longest} THEN error('a text is too long')"
    settled = value in keys and low.is_bare(value)  # a text that was made of its key is as good as the key
    if not by_row and not settled and not (value.op.endswith("_to_text") and value.args[0] in keys):
        tied = ", ".join(places)
        known = f"FILTER (WHERE {text} IS NOT NULL)"
        texts = f"count(DISTINCT row({tied}, {text})) {known}"
        failures += f" WHEN {texts} <> count(DISTINCT row({tied})) {known} THEN error('texts are tied in their order')"
    return f"(CASE {failures} ELSE {made} END)"


def _group_concat_apart(low: Lowering, expr: Expr) -> str:
    """Different values in another order: exact where each has one text and one place, that no other has."""
    _, _, separator, directions, longest = cast("tuple[bool, bool, str, tuple[bool, ...], int]", expr.value)
    value, written, *keys = expr.args
    text = low.expr(written)
    ends = ("DESC NULLS LAST" if down else "ASC NULLS FIRST" for down in directions)
    places = (f"{_place(low, key)}, '{end}'" for key, end in zip(keys, ends, strict=True))
    place = f"create_sort_key({', '.join(places)})"
    known = f"FILTER (WHERE {text} IS NOT NULL)"
    pairs = f"list(DISTINCT row({place}, {text})) {known}"
    apart = " AND ".join(f"len({pairs}) = count(DISTINCT {one}) {known}" for one in (place, low.own_key(value)))
    texts = f"list_transform(list_sort({pairs}), lambda x: x[2])"
    made = f"array_to_string({texts}, {rules.quote(separator)})"
    return (
        f"(CASE WHEN NOT ({apart}) THEN error('a value is tied, or has several places') "
        f"WHEN strlen({made}) > {longest} THEN error('a text is too long') ELSE {made} END)"
    )


def _cased(low: Lowering, expr: Expr) -> str:
    (text,) = expr.args
    if text.type.family is not Family.STRING or is_ascii(text.type.presence):
        return f"{expr.op}({low.expr(text)})"
    return low.cases(text.type.collation or "").write(expr.op, low.expr(text), text.type.presence)


def _reversed(low: Lowering, expr: Expr) -> str:
    """DuckDB's own reverse() keeps what is shown as one character together, MySQL's does not."""
    (text,) = expr.args
    sql = low.expr(text)
    if text.type.family is not Family.STRING or is_ascii(text.type.presence):
        return f"reverse({sql})"
    return f"array_to_string(list_reverse(regexp_extract_all({sql}, '(?s).')), '')"


def _bytes(sql: str, place: int) -> str:
    return f"CAST('0x' || substring(hex({sql}), {2 * place + 1}, 2) AS BIGINT)"


def _first_byte(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    if is_ascii(expr.args[0].type.presence):
        return f"ascii({sql})"
    return f"(CASE WHEN {sql} = '' THEN 0 ELSE {_bytes(sql, 0)} END)"


def _first_character(low: Lowering, expr: Expr) -> str:
    """ORD: the bytes of the first character as one number."""
    (text,) = expr.args
    sql = low.expr(text)
    if is_ascii(text.type.presence):
        return f"ascii({sql})"
    first = f"left({sql}, 1)"
    number = _bytes(first, 0)
    pieces = [f"WHEN strlen({first}) = 1 THEN {number}"]
    for length in (2, 3):
        number = f"({number} * 256 + {_bytes(first, length - 1)})"
        pieces.append(f"WHEN strlen({first}) = {length} THEN {number}")
    last = f"({number} * 256 + {_bytes(first, 3)})"
    return f"(CASE WHEN {sql} = '' THEN 0 {' '.join(pieces)} ELSE {last} END)"


def _group_concat_distinct(low: Lowering, expr: Expr) -> str:
    """Different numbers or dates, sorted as such and then written."""
    separator, descending, longest = cast("tuple[str, bool, int]", expr.value)
    sql = low.expr(expr.args[0])
    sort = "list_reverse_sort" if descending else "list_sort"
    values = f"{sort}(list(DISTINCT {sql}) FILTER (WHERE {sql} IS NOT NULL))"
    texts = f"list_transform({values}, lambda x: CAST(x AS VARCHAR))"
    made = f"array_to_string({texts}, {rules.quote(separator)})"
    return f"(CASE WHEN strlen({made}) > {longest} THEN error('a text is too long') ELSE {made} END)"


def _same_text(low: Lowering, expr: Expr) -> str:
    left, right = (low.expr(arg) for arg in expr.args)
    failure = "error('texts are equal in different spellings')"
    return (
        f"(CASE WHEN {left} IS NULL OR {right} IS NULL THEN NULL WHEN {left} = {right} THEN {left} ELSE {failure} END)"
    )


TEXT_OPS: dict[str, Writer] = {
    **dict.fromkeys(_SIGNS, _comparison),
    "in": _in,
    "like": _like,
    "like_computed": _like_computed,
    "in_query": _query(""),
    "any_query": _query("ANY"),
    "all_query": _query("ALL"),
    "int_to_text": _template("CAST({0} AS VARCHAR)"),
    "date_to_text": _template("CAST({0} AS VARCHAR)"),
    "decimal_to_text": _template("CAST(CAST({0} AS DECIMAL(38, {v})) AS VARCHAR)"),
    "datetime_to_text": _datetime_to_text,
    "enum_text": _enum_text,
    "set_text": _set_text,
    "same_text": _same_text,
    "same": _template("{0}"),
    "text_of_rows": _template("{0}"),
    "sized": _template("{0}"),
    "fits_packet": lambda low, expr: once(
        low.expr(expr.args[0]),
        lambda v: (
            f"(CASE WHEN {'octet_length' if expr.type.family is Family.BINARY else 'strlen'}({v}) > {expr.value} "
            f"THEN error('a text is longer than a packet') ELSE {v} END)"
        ),
    ),
    "short_enough": _template("(CASE WHEN length({0}) > {v} THEN error('a text is cut off') ELSE {0} END)"),
    "concat_with": lambda low, expr: f"concat_ws({', '.join(low.expr(arg) for arg in expr.args)})",
    "concat": lambda low, expr: "(" + " || ".join(low.expr(arg) for arg in expr.args) + ")",
    "substring": _substring,
    "empty_unless_null": _template("(CASE WHEN {0} IS NOT NULL THEN '' END)"),
    "left": _template("left({0}, {v})"),
    "right": _template("right({0}, {v})"),
    "upper": _cased,
    "lower": _cased,
    "reverse": _reversed,
    "replace": _replaced,
    "trim_both": _template("trim({0}, ' ')"),
    "trim_leading": _template("ltrim({0}, ' ')"),
    "trim_trailing": _template("rtrim({0}, ' ')"),
    "char_length": _template("length({0})"),
    "byte_length": _template("strlen({0})"),
    "blob_length": _template("octet_length({0})"),
    "group_concat": _group_concat,
    "group_concat_distinct": _group_concat_distinct,
    "group_concat_apart": _group_concat_apart,
    "pad_left": _template("lpad({0}, {v}, {1})"),
    "pad_right": _template("rpad({0}, {v}, {1})"),
    "substring_index": _substring_index,
    "counted_pieces": _counted_pieces,
    "indexed_by": _indexed_by,
    "padded": _padded,
    "ascii": _first_byte,
    "ord": _first_character,
    "hex": _hexadecimal,
    "md5": _template("md5({0})"),
    "sha1": _template("sha1({0})"),
}
