"""JSON functions over JSON columns, which hold MySQL's own text of a document: what can be cut out of it unchanged.

A path's keys and places are constants. Scalars are spelled as the document spells them; objects, arrays and numbers
that the engine would spell otherwise fail and are left to MySQL. MariaDB's JSON columns are texts as written: refused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.collate.presence import ANYTHING
from engine.translate import answers
from engine.translate.nodes import child, children, only
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, Family, Type

if TYPE_CHECKING:
    from engine.translate.binder import Binder

Rule = Callable[["Binder", exp.Expression], Expr]
Call = Callable[["Binder", list[exp.Expression]], Expr]
Step = str | int
_JSON = Type(Family.JSON)
_TEXT = Type(Family.STRING, collation="utf8mb4_bin", charset="utf8mb4", presence=ANYTHING)
_AWKWARD = frozenset('"\\*?')


def _document(binder: "Binder", node: exp.Expression, what: str) -> Expr:
    value = binder.expr(node)
    if value.type.family is Family.ANSWER:
        return value
    if value.type.family is not Family.JSON or value.op != "column":
        refuse(f"{what} of anything but a JSON column is not supported")
    return value


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


def _text_path(binder: "Binder", node: exp.Expression) -> tuple[Step, ...]:
    """Read a path that the parser left as text."""
    if not isinstance(node, exp.Literal) or not node.is_string:
        refuse("a JSON path that is not a constant is not supported")
    parsed = exp.maybe_parse(f"x->'{node.name}'", dialect="mysql") if "'" not in node.name else None
    if not isinstance(parsed, exp.JSONExtract):
        refuse("this JSON path is not supported")
    return _steps(child(parsed, "expression"))


def _extract(binder: "Binder", node: exp.Expression) -> Expr:
    """JSON_EXTRACT(document, 'path') and document->'path'."""
    only(node, "this", "expression")
    value = _document(binder, child(node), "JSON_EXTRACT")
    if value.type.family is Family.ANSWER:
        return answers.part(value, _steps(child(node, "expression")))
    return Expr("json_part", _JSON, (value,), value=_steps(child(node, "expression")))


def _extract_text(binder: "Binder", node: exp.Expression) -> Expr:
    """document->>'path'."""
    only(node, "this", "expression")
    value = _document(binder, child(node), "JSON_UNQUOTE")
    if value.type.family is Family.ANSWER:
        return answers.text(value, _steps(child(node, "expression")))
    return Expr("json_text", _TEXT, (value,), value=_steps(child(node, "expression")))


def _unquote(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
    """JSON_UNQUOTE(JSON_EXTRACT(document, 'path'))."""
    if isinstance(arguments[0], exp.JSONExtract):
        return _extract_text(binder, arguments[0])
    value = binder.expr(arguments[0])
    if value.type.family is not Family.ANSWER:
        refuse("JSON_UNQUOTE of anything but JSON_EXTRACT is not supported")
    return answers.text(value, ())


def _value(binder: "Binder", node: exp.Expression) -> Expr:
    """JSON_VALUE(document, 'path')."""
    only(node, "this", "path")
    value = binder.expr(child(node))
    if value.type.family is not Family.ANSWER:
        refuse("JSON_VALUE is not supported")
    return answers.text(value, _steps(child(node, "path")))


def _length(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
    value = _document(binder, arguments[0], "JSON_LENGTH")
    path = _text_path(binder, arguments[1]) if len(arguments) > 1 else ()
    if value.type.family is Family.ANSWER:
        return answers.length(value, path)
    return Expr("json_length", BIGINT, (value,), value=path)


def _valid(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
    return Expr("json_valid", BIGINT, (_document(binder, arguments[0], "JSON_VALID"),))


def _keys(binder: "Binder", node: exp.Expression) -> Expr:
    only(node, "this")
    return Expr("json_keys", _JSON, (_document(binder, child(node), "JSON_KEYS"),))


def _has_path(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
    """JSON_CONTAINS_PATH(document, 'one' or 'all', 'path')."""
    value = _document(binder, arguments[0], "JSON_CONTAINS_PATH")
    if arguments[1].name.lower() not in ("one", "all"):
        refuse("this JSON_CONTAINS_PATH is not supported")
    return Expr("json_has", BIGINT, (value,), value=_text_path(binder, arguments[2]))


def _object(binder: "Binder", node: exp.Expression) -> Expr:
    """JSON_OBJECT with constant keys: shorter keys first, then by their bytes; of two alike the last counts."""
    only(node, "expressions")
    pairs: dict[str, Expr] = {}
    for pair in children(node):
        key = pair.args.get("this")
        if not isinstance(pair, exp.JSONKeyValue) or not isinstance(key, exp.Literal) or not key.is_string:
            refuse("JSON_OBJECT with keys that are not constants is not supported")
        if not key.name.isascii() or not key.name.isprintable() or set(key.name) & {'"', "\\"}:
            refuse("JSON_OBJECT with this key is not supported")
        pairs[key.name] = _element(binder, child(pair, "expression"))
    keys = sorted(pairs, key=lambda key: (len(key), key))
    return Expr("json_object", _JSON, tuple(pairs[key] for key in keys), value=tuple(keys))


def _array(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
    return Expr("json_array", _JSON, tuple(_element(binder, argument) for argument in arguments))


def _element(binder: "Binder", node: exp.Expression) -> Expr:
    """A value that is put into a document; raises Refused for what the server would spell in its own way."""
    value = binder.expr(node)
    family = value.type.family
    if binder.context.backend != "mysql":
        refuse("JSON functions over MariaDB's texts are not supported")
    if family in (Family.INT, Family.NULL, Family.DATE, Family.DATETIME) and not value.type.zerofill:
        return value
    if family is Family.DECIMAL and value.type.frac == value.type.scale and not value.type.unpadded:
        return value
    if family is Family.STRING and (value.type.charset or "").startswith("utf8"):
        return value
    if family is Family.JSON and value.op in ("column", "json_object", "json_array"):
        return value
    raise Refused(f"a document made of a {family.value} is not supported")


def _mysql_only(rule: Call) -> Call:
    def checked(binder: "Binder", arguments: list[exp.Expression]) -> Expr:
        if binder.context.backend != "mysql" and not binder.context.models:
            refuse("JSON functions over MariaDB's texts are not supported")
        return rule(binder, arguments)

    return checked


NODES: dict[type[exp.Expression], Rule] = {
    exp.JSONExtract: _extract,
    exp.JSONExtractScalar: _extract_text,
    exp.JSONKeys: _keys,
    exp.JSONObject: _object,
    exp.JSONValue: _value,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "JSON_UNQUOTE": (1, 1, _mysql_only(_unquote)),
    "JSON_LENGTH": (1, 2, _mysql_only(_length)),
    "JSON_ARRAY": (1, 99, _array),
    "JSON_VALID": (1, 1, _mysql_only(_valid)),
    "JSON_CONTAINS_PATH": (3, 3, _mysql_only(_has_path)),
}
