"""Numbers and texts in other spellings: BIN, OCT, CONV, SHA2, CRC32, TO_BASE64, FORMAT, BIT_COUNT, SOUNDEX."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_number, as_value
from engine.translate.bind.values import control, text
from engine.translate.bind.values.locales import SIGNS
from engine.translate.checks.few_digits import as_int
from engine.translate.literals import NULL_LITERAL
from engine.translate.nodes import child, only, whole_number
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, INT, UTF8, WHOLE, Family, Type

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
_PLAIN = presence.of_text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/=.,-' ")
_SPACES = presence.of_text(" ")
_MOST_PLACES = 30  # decimals that FORMAT shows at most
_MOST_SPACES = 1000


def _coded(binder: Binder, held: presence.Presence = _PLAIN) -> Type:
    collation = binder.context.collation_connection
    return Type(Family.STRING, collation=collation, charset=collation.split("_", 1)[0], presence=held, coercible=True)


def _integer(binder: Binder, node: exp.Expression, what: str) -> Expr:
    value = as_value(binder.expr(node))
    if value.type.family not in WHOLE and value.type.family is not Family.NULL:
        refuse(f"{what} of a {value.type.family.value} is not supported")
    return value


def _bytes(binder: Binder, node: exp.Expression, what: str) -> Expr:
    """A string whose bytes in the engine are its bytes on the server; raises Refused for others."""
    value = text.as_string(binder.expr(node), what, binder.context.collation_connection)
    if value.type.family is not Family.STRING:
        refuse(f"{what} of NULL is not supported")
    if value.type.charset not in UTF8 and not presence.is_ascii(value.type.presence):
        refuse(f"{what} of a {value.type.charset} string is not supported")
    return value


def _spelled(name: str, base: int) -> Call:
    def call(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        value = _integer(binder, arguments[0], name)
        return value if value.type.family is Family.NULL else Expr("in_base", _coded(binder), (value,), value=base)

    return call


_MATCHING = frozenset({"regexp_cut", "regexp_replaced"})


def _conversion(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """CONV(integer, 10, base), and CONV('hexadecimal', 16, 10), of which tools make numbers of hashes."""
    bases = [whole_number(node, "a base of CONV") for node in arguments[1:]]
    if bases == [16, 10]:
        text = _bytes(binder, arguments[0], "CONV")
        return Expr("of_hex", _coded(binder), (text,))
    value = _integer(binder, arguments[0], "CONV")
    if bases[0] != 10 or not 2 <= bases[1] <= 36:
        refuse("CONV between these bases is not supported")
    return value if value.type.family is Family.NULL else Expr("in_base", _coded(binder), (value,), value=bases[1])


def _sha2(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "length")
    length = node.args.get("length")
    if length is None or whole_number(length, "SHA2's length") not in (0, 256):
        refuse("SHA2 of another length than 256 is not supported")
    value = binder.expr(child(node))
    if value.type.family is not Family.BINARY:
        value = _bytes(binder, child(node), "SHA2")
    # Item_func_sha2 gives its argument the binary collation, and so what that itself compares by one.
    if binder.context.backend == "mysql" and (value.op in _MATCHING or any(a.op == "same_text" for a in value.args)):
        refuse("SHA2 of LEAST, GREATEST or a REGEXP function, which compares by bytes there, is not supported")
    return Expr("sha256", _coded(binder), (value,))


def _base64(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return Expr("base64", _coded(binder), (_bytes(binder, child(node), "TO_BASE64"),))


def _address_number(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    return Expr("inet_number", BIGINT, (_bytes(binder, arguments[0], "INET_ATON"),))


def _address(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = _integer(binder, arguments[0], "INET_NTOA")
    return value if value.type.family is Family.NULL else Expr("inet_text", _coded(binder), (value,))


def _any_address(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """INET6_NTOA of a column's bytes: of four the digits of IPv4, others fail."""
    value = binder.expr(arguments[0])
    if value.type.family is not Family.BINARY:
        refuse(f"INET6_NTOA of a {value.type.family.value} is not supported")
    return Expr("inet6_text", _coded(binder), (value,))


def _bit_count(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = _integer(binder, child(node), "BIT_COUNT")
    return value if value.type.family is Family.NULL else Expr("bit_count", BIGINT, (value,))


def _bit_length(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return Expr("bit_length", INT, (_bytes(binder, child(node), "BIT_LENGTH"),))


def _first_code(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """ORD: the number that the bytes of the first character make."""
    value = _bytes(binder, arguments[0], "ORD")
    found = Expr("ord", BIGINT, (value,))
    return as_int(found) if binder.context.backend == "mariadb" else found


def _checksum(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """CRC32 of a text's bytes."""
    return Expr("crc32", Type(Family.INT, unsigned=True, digits=10), (_bytes(binder, arguments[0], "CRC32"),))


def _space(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = _integer(binder, child(node), "SPACE")
    if value.type.family is Family.NULL:
        return value
    return Expr("spaces", _coded(binder, _SPACES), (value,), value=_MOST_SPACES)


def _soundex(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = _bytes(binder, child(node), "SOUNDEX")
    return Expr("soundex", replace(value.type, presence=presence.union(value.type.presence, _PLAIN)), (value,))


def _grouped(binder: Binder, node: exp.Expression) -> Expr:
    """FORMAT(number, places [, locale]): rounded, with a sign between thousands."""
    only(node, "this", "format", "culture")
    culture = node.args.get("culture")
    signs = SIGNS["en_US"]
    if culture is not None:
        if not isinstance(culture, exp.Literal) or culture.name not in SIGNS:
            refuse(f"FORMAT in the locale {culture.name} is not supported")
        signs = SIGNS[culture.name]
    places = whole_number(child(node, "format"), "FORMAT's number of places")
    if places > _MOST_PLACES:
        refuse(f"FORMAT with {places} places is not supported")
    value = as_number(binder.expr(child(node)), "FORMAT")
    if value.type.family is Family.NULL:
        return NULL_LITERAL
    rounded = control.round_to("round", value, Expr("literal", INT, value=places))
    return Expr("with_signs", _coded(binder), (rounded,), value=(places, *signs))


NODES: dict[type[exp.Expression], Rule] = {
    exp.SHA2: _sha2,
    exp.ToBase64: _base64,
    exp.BitwiseCount: _bit_count,
    exp.BitLength: _bit_length,
    exp.Soundex: _soundex,
    exp.Space: _space,
    exp.NumberToStr: _grouped,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "BIN": (1, 1, _spelled("BIN", 2)),
    "OCT": (1, 1, _spelled("OCT", 8)),
    "CONV": (3, 3, _conversion),
    "INET_ATON": (1, 1, _address_number),
    "INET_NTOA": (1, 1, _address),
    "INET6_NTOA": (1, 1, _any_address),
    "ORD": (1, 1, _first_code),
    "CRC32": (1, 1, _checksum),
}
