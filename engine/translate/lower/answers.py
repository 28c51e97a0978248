"""DuckDB for answers of models (see `bind.answers`): a function, which finds the call by its token, and
another that does so and gives numbers."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from engine.collate.rules import quote
from engine.owned_texts import owned
from engine.translate.bind.values.answers import Asked, column_of, is_number_of_answer, is_of_answer
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr
from engine.translate.types import Family

FUNCTION = "warmfront_ask"
NUMBER_FUNCTION = "warmfront_ask_number"
_ASCII = "CASE WHEN length(a) = strlen(a) THEN a WHEN a IS NOT NULL THEN error('an answer of more than ASCII') END"
_UNQUOTED = "coalesce(json_extract_string(a, '$'), a)"  # null is a text
_STRING = """CASE WHEN a[1] = '"' THEN json_extract_string(a, '$')
 WHEN a IS NOT NULL THEN error('a part of an answer that is no string is compared with a text') END"""
Writer = Callable[[Lowering, Expr], str]


def _path(expr: Expr) -> str:
    steps = cast("tuple[str | int, ...]", expr.value)
    return quote("$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps))


def _answer(low: Lowering, expr: Expr) -> str:
    return _call(low, expr, cast(Asked, expr.value))


def _inner(low: Lowering, expr: Expr) -> str:
    """Write what a part is cut out of. Where nothing else is looked at, some columns of the answer are enough."""
    inner = expr.args[0]
    if is_of_answer(expr):
        asked = cast(Asked, inner.value)
        enough = low.narrowed.get(asked.token, asked)
        return _call(low, inner, replace(enough, number=False) if column_of(expr) in enough.columns else asked)
    return low.expr(inner)


def _number(low: Lowering, expr: Expr) -> str:
    """Write an answer as the number that it is; the model gives it as one where nothing else is looked at."""
    if is_number_of_answer(expr):
        inner = expr.args[0].args[0]
        asked = low.narrowed.get(cast(Asked, inner.value).token)
        if asked is not None and asked.number:
            return _call(low, inner, asked)
    return f"CAST({low.expr(expr.args[0])} AS DOUBLE)"


def _call(low: Lowering, expr: Expr, asked: Asked) -> str:
    low.asked[asked.token] = asked
    arguments = ", ".join([quote(asked.token), *(_value(low, arg) for arg in expr.args)])
    return f"{NUMBER_FUNCTION}({arguments})" if asked.number else owned(f"{FUNCTION}({arguments})")


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
    "answer_string": lambda low, expr: f"list_transform([{low.expr(expr.args[0])}], lambda a: {_STRING})[1]",
    "answer_unquoted": lambda low, expr: f"list_transform([{low.expr(expr.args[0])}], lambda a: {_UNQUOTED})[1]",
    "answer_number": _number,
    "answer_length": lambda low, expr: f"len(json_keys({_inner(low, expr)}, {_path(expr)}))",
}
