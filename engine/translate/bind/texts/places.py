"""Places in texts and lists: LOCATE from a position, FIND_IN_SET, INSERT, MAKE_SET, EXPORT_SET, INTERVAL()."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import control, text
from engine.translate.bind.values.compare import compare
from engine.translate.literals import is_literal, text_of
from engine.translate.members import as_number_of
from engine.translate.nodes import child, children, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored
from engine.translate.types import BIGINT, BOOL, EXACT, INT, UBIGINT, UTF8, WHOLE, Family, of_first, unify_strings

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
_BITS = 64
_EXPORTED = 3  # texts that EXPORT_SET takes


def string(binder: Binder, node: exp.Expression, what: str) -> Expr:
    """Bind a string argument; raises Refused for NULL."""
    value = text.as_string(binder.expr(node), what, binder.context.collation_connection)
    if value.type.family is not Family.STRING:
        refuse(f"{what} of NULL is not supported")
    return value


def _constant(binder: Binder, node: exp.Expression, what: str) -> int:
    value = binder.expr(node)
    if not is_literal(value) or not isinstance(value.value, int) or isinstance(value.value, bool):
        refuse(f"{what} is not an integer constant")
    return value.value


def position(binder: Binder, node: exp.Expression) -> Expr:
    """INSTR, POSITION, LOCATE(needle, text [, position])."""
    only(node, "this", "substr", "position")
    value, needle = binder.expr(child(node)), binder.expr(child(node, "substr"))
    begin = node.args.get("position")
    place = 1 if begin is None else _constant(binder, begin, "LOCATE's position")
    if place < 1:
        refuse("LOCATE from this position is not supported")
    return text.position(value, needle, place, binder.context.backend)


def _in_set(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """FIND_IN_SET with a literal on one side."""
    needle, value = string(binder, arguments[0], "FIND_IN_SET"), binder.expr(arguments[1])
    if value.type.family is Family.SET:
        return _member_of_set(needle, value)
    value = string(binder, arguments[1], "FIND_IN_SET")
    unify_strings([needle.type, value.type], "FIND_IN_SET")
    if text_of(needle) is not None and text_of(value) is None:
        sought = text_of(needle) or ""
        if not sought or "," in sought or sought.endswith(" "):
            refuse("FIND_IN_SET of this text is not supported")
        return Expr("member", INT, (needle, value))
    listed = text_of(value)
    if listed is None or is_literal(needle) or presence.may_end_with_space(needle.type.presence):
        refuse("FIND_IN_SET of these texts is not supported")
    parts = listed.split(",") if listed else []
    if any(part.endswith(" ") for part in parts):
        refuse("FIND_IN_SET of these texts is not supported")
    collation = value.type.collation or ""
    tests = [compare("eq", needle, literals.string(part, collation)) for part in parts]
    if not tests:
        refuse("FIND_IN_SET in an empty text is not supported")
    places = [literals.integer(place) for place in range(1, len(parts) + 1)]
    tests, places = [Expr("is_null", BOOL, (needle,)), *tests], [literals.NULL_LITERAL, *places]
    if binder.context.backend != "mysql":
        # What has more bytes than the whole list is not in it, whatever it equals (Item_func_find_in_set::val_int).
        wide = needle.type.charset in UTF8
        most = literals.integer(len(listed.encode()) if wide else len(listed))
        length = Expr("byte_length" if wide else "char_length", INT, (needle,))
        tests.insert(1, compare("gt", length, most))
        places.insert(1, literals.integer(0))
    return control.case(tests, places, literals.integer(0), "FIND_IN_SET").typed(INT)


def _member_of_set(needle: Expr, value: Expr) -> Expr:
    """FIND_IN_SET in a SET column: the servers give the member's place in the column's definition, not in the value
    (`Item_func_find_in_set::resolve_type`). For a SET from a derived table it depends on their plan. Raises Refused."""
    sought = text_of(needle)
    if sought is None or not is_stored(value) or not value.type.members:
        refuse("FIND_IN_SET in a SET is not supported for this text")
    if sought not in value.type.members:
        refuse("FIND_IN_SET of what is no member of the SET, letter for letter, is not supported")
    place = value.type.members.index(sought)
    held = Expr("bits_and", UBIGINT, (as_number_of(value), literals.integer(1 << place)))
    missing = Expr("is_null", BOOL, (value,))
    there = compare("ne", held, literals.integer(0))
    results = [literals.NULL_LITERAL, literals.integer(place + 1)]
    return control.case([missing, there], results, literals.integer(0), "FIND_IN_SET").typed(INT)


def _inserted(binder: Binder, node: exp.Expression) -> Expr:
    """INSERT(text, position, length, new)."""
    only(node, "this", "start", "length", "expression")
    value, new = string(binder, child(node), "INSERT"), string(binder, child(node, "expression"), "INSERT")
    begin = _constant(binder, child(node, "start"), "INSERT's position")
    length = _constant(binder, child(node, "length"), "INSERT's length")
    if begin < 1:
        refuse("INSERT at this position is not supported")
    type_ = unify_strings([value.type, new.type], "INSERT")
    type_ = replace(type_, presence=presence.of_substring(type_.presence))
    type_ = of_first(type_, value.type, [new.type], "INSERT", binder.context.backend)
    return Expr("inserted", type_, (value, new), value=(begin, length))


def _chosen(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """MAKE_SET(bits, text, …)."""
    bits = as_value(binder.expr(arguments[0]))
    if bits.type.family not in WHOLE:
        refuse("MAKE_SET by a number that is not an integer is not supported")
    texts = [string(binder, node, "MAKE_SET") for node in arguments[1:]]
    type_ = unify_strings([t.type for t in texts], "MAKE_SET")
    type_ = replace(type_, presence=presence.union(type_.presence, presence.of_text(",")))
    return Expr("chosen", type_, (bits, *texts))


def _exported(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """EXPORT_SET(bits, on, off [, separator [, count]]): a text for each of the lowest bits."""
    bits = as_value(binder.expr(arguments[0]))
    if bits.type.family not in WHOLE:
        refuse("EXPORT_SET by a number that is not an integer is not supported")
    texts = [string(binder, node, "EXPORT_SET") for node in arguments[1:4]]
    if len(texts) < _EXPORTED:
        texts.append(literals.string(",", binder.context.collation_connection))
    if text_of(texts[2]) is None:
        refuse("EXPORT_SET with this separator is not supported")
    count = _constant(binder, arguments[4], "EXPORT_SET's count") if len(arguments) > 1 + _EXPORTED else _BITS
    type_ = unify_strings([t.type for t in texts], "EXPORT_SET")
    return Expr("exported", type_, (bits, *texts), value=count if 0 <= count <= _BITS else _BITS)


def interval(binder: Binder, node: exp.Expression) -> Expr:
    """INTERVAL(number, bound, …): how many of the rising bounds the number reaches; -1 for NULL."""
    only(node, "this")
    first, *others = (as_value(binder.expr(item)) for item in children(child(node)))
    bounds = [other.value for other in others]
    if not all(is_literal(other) and other.type.family in EXACT for other in others) or bounds != sorted(bounds):  # type: ignore[type-var]
        refuse("INTERVAL() of bounds that are not rising constants is not supported")
    if first.type.family not in EXACT or first.type.frac != first.type.scale:
        refuse(f"INTERVAL() of a {first.type.family.value} is not supported")
    tests = [Expr("is_null", BOOL, (first,)), *(compare("lt", first, other) for other in others)]
    counts = [literals.integer(count) for count in range(-1, len(others))]
    return control.case(tests, counts, literals.integer(len(others)), "INTERVAL()").typed(BIGINT)


NODES: dict[type[exp.Expression], Rule] = {
    exp.Stuff: _inserted,
    exp.StrPosition: position,
    exp.Interval: interval,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "EXPORT_SET": (3, 5, _exported),
    "FIND_IN_SET": (2, 2, _in_set),
    "MAKE_SET": (2, 64, _chosen),
}
