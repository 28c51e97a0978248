"""What a call of a model answers for whole columns: the document as the server spells it, or the answer alone."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from automl import api
from engine.ml.answers import answer
from engine.translate.bind.answers import Asked
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


def test_an_answer_alone_is_what_the_whole_has_beside_the_document(model: api.Model) -> None:
    asked = Asked(CALL, ("size", "name"), ("double", "text"), (0, 0), "mysql")
    given = columns(["a"] * len(SIZES))
    whole = [json.loads(text) for text in answer(model, asked, given, len(SIZES)).to_pylist()]
    alone = answer(model, replace(asked, alone=True), given, len(SIZES)).to_pylist()
    wanted = [{name: row[name] for name in ("Prediction", "ml_results")} for row in whole]
    assert [json.loads(text) for text in alone] == wanted
