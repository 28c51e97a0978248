"""Bytes and texts made of each other: UNHEX, FROM_BASE64, CAST AS BINARY, CHAR, UUIDs, QUOTE, IS_UUID, IS_IPV4.

Where the server gives NULL with a warning, or an error, the engine fails.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import text
from engine.translate.nodes import child, children, only, whole_number
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import INT, UTF8, WHOLE, Family, Type

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
_BYTES = Type(Family.BINARY)
_QUOTED_HEX = re.compile(r"\bx'", re.IGNORECASE)
_CHR = re.compile(r"\bCHR\b", re.IGNORECASE)
_HEX = presence.of_text("0123456789abcdef-")
_ASCII = presence.of_values({*range(128), presence.TRAILING_SPACE})


def as_bytes(value: Expr, what: str, collation: str) -> Expr:
    """A text whose bytes in the engine are its bytes on the server; raises Refused for others."""
    found = text.as_string(value, what, collation)
    if found.type.family is not Family.STRING:
        refuse(f"{what} of NULL is not supported")
    if found.type.charset not in UTF8 and not presence.is_ascii(found.type.presence):
        refuse(f"{what} of a {found.type.charset} string is not supported")
    return found


def to_binary(binder: Binder, value: Expr) -> Expr:
    """CAST(value AS BINARY) and BINARY value."""
    if value.type.family is Family.BINARY:  # a literal that is cast is no number beside one any more
        return replace(value, op="plain_bytes") if value.op == "bytes" else value
    return bytes_of(value, "CAST AS BINARY", binder.context.collation_connection)


def bytes_of(value: Expr, what: str, collation: str) -> Expr:
    """The bytes of a text; raises Refused where they are not the engine's."""
    return Expr("as_bytes", _BYTES, (as_bytes(value, what, collation),))


def _hexadecimal(binder: Binder, node: exp.Expression) -> Expr:
    """x'00ff' and 0x00ff: bytes, which are a number beside one; to MariaDB x'00ff' is never.

    The parser does not tell which it was; a view's text may have any.
    """
    value = bytes.fromhex(node.name.zfill(len(node.name) + len(node.name) % 2))
    quoted = binder.context.views or _QUOTED_HEX.search(binder.shared.statement)
    return Expr("plain_bytes" if quoted and binder.context.backend == "mariadb" else "bytes", _BYTES, value=value)


def _bits(binder: Binder, node: exp.Expression) -> Expr:
    """b'101' and 0b101: the bytes that have these bits at their end."""
    return Expr("bytes", _BYTES, value=int(node.name or "0", 2).to_bytes(-(-len(node.name) // 8)))


def _decoded(op: str, what: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        value = as_bytes(binder.expr(child(node)), what, binder.context.collation_connection)
        return Expr(op, _BYTES, (value,))

    return rule


def _test(op: str, what: str) -> Call:
    def call(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        value = as_bytes(binder.expr(arguments[0]), what, binder.context.collation_connection)
        return Expr(op, INT, (value,), value=binder.context.backend)

    return call


def _swapped(arguments: list[exp.Expression]) -> bool:
    return len(arguments) > 1 and whole_number(arguments[1], "the second argument of a UUID function") != 0


def _uuid_to_bytes(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = as_bytes(binder.expr(arguments[0]), "UUID_TO_BIN", binder.context.collation_connection)
    return Expr("uuid_to_bytes", _BYTES, (value,), value=_swapped(arguments))


def _bytes_to_uuid(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = binder.expr(arguments[0])
    if value.type.family is not Family.BINARY:
        refuse(f"BIN_TO_UUID of a {value.type.family.value} is not supported")
    return Expr("bytes_to_uuid", _text(binder, _HEX), (value,), value=_swapped(arguments))


def _text(binder: Binder, held: presence.Presence) -> Type:
    collation = binder.context.collation_connection
    return Type(Family.STRING, collation=collation, charset=collation.split("_", 1)[0], presence=held, coercible=True)


def _quoted(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """QUOTE: the text as a literal of SQL, NULL as the word."""
    value = text.as_string(binder.expr(arguments[0]), "QUOTE", binder.context.collation_connection)
    if value.type.family is not Family.STRING:
        refuse("QUOTE of this value is not supported")
    held = presence.union(value.type.presence, presence.of_text("NULL'\\"))
    return Expr("quoted", Type(Family.STRING, collation=value.type.collation, charset=value.type.charset,
                               presence=held, coercible=value.type.coercible), (value,))  # fmt: skip


def _char(binder: Binder, node: exp.Expression) -> Expr:
    """CHAR(number, …): the bytes of the numbers, NULLs left out; with USING a text, of ASCII here."""
    only(node, "expressions", "charset")
    if _CHR.search(binder.shared.statement):
        refuse("function CHR is not supported")  # MariaDB's, which makes texts; the parser takes it for CHAR
    numbers = [as_value(binder.expr(item)) for item in children(node) if not isinstance(item, exp.Null)]
    if not numbers or any(number.type.family not in WHOLE for number in numbers):
        refuse("CHAR of what is no integer is not supported")
    charset = node.args.get("charset")
    made = Expr("char_bytes", _BYTES, tuple(numbers), value=bool(charset))
    if not charset:
        return made
    return text.in_charset(made.typed(_text(binder, _ASCII)), str(charset.name).lower(), binder.context)


NODES: dict[type[exp.Expression], Rule] = {
    exp.BitString: _bits,
    exp.Chr: _char,
    exp.Unhex: _decoded("unhex", "UNHEX"),
    exp.HexString: _hexadecimal,
    exp.FromBase64: _decoded("from_base64", "FROM_BASE64"),
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "BIN_TO_UUID": (1, 2, _bytes_to_uuid),
    "IS_IPV4": (1, 1, _test("is_ipv4", "IS_IPV4")),
    "IS_UUID": (1, 1, _test("is_uuid", "IS_UUID")),
    "QUOTE": (1, 1, _quoted),
    "UUID_TO_BIN": (1, 2, _uuid_to_bytes),
}
