"""DuckDB for answers of models (see `bind.answers`): one function, which finds the call by its token."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from engine.collate.rules import quote
from engine.translate.bind.answers import Asked, is_of_answer
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr
from engine.translate.types import Family

FUNCTION = "warmfront_ask"
_ASCII = "CASE WHEN length(a) = strlen(a) THEN a WHEN a IS NOT NULL THEN error('an answer of more than ASCII') END"
Writer = Callable[[Lowering, Expr], str]


def _path(expr: Expr) -> str:
    steps = cast("tuple[str | int, ...]", expr.value)
    return quote("$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps))


def _answer(low: Lowering, expr: Expr) -> str:
    return _call(low, expr, cast(Asked, expr.value))


def _inner(low: Lowering, expr: Expr) -> str:
    """Write what a part is cut out of. Where it is alone in the statement, the model's answer is enough."""
    inner = expr.args[0]
    if is_of_answer(expr):
        asked = cast(Asked, inner.value)
        return _call(low, inner, replace(asked, alone=asked.token in low.looked_into))
    return low.expr(inner)


def _call(low: Lowering, expr: Expr, asked: Asked) -> str:
    low.asked[asked.token] = asked
    return f"{FUNCTION}({', '.join([quote(asked.token), *(_value(low, arg) for arg in expr.args)])})"


def _value(low: Lowering, arg: Expr) -> str:
    sql = low.expr(arg)
    return f"CAST({sql} AS DOUBLE)" if arg.type.family is Family.FLOAT else sql


def order_key(low: Lowering, expr: Expr) -> str:
    """Write what sorts answers: on MySQL numbers as numbers, before all else; on MariaDB they are texts."""
    sql = low.expr(expr)
    if expr.type.charset != "mysql":
        return sql
    key = "CASE WHEN a IS NOT NULL THEN row(coalesce(TRY_CAST(a AS DOUBLE), 'inf'), a) END"
    return f"list_transform([{sql}], lambda a: {key})[1]"  # asks the model once


ANSWER_OPS: dict[str, Writer] = {
    "answer": _answer,
    "answer_part": lambda low, expr: f"CAST(json_extract({_inner(low, expr)}, {_path(expr)}) AS VARCHAR)",
    "answer_text": lambda low, expr: f"json_extract_string({_inner(low, expr)}, {_path(expr)})",
    "answer_ascii": lambda low, expr: f"list_transform([{low.expr(expr.args[0])}], lambda a: {_ASCII})[1]",
    "answer_raw": lambda low, expr: low.expr(expr.args[0]),
    "answer_number": lambda low, expr: f"CAST({low.expr(expr.args[0])} AS DOUBLE)",
    "answer_length": lambda low, expr: f"len(json_keys({_inner(low, expr)}, {_path(expr)}))",
}
