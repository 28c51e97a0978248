"""DuckDB for other spellings of numbers and texts, and for places in texts."""

import re
from collections.abc import Callable
from typing import cast

from engine.checksums import Checksum
from engine.collate import presence, rules, searching
from engine.collate.folds import folder
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import APPROXIMATE, Family

Writer = Callable[[Lowering, Expr], str]
_CONTROLS = frozenset({*range(32), 127}) - frozenset(b"\t\n\r")
_BEYOND_TEXTS = 1 << 31  # characters: no text has as many
_MASK = "18446744073709551615"
_OTHER_WAYS = "error('a text that may be searched in other ways')"
_LETTERS, _SOUNDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202"
_SILENT = ", ".join(f"'{letter}'" for letter, sound in zip(_LETTERS, _SOUNDS, strict=True) if sound == "0")
_BASE64_LINE = 57  # bytes that make a line of TO_BASE64; longer ones are broken
_WRITTEN = {2: "bin({0})", 8: "format('{{:o}}', {0})", 16: "format('{{:X}}', {0})"}


def _template(template: str) -> Writer:
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def _unsigned(low: Lowering, expr: Expr) -> str:
    """Write an integer as its 64 bits."""
    return f"CAST((CAST({low.expr(expr)} AS HUGEINT) & {_MASK}) AS UBIGINT)"


def _in_base(low: Lowering, expr: Expr) -> str:
    """Digits of the 64 bits; in bases that DuckDB writes for signed integers only, others fail."""
    base, sql = int(str(expr.value)), _unsigned(low, expr.args[0])
    if base in _WRITTEN:
        return _WRITTEN[base].format(sql)
    return f"to_base(CAST({sql} AS BIGINT), {base})"


def _crc32(low: Lowering, expr: Expr) -> str:
    low.functions[Checksum.function] = Checksum()
    return f"{Checksum.function}({low.expr(expr.args[0])})"


def _base64(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    failure = "error('a text is broken into lines')"
    return f"(CASE WHEN strlen({sql}) > {_BASE64_LINE} THEN {failure} ELSE to_base64(encode({sql})) END)"


def _inet_number(low: Lowering, expr: Expr) -> str:
    """Addresses of four numbers; others are NULL, with a warning on MySQL, and fail."""
    sql = low.expr(expr.args[0])
    byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    pattern = f"{byte}\\.{byte}\\.{byte}\\.{byte}"
    parts = [f"CAST(split_part({sql}, '.', {place}) AS BIGINT)" for place in range(1, 5)]
    value = f"((({parts[0]} * 256 + {parts[1]}) * 256 + {parts[2]}) * 256 + {parts[3]})"
    failure = "error('not an address')"
    matches = f"regexp_full_match({sql}, '{pattern}')"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {matches} THEN {value} ELSE {failure} END)"


def _inet6_text(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    parts = [f"CAST(CAST('0x' || substring(hex({sql}), {place}, 2) AS INTEGER) AS VARCHAR)" for place in (1, 3, 5, 7)]
    failure = "error('no address of four bytes')"
    written = " || '.' || ".join(parts)
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN octet_length({sql}) = 4 THEN {written} ELSE {failure} END)"


def _inet_text(low: Lowering, expr: Expr) -> str:
    sql = f"CAST({low.expr(expr.args[0])} AS HUGEINT)"
    parts = " || '.' || ".join(f"CAST({sql} // {1 << shift} % 256 AS VARCHAR)" for shift in (24, 16, 8, 0))
    return (
        f"(CASE WHEN {sql} BETWEEN 0 AND 4294967295 THEN {parts} WHEN {sql} IS NOT NULL THEN error('no address') END)"
    )


def _with_signs(low: Lowering, expr: Expr) -> str:
    """The digits before the point in groups of three; more than 18 of them, or than a double has, fail."""
    (arg,) = expr.args
    return once(low.expr(arg), lambda sql: _signed(sql, expr, arg.type.family in APPROXIMATE))


def _signed(sql: str, expr: Expr, approximate: bool) -> str:
    places, between, point = cast("tuple[int, str, str]", expr.value)
    if approximate:
        unclear = f"abs({sql}) >= 1e15 OR ({sql} = 0 AND CAST({sql} AS VARCHAR) LIKE '-%')"
        sql = f"(CASE WHEN {unclear} THEN error('a double that FORMAT shows in another way') ELSE {sql} END)"
        written = f"printf('%.{places}f', abs({sql}))"
    else:
        written = f"CAST(CAST(abs({sql}) AS DECIMAL(38, {places})) AS VARCHAR)"
    sign = f"CASE WHEN {sql} < 0 THEN '-' ELSE '' END"
    head = f"format('{{:,}}', CAST(split_part({written}, '.', 1) AS BIGINT))"
    head = head if between == "," else f"replace({head}, ',', {rules.quote(between)})"
    tail = f" || {rules.quote(point)} || split_part({written}, '.', 2)" if places else ""
    return f"({sign} || {head}{tail})"


def _regexp(low: Lowering, expr: Expr) -> str:
    pattern, blind, unread = cast("tuple[str, bool, str]", expr.value)
    sql = low.expr(expr.args[0])
    return _unless_unread(sql, unread, f"regexp_matches({sql}, {rules.quote(pattern)}, '{'i' if blind else 'c'}')")


def _unless_unread(sql: str, unread: str, made: str) -> str:
    failure = "error('a text that libraries read in other ways')"
    return f"(CASE WHEN regexp_matches({sql}, '[{unread}]') THEN {failure} ELSE {made} END)" if unread else made


def _regexp_cut(low: Lowering, expr: Expr) -> str:
    (pattern, blind, unread), is_null = cast("tuple[tuple[str, bool, str], bool]", expr.value)
    sql, written, option = low.expr(expr.args[0]), rules.quote(pattern), "i" if blind else "c"
    made = f"regexp_extract({sql}, {written}, 0, '{option}')"
    if is_null:
        made = f"CASE WHEN regexp_matches({sql}, {written}, '{option}') THEN {made} END"
    return _unless_unread(sql, unread, made)


def _regexp_found(low: Lowering, expr: Expr) -> str:
    """Count the characters before the first match: as few as there can be."""
    pattern, blind, unread = cast("tuple[str, bool, str]", expr.value)
    sql, option = low.expr(expr.args[0]), "i" if blind else "c"
    before = f"regexp_extract({sql}, {rules.quote(f'^((?s:.*?))(?:{pattern})')}, 1, '{option}')"
    matches = f"regexp_matches({sql}, {rules.quote(pattern)}, '{option}')"
    made = f"(CASE WHEN {matches} THEN length({before}) + 1 WHEN {sql} IS NOT NULL THEN 0 END)"
    return _unless_unread(sql, unread, made)


def _regexp_replaced(low: Lowering, expr: Expr) -> str:
    (pattern, blind, unread), new = cast("tuple[tuple[str, bool, str], str]", expr.value)
    sql, option = low.expr(expr.args[0]), "gi" if blind else "gc"
    made = f"regexp_replace({sql}, {rules.quote(pattern)}, {rules.quote(new)}, '{option}')"
    return _unless_unread(sql, unread, made)


def _spaces(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    return f"(CASE WHEN {sql} > {expr.value} THEN error('too many spaces') ELSE repeat(' ', CAST({sql} AS BIGINT)) END)"


def sought(low: Lowering, value: Expr, needle: Expr) -> tuple[str, str]:
    """Write a text and a literal to search it for, folded so that bytes decide; raises Refused.

    Searching never pads: spaces at the end count. Folded characters stand where the characters stood, those of weight
    keys do not.
    """
    held = presence.of_trimmed(value.type.presence)
    key, weights = low.equality_key(value, held), low.weights(value.type, held)
    written = rules.equality_literal(str(needle.value), weights, held)
    if rules.uses_weight_keys(key) or "rtrim(" in key or written is None:
        refuse(f"searching in collation {value.type.collation} is not supported")
    return key, written


def _place_of(text: str, needle: str, begin: int) -> str:
    """The place of one SQL text in another, in characters from 1, sought from a place on; 0 when it is not there."""
    if begin == 1:
        return f"strpos({text}, {needle})"
    found = f"strpos(substring({text}, {begin}), {needle})"
    return f"(CASE WHEN {found} > 0 THEN {found} + {begin - 1} ELSE {found} END)"


def _found_wide(low: Lowering, value: Expr, needle: str, begin: int, backend: str) -> str:
    """Search a text that has more than ASCII for one of ASCII, as the server does (`engine.collate.searching`)."""
    weights = low.weights(value.type, value.type.presence)
    sql, rivals = low.expr(value), ""
    if backend == "mysql" or searching.is_single(weights):
        low.weights_used[weights.function] = weights
        made = _place_of(f"{weights.function}_fold({sql})", rules.quote(folder(weights).fold(needle) or ""), begin)
        rivals = "" if searching.is_single(weights) else searching.reaching(needle, weights)
    else:
        folded = f"translate({sql}, '{_LETTERS}', '{_LETTERS.lower()}')" if re.search("[A-Za-z]", needle) else sql
        made = _place_of(folded, rules.quote(needle.lower()), begin)
        rivals = searching.as_long(needle, weights)
    if not rivals:
        return made
    return f"(CASE WHEN regexp_matches({sql}, {rules.quote(f'[{rivals}]')}) THEN {_OTHER_WAYS} ELSE {made} END)"


def _is_wide(low: Lowering, value: Expr, needle: str) -> bool:
    """Whether characters beyond ASCII may be there, in a collation of which it is known how they are searched."""
    held = value.type.presence
    if presence.is_ascii(held) or not searching.is_plain(needle):
        return False
    return searching.may_search(low.weights(value.type, held), held)


def _position(low: Lowering, expr: Expr) -> str:
    """A text with letters or digits."""
    value, needle = expr.args
    text, (begin, backend) = str(needle.value), cast("tuple[int, str]", expr.value)
    if _is_wide(low, value, text):
        return _found_wide(low, value, text, begin, backend)
    return _place_of(*sought(low, value, needle), begin)


def _position_plain(low: Lowering, expr: Expr) -> str:
    """A text of signs: no Latin letter is equal to one; other characters may be, or count for none."""
    value, needle = expr.args
    text, (begin, backend) = str(needle.value), cast("tuple[int, str]", expr.value)
    if _is_wide(low, value, text):
        return _found_wide(low, value, text, begin, backend)
    sql = low.expr(value)
    made = _place_of(sql, rules.quote(text), begin)
    if presence.is_ascii(value.type.presence) and not presence.values(value.type.presence) & _CONTROLS:
        return made
    known = f"regexp_full_match({sql}, '[\\t\\n\\r -~\\x{{c0}}-\\x{{24f}}]*')"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {known} THEN {made} ELSE {_OTHER_WAYS} END)"


def _position_computed(low: Lowering, expr: Expr) -> str:
    """A text sought that is not a constant: both are folded, by the collation of one of them."""
    value, needle = expr.args
    held = presence.of_trimmed(low.pair_presence(value, needle))
    keys = [low.equality_key(part.typed(low.pair_type(value, needle)), held) for part in (value, needle)]
    if any(rules.uses_weight_keys(key) or "rtrim(" in key for key in keys):
        refuse(f"searching in collation {value.type.collation} is not supported")
    begin, _ = cast("tuple[int, str]", expr.value)
    return _place_of(keys[0], keys[1], begin)


def _trim_word(low: Lowering, expr: Expr) -> str:
    """TRIM of a text of several characters, as often as it stands there, byte by byte."""
    side, word = cast("tuple[str, str]", expr.value)
    pattern, sql = "(?:" + re.escape(word) + ")+", low.expr(expr.args[0])
    if side != "trailing":
        sql = f"regexp_replace({sql}, {rules.quote('^' + pattern)}, '')"
    if side != "leading":
        sql = f"regexp_replace({sql}, {rules.quote(pattern + '$')}, '')"
    return sql


def _member(low: Lowering, expr: Expr) -> str:
    """FIND_IN_SET('text', set): the place among the parts between commas."""
    needle, value = expr.args
    key, written = sought(low, value, needle)
    found = f"coalesce(list_position(string_split({key}, ','), {written}), 0)"
    return f"(CASE WHEN {key} IS NULL THEN NULL ELSE {found} END)"


def _inserted(low: Lowering, expr: Expr) -> str:
    """INSERT(text, position, length, new): positions outside leave the text alone, lengths outside cut its rest."""
    text, new = (low.expr(arg) for arg in expr.args)
    position, length = cast("tuple[int, int]", expr.value)
    rest = f" || substring({text}, {position + length})" if length >= 0 else ""
    if not rest:
        rest = f" || CASE WHEN {new} IS NULL THEN NULL ELSE '' END"
    outside = f"length({text}) < {position}"
    made = f"left({text}, {position - 1}) || {new}{rest}"
    return f"(CASE WHEN {new} IS NULL THEN NULL WHEN {outside} THEN {text} ELSE {made} END)"


def _chosen(low: Lowering, expr: Expr) -> str:
    """MAKE_SET(bits, text, …): the texts whose bit is set, NULLs left out."""
    bits, *texts = (low.expr(arg) for arg in expr.args)
    parts = (
        f"CASE WHEN CAST({bits} AS HUGEINT) & {1 << place} <> 0 THEN {text} END" for place, text in enumerate(texts)
    )
    return f"(CASE WHEN {bits} IS NOT NULL THEN concat_ws(',', {', '.join(parts)}) END)"


def _exported(low: Lowering, expr: Expr) -> str:
    """EXPORT_SET(bits, on, off, separator) of so many bits."""
    bits, on, off, separator = (low.expr(arg) for arg in expr.args)
    known = " || ".join([f"CAST({bits} AS VARCHAR)", on, off, separator])
    parts = (
        f"CASE WHEN CAST({bits} AS HUGEINT) & {1 << place} <> 0 THEN {on} ELSE {off} END"
        for place in range(int(str(expr.value)))
    )
    return f"(CASE WHEN {known} IS NOT NULL THEN array_to_string([{', '.join(parts)}], {separator}) END)"


def _soundex(low: Lowering, expr: Expr) -> str:
    """SOUNDEX of ASCII: the first letter, and the sounds of the others: first vowels are left out, then doubles."""
    sql = low.expr(expr.args[0])
    letters = f"upper(regexp_replace({sql}, '[^A-Za-z]', '', 'g'))"
    sounds = f"replace(translate({letters}, '{_LETTERS}', '{_SOUNDS}'), '0', '')"
    for sound in "123456":
        sounds = f"regexp_replace({sounds}, '{sound}+', '{sound}', 'g')"
    rest = f"CASE WHEN left({letters}, 1) IN ({_SILENT}) THEN {sounds} ELSE substring({sounds}, 2) END"
    made = f"left({letters}, 1) || {rest}"
    padded = f"{made} || repeat('0', greatest(0, 4 - length({made})))"
    return (
        f"(CASE WHEN NOT regexp_full_match({sql}, '[\\x00-\\x7f]*') THEN error('letters beyond ASCII')"
        f" WHEN {letters} = '' THEN '' ELSE {padded} END)"
    )


def _cut(low: Lowering, expr: Expr) -> str:
    """SUBSTRING, LEFT and RIGHT by computed positions and lengths."""
    text, numbers = low.expr(expr.args[0]), [_place(low, arg) for arg in expr.args[1:]]
    if expr.value != "substring":
        (count,) = numbers
        return (
            f"(CASE WHEN {count} > 0 THEN {expr.value}({text}, {count}) WHEN {text} || {count} IS NOT NULL THEN '' END)"
        )
    position, *length = numbers
    known = " || ".join([text, *numbers])
    count = f", {length[0]}" if length else ""
    empty = f"{position} = 0 OR -{position} > length({text})" + (f" OR {length[0]} <= 0" if length else "")
    begin = f"CASE WHEN {position} > 0 THEN {position} ELSE length({text}) + {position} + 1 END"
    return f"(CASE WHEN {known} IS NULL THEN NULL WHEN {empty} THEN '' ELSE substring({text}, {begin}{count}) END)"


def _place(low: Lowering, number: Expr) -> str:
    """A position or length as a signed number, which the engine's functions take: one beyond all texts stays beyond."""
    sql = low.expr(number)
    if number.type.family is Family.INT:
        sql = f"CASE WHEN {sql} > {_BEYOND_TEXTS} THEN {_BEYOND_TEXTS} ELSE {sql} END"
    return f"CAST({sql} AS BIGINT)"


def _repeated(low: Lowering, expr: Expr) -> str:
    text, count = (low.expr(arg) for arg in expr.args)
    made = f"repeat({text}, CAST({count} AS BIGINT))"
    return f"(CASE WHEN {count} > {expr.value} THEN error('too many times') ELSE {made} END)"


def _shifted(low: Lowering, expr: Expr) -> str:
    """x << n and x >> n by a computed distance; 64 and more leave nothing, as negative distances do."""
    sql, distance = low.expr(expr.args[0]), low.expr(expr.args[1])
    bits = f"(CAST({sql} AS HUGEINT) & {_MASK})"
    power = f"CAST(pow(2.0, {distance}) AS HUGEINT)"
    made = f"{bits} // {power}" if expr.value == "right" else f"({bits} & ({_MASK} // {power})) * {power}"
    return (
        f"CAST(CASE WHEN {sql} IS NULL OR {distance} IS NULL THEN NULL"
        f" WHEN {distance} BETWEEN 0 AND 63 THEN {made} ELSE 0 END AS UBIGINT)"
    )


def _bit_sum(function: str, nothing: str) -> Writer:
    """An aggregate of 64 bits; `nothing` is its value without rows."""
    return lambda low, expr: f"coalesce({function}({_unsigned(low, expr.args[0])}), CAST({nothing} AS UBIGINT))"


def _any_same(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    same = f"min({sql}) IS NOT DISTINCT FROM max({sql}) AND count({sql}) IN (0, count(*))"
    made = "" if expr.args[0].op == "column" else " AND count(*) > 0"  # of no rows, what it makes of NULLs
    return f"(CASE WHEN {same}{made} THEN min({sql}) ELSE error('a group holds different values') END)"


def _of_hex(low: Lowering, expr: Expr) -> str:
    """The number that hexadecimal digits spell, in decimal ones; CONV reads what begins so, or is longer, otherwise."""
    sql = low.expr(expr.args[0])
    digits = f"regexp_full_match({sql}, '[0-9A-Fa-f]{{1,16}}')"
    made = f"CAST(CAST('0x' || {sql} AS UBIGINT) AS VARCHAR)"
    failure = "error('a text that is no hexadecimal number of 64 bits')"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {digits} THEN {made} ELSE {failure} END)"


CODE_OPS: dict[str, Writer] = {
    "in_base": _in_base,
    "of_hex": _of_hex,
    "sha256": _template("sha256({0})"),
    "base64": _base64,
    "crc32": _crc32,
    "inet_number": _inet_number,
    "inet_text": _inet_text,
    "inet6_text": _inet6_text,
    "bit_count": lambda low, expr: f"bit_count({_unsigned(low, expr.args[0])})",
    "bit_length": _template("(strlen({0}) * 8)"),
    "bits_all": _bit_sum("bit_and", _MASK),
    "bits_any": _bit_sum("bit_or", "0"),
    "bits_odd": _bit_sum("bit_xor", "0"),
    "any_same": _any_same,
    "regexp": _regexp,
    "regexp_cut": _regexp_cut,
    "regexp_found": _regexp_found,
    "regexp_replaced": _regexp_replaced,
    "spaces": _spaces,
    "with_signs": _with_signs,
    "position": _position,
    "position_plain": _position_plain,
    "position_computed": _position_computed,
    "trim_word": _trim_word,
    "member": _member,
    "inserted": _inserted,
    "chosen": _chosen,
    "exported": _exported,
    "soundex": _soundex,
    "cut": _cut,
    "repeated": _repeated,
    "shifted": _shifted,
    "trim_text_both": _template("trim({0}, {1})"),
    "trim_text_leading": _template("ltrim({0}, {1})"),
    "trim_text_trailing": _template("rtrim({0}, {1})"),
}
