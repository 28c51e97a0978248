"""JSON functions over JSON columns, which hold MySQL's own text of a document: what can be cut out of it unchanged.

A path's keys and places are constants. Scalars are spelled as the document spells them; objects, arrays and numbers
that the engine would spell otherwise fail and are left to MySQL. MariaDB's JSON columns are texts as written: of those
JSON_VALUE, JSON_UNQUOTE(JSON_EXTRACT(…)), JSON_LENGTH, JSON_VALID and JSON_CONTAINS are known.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import cast

from sqlglot import exp

from engine.collate.presence import ANYTHING, of_text
from engine.translate.bind.binder import Binder
from engine.translate.bind.values import answers, text
from engine.translate.bind.values.document_tests import TYPED
from engine.translate.literals import is_literal
from engine.translate.nodes import child, children, only
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import WINDOW, Expr, is_stored
from engine.translate.types import BIGINT, WHOLE, Family, Type

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
Step = str | int
_JSON = Type(Family.JSON)
_TEXT = Type(Family.STRING, collation="utf8mb4_bin", charset="utf8mb4", presence=ANYTHING, yielding=True)
_KINDS = replace(_TEXT, presence=of_text("ARYOBJECTUNLSIG"))
_MOST_MEMBERS = 64  # of an array sought in a document
_DIGITS = 15  # that a double and a decimal have alike
_WHOLE = frozenset({"column", "json_object", "json_array", "json_objects"})
# Operations whose decimals have the decimals of their type: rounded to them, or those of their arguments, or those but
# where they are zero.
_ROUNDED = frozenset({"round", "truncate", "to_decimal", "text_to_decimal", "double_to_decimal"})
_KEEPING = frozenset({"negate", "abs", "min", "max", "lag", "lead", "first_value", "last_value", "nth_value"})
_CALCULATED = frozenset(
    {"decimal_add", "decimal_subtract", "decimal_multiply", "decimal_modulo", "quotient", "sum", "sum_distinct"}
)
# Whole numbers elsewhere, true or false in a document (`Item::is_bool_func`): STRCMP is never -1 there.
_TRUTHS = frozenset(
    {"IS_IPV4", "IS_UUID", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_OVERLAPS", "JSON_VALID", "STRCMP"}
)
_MIXED = "a document made of a decimal of mixed scales is not supported"
NO_ORDER = "JSON_ARRAYAGG depends on the order of rows"
_AWKWARD = frozenset('"\\*?')


def document(binder: Binder, node: exp.Expression, what: str) -> tuple[Expr, tuple[Step, ...]]:
    """A JSON column or an answer, and the path of the part of it that is meant."""
    value = binder.expr(node)
    if value.op == "json_part":
        return value.args[0], cast("tuple[Step, ...]", value.value)
    if value.type.family is not Family.ANSWER and (value.type.family is not Family.JSON or value.op != "column"):
        refuse(f"{what} of anything but a JSON column is not supported")
    return value, ()


def _steps(node: exp.Expression) -> tuple[Step, ...]:
    """Read a constant path of keys and places; raises Refused for wildcards, ranges and filters."""
    if not isinstance(node, exp.JSONPath):
        refuse("a JSON path that is not a constant is not supported")
    root, *parts = children(node)
    if not isinstance(root, exp.JSONPathRoot) or not parts:
        refuse("this JSON path is not supported")
    return tuple(_step(part) for part in parts)


def _step(part: exp.Expression) -> Step:
    value = part.this
    if isinstance(part, exp.JSONPathKey) and isinstance(value, str) and value and not _AWKWARD & set(value):
        return value
    if isinstance(part, exp.JSONPathSubscript) and isinstance(value, int) and value >= 0:
        return value
    raise Refused("this JSON path is not supported")


def _text_path(binder: Binder, node: exp.Expression) -> tuple[Step, ...]:
    """Read a path that the parser left as text."""
    if not isinstance(node, exp.Literal) or not node.is_string:
        refuse("a JSON path that is not a constant is not supported")
    return steps_of_text(node.name)


def steps_of_text(path: str) -> tuple[Step, ...]:
    """Read a path of keys and places; raises Refused for others."""
    rooted = path.lstrip().startswith("$") and "'" not in path
    parsed = exp.maybe_parse(f"x->'{path}'", dialect="mysql") if rooted else None
    if not isinstance(parsed, exp.JSONExtract):
        refuse("this JSON path is not supported")
    return _steps(child(parsed, "expression"))


def _extract(binder: Binder, node: exp.Expression) -> Expr:
    """JSON_EXTRACT(document, 'path') and document->'path'."""
    only(node, "this", "expression")
    value, prefix = document(binder, child(node), "JSON_EXTRACT")
    path = (*prefix, *_steps(child(node, "expression")))
    return answers.part(value, path) if value.type.family is Family.ANSWER else Expr("json_part", _JSON, (value,), path)


def _extract_text(binder: Binder, node: exp.Expression) -> Expr:
    """document->>'path'."""
    only(node, "this", "expression")
    if (text := _parsed(binder, child(node))) is not None:
        return Expr("parsed_text", _TEXT, (text,), _steps(child(node, "expression")))
    value, prefix = document(binder, child(node), "JSON_UNQUOTE")
    path = (*prefix, *_steps(child(node, "expression")))
    return answers.text(value, path) if value.type.family is Family.ANSWER else Expr("json_text", _TEXT, (value,), path)


def _unquote(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """JSON_UNQUOTE(JSON_EXTRACT(document, 'path'))."""
    if isinstance(arguments[0], exp.JSONExtract):
        if (text := _text_document(binder, child(arguments[0]))) is not None:
            only(arguments[0], "this", "expression")
            type_ = replace(_TEXT, coercible=True)
            return Expr("text_part", type_, (text,), _steps(child(arguments[0], "expression")))
        only(arguments[0], "this", "expression")
        return _extract_text(binder, arguments[0])
    value = binder.expr(arguments[0])
    if value.type.family is not Family.ANSWER:
        refuse("JSON_UNQUOTE of anything but JSON_EXTRACT is not supported")
    return answers.text(value, ())


def _parsed(binder: Binder, node: exp.Expression) -> Expr | None:
    """A text column that MySQL reads as a document; None for others."""
    if binder.context.backend != "mysql":
        return None
    value = binder.expr(node)
    is_text = value.type.family is Family.STRING and value.op == "column"
    return value if is_text and value.type.charset in ("utf8mb4", "utf8mb3") else None


def _text_document(binder: Binder, node: exp.Expression) -> Expr | None:
    """A text column of MariaDB, which its JSON functions read; None for what is no text of MariaDB."""
    if binder.context.backend == "mysql":
        return None
    value = binder.expr(node)
    if (
        value.type.family is not Family.STRING
        or value.op != "column"
        or value.type.charset not in ("utf8mb4", "utf8mb3")
    ):
        return None
    return value


def _value(binder: Binder, node: exp.Expression) -> Expr:
    """JSON_VALUE(document, 'path'): as document->>'path', but null is NULL; on MariaDB so is what is no scalar."""
    only(node, "this", "path")
    if (text := _text_document(binder, child(node))) is not None:
        return Expr("text_value", replace(text.type, presence=ANYTHING), (text,), _steps(child(node, "path")))
    if (text := _parsed(binder, child(node))) is not None:
        return Expr("parsed_value", replace(_TEXT, collation="utf8mb4_0900_bin"), (text,), _steps(child(node, "path")))
    value, prefix = document(binder, child(node), "JSON_VALUE")
    path = (*prefix, *_steps(child(node, "path")))
    if value.type.family is Family.ANSWER:
        return answers.text(value, path)
    return Expr("json_value", replace(_TEXT, collation="utf8mb4_0900_bin"), (value,), path)


def _length(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    if (text := _text_document(binder, arguments[0])) is not None:
        path = _text_path(binder, arguments[1]) if len(arguments) > 1 else ()
        return Expr("text_length", BIGINT, (text,), value=path)
    _require_documents(binder)
    value, prefix = document(binder, arguments[0], "JSON_LENGTH")
    path = (*prefix, *(_text_path(binder, arguments[1]) if len(arguments) > 1 else ()))
    if value.type.family is Family.ANSWER:
        return answers.length(value, path)
    return Expr("json_length", BIGINT, (value,), value=path)


def _valid(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    if (text := _text_document(binder, arguments[0])) is not None:
        return Expr("text_valid", BIGINT, (text,))
    _require_documents(binder)
    return Expr("json_valid", BIGINT, (_whole(binder, arguments[0], "JSON_VALID"),))


def _whole(binder: Binder, node: exp.Expression, what: str) -> Expr:
    """A whole document."""
    value, path = document(binder, node, what)
    return refuse(f"{what} of a part of a document is not supported") if path else value


def _keys(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return Expr("json_keys", _JSON, (_whole(binder, child(node), "JSON_KEYS"),))


def _has_path(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """JSON_CONTAINS_PATH(document, 'one' or 'all', 'path')."""
    value = _whole(binder, arguments[0], "JSON_CONTAINS_PATH")
    if arguments[1].name.lower() not in ("one", "all"):
        refuse("this JSON_CONTAINS_PATH is not supported")
    return Expr("json_has", BIGINT, (value,), value=_text_path(binder, arguments[2]))


def _kind(binder: Binder, node: exp.Expression) -> Expr:
    """JSON_TYPE(document): of numbers, and of texts that may be moments, only the server knows the type."""
    only(node, "this")
    value, path = document(binder, child(node), "JSON_TYPE")
    return Expr("json_kind", _KINDS, (value,), value=path)


def _contains(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """JSON_CONTAINS(document, 'scalar' [, 'path']): an array contains what one of its members is."""
    if (text := _text_document(binder, arguments[0])) is None:
        _require_documents(binder)
    value, prefix = document(binder, arguments[0], "JSON_CONTAINS") if text is None else (text, ())
    path = (*prefix, *(_text_path(binder, arguments[2]) if len(arguments) > 2 else ()))
    sought = arguments[1]
    if not isinstance(sought, exp.Literal) or not sought.is_string:
        refuse("JSON_CONTAINS of what is no constant is not supported")
    try:
        scalar = json.loads(sought.name, parse_float=Decimal)
    except ValueError:
        return refuse("JSON_CONTAINS of what is no JSON is not supported")
    op = "json_contains" if text is None else "text_contains"
    return Expr(op, BIGINT, (value,), value=(path, _scalar(scalar), True))


def _overlaps(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """JSON_OVERLAPS(document, 'scalar or array of scalars'), in either order: whether one is, or is a member, of it."""
    if isinstance(arguments[0], exp.Literal):
        arguments = arguments[::-1]
    value, path = document(binder, arguments[0], "JSON_OVERLAPS")
    sought = arguments[1]
    if value.type.family is Family.ANSWER or not isinstance(sought, exp.Literal) or not sought.is_string:
        refuse("JSON_OVERLAPS of what is no constant is not supported")
    try:
        found = json.loads(sought.name, parse_float=Decimal)
    except ValueError:
        return refuse("JSON_OVERLAPS of what is no JSON is not supported")
    members = found if isinstance(found, list) else [found]
    if not 0 < len(members) <= _MOST_MEMBERS:
        refuse(f"JSON_OVERLAPS of an empty array, or one of more than {_MOST_MEMBERS} values, is not supported")
    return Expr("json_overlaps", BIGINT, (value,), value=(path, tuple(_scalar(member) for member in members)))


def _member(binder: Binder, node: exp.Expression) -> Expr:
    """scalar MEMBER OF (document)."""
    only(node, "this", "expression")
    sought = binder.expr(child(node))
    value, path = document(binder, child(node, "expression"), "MEMBER OF")
    if not is_literal(sought) or sought.type.family not in (Family.STRING, Family.BOOL, Family.INT, Family.DECIMAL):
        refuse("MEMBER OF with what is no constant is not supported")
    return Expr("json_contains", BIGINT, (value,), value=(path, _scalar(sought.value), False))


def _scalar(value: object) -> object:
    """What is sought in a document: raises Refused for what MySQL may read as something else."""
    if isinstance(value, str) and not TYPED.match(value):
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal) and len(str(value).lstrip("-")) <= _DIGITS and "E" not in str(value):
        return value
    raise Refused("this value sought in a document is not supported")


def objects(binder: Binder, node: exp.Expression) -> Expr:
    """JSON_OBJECTAGG(key, value): keys are sorted, so the order of rows does not matter while they differ."""
    only(node, "expressions", "return_type", "encoding")
    (pair,) = children(node)
    if binder.context.backend != "mysql" or not isinstance(pair, exp.JSONKeyValue):
        refuse("JSON_OBJECTAGG of MariaDB depends on the order of rows")
    key = text.as_string(binder.expr(child(pair)), "JSON_OBJECTAGG", binder.context.collation_connection)
    if key.type.family is not Family.STRING or not (key.type.charset or "").startswith("utf8"):
        refuse("JSON_OBJECTAGG with these keys is not supported")
    return Expr("json_objects", _JSON, (key, element(binder, child(pair, "expression"))))


def _elements(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """JSON_ARRAYAGG(value): its elements are in the order in which MySQL's plan reads rows; there is no ORDER BY."""
    value = element(binder, arguments[0])
    return Expr("json_elements", _JSON, (value,)) if binder.context.reads else refuse(NO_ORDER)


def _object(binder: Binder, node: exp.Expression) -> Expr:
    """JSON_OBJECT with constant keys: shorter keys first, then by their bytes; of two alike the last counts."""
    only(node, "expressions")
    pairs: dict[str, Expr] = {}
    for pair in children(node):
        key = pair.args.get("this")
        if not isinstance(pair, exp.JSONKeyValue) or not isinstance(key, exp.Literal) or not key.is_string:
            refuse("JSON_OBJECT with keys that are not constants is not supported")
        if not key.name.isascii() or not key.name.isprintable() or set(key.name) & {'"', "\\"}:
            refuse("JSON_OBJECT with this key is not supported")
        pairs[key.name] = element(binder, child(pair, "expression"))
    keys = sorted(pairs, key=lambda key: (len(key), key))
    return Expr("json_object", _JSON, tuple(pairs[key] for key in keys), value=tuple(keys))


def _array(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    return Expr("json_array", _JSON, tuple(element(binder, argument) for argument in arguments))


def element(binder: Binder, node: exp.Expression) -> Expr:
    """Bind a value that is put into a document; raises Refused for what the server would spell in its own way."""
    value = binder.expr(node)
    family = value.type.family
    if binder.context.backend != "mysql":
        refuse("JSON functions over MariaDB's texts are not supported")
    called = node.unnest()
    if isinstance(called, exp.JSONArrayContains) or (
        isinstance(called, exp.Anonymous) and str(called.this).upper() in _TRUTHS
    ):
        refuse(f"a document made of a {Family.BOOL.value} is not supported")
    if family in (Family.INT, Family.NULL, Family.DATE, Family.DATETIME) and not value.type.zerofill:
        return value
    if family is Family.DECIMAL:
        return _own_digits(value)
    if family is Family.STRING and (value.type.charset or "").startswith("utf8"):
        return value
    if family is Family.JSON and value.op in _WHOLE:
        return value
    raise Refused(f"a document made of a {family.value} is not supported")


def _own_digits(value: Expr) -> Expr:
    """A decimal as a document has it: with its own decimals, which a sum or product that is zero has lost, or not, by
    the plan (`decimal_make_zero` in strings/decimal.cc): such a zero fails. Raises Refused."""
    if value.type.frac != value.type.scale or value.type.unpadded:
        refuse(_MIXED)
    return Expr("certain_zero", value.type, (value,)) if _may_lose_decimals(value) else value


def _may_lose_decimals(value: Expr) -> bool:
    """Tell whether its zeros may have none; raises Refused where others may have other decimals than the type."""
    if value.type.family in WHOLE or is_literal(value) or is_stored(value):
        return False
    if value.op in _ROUNDED:
        # Not one that the engine rounds as MySQL divides.
        return value.op == "round" and value.args[0].op == "quotient" and value.value == value.args[0].type.scale
    if value.op == WINDOW:
        return _may_lose_decimals(value.args[0])
    if value.op not in _KEEPING | _CALCULATED:
        refuse(_MIXED)
    return any([_may_lose_decimals(argument) for argument in value.args]) or value.op in _CALCULATED


def _require_documents(binder: Binder) -> None:
    if binder.context.backend != "mysql" and not binder.context.models:
        refuse("JSON functions over MariaDB's texts are not supported")


def _mysql_only(rule: Call) -> Call:
    def checked(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        _require_documents(binder)
        return rule(binder, arguments)

    return checked


def _mysql_node(rule: Rule) -> Rule:
    def checked(binder: Binder, node: exp.Expression) -> Expr:
        _require_documents(binder)
        return rule(binder, node)

    return checked


NODES: dict[type[exp.Expression], Rule] = {
    exp.JSONExtract: _extract,
    exp.JSONExtractScalar: _extract_text,
    exp.JSONKeys: _keys,
    exp.JSONObject: _object,
    exp.JSONValue: _value,
    exp.JSONType: _mysql_node(_kind),
    exp.JSONArrayContains: _mysql_node(_member),
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "JSON_CONTAINS": (2, 3, _contains),
    "JSON_UNQUOTE": (1, 1, _unquote),
    "JSON_OVERLAPS": (2, 2, _mysql_only(_overlaps)),
    "JSON_LENGTH": (1, 2, _length),
    "JSON_ARRAY": (1, 99, _array),
    "JSON_ARRAYAGG": (1, 1, _elements),
    "JSON_VALID": (1, 1, _valid),
    "JSON_CONTAINS_PATH": (3, 3, _mysql_only(_has_path)),
}
