"""JSON_TABLE over a JSON column of MySQL: rows of a document's array, and typed columns cut out of each.

The rows are a `JsonRows` that sees the tables before it; around it stands a query whose outputs are the columns, so
that all else reads it as a derived table. What becomes of scalars of each kind was read off MySQL 9.7 (tests/semantics,
json_tables.test); what is not known there fails in the engine.
Manual: functions-json.html, "JSON Table Functions".
"""

import json
from typing import cast

from sqlglot import exp

from engine.collate.presence import of_values
from engine.translate.bind.binder import Binder
from engine.translate.bind.values import documents
from engine.translate.nodes import child, children
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Block, Expr, Join, JsonRows, Output, Source
from engine.translate.types import BOOL, DATE, DOUBLE, Family, Type, column_type, datetime_type, decimal
from statements.schema import Column

Steps = tuple[str | int, ...]
_JSON = Type(Family.JSON)
_ALL = "[*]"
_COMMON = of_values({*range(0xF0), 0xFF})  # all but characters of four bytes
_ORDINAL = Type(Family.INT, digits=10)
_MOST_DIGITS = 30  # of a DECIMAL column, so that what is rounded to it has room
# Sub-queries that MySQL 9.7.4 turns into joins, where JSON_TABLE then reads another row than the outer one's.
_TURNED = (exp.Exists, exp.In, exp.Any, exp.All)
_INTEGERS = {
    "TINYINT": ("tinyint", False), "SMALLINT": ("smallint", False), "MEDIUMINT": ("mediumint", False),
    "INT": ("int", False), "BIGINT": ("bigint", False), "UTINYINT": ("tinyint", True), "USMALLINT": ("smallint", True),
    "UMEDIUMINT": ("mediumint", True), "UINT": ("int", True), "UBIGINT": ("bigint", True),
}  # fmt: skip


def bind(binder: Binder, node: exp.Expression) -> Block:
    """Bind the JSON_TABLE of a table node as the query of its columns; raises Refused."""
    table = child(node)
    if binder.context.backend != "mysql":
        refuse("JSON_TABLE over MariaDB's texts is not supported")
    document, prefix = documents.document(binder, child(table), "JSON_TABLE")
    if document.type.family is not Family.JSON:
        refuse("JSON_TABLE of anything but a JSON column is not supported")
    if not binder.scope.owns(document) and node.find_ancestor(*_TURNED):
        refuse("JSON_TABLE of an enclosing query's column in EXISTS or IN is not supported")
    source: Source = JsonRows(binder.shared.unique("j"), document, *_rows(child(table, "path"), prefix))
    outputs: list[Output] = []
    source = _columns(binder, source, child(table, "schema"), outputs)
    return Block(outputs, source)


def _columns(binder: Binder, source: Source, schema: exp.Expression, outputs: list[Output]) -> Source:
    """Add the columns of rows to the outputs; give the rows joined with those of their NESTED PATH."""
    rows = source if isinstance(source, JsonRows) else cast(JsonRows, cast(Join, source).right)
    nested = [part for part in children(schema) if part.args.get("nested_schema")]
    if len(nested) > 1:
        refuse("JSON_TABLE with several NESTED PATHs side by side is not supported")
    value = Expr("column", _JSON, value=(rows.alias, "v"))
    for part in children(schema):
        if part in nested:
            inner = JsonRows(binder.shared.unique("j"), value, *_rows(child(part, "path"), ()))
            source = _columns(
                binder,
                Join("left", source, inner, Expr("literal", BOOL, value=True)),
                child(part, "nested_schema"),
                outputs,
            )
        elif part.args.get("ordinality"):
            outputs.append(Output(part.name, Expr("column", _ORDINAL, value=(rows.alias, "o"))))
        else:
            outputs.append(Output(part.name, _cell(binder, part, value)))
    return source


def _rows(path: exp.Expression, prefix: Steps) -> tuple[Steps, bool]:
    """The path of the rows, and whether each member of the array there is one."""
    text = path.name
    every = text.endswith(_ALL)
    return (*prefix, *_steps(text[: -len(_ALL)] if every else text)), every


def _steps(text: str) -> Steps:
    return () if text.strip() == "$" else documents.steps_of_text(text)


def _cell(binder: Binder, node: exp.Expression, value: Expr) -> Expr:
    steps, type_ = _steps(child(node, "path").name), _type(binder, child(node, "kind"))
    if node.args.get("exists"):
        if type_.family is not Family.INT:
            refuse("an EXISTS column of JSON_TABLE that is no integer is not supported")
        return Expr("json_cell_exists", type_, (value,), steps)
    empty, error = node.args.get("empty"), node.args.get("error")
    if isinstance(error, exp.Expression):
        refuse("DEFAULT ON ERROR is not supported")
    given = empty if isinstance(empty, str) else _default(cast(exp.Expression, empty))
    return Expr("json_cell", type_, (value,), (steps, given, error == "ERROR"))


def _default(node: exp.Expression) -> tuple[str]:
    """The JSON text behind DEFAULT: a scalar."""
    try:
        found = json.loads(node.name)
    except ValueError:
        return refuse("DEFAULT ON EMPTY of what is no JSON is not supported")
    if isinstance(found, list | dict | float):
        refuse("DEFAULT ON EMPTY of this value is not supported")
    return (json.dumps(found, ensure_ascii=False),)


def _type(binder: Binder, kind: exp.Expression) -> Type:
    """The type of a column; raises Refused."""
    name, sizes = cast(exp.DataType, kind).this.name, [int(size.name) for size in children(kind)]
    if name in _INTEGERS and not sizes:
        stored, unsigned = _INTEGERS[name]
        return column_type(Column("", 0, stored, stored, unsigned=unsigned), None)
    if name == "DECIMAL":
        digits, scale = (*sizes, 10, 0)[:2] if not sizes else (*sizes, 0)[:2]
        return (
            decimal(digits, scale)
            if digits <= _MOST_DIGITS
            else refuse("JSON_TABLE with such long decimals is not supported")
        )
    if name in ("VARCHAR", "TEXT"):
        collation = binder.context.collation_connection
        if not collation.startswith("utf8mb4_"):
            refuse("texts of JSON_TABLE in this character set are not supported")
        return Type(Family.STRING, collation=collation, charset="utf8mb4", presence=_COMMON, characters=(*sizes, 0)[0])
    plain = {"DOUBLE": DOUBLE, "DATE": DATE, "DATETIME": datetime_type(0), "JSON": _JSON}.get(name)
    if plain is None or sizes:
        raise Refused(f"a {name} column of JSON_TABLE is not supported")
    return plain
