"""Numbers as texts: the digits and the layout of Arrow's cast, whatever the double."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from automl.answers.digits import number_texts

_EDGES = [
    0.0,
    -0.0,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    9007199254740993,
    1e22,
    1e23,
    9.5e-7,
    1e10 - 1,
]
_POWERS = 10.0 ** np.arange(-323, 309)
SETS = {
    "edges": np.array([*_EDGES, np.nan]),
    "any bits": np.random.default_rng(5).integers(0, 2**64, 50_000, dtype=np.uint64).view(np.float64),
    "powers of two": 2.0 ** np.arange(-1074, 1024),
    "powers of ten": np.concatenate([_POWERS, np.nextafter(_POWERS, 0), np.nextafter(_POWERS, np.inf)]),
    "whole": np.arange(-3000.0, 3000.0),
    "few decimals": np.round(np.random.default_rng(6).normal(size=20_000) * 1000, 3),
    "every second": np.random.default_rng(7).random(1000)[::2],
    "none": np.empty(0),
}


@pytest.mark.parametrize("name", SETS)
def test_digits_are_those_of_arrow(name: str) -> None:
    values = SETS[name]
    shown = np.where(np.isfinite(values), values, np.nan)  # JSON has no infinite numbers
    wanted = pc.fill_null(pc.cast(pa.array(shown, from_pandas=True), pa.string()), "null")
    found = number_texts(values)
    found.validate(full=True)
    assert found.equals(wanted)


def test_texts_stand_round_each_number() -> None:
    found = number_texts(np.array([2.5, -1e-7, np.nan, -np.inf]), '{"ö": [', "]}")
    assert found.to_pylist() == ['{"ö": [2.5]}', '{"ö": [-1e-7]}', '{"ö": [null]}', '{"ö": [null]}']
    assert [json.loads(text)["ö"][0] for text in found.to_pylist()] == [2.5, -1e-7, None, None]
