"""User variables, system variables, DATABASE(), USER(), …: constants, typed as the backend typed them."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from engine.collate.presence import of_text
from engine.translate.bind.binder import Binder
from engine.translate.literals import NULL_LITERAL
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import COMPARED_CHARSETS, DOUBLE, MAX_SCALE, Family, Type, decimal
from statements.session_values import SessionValue, session_value
from wire.constants import FieldType

_INTEGERS = frozenset({FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG})
_TEXTS = frozenset({FieldType.VAR_STRING, FieldType.STRING, FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB})
_UNSET_DECIMALS = 31
_SYSTEM_CONSTANT = 3  # coercibility of USER(); a column's and a user variable's is 2


NODES = (exp.Parameter, exp.SessionParameter, exp.CurrentRole, exp.CurrentSchema, exp.CurrentUser, exp.CurrentVersion,
         exp.SessionUser)  # fmt: skip


def bind(binder: Binder, node: exp.Expression) -> Expr:
    """Give the value that the backend was asked for; raises Refused for values of other kinds."""
    text = session_value(node)
    found = next((value for value in binder.context.values if value.text == text), None)
    if found is None:
        refuse(f"the value of {text or 'this'} is not known")
    return _literal(found)


def _literal(found: SessionValue) -> Expr:
    if found.value is None:
        return NULL_LITERAL
    if found.type in _INTEGERS:
        digits = found.length if found.unsigned else max(1, found.length - 1)
        return Expr("literal", Type(Family.INT, unsigned=found.unsigned, digits=digits), value=int(found.value))
    if found.type == FieldType.DOUBLE and found.decimals == _UNSET_DECIMALS:
        return Expr("literal", DOUBLE, value=float(found.value))
    if found.type == FieldType.NEWDECIMAL:
        return _decimal(found.value, found.decimals)
    charset = found.collation.split("_", 1)[0]
    if found.type not in _TEXTS or found.binary or charset not in COMPARED_CHARSETS:
        refuse(f"the value of {found.text} is of a type that is not supported")
    type_ = Type(
        Family.STRING,
        collation=found.collation,
        charset=charset,
        presence=of_text(found.value),
        coercible=found.coercibility >= _SYSTEM_CONSTANT,
    )
    return Expr("literal", type_, value=found.value)


def _decimal(text: str, scale: int) -> Expr:
    """A variable is DECIMAL(65, 30) whatever digits its value has, and shows those."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Refused("a value of the session is no decimal") from None
    frac = max(0, -int(value.as_tuple().exponent))
    if len(value.as_tuple().digits) > 38:
        refuse("a decimal of more than 38 digits is not supported")
    return Expr("literal", replace(decimal(65, min(scale, MAX_SCALE), frac), unpadded=frac != scale), value=value)
