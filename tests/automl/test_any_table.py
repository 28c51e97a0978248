"""Whatever a table holds and whatever is asked, there is a model that can be used, or an AutoMLError."""

import datetime
import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.api import (
    AutoMLError,
    Column,
    Kind,
    Source,
    Task,
    explain_rows,
    load_model,
    predict,
    predict_row,
    read_options,
    train,
)

Make = Callable[[np.random.Generator, int], Any]
_FIRST = datetime.date(1970, 1, 1)


def _numbers(dice: np.random.Generator, rows: int) -> Any:
    found = dice.normal(size=rows) * 10.0 ** dice.integers(-8, 9)
    found[dice.random(rows) < 0.1] = np.nan
    found[0] = np.inf
    return found


def _extremes(dice: np.random.Generator, rows: int) -> Any:
    found = dice.normal(size=rows)
    found[dice.random(rows) < 0.1] = 1.7e308
    found[dice.random(rows) < 0.1] = -1.7e308
    found[0] = 5e-324
    return found


COLUMNS: dict[str, tuple[Kind, Make]] = {
    "whole": (Kind.NUMBER, lambda dice, rows: dice.integers(-5, 50, rows)),
    "huge": (Kind.NUMBER, lambda dice, rows: dice.integers(2**62, 2**63 - 1, rows).astype(np.uint64)),
    "number": (Kind.NUMBER, _numbers),
    "extreme": (Kind.NUMBER, _extremes),
    "decimal": (Kind.NUMBER, lambda dice, rows: [Decimal(int(x)).scaleb(-2) for x in dice.integers(-999, 999, rows)]),
    "truth": (Kind.BOOLEAN, lambda dice, rows: dice.random(rows) < 0.4),
    "text": (Kind.TEXT, lambda dice, rows: [f"ä{x}'\"\\\n" for x in dice.integers(0, 20, rows)]),
    "many": (Kind.TEXT, lambda dice, rows: [f"{x}" for x in dice.integers(0, 10**9, rows)]),
    "prose": (
        Kind.TEXT,
        lambda dice, rows: [
            " ".join(dice.choice(["red", "blue", "sun", "moon", "hill", "sea"], 6)) for _ in range(rows)
        ],
    ),
    "date": (Kind.DATE, lambda dice, rows: [_FIRST + datetime.timedelta(int(x)) for x in dice.integers(0, 9999, rows)]),
    "moment": (Kind.DATETIME, lambda dice, rows: np.datetime64("2000-01-01", "us") + dice.integers(0, 10**15, rows)),
    "time": (Kind.TIME, lambda dice, rows: dice.integers(-3 * 10**12, 3 * 10**12, rows)),
    "bytes": (Kind.BINARY, lambda dice, rows: [b"\xff\x00"] * rows),
    "json": (Kind.JSON, lambda dice, rows: [f'{{"a": {x}}}' for x in dice.integers(0, 3, rows)]),
    "same": (Kind.NUMBER, lambda dice, rows: [7.5] * rows),
    "nothing": (Kind.TEXT, lambda dice, rows: pa.nulls(rows, pa.string())),
    "none": (Kind.NUMBER, lambda dice, rows: pa.nulls(rows)),
    "counted": (Kind.NUMBER, lambda dice, rows: np.arange(rows)),
    "empty": (Kind.TEXT, lambda dice, rows: [""] * rows),
}


def table(seed: int) -> tuple[Source, random.Random]:
    """Make a table of a few columns of any kind, some with gaps."""
    choose, dice = random.Random(seed), np.random.default_rng(seed)
    rows = choose.choice([1, 6, 12, 40, 120, 300])
    columns, made = [], {}
    for number in range(choose.randint(1, 7)):
        kind, make = COLUMNS[choose.choice(list(COLUMNS))]
        values = pa.array(make(dice, rows))
        if choose.random() < 0.3:
            gaps = pa.array(dice.random(rows) < 0.2)
            values = pa.array(
                [None if gap else x for gap, x in zip(gaps.to_pylist(), values.to_pylist(), strict=True)], values.type
            )
        columns.append(Column(f"c{number}", kind))
        made[f"c{number}"] = values
    return Source("any.table", tuple(columns), pa.table(made)), choose


def asked(source: Source, choose: random.Random) -> tuple[str | None, dict[str, Any]]:
    """Choose a task with the columns that it needs."""
    names = source.names
    task = choose.choice(list(Task))
    options: dict[str, Any] = {"task": str(task), "max_seconds": 1, "seed": choose.randrange(100)}
    target = choose.choice(names) if task in (Task.CLASSIFICATION, Task.REGRESSION, Task.RECOMMENDATION) else None
    if task is Task.FORECASTING:
        options |= {"datetime_index": choose.choice(names), "endogenous_variables": [choose.choice(names)]}
    elif task is Task.RECOMMENDATION:
        feedback = choose.choice(["explicit", "implicit"])
        options |= {"users": choose.choice(names), "items": choose.choice(names), "feedback": feedback}
    elif task is Task.TOPICS:
        options["document_column"] = choose.choice(names)
    if choose.random() < 0.2:
        options["include_column_list"] = [choose.choice(names)]
    return target, options


@pytest.mark.parametrize("block", range(8))
def test_a_table_is_learned_from_or_refused(block: int) -> None:
    learned = 0
    for seed in range(block * 25, block * 25 + 25):
        source, choose = table(seed)
        target, options = asked(source, choose)
        try:
            model = train(source, target, read_options(options))
        except AutoMLError:
            continue
        learned += 1
        json.dumps(model.metadata(), allow_nan=False)
        again = load_model(model.to_bytes())
        if model.task is Task.FORECASTING:
            continue
        found = predict(again, source)
        assert found.num_rows == source.rows.num_rows
        for text in found["ml_results"].to_pylist():
            json.loads(text)
        predict_row(again, dict.fromkeys(source.names))
        if model.task in (Task.CLASSIFICATION, Task.REGRESSION):
            for text in explain_rows(again, source.at(pa.array([0])))["ml_results"].to_pylist():
                json.loads(text)
            for text in predict(again, source, {"additional_details": True})["ml_results"].to_pylist():
                assert json.loads(text)["drift"]["metric"] >= 0
    assert learned
