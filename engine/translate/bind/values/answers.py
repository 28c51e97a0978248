"""Answers of models: what the proxy has written for calls of sys.ML_PREDICT_ROW and sys.ML_EXPLAIN_ROW.

No server says what these give, so their values have a family of their own: JSON text in the one spelling that the
engine makes, which may be shown, cut into parts, compared as a number or as a text, sorted, grouped and counted. What a
model is asked is the columns themselves and no document: the values that JSON_OBJECT would hold, each in its own type.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlglot import exp

from engine.collate.presence import ANYTHING, TRAILING_SPACE, of_values
from engine.translate.bind.binder import Binder
from engine.translate.bind.kept.doubles import is_loose
from engine.translate.literals import NULL_LITERAL
from engine.translate.members import spelled
from engine.translate.nodes import child, children, only
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, DOUBLE, Family, Type, decimal
from statements.context import ModelCall
from statements.ml import ASKED

DOCUMENT = "document"  # the form of an input that is JSON text as a whole
WHOLE = "whole"  # the form of a column of whole numbers, of 64 bits at most
# A column's collation goes before it, it goes before a literal's (read off both servers' JSON_UNQUOTE).
TEXT = Type(Family.STRING, collation="utf8mb4_bin", charset="utf8mb4", presence=ANYTHING, coercible=True)
_OF_JSON = "utf8mb4_0900_bin"  # which pads no text, as JSON does not
_ASCII = of_values({*range(128), TRAILING_SPACE})
_PARTS = frozenset({"answer_part", "answer_text", "answer_length"})
PREDICTION = "Prediction"  # the column of answers that every task but some recommendations has
# How a value is written into a document.
_FORMS = {
    Family.BOOL: "truth",
    **dict.fromkeys((Family.INT, Family.DECIMAL, Family.YEAR, Family.BIT, Family.LONG_DECIMAL), "number"),
    **dict.fromkeys((Family.FLOAT, Family.DOUBLE), "double"),
    **dict.fromkeys((Family.STRING, Family.OTHER_TEXT, Family.ADDRESS), "text"),
    Family.DATE: "date",
    Family.DATETIME: "moment",
    Family.TIME: "time",
    Family.NULL: "null",
    Family.JSON: DOCUMENT,
    Family.ANSWER: DOCUMENT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: the model, and what it is asked. `keys` are those of the document in their order, `forms` how each of
    its values is written, with as many decimals of seconds as `fsp` says; without keys it is a document as a whole.
    With `columns` the answer comes without the document that was asked, and of what the model adds with these alone:
    nobody looks at the rest. With `number` the one of them comes as the number that it is, in no document. `bare` tells
    that the values are columns as they are."""

    model: ModelCall
    keys: tuple[str, ...]
    forms: tuple[str, ...]
    fsp: tuple[int, ...]
    backend: str
    columns: tuple[str, ...] = ()
    number: bool = False
    bare: bool = False

    @property
    def token(self) -> str:
        """A short name of it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:24]


def call(binder: Binder, name: str, arguments: list[exp.Expression]) -> Expr:
    """Bind a call of a model; raises Refused for inputs that cannot be given to it as columns."""
    number = name.removeprefix(ASKED)
    models = binder.context.models
    if not number.isdigit() or int(number) >= len(models) or len(arguments) != 1:
        refuse(f"function {name} is not supported")
    node = arguments[0]
    if isinstance(node, exp.Null):
        return NULL_LITERAL.typed(Type(Family.ANSWER))
    backend = binder.context.backend
    type_ = Type(Family.ANSWER, charset=backend)
    if not isinstance(node, exp.JSONObject):
        value = binder.expr(node)
        if value.type.family not in (Family.JSON, Family.ANSWER):
            refuse("a model is asked about anything but JSON_OBJECT with constant keys or a JSON column")
        return Expr("answer", type_, (value,), value=Asked(models[int(number)], (), (DOCUMENT,), (0,), backend))
    keys, values = _pairs(binder, node)
    forms = tuple(_form(value) for value in values)
    bare = all(value.op == "column" for value in values)
    fsp = tuple(value.type.fsp for value in values)
    asked = Asked(models[int(number)], keys, forms, fsp, backend, bare=bare)
    return Expr("answer", type_, values, value=asked)


def _pairs(binder: Binder, node: exp.Expression) -> tuple[tuple[str, ...], tuple[Expr, ...]]:
    """The keys and values of JSON_OBJECT as the server keeps them: MySQL sorts the keys, shorter ones first."""
    only(node, "expressions")
    pairs: dict[str, Expr] = {}
    for pair in children(node):
        key = pair.args.get("this")
        if not isinstance(pair, exp.JSONKeyValue) or not isinstance(key, exp.Literal) or not key.is_string:
            refuse("JSON_OBJECT with keys that are not constants is not supported")
        pairs[key.name] = _element(binder, child(pair, "expression"))
    keys = list(pairs)
    if binder.context.backend == "mysql":
        keys.sort(key=lambda key: (len(key.encode()), key.encode()))
    return tuple(keys), tuple(pairs[key] for key in keys)


def _element(binder: Binder, node: exp.Expression) -> Expr:
    value = spelled(binder.expr(node))
    family = value.type.family
    if family not in _FORMS:
        raise Refused(f"a model is asked about a {family.value}")
    if is_loose(value):
        refuse("a model is asked about a double that is computed")
    if family is Family.DECIMAL and value.type.frac != value.type.scale:
        return Expr("round", decimal(38, value.type.scale), (value,), value=value.type.scale)
    return value


def _form(value: Expr) -> str:
    is_column = value.op == "column" and value.type.family is Family.INT
    return WHOLE if is_column else _FORMS[value.type.family]


def part(value: Expr, path: tuple[str | int, ...]) -> Expr:
    """A part of an answer, JSON as well."""
    return Expr("answer_part", value.type, (value,), value=path)


def text(value: Expr, path: tuple[str | int, ...]) -> Expr:
    """A part of an answer, without quotes when it is a string."""
    return Expr("answer_text", TEXT, (value,), value=path)


def as_number(value: Expr) -> Expr:
    """An answer's part as the number that it is."""
    return Expr("answer_number", DOUBLE, (value,))


def as_text(value: Expr) -> Expr:
    """An answer's part as it is compared with a text: on MariaDB it is a text itself, a string in its quotes. On MySQL
    the text becomes JSON, and strings are compared by their bytes; a number equals none, and fails here."""
    if value.type.charset == "mysql":
        return Expr("answer_string", replace(TEXT, collation=_OF_JSON, coercible=False, explicit=True), (value,))
    return Expr("answer_raw", TEXT, (value,))


def unquoted(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """See a part that JSON_EXTRACT itself cuts out of an answer as MariaDB's `=`, `<` and NULLIF do beside a text: a
    string without its quotes.

    Not in BETWEEN, CASE and lists of IN, nor behind the name of a derived table's column, where it is a text as it is
    (read off 10.11; `Arg_comparator::compare_json_str_basic`). Raises Refused for two such parts: of equal strings it
    says there that they differ.
    """
    cut = [side.op == "answer_part" and side.type.charset != "mysql" for side in (left, right)]
    if any(cut) and left.type.family is right.type.family:
        refuse("MariaDB compares a part of an answer without its quotes to another with them")
    return _unquoted(left, right) if cut[0] else left, _unquoted(right, left) if cut[1] else right


def _unquoted(part: Expr, other: Expr) -> Expr:
    return Expr("answer_unquoted", TEXT, (part,)) if other.type.family is Family.STRING else part


def require_texts(values: Sequence[Expr], what: str) -> None:
    """Refuse answers where MySQL compares them as texts, in their quotes, though it compares JSON elsewhere."""
    if any(value.type.family is Family.ANSWER and value.type.charset == "mysql" for value in values):
        refuse(f"{what} compares parts of a model's answers: take them out by JSON_UNQUOTE")


def beside(text: Expr, other: Type) -> Expr:
    """See a text cut out of an answer as it is compared with another text.

    A column's collation decides, and which characters an answer has is not known: those that are not ASCII fail.
    """
    if text.type != TEXT or other == TEXT:
        return text
    if other.coercible:
        return text.typed(replace(TEXT, coercible=False))
    return Expr("answer_ascii", replace(TEXT, presence=_ASCII), (text,))


def length(value: Expr, path: tuple[str | int, ...]) -> Expr:
    """How many members an answer or a part of it has."""
    return Expr("answer_length", BIGINT, (value,), value=path)


def narrowed(nodes: Sequence[Expr]) -> dict[str, Asked]:
    """Give, by their tokens, what is asked in the place of calls of which a statement shows or compares nothing but
    parts of what models added."""
    calls = {cast(Asked, node.value).token: cast(Asked, node.value) for node in nodes if node.op == "answer"}
    counts = Counter(cast(Asked, node.value).token for node in nodes if node.op == "answer")
    parts = [node for node in nodes if is_of_answer(node)]
    looked = Counter(_token(node) for node in parts)
    numbers = Counter(_token(node.args[0]) for node in nodes if is_number_of_answer(node))
    found = {}
    for token, asked in calls.items():
        if looked[token] == counts[token]:
            columns = tuple(sorted({column_of(node) for node in parts if _token(node) == token}))
            found[token] = replace(asked, columns=columns, number=numbers[token] == counts[token])
    return found


def _token(part: Expr) -> str:
    return cast(Asked, part.args[0].value).token


def column_of(part: Expr) -> str:
    """Give the column of answers that a part is cut out of (see `is_of_answer`)."""
    return str(cast("tuple[str | int, ...]", part.value)[0])


def is_of_answer(node: Expr) -> bool:
    """Tell whether this is a part that a call's answer has beside the document that was asked, not of that document."""
    if node.op not in _PARTS or node.args[0].op != "answer":
        return False
    path, asked = cast("tuple[str | int, ...]", node.value), cast(Asked, node.args[0].value)
    return bool(asked.keys and path and isinstance(path[0], str) and path[0] not in asked.keys)


def is_number_of_answer(node: Expr) -> bool:
    """Tell whether this is what a model predicts, read as a number."""
    if node.op != "answer_number" or node.args[0].op != "answer_part" or not is_of_answer(node.args[0]):
        return False
    return node.args[0].value == (PREDICTION,) and _asks_to_predict(node.args[0])


def _asks_to_predict(part: Expr) -> bool:
    return cast(Asked, part.args[0].value).model.function == "predict"
