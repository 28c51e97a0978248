"""What a call of a model answers for whole columns: the document as the server spells it, or the answer alone."""

import json
from dataclasses import replace
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from automl import api
from engine.ml.answers import answer
from engine.translate.bind.values.answers import Asked
from statements.context import ModelCall

CALL = ModelCall("ML_SCHEMA_root", "m", "sum", "predict", "")
SIZES = [
    1.0,
    -0.0,
    1e10,
    9999999999.0,
    9999999999.5,
    -1e10,
    1e22,
    1e-6,
    1e-7,
    0.1,
    2.5e-310,
    1.7976931348623157e308,
    None,
]
SPELLED = {
    "mysql": ["1.0", "-0.0", "1e10", "9999999999.0", "9999999999.5", "-1e10", "1e22"],
    "mariadb": ["1", "-0", "1e10", "9999999999", "9999999999.5", "-1e10", "1e22"],
}
BOTH = ["0.000001", "1e-7", "0.1", "2.5e-310", "1.7976931348623157e308", "null"]


@pytest.fixture(scope="module")
def model() -> api.Model:
    sizes = np.arange(60.0)
    table = pa.table({"size": sizes, "name": ["a", "b", "c"] * 20, "price": 3 * sizes + 1})
    kinds = {"size": api.Kind.NUMBER, "name": api.Kind.TEXT, "price": api.Kind.NUMBER}
    source = api.Source("shop.t", tuple(api.Column(name, kind) for name, kind in kinds.items()), table)
    options = {"task": "regression", "model_list": ["LinearRegression"], "max_seconds": 1}
    return api.train(source, "price", api.read_options(options))


def columns(names: list[str | None]) -> list[pa.ChunkedArray]:
    return [pa.chunked_array([pa.array(SIZES)]), pa.chunked_array([pa.array(names, pa.string())])]


@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_doubles_and_texts_are_spelled_as_the_server_does(model: api.Model, backend: str) -> None:
    asked = Asked(CALL, ("size", "name"), ("double", "text"), (0, 0), backend)
    names: list[str | None] = ["plain", "", None, 'a "word"', "back\\slash", "line\nend", "\x01", "é", *["b"] * 5]
    found = answer(model, asked, columns(names), len(SIZES)).to_pylist()
    assert [text.split('"size": ')[1].split(",")[0] for text in found] == SPELLED[backend] + BOTH
    assert [json.loads(text)["name"] for text in found] == names
    plain = answer(model, asked, columns(["b"] * len(SIZES)), len(SIZES)).to_pylist()
    assert plain[8:] == found[8:]  # texts without marks go another way


def test_columns_are_those_of_the_whole_answer(model: api.Model) -> None:
    asked = Asked(CALL, ("size", "name"), ("double", "text"), (0, 0), "mysql")
    given = columns(["a"] * len(SIZES))
    whole = [json.loads(text) for text in answer(model, asked, given, len(SIZES)).to_pylist()]
    for names in (("Prediction", "ml_results"), ("Prediction",), ("ml_results",)):
        part = answer(model, replace(asked, columns=names), given, len(SIZES)).to_pylist()
        assert [json.loads(text) for text in part] == [{name: row[name] for name in names} for row in whole]
    assert answer(model, replace(asked, columns=("none",)), given, len(SIZES)).null_count == len(SIZES)


def test_numbers_are_those_of_the_texts(model: api.Model) -> None:
    asked = Asked(CALL, ("size", "name"), ("double", "text"), (0, 0), "mysql", columns=("Prediction",))
    given = columns(["a"] * len(SIZES))
    texts = answer(model, asked, given, len(SIZES))
    numbers = answer(model, replace(asked, number=True), given, len(SIZES))
    assert numbers.type == pa.float64()
    with duckdb.connect() as database:
        database.register("given", pa.table({"t": texts}))
        read = "SELECT CAST(CAST(json_extract(t, '$.Prediction') AS VARCHAR) AS DOUBLE) FROM given"
        assert [(value,) for value in numbers.to_pylist()] == database.execute(read).fetchall()


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        ([1, 2**53 + 1], [1.0, 2.0**53]),
        ([0.5, -0.0], [0.5, 0.0]),
        (["1", "2"], None),  # a number in quotes is none
        (["yes", "no"], None),
        ([True, False], None),
        ([0.5, None], None),
        ([0.5, float("inf")], None),
        ([Decimal("0.1"), Decimal("1.00")], [0.1, 1.0]),
    ],
)
def test_what_is_no_number_is_not_read_as_one(
    monkeypatch: pytest.MonkeyPatch, model: api.Model, labels: list[object], numbers: list[float] | None
) -> None:
    monkeypatch.setattr(api, "predictions", lambda *_: pa.table({"Prediction": pa.array(labels)}))
    asked = Asked(CALL, ("size", "name"), ("double", "text"), (0, 0), "mysql", ("Prediction",), number=True)
    given = [pa.chunked_array([[1.0, 2.0]]), pa.chunked_array([["a", "b"]])]
    if numbers is None:
        with pytest.raises(pa.ArrowInvalid):
            answer(model, asked, given, 2)
    else:
        found = answer(model, asked, given, 2)
        assert [str(value) for value in found.to_pylist()] == [str(value) for value in numbers]
