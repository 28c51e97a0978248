"""Models that are weighted sums, asked for numbers, as DuckDB's own expressions in the place of calls.

A call hands two thousand rows to Python and back, which costs many times what adding up does. The sum is made in the
order of the model's own and each product rounded by itself, so it has the same last digit.
"""

from collections.abc import Callable, Iterable, Sequence

import duckdb

from automl.api import Formula, Model, formula_of
from automl.table.columns import LARGEST
from engine.collate.rules import quote
from engine.translate.bind.values.answers import WHOLE, Asked
from engine.translate.lower.answers import NUMBER_FUNCTION

_PREFIX = "warmfront_sum_"
_FORMS = frozenset({"double", WHOLE})  # whose values DuckDB makes the doubles of that the model does


def with_sums(connection: duckdb.DuckDBPyConnection, sql: str, calls: Iterable[tuple[Asked, Model]]) -> str:
    """Give a statement with the calls that can be sums as such; their macros last as long as the transaction."""
    for asked, model in calls:
        call = f"{NUMBER_FUNCTION}({quote(asked.token)}, "
        if asked.number and call in sql and (body := _body(asked, model)):
            names = ", ".join(_parameters(asked))
            connection.execute(f"CREATE OR REPLACE TEMP MACRO {_PREFIX}{asked.token}({names}) AS ({body})")
            sql = sql.replace(call, f"{_PREFIX}{asked.token}(")
    return sql


def _parameters(asked: Asked) -> list[str]:
    return [f"p{place}" for place in range(len(asked.keys))]


def _body(asked: Asked, model: Model) -> str | None:
    formula = formula_of(model)
    if formula is None or not asked.bare or asked.model.options:  # options that are wrong are complained of
        return None
    given = {
        key.casefold(): (name, form)
        for key, name, form in zip(asked.keys, _parameters(asked), asked.forms, strict=True)
    }
    found = [given.get(column.casefold(), ("", "")) for column in formula.columns]
    if not all(form in _FORMS for _, form in found):  # also where one is missing, which the model complains of
        return None
    return written(formula, [f"CAST({name} AS DOUBLE)" for name, _ in found])


def written(formula: Formula, values: Sequence[str]) -> str:
    """Write a formula over expressions of doubles.

    Rows of plain numbers, without gaps and without huge ones, are told by ranges rather than by a sum of squares, say:
    what a column's own statistics tell of all its values, the optimizer does not ask of each row again.
    """
    plain, careful = (_blended(formula, values, product) for product in (_plain, _careful))
    ranges = " AND ".join(map(_is_plain, values))
    chosen = f"CASE WHEN {ranges} THEN {plain} ELSE {careful} END"
    return f"{chosen} * {_double(formula.scale)} + {_double(formula.center)} + {_double(0.0)}"


def _blended(formula: Formula, values: Sequence[str], product: Callable[[str, float, float], str]) -> str:
    parts = []
    for each in formula.sums:
        total = _double(each.base)
        for value, weight, gap in zip(values, each.weights, each.gaps, strict=True):
            total = f"({total} + {product(value, weight, gap)})"
        parts.append(total)
    if formula.shares == (1.0,):
        return parts[0]
    blended = _double(0.0)
    for part, share in zip(parts, formula.shares, strict=True):
        blended = f"({blended} + {_double(share)} * {part})"
    return blended


def _plain(value: str, weight: float, gap: float) -> str:
    return f"{value} * {_double(weight)}"


def _careful(value: str, weight: float, gap: float) -> str:
    most = _double(LARGEST)
    bounded = f"least(greatest({value}, -{most}), {most}) * {_double(weight)}"
    other = f"CASE WHEN isfinite({value}) THEN {bounded} ELSE {_double(gap)} END"
    return f"CASE WHEN {_is_plain(value)} THEN {_plain(value, weight, gap)} ELSE {other} END"


def _is_plain(value: str) -> str:
    """Write the condition that a value is no gap and not huge: NULL or false for NULL, NaN and what is beyond."""
    return f"{value} BETWEEN -{_double(LARGEST)} AND {_double(LARGEST)}"


def _double(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"
