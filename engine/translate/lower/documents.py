"""DuckDB for parts of JSON documents in MySQL's own spelling (see `engine.translate.bind.values.documents`)."""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote
from engine.translate.bind.values.documents import NO_ORDER
from engine.translate.lower.doubles import in_order
from engine.translate.lower.lowering import Lowering
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]
Steps = tuple[str | int, ...]
SPELLING = "error('a part of a document would be spelled otherwise')"
_SIGNS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_MOST_OF_VALUE = 512  # characters of JSON_VALUE's result
# What stands in front of a comma or colon that is in no text, and that or the end.
SEPARATORS = """'((?:"(?:[^"\\\\]|\\\\.)*"|[^",:])*)([,:]|$)'"""
# What DuckDB reads though it is no JSON: commas behind the last member, and numbers that are none.
_LENIENT = """',\\s*[}\\]]|(?i)(^|[:,\\[])\\s*-?(nan|inf)'"""
# A number that may be none of a double's, for which MySQL reads no document.
_TOO_BIG = """'[0-9.][eE][+]?[0-9]{3,}\\s*([,}\\]]|$)|[0-9]{200}'"""
_LEVELS, _PASSES = 31, 6
_TEXTS = """'"(?:[^"\\\\]|\\\\.)*"'"""
_INNERMOST = """'\\[[^\\[\\]{}]*\\]|\\{[^\\[\\]{}]*\\}'"""
_NEARLY = "1e-12"  # the numbers that JSON_CONTAINS of MariaDB takes for equal are less apart
_NO_NUMBER = "error('a part of a document is no number')"
_WRAPPED = "error('a place in a document that is no array')"


def path_of(steps: Steps, behind: str = "") -> str:
    """Write a path, and what stands behind it."""
    keys = (f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)
    return quote("$" + "".join(keys) + behind)


def kind_of(sql: str, steps: Steps) -> str:
    """Write a part's DuckDB type; NULL where there is none. MySQL takes any value for an array of one: that fails."""
    found = f"json_type({sql}, {path_of(steps)})" if steps else f"json_type({sql})"
    outer = [steps[:at] for at, step in enumerate(steps) if isinstance(step, int)]
    checks = (f"WHEN {kind_of(sql, prefix)} <> 'ARRAY' THEN {_WRAPPED}" for prefix in outer)
    return f"(CASE {' '.join(checks)} ELSE {found} END)" if outer else found


def _number(sql: str, steps: Steps) -> str:
    """The digits of a number with a point or exponent: behind its key, where the text has that key once."""
    if not isinstance(steps[-1], str) or any(ord(character) < 32 for character in steps[-1]):
        return SPELLING
    marker = quote(f'"{steps[-1]}": ')
    once = f"length({sql}) - length(replace({sql}, {marker}, '')) = length({marker})"
    behind = f"substring({sql}, strpos({sql}, {marker}) + length({marker}))"
    return f"(CASE WHEN {once} THEN regexp_extract({behind}, '^-?[0-9][-+.0-9eE]*') ELSE {SPELLING} END)"


def _part(low: Lowering, expr: Expr) -> str:
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    found = kind_of(sql, steps)
    return (
        f"(CASE {found} WHEN 'VARCHAR' THEN CASE WHEN contains({sql}, '\\') THEN {SPELLING}"
        f" ELSE '\"' || json_extract_string({sql}, {path_of(steps)}) || '\"' END"
        f" WHEN 'NULL' THEN 'null' WHEN 'DOUBLE' THEN {_number(sql, steps)}"
        f" WHEN 'OBJECT' THEN {_whole(sql, steps)} WHEN 'ARRAY' THEN {_whole(sql, steps)}"
        f" ELSE json_extract_string({sql}, {path_of(steps)}) END)"
    )


def _double(low: Lowering, expr: Expr) -> str:
    """A number in a document as a double; what is none, for most of which the server warns, fails."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    number = f"CAST(json_extract_string({sql}, {path_of(steps)}) AS DOUBLE)"
    kind = kind_of(sql, steps)
    are_numbers = f"{kind} IN ('UBIGINT', 'BIGINT', 'DOUBLE')"
    return f"(CASE WHEN {kind} IS NULL THEN NULL WHEN {are_numbers} THEN {number} ELSE {_NO_NUMBER} END)"


def _integer(low: Lowering, expr: Expr) -> str:
    """CAST AS SIGNED or UNSIGNED of an integer in a document; others are rounded, or warned of, and fail."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    kind = kind_of(sql, steps)
    kinds, made = ("'UBIGINT'", "UBIGINT") if expr.type.unsigned else ("'UBIGINT', 'BIGINT'", "BIGINT")
    number = f"CAST(json_extract_string({sql}, {path_of(steps)}) AS {made})"
    return f"(CASE WHEN {kind} IS NULL THEN NULL WHEN {kind} IN ({kinds}) THEN {number} ELSE {_NO_NUMBER} END)"


def _decimal(low: Lowering, expr: Expr) -> str:
    """CAST AS DECIMAL of a number in a document, whose digits it takes (my_gcvt in double2decimal)."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    kind = kind_of(sql, steps)
    digits = (
        f"(CASE {kind} WHEN 'DOUBLE' THEN {_number(sql, steps)} ELSE json_extract_string({sql}, {path_of(steps)}) END)"
    )
    plain = f"{kind} IN ('UBIGINT', 'BIGINT', 'DOUBLE') AND regexp_full_match({digits}, '-?[0-9]+([.][0-9]+)?')"
    number = f"CAST({digits} AS DECIMAL({expr.type.digits}, {expr.type.scale}))"
    return f"(CASE WHEN {kind} IS NULL THEN NULL WHEN {plain} THEN {number} ELSE {_NO_NUMBER} END)"


def _parsed_text(low: Lowering, expr: Expr) -> str:
    """A scalar of a text that MySQL reads as a document: of two keys alike it takes the last, and it spells numbers
    with a fraction anew. Such texts fail, as do those that are no JSON."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    made = f"json_extract_string({sql}, {path_of(steps)})"
    null = "NULL" if expr.op == "parsed_value" else "'null'"
    keys = [step for step in steps if isinstance(step, str)]
    if any(not key.isascii() or not key.isidentifier() for key in keys):
        return SPELLING
    twice = " OR ".join(f"len(regexp_extract_all({sql}, '\"{key}\"\\s*:')) > 1" for key in keys)
    escaped = f"regexp_matches({sql}, '\\\\u00[0-7]')"  # a key may be written so
    long = f"WHEN length({made}) > {_MOST_OF_VALUE} THEN {SPELLING} " if expr.op == "parsed_value" else ""
    escaped = f"{escaped} OR regexp_matches({sql}, {_TOO_BIG})"
    return (
        f"(CASE WHEN {f'{twice} OR ' if twice else ''}{escaped} OR regexp_matches({sql}, {_LENIENT}) THEN {SPELLING} "
        f"{long}ELSE CASE {kind_of(sql, steps)} WHEN 'NULL' THEN {null} WHEN 'VARCHAR' THEN {made}"
        f" WHEN 'BOOLEAN' THEN {made} WHEN 'UBIGINT' THEN {made} WHEN 'BIGINT' THEN {made}"
        f" ELSE CASE WHEN {kind_of(sql, steps)} IS NOT NULL THEN {SPELLING} END END END)"
    )


def known(low: Lowering, expr: Expr) -> str:
    """What is NULL where an expression is: of a part of a document its kind, which needs no spelling."""
    if expr.op in ("json_part", "json_text"):
        return kind_of(low.expr(expr.args[0]), cast("Steps", expr.value))
    return low.expr(expr)


def _whole(sql: str, steps: Steps) -> str:
    """An object or array as it stands behind its key: DuckDB writes it without spaces, and some numbers otherwise."""
    if not isinstance(steps[-1], str):
        return SPELLING
    written = f"rtrim(regexp_replace(json_extract({sql}, {path_of(steps)}), {SEPARATORS}, '\\1\\2 ', 'g'))"
    marker = quote(f'"{steps[-1]}": ')
    found = f"contains({sql}, {marker} || {written})"
    return f"CASE WHEN contains({sql}, '\\') OR NOT {found} THEN {SPELLING} ELSE {written} END"


def _text(low: Lowering, expr: Expr) -> str:
    """A part without its quotes; JSON_VALUE gives NULL for null, and for texts of more characters than its result."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    made = f"json_extract_string({sql}, {path_of(steps)})"
    null = "'null'"
    if expr.op == "json_value":
        null = "NULL"
        made = f"CASE WHEN length({made}) > {_MOST_OF_VALUE} THEN {SPELLING} ELSE {made} END"
    return (
        f"(CASE {kind_of(sql, steps)} WHEN 'NULL' THEN {null} WHEN 'DOUBLE' THEN {_number(sql, steps)}"
        f" WHEN 'OBJECT' THEN {_whole(sql, steps)} WHEN 'ARRAY' THEN {_whole(sql, steps)} ELSE {made} END)"
    )


def _text_part(low: Lowering, expr: Expr) -> str:
    """A scalar of a text as MariaDB cuts it out, numbers as written; of two keys alike both take the first."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    made = f"json_extract_string({sql}, {path_of(steps)})"
    number = f"CASE WHEN {made} = '0' AND contains({sql}, '-0') THEN {SPELLING} ELSE {made} END"
    if expr.op == "text_value":
        null, others, truth = "NULL", "NULL", f"CASE {made} WHEN 'true' THEN '1' ELSE '0' END"
    else:
        null, others, truth = "'null'", _whole(sql, steps), made
    return (
        f"(CASE WHEN regexp_matches({sql}, {_LENIENT}) THEN {SPELLING} ELSE"
        f" CASE {kind_of(sql, steps)} WHEN 'NULL' THEN {null} WHEN 'BOOLEAN' THEN {truth} WHEN 'VARCHAR' THEN {made}"
        f" WHEN 'DOUBLE' THEN {_number_as_written(sql, steps)} WHEN 'OBJECT' THEN {others} WHEN 'ARRAY' THEN {others}"
        f" ELSE {number} END END)"
    )


def _number_as_written(sql: str, steps: Steps) -> str:
    """The digits behind a key that a text has once, with white space or none."""
    key = steps[-1]
    if not isinstance(key, str) or not key.isascii() or not key.isidentifier():
        return SPELLING
    once = f"len(regexp_extract_all({sql}, '\"{key}\"\\s*:')) = 1"
    written = f"regexp_extract({sql}, '\"{key}\"\\s*:\\s*(-?[0-9][-+.0-9eE]*)', 1)"
    return f"(CASE WHEN {once} AND {written} <> '' THEN {written} ELSE {SPELLING} END)"  # no NaN


def _of_text(low: Lowering, expr: Expr, write: Writer) -> str:
    """What a function gives for a text that both libraries read alike; MariaDB reads 32 levels, and warns of more."""
    sql = low.expr(expr.args[0])
    openers = f"strlen({sql}) - strlen(replace(replace({sql}, '[', ''), '{{', '')) > {_LEVELS}"
    return (
        f"(CASE WHEN regexp_matches({sql}, {_LENIENT}) THEN {SPELLING}"
        f" WHEN {openers} AND {_is_deep(sql)} THEN {SPELLING} ELSE {write(low, expr)} END)"
    )


def _is_deep(sql: str) -> str:
    """Whether arrays and objects are left when the innermost have been taken out some times."""
    left = f"regexp_replace({sql}, {_TEXTS}, '', 'g')"
    for _ in range(_PASSES):
        left = f"regexp_replace({left}, {_INNERMOST}, '', 'g')"
    return f"regexp_matches({left}, '[\\[{{]')"


def _valid_text(low: Lowering, expr: Expr) -> str:
    """JSON_VALID: where it is 0, MariaDB warns."""
    sql = low.expr(expr.args[0])
    return f"CASE WHEN {sql} IS NULL THEN NULL WHEN json_valid({sql}) THEN 1 ELSE {SPELLING} END"


def _text_contains(low: Lowering, expr: Expr) -> str:
    """JSON_CONTAINS of MariaDB: texts are compared as they are written, numbers as doubles that are nearly equal, and
    nothing is in a part that there is not."""
    sql = low.expr(expr.args[0])
    found = f"coalesce({_contains(low, expr)}, CASE WHEN {sql} IS NOT NULL THEN 0 END)"
    return f"CASE WHEN contains({sql}, '\\') THEN {SPELLING} ELSE {found} END"


def _kind_name(low: Lowering, expr: Expr) -> str:
    """JSON_TYPE: a text may be a moment, and a number have one of several types."""
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    text = f"json_extract_string({sql}, {path_of(steps)})"
    string = f"CASE WHEN regexp_matches({text}, '^(-?[0-9]+[:-]|base64:)') THEN {SPELLING} ELSE 'STRING' END"
    kind = kind_of(sql, steps)
    return (
        f"(CASE WHEN {kind} IN ('ARRAY', 'OBJECT', 'BOOLEAN', 'NULL') THEN {kind} WHEN {kind} = 'VARCHAR' THEN {string}"
        f" WHEN {kind} IS NOT NULL THEN {SPELLING} END)"
    )


def _contains(low: Lowering, expr: Expr) -> str:
    """Whether a part is a scalar, or an array with it as a member; JSON_CONTAINS looks into arrays in arrays too."""
    steps, sought, deep = cast("tuple[Steps, object, bool]", expr.value)
    sql = low.expr(expr.args[0])
    whole = f"json_extract({sql}, {path_of(steps)})"
    is_scalar = _is_nearly if expr.op == "text_contains" else _is_scalar
    member = is_scalar("x", sought)
    nested = (
        f"WHEN list_contains(list_transform({{0}}, lambda x: json_type(x)), 'ARRAY') THEN {_WRAPPED}" if deep else ""
    )
    members = f"CAST({whole} AS JSON[])"
    found = f"len(list_filter({members}, lambda x: {member})) > 0"
    is_array = f"CASE {nested.format(members)} ELSE {found} END" if deep else found
    made = f"CASE WHEN {kind_of(sql, steps)} = 'ARRAY' THEN {is_array} ELSE {is_scalar(whole, sought)} END"
    return f"(CASE WHEN {kind_of(sql, steps)} IS NOT NULL THEN CAST(({made}) AS BIGINT) END)"


def _overlaps(low: Lowering, expr: Expr) -> str:
    """Whether a part is, or has as a member, one of several scalars; arrays in arrays are not looked into."""
    steps, sought = cast("tuple[Steps, tuple[object, ...]]", expr.value)
    found = (_contains(low, Expr(expr.op, expr.type, expr.args, (steps, one, False))) for one in sought)
    return f"greatest({', '.join(found)})"


def _is_nearly(part: str, sought: object) -> str:
    """Whether a JSON value is a scalar as MariaDB compares numbers."""
    if isinstance(sought, bool | str):
        return _is_scalar(part, sought)
    apart = f"abs(CAST(json_extract_string({part}, '$') AS DOUBLE) - CAST('{sought}' AS DOUBLE)) < {_NEARLY}"
    return f"(CASE WHEN json_type({part}) IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN {apart} ELSE FALSE END)"


def _is_scalar(part: str, sought: object) -> str:
    """Whether a JSON value is a scalar, by kind first."""
    kind, written = f"json_type({part})", f"json_extract_string({part}, '$')"
    if isinstance(sought, bool):
        return f"({kind} = 'BOOLEAN' AND {written} = '{str(sought).lower()}')"
    if isinstance(sought, str):
        return f"({kind} = 'VARCHAR' AND {written} = {quote(sought)})"
    whole = f"CAST({written} AS DECIMAL(38, 15)) = CAST('{sought}' AS DECIMAL(38, 15))"
    plain = f"CAST({written} AS DOUBLE) = CAST('{sought}' AS DOUBLE)"
    fraction = f"CASE WHEN strlen({written}) > 17 THEN {SPELLING} ELSE {plain} END"
    is_whole = f"{kind} IN ('BIGINT', 'UBIGINT')"
    return f"(CASE WHEN {is_whole} THEN {whole} WHEN {kind} = 'DOUBLE' THEN {fraction} ELSE FALSE END)"


def _objects(low: Lowering, expr: Expr) -> str:
    """JSON_OBJECTAGG: shorter keys first, then by their bytes; rows with one key, or none, fail."""
    key, value = expr.args
    sql = low.expr(key)
    awkward = f"regexp_matches({sql}, '[\\x00-\\x1f\"\\\\]')"
    written = f"CASE WHEN {awkward} THEN {SPELLING} ELSE '\"' || {sql} || '\": ' END"
    joined = f"string_agg({written} || {_element(low, value)}, ', ' ORDER BY strlen({sql}), encode({sql}))"
    clear = f"count(*) <> count(DISTINCT {sql})"
    return f"(CASE WHEN {clear} THEN error('keys that are NULL or come twice') ELSE '{{' || {joined} || '}}' END)"


def _elements(low: Lowering, expr: Expr) -> str:
    """JSON_ARRAYAGG: also of NULLs, in the order in which the backend reads rows (`Item_sum_json_array::add`)."""
    if not low.key_order:
        refuse(NO_ORDER)
    return f"('[' || string_agg({_element(low, expr.args[0])}, ', ' {in_order(low)}) || ']')"


def _length(low: Lowering, expr: Expr) -> str:
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    path = f", {path_of(steps)}" if steps else ""
    found = kind_of(sql, steps)
    return (
        f"(CASE {found} WHEN 'ARRAY' THEN json_array_length({sql}{path})"
        f" WHEN 'OBJECT' THEN len(json_keys({sql}{path})) ELSE CASE WHEN {found} IS NOT NULL THEN 1 END END)"
    )


def _keys(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    keys = f"'[\"' || array_to_string(json_keys({sql}), '\", \"') || '\"]'"
    listed = f"CASE WHEN {sql} = '{{}}' THEN '[]' ELSE {keys} END"
    escaped = f"CASE WHEN contains({sql}, '\\') THEN {SPELLING} ELSE {listed} END"
    return f"(CASE WHEN json_type({sql}) = 'OBJECT' THEN {escaped} END)"


def _has(low: Lowering, expr: Expr) -> str:
    sql, steps = low.expr(expr.args[0]), cast("Steps", expr.value)
    return f"(CASE WHEN {sql} IS NOT NULL THEN CASE WHEN {kind_of(sql, steps)} IS NULL THEN 0 ELSE 1 END END)"


def _element(low: Lowering, value: Expr) -> str:
    """A value as it stands in a document; control characters in a text fail."""
    sql, family = low.expr(value), value.type.family
    if family is Family.NULL:
        return "'null'"
    if family is Family.JSON:
        return f"coalesce({sql}, 'null')"
    if family is Family.STRING:
        written = f"'\"' || replace(replace({sql}, '\\', '\\\\'), '\"', '\\\"') || '\"'"
        written = f"CASE WHEN regexp_matches({sql}, '[\\x00-\\x1f]') THEN {SPELLING} ELSE {written} END"
    elif family is Family.DATE:
        written = f"'\"' || CAST({sql} AS VARCHAR) || '\"'"
    elif family is Family.DATETIME:
        written = f"'\"' || strftime({sql}, '%Y-%m-%d %H:%M:%S.%f') || '\"'"
    elif family is Family.DECIMAL:
        written = f"CAST(CAST({sql} AS DECIMAL(38, {value.type.scale})) AS VARCHAR)"
    else:
        written = f"CAST({sql} AS VARCHAR)"
    return f"coalesce({written}, 'null')"


def _object(low: Lowering, expr: Expr) -> str:
    keys = cast("tuple[str, ...]", expr.value)
    pairs = (f"""{quote(f'"{key}": ')} || {_element(low, arg)}""" for key, arg in zip(keys, expr.args, strict=True))
    return "('{' || " + " || ', ' || ".join(pairs) + " || '}')" if keys else "'{}'"


def _array(low: Lowering, expr: Expr) -> str:
    return "('[' || " + " || ', ' || ".join(_element(low, arg) for arg in expr.args) + " || ']')"


def _compared(low: Lowering, expr: Expr) -> str:
    """A part beside a literal: of another kind it is not equal, and null alone is smaller than a number."""
    steps, operator, literal = cast("tuple[Steps, str, object]", expr.value)
    sql = low.expr(expr.args[0])
    kind, part = kind_of(sql, steps), f"json_extract_string({sql}, {path_of(steps)})"
    other = "TRUE" if operator == "ne" else "FALSE"
    if isinstance(literal, bool):
        same = f"WHEN 'BOOLEAN' THEN {part} {_SIGNS[operator]} '{str(literal).lower()}'"
    elif isinstance(literal, str):
        same = f"WHEN 'VARCHAR' THEN {part} {_SIGNS[operator]} {quote(literal)}"
    else:
        whole = f"CAST({part} AS DECIMAL(38, 15)) {_SIGNS[operator]} CAST('{literal}' AS DECIMAL(38, 15))"
        plain = f"CAST({part} AS DOUBLE) {_SIGNS[operator]} CAST('{literal}' AS DOUBLE)"
        fraction = f"CASE WHEN strlen({part}) > 17 THEN {SPELLING} ELSE {plain} END"
        same = f"WHEN 'BIGINT' THEN {whole} WHEN 'UBIGINT' THEN {whole} WHEN 'DOUBLE' THEN {fraction}"
        same += f" WHEN 'NULL' THEN {'TRUE' if operator in ('ne', 'lt', 'le') else 'FALSE'}"
        other = "TRUE" if operator in ("ne", "gt", "ge") else "FALSE"
    return f"(CASE WHEN {kind} IS NULL THEN NULL ELSE CASE {kind} {same} ELSE {other} END END)"


DOCUMENT_OPS: dict[str, Writer] = {
    "document_text": lambda low, expr: low.expr(expr.args[0]),
    "json_number": _double,
    "json_integer": _integer,
    "json_decimal": _decimal,
    "parsed_text": lambda low, expr: _of_text(low, expr, _parsed_text),
    "parsed_value": lambda low, expr: _of_text(low, expr, _parsed_text),
    "json_part": _part,
    "json_text": _text,
    "json_value": _text,
    "text_part": _text_part,
    "text_value": _text_part,
    "text_length": lambda low, expr: _of_text(low, expr, _length),
    "text_valid": lambda low, expr: _of_text(low, expr, _valid_text),
    "text_contains": lambda low, expr: _of_text(low, expr, _text_contains),
    "json_kind": _kind_name,
    "json_contains": _contains,
    "json_overlaps": _overlaps,
    "json_elements": _elements,
    "json_objects": _objects,
    "json_length": _length,
    "json_keys": _keys,
    "json_has": _has,
    "json_object": _object,
    "json_array": _array,
    "json_compared": _compared,
    "json_valid": lambda low, expr: f"(CASE WHEN {low.expr(expr.args[0])} IS NOT NULL THEN 1 END)",
}
