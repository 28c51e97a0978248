"""String functions that cut, fill, count or choose: LPAD, REPEAT, SUBSTRING_INDEX, FIELD, ELT, HEX, MD5, …."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import control, text
from engine.translate.bind.values.compare import compare, require_one_collation
from engine.translate.checks.written_over import WRITTEN_OVER
from engine.translate.literals import is_literal, text_of
from engine.translate.members import spelled
from engine.translate.nodes import child, children, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, INT, NUMERIC, UBIGINT, UTF8, WHOLE, Family, Type, of_first, unify_strings

Rule = Callable[[Binder, exp.Expression], Expr]
_SHORT = 9  # digits that 32 bits surely have room for
_LONGEST = 1000  # characters that LPAD or REPEAT may add: far below max_allowed_packet
_HEX = presence.of_text("0123456789ABCDEFabcdef")


def _string(binder: Binder, node: exp.Expression, what: str) -> Expr:
    value = text.as_string(binder.expr(node), what, binder.context.collation_connection)
    if value.type.family is not Family.STRING:
        refuse(f"{what} of NULL is not supported")
    return value


def _pad(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression", "fill_pattern", "is_left")
    value = _string(binder, child(node), "LPAD or RPAD")
    length = as_value(binder.expr(child(node, "expression")))
    fill = _string(binder, child(node, "fill_pattern"), "LPAD or RPAD")
    type_ = unify_strings([value.type, fill.type], "LPAD or RPAD")
    type_ = replace(type_, presence=presence.of_substring(type_.presence))
    type_ = of_first(type_, value.type, [fill.type], "LPAD or RPAD", binder.context.backend)
    side = "left" if node.args.get("is_left") else "right"
    if is_literal(length) and text_of(fill):
        count = length.value
        if not isinstance(count, int) or not 0 <= count <= _LONGEST:
            refuse("LPAD or RPAD with these arguments is not supported")
        return Expr(f"pad_{side}", type_, (value, fill), value=count)
    if length.type.family not in WHOLE:
        refuse("LPAD or RPAD to a length that is not an integer is not supported")
    return Expr("padded", type_, (value, length, fill), value=(side, _LONGEST))


def _repeat(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "times")
    value = _string(binder, child(node), "REPEAT")
    count = as_value(binder.expr(child(node, "times")))
    if count.type.family not in WHOLE:
        refuse("REPEAT's count is not an integer")
    written = isinstance(child(node).unnest(), exp.Literal)
    if binder.context.backend == "mysql" and value.op == "literal" and count.op != "literal" and not written:
        refuse(WRITTEN_OVER)  # others are found in the tree, where what a literal was computed of is not seen
    return Expr("repeated", value.type, (value, count), value=_LONGEST)


def _overlaps(delimiter: str) -> bool:
    """Tell whether a text begins as it ends: from which side it is searched then matters."""
    return any(delimiter.startswith(delimiter[at:]) for at in range(1, len(delimiter)))


def _substring_index(binder: Binder, node: exp.Expression) -> Expr:
    """SUBSTRING_INDEX: the delimiter is searched for as it is written, in any collation."""
    only(node, "this", "delimiter", "count")
    value = _string(binder, child(node), "SUBSTRING_INDEX")
    delimiter = _string(binder, child(node, "delimiter"), "SUBSTRING_INDEX")
    counted = binder.expr(child(node, "count"))
    count = counted.value if is_literal(counted) else None
    if text_of(delimiter) == "" or isinstance(count, bool) or (count is not None and not isinstance(count, int)):
        refuse("SUBSTRING_INDEX with these arguments is not supported")
    value = value.typed(of_first(value.type, value.type, [delimiter.type], "SUBSTRING_INDEX", binder.context.backend))
    if text_of(delimiter) is None:
        return _indexed_by(value, delimiter, count)
    right = count is None or count < 0
    if right and value.type.charset not in UTF8 and _overlaps(text_of(delimiter) or ""):
        refuse("SUBSTRING_INDEX from the right by a text that overlaps itself is not supported")
    type_ = replace(value.type, presence=presence.of_substring(value.type.presence))
    if count is None:
        if counted.type.family not in (*WHOLE, Family.DECIMAL):
            refuse("SUBSTRING_INDEX with a count that is no exact number is not supported")
        return Expr("counted_pieces", type_, (value, delimiter, control.to_integer(as_value(counted), unsigned=False)))
    if count == 0:
        return Expr("empty_unless_null", type_, (value,))
    return Expr("substring_index", type_, (value, delimiter), value=count)


def _indexed_by(value: Expr, delimiter: Expr, count: int | None) -> Expr:
    """SUBSTRING_INDEX by a delimiter that is not a constant: one of one character cannot overlap itself."""
    unify_strings([value.type, delimiter.type], "SUBSTRING_INDEX")
    if not count:
        refuse("SUBSTRING_INDEX with these arguments is not supported")
    type_ = replace(value.type, presence=presence.of_substring(value.type.presence))
    return Expr("indexed_by", type_, (value, delimiter), value=count)


def _ascii(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = _string(binder, child(node), "ASCII")
    if not presence.is_ascii(value.type.presence) and value.type.charset not in UTF8:
        refuse(f"ASCII of a {value.type.charset} string is not supported")
    return Expr("ascii", INT, (value,))


def _digest(op: str, what: str) -> Rule:
    """Hexadecimal digits of a string's bytes."""

    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        value = binder.expr(child(node))
        if what == "HEX" and value.type.family in WHOLE:
            value = as_value(value)
        elif what == "HEX" and value.type.family in NUMERIC:
            refuse("HEX of a number that is not an integer is not supported")
        elif value.type.family is Family.BINARY:
            pass  # its bytes
        else:
            value = text.as_string(value, what, binder.context.collation_connection)
            if value.type.family is not Family.STRING:
                refuse(f"{what} of NULL is not supported")
            if value.type.charset not in UTF8 and not presence.is_ascii(value.type.presence):
                refuse(f"{what} of a {value.type.charset} string is not supported")
        collation = binder.context.collation_connection
        charset = collation.split("_", 1)[0]
        type_ = Type(Family.STRING, collation=collation, charset=charset, presence=_HEX, coercible=True)
        return Expr(op, type_, (value,))

    return rule


def _are_mistaken(values: list[Expr]) -> bool:
    """Tell whether one may be beyond a BIGINT, and another below 0."""
    beyond = any(value.type.unsigned and value.type.digits >= UBIGINT.digits for value in values)
    below = any(not value.type.unsigned and not _is_natural(value) for value in values)
    return beyond and below


def _is_natural(value: Expr) -> bool:
    return is_literal(value) and isinstance(value.value, int) and value.value >= 0


def _field(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """FIELD(value, …): the place of the first equal one, 0 for none."""
    value, *others = (spelled(as_value(binder.expr(argument))) for argument in arguments)
    if any(other.type.family is not value.type.family for other in others):
        refuse("FIELD of mixed values is not supported")
    if value.type.family not in (Family.STRING, Family.INT):
        refuse(f"FIELD of {value.type.family.value} values is not supported")
    require_one_collation([value, *others], "FIELD")
    if value.type.family is Family.INT and _are_mistaken([value, *others]):
        refuse("FIELD takes -1 for 18446744073709551615")  # Item_func_field compares 64 bits
    tests = [compare("eq", value, other) for other in others]
    places = [literals.integer(place) for place in range(1, len(others) + 1)]
    return control.case(tests, places, literals.integer(0), "FIELD").typed(INT)


def _choice(binder: Binder, node: exp.Expression) -> Expr:
    """ELT(n, …): the n-th of the others."""
    only(node, "this", "expressions")
    number = as_value(binder.expr(child(node)))
    if number.type.family not in WHOLE:
        refuse("ELT by a number that is not an integer is not supported")
    if binder.context.backend == "mariadb" and number.type.digits > _SHORT and not is_literal(number):
        number = Expr("within", number.type, (number,), value=_SHORT)  # it looks at 32 bits (Item_func_elt::val_str)
    others = [_string(binder, item, "ELT") for item in children(node)]
    tests = [compare("eq", number, literals.integer(place)) for place in range(1, len(others) + 1)]
    return control.case(tests, others, literals.NULL_LITERAL, "ELT")


def _order(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """STRCMP: -1, 0 or 1."""
    left, right = (_string(binder, argument, "STRCMP") for argument in arguments)
    spelled = [side.args[0].type.family for side in (left, right) if side.op in ("time_to_text", "int_to_text")]
    if binder.context.backend == "mysql" and any(family in (Family.TIME, Family.YEAR) for family in spelled):
        refuse("STRCMP compares a time or a year with a constant as what it is")
    tests = [compare("eq", left, right), compare("lt", left, right), compare("gt", left, right)]
    results = [literals.integer(0), literals.integer(-1), literals.integer(1)]
    return control.case(tests, results, literals.NULL_LITERAL, "STRCMP").typed(BIGINT)


def _root(binder: Binder, node: exp.Expression) -> Expr:
    """SQRT, which IEEE 754 rounds correctly everywhere; NULL for negative numbers."""
    only(node, "this")
    value = control.to_double(binder.expr(child(node)))
    return value if value.type.family is Family.NULL else Expr("square_root", value.type, (value,))


def _grouping(binder: Binder, node: exp.Expression) -> Expr:
    """GROUPING(key, …): a bit for each key, the last one lowest: 1 in the sums of ROLLUP over that key."""
    only(node, "expressions")
    bits = [Expr("grouping", BIGINT, (binder.expr(key),)) for key in children(node)]
    total = bits[0]
    for bit in bits[1:]:
        doubled = Expr("int_multiply", BIGINT, (total, literals.integer(2)))
        total = Expr("int_add", BIGINT, (doubled, bit))
    return total


NODES: dict[type[exp.Expression], Rule] = {
    exp.Grouping: _grouping,
    exp.Pad: _pad,
    exp.Repeat: _repeat,
    exp.SubstringIndex: _substring_index,
    exp.Ascii: _ascii,
    exp.Elt: _choice,
    exp.Hex: _digest("hex", "HEX"),
    exp.MD5: _digest("md5", "MD5"),
    exp.SHA: _digest("sha1", "SHA1"),
    exp.Sqrt: _root,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Callable[[Binder, list[exp.Expression]], Expr]]] = {
    "FIELD": (2, 99, _field),
    "STRCMP": (2, 2, _order),
}
