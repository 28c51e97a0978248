"""Stored models with one part altered and all sums right again: refused, or used as any other model is.

Nothing but AutoMLError may come out, and an answer is valid JSON: it goes into columns of that type.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.api import AutoMLError, Model, Source, load_model, predict, predict_row, read_options, train
from automl.stored.container import pack, unpack
from automl.stored.parts import BadModel, Parts
from tests.automl.tables import churn, source

_VALUES = [None, True, 0, -1, 1, 2**31, 2**63, 10**30, -0.5, 1e308, "", "x", [], [1], ["a"], {}, {"a": 1}]
_NUMBERS = [0, 1, -1, 3, 100, 2**31 - 1, 1e308, -1e308, 1e-308]
_WHOLE = [0, 1, 2, 7, -1, 2**31 - 1]
_TEXTS = ["", "\0", "x" * 1000, "(((", "é"]


def _series() -> Source:
    months = np.arange("2010-01", "2020-01", dtype="datetime64[M]").astype("datetime64[D]")
    place = np.arange(120)
    return source("shop.sales", at=months, sold=100 + place + 20 * np.sin(place * np.pi / 6))


CASES: dict[str, tuple[Any, str | None, dict[str, Any]]] = {
    "classes": (churn(300), "left_us", {}),
    "numbers": (churn(300), "months", {"task": "regression", "model_list": ["LinearRegression"]}),
    "series": (
        _series().at(pa.array(np.arange(108))),
        "sold",
        {"task": "forecasting", "datetime_index": "at", "endogenous_variables": ["sold"]},
    ),
}


@pytest.fixture(scope="module", params=CASES)
def stored(request: pytest.FixtureRequest) -> tuple[bytes, Source]:
    rows, target, options = CASES[request.param]
    asked = _series().at(pa.array(np.arange(108, 120))) if request.param == "series" else churn(12, 2)
    return train(rows, target, read_options({**options, "max_seconds": 1})).to_bytes(), asked


def _spots(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _spots(value, (*path, key))


def _alter(parts: Parts, dice: random.Random) -> None:
    kind = dice.choice(["tree", "array", "array", "form", "texts"])
    if kind == "tree" or (kind == "texts" and not parts.texts):
        *path, last = dice.choice([*_spots(parts.tree)])
        inner = parts.tree
        for key in path:
            inner = inner[key]
        inner[last] = dice.choice(_VALUES)
    elif kind == "texts":
        name = dice.choice([*parts.texts])
        words = [*parts.texts[name]]
        words[dice.randrange(len(words)) if words else 0 :] = [dice.choice(_TEXTS)]
        parts.texts[name] = words
    else:
        name = dice.choice([*parts.arrays])
        array = parts.arrays[name]
        flat = array.reshape(-1).copy()
        if kind == "form" or not flat.size:
            parts.arrays[name] = dice.choice([flat[:0], np.concatenate([flat, flat]), flat.astype("<f4"), array.T])
        else:
            is_float = flat.dtype.kind == "f"
            bounds = (-np.inf, np.inf) if is_float else (np.iinfo(flat.dtype).min, np.iinfo(flat.dtype).max)
            flat[dice.randrange(flat.size)] = np.clip(dice.choice(_NUMBERS if is_float else _WHOLE), *bounds)
            parts.arrays[name] = flat.reshape(array.shape)


def _use(model: Model, rows: Source) -> None:
    for text in predict(model, rows)["ml_results"].to_pylist():
        json.loads(text, parse_constant=float.fromhex)  # which raises for NaN and Infinity
    row = {name: None if value is None else str(value) for name, value in rows.rows.slice(0, 1).to_pylist()[0].items()}
    json.dumps(predict_row(model, row), allow_nan=False)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_part_that_was_altered_does_no_harm(stored: tuple[bytes, Source]) -> None:
    data, rows = stored
    refused = used = 0
    for seed in range(150):
        dice = random.Random(seed)
        parts = unpack(data)
        parts.tree, parts.arrays = copy.deepcopy(parts.tree), dict(parts.arrays)
        _alter(parts, dice)
        try:
            model = load_model(pack(parts))
        except BadModel:
            refused += 1
            continue
        try:
            _use(model, rows)
            used += 1
        except AutoMLError:
            pass
    assert min(refused, used) > 20, (refused, used)
