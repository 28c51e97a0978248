"""Splits of a table, and rows that come as JSON."""

import base64
import datetime
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.api import (
    AutoMLError,
    Column,
    Kind,
    Model,
    Source,
    predict,
    predict_row,
    read_options,
    rows_from_json,
    split,
    train,
)
from automl.stored.nesting import count_keys
from automl.table import documents
from tests.automl.tables import churn, source


def test_a_split_has_every_class_in_proportion() -> None:
    rows = churn(1000)
    train, test = split(rows, "left_us", {"test_size": 0.25, "seed": 3})
    assert len(test) == 250
    assert sorted([*train, *test]) == list(range(1000))
    left = np.array(rows.values("left_us").to_pylist()) == "yes"
    assert abs(left[train].mean() - left[test].mean()) < 0.005
    again = split(rows, "left_us", {"test_size": 0.25, "seed": 3})
    assert np.array_equal(again[1], test)
    assert not np.array_equal(split(rows, "left_us", {"test_size": 0.25, "seed": 4})[1], test)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"testsize": 0.5}, "Did you mean 'test_size'"),
        ({"test_size": 1}, "a number between 0 and 1"),
        ({"test_size": 0.01}, "has 20 rows: too few"),
    ],
)
def test_a_bad_split_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        split(source(x=list(range(20))), None, options)


def test_a_column_of_json_is_predicted_as_its_rows_are(churn_model: Model) -> None:
    rows = churn(100, 5).rows.select(["plan", "calls", "months", "since"]).to_pylist()
    for row in rows:
        row["since"] = row["since"].isoformat(" ")
    texts = [json.dumps(row) for row in rows]
    table = predict(churn_model, rows_from_json(churn_model, pa.array(texts)))
    assert [json.loads(text) for text in table["ml_results"].to_pylist()] == [
        predict_row(churn_model, row)["ml_results"] for row in rows
    ]


def test_json_of_mixed_types_is_read_too(churn_model: Model) -> None:
    rows = [
        {"plan": "basic", "calls": 5, "months": 2, "since": "2024-01-01"},
        {"PLAN": 7, "calls": "5", "months": None, "since": None, "more": [1]},
    ]
    table = predict(churn_model, rows_from_json(churn_model, pa.array([json.dumps(row) for row in rows])))
    assert [json.loads(text) for text in table["ml_results"].to_pylist()] == [
        predict_row(churn_model, row)["ml_results"] for row in rows
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["[1]"], "no JSON object"),
        (["{"], "no JSON object"),
        ([None], "A row is NULL"),
        (['{"plan": "a"}'], "lacks columns that the model was trained on: calls, months, since"),
        (['{"plan": {}, "calls": 1, "months": 1, "since": null}'], "Column 'plan' must hold a text"),
        (['{"plan": "a", "calls": "", "months": 1, "since": null}'], "Column 'calls' must hold numbers, not ''"),
        (['{"plan": "a", "calls": 1, "months": 1, "since": "it\'s"}'], 'must hold dates .*, not "it\'s"'),
    ],
)
def test_bad_json_is_refused(churn_model: Model, texts: list[str], message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        predict(churn_model, rows_from_json(churn_model, pa.array(texts, pa.string())))


def test_values_that_json_spells_in_its_own_way_are_read() -> None:
    count = 200
    columns = (*(Column("t", Kind.TIME), Column("b", Kind.NUMBER), Column("j", Kind.JSON), Column("y", Kind.TEXT)),)
    numbers = range(count)
    rows = pa.table(
        {
            "t": [each * 61_000_000 for each in numbers],
            "b": [each % 4 for each in numbers],
            "j": [f'{{"ä": {each % 3}}}' for each in numbers],
            "y": ["yes" if each % 4 == 1 or each > 150 else "no" for each in numbers],
        }
    )
    source = Source("lab.odd", columns, rows)
    model = train(source, "y", read_options({"max_seconds": 2, "model_list": ["LogisticRegression"]}))  # asks them all
    wanted = [json.loads(text) for text in predict(model, source)["ml_results"].to_pylist()]
    documents = [
        {
            "t": f"{each * 61 // 3600:02d}:{each * 61 // 60 % 60:02d}:{each * 61 % 60:02d}.000000",
            "b": "base64:type16:" + base64.b64encode(bytes([each % 4])).decode(),
            "j": {"ä": each % 3},
        }
        for each in numbers
    ]
    texts = pa.array([json.dumps(row) for row in documents])
    found = predict(model, rows_from_json(model, texts))["ml_results"].to_pylist()
    assert [json.loads(text) for text in found] == wanted
    assert [predict_row(model, row)["ml_results"] for row in documents[:20]] == wanted[:20]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    "deep",
    [
        "[" * 200_000,
        '{"age": ' + "[" * 101 + "]" * 101 + "}",
        '{"age": ' * 30_000 + "1" + "}" * 30_000,
        '{"age": 1, "other": ' + "[" * 30_000 + "]" * 30_000 + "}",
    ],
)
def test_a_row_that_is_nested_too_deeply_is_refused_before_it_is_read(deep: str, rows: int) -> None:
    texts = pa.array(['{"age": 3}'] * (rows - 1) + [deep, None])[:rows]
    with pytest.raises(AutoMLError, match="nested too deeply"):
        documents.rows_from_json((Column("age", Kind.NUMBER),), texts)


def test_brackets_of_texts_are_no_levels() -> None:
    inside = json.dumps("[{" * 500 + '\\"[' * 200)
    deepest = "[" * 98 + "]" * 98
    texts = pa.array(["", f'{{"age": 3, "city": {inside}, "x": [{deepest}]}}', f'{{"age": 4, "city": {inside}}}'])
    found = documents.rows_from_json((Column("age", Kind.NUMBER), Column("city", Kind.TEXT)), texts[1:])
    assert found.values("age").to_pylist() == [3, 4]
    assert found.values("city").to_pylist() == [json.loads(inside)] * 2


def test_rows_may_have_keys_of_their_own() -> None:
    """Half a million different keys in all, which Arrow would make as many columns of, each for all rows."""
    rows = 5000
    others = [", ".join(f'"k{row}_{key}": {{"x": [1]}}' for key in range(100)) for row in range(rows)]
    texts = pa.array([f'{{"AGE": {row}, {each}}}' for row, each in enumerate(others)])
    found = documents.rows_from_json((Column("age", Kind.NUMBER), Column("city", Kind.TEXT)), texts)
    assert found.names == ("age",)
    assert [float(value) for value in found.values("age").to_pylist()] == [*range(rows)]


@pytest.mark.parametrize(
    ("texts", "keys"),
    [
        (["{}", "", '{"a": 1}', '{"b": 1, "a": 2}'], 2),
        (['{"a": {"x": 1}, "b": {"x": 1}}'], 4),
        (['{"a": [{"x": 1, "y": 1}, {"x": 1, "y": 2}, [{"x": ":{"}]]}'], 3),
        (['{"a\\"b": 1, "a": "c\\": 1"}'], 2),
        (['"', "]]]]", '{"a', "\\", '{"a\\'], 0),
    ],
)
def test_different_keys_are_counted(texts: list[str], keys: int) -> None:
    assert count_keys(pa.array(texts)) == keys
    assert count_keys(pa.array(["{}", None, *texts])[2:]) == keys


def test_moments_of_all_times_are_learned_from_and_a_row_is_as_among_many() -> None:
    """Microseconds of the years before 1684 and after 2255 are more than a double counts one by one."""
    days = ["1000-01-01", "1683-12-31 23:59:59.999999", "2024-02-29 12:00:00.000001", "9999-12-31 23:59:59.999999"]
    moments = [datetime.datetime.fromisoformat(day) for day in days] * 50
    rows = source(at=pa.array(moments, pa.timestamp("us")), y=[float(each % 4) for each in range(200)])
    for kind in ("LGBMRegressor", "LinearRegression"):
        raw = {"task": "regression", "max_seconds": 1, "include_column_list": ["at"], "model_list": [kind]}
        model = train(rows, "y", read_options(raw))
        many = [json.loads(text) for text in predict(model, rows)["ml_results"].to_pylist()[:4]]
        assert [predict_row(model, {"at": day})["ml_results"] for day in days] == many


def test_a_number_of_many_digits_is_as_among_many(churn_model: Model) -> None:
    row: dict[str, Any] = {"plan": "gold", "months": 5, "since": "2020-01-01"}
    for value in (10**30, -(10**120), 10**400, "1e309"):
        text = json.dumps({**row, "calls": value})
        many = json.loads(
            predict(churn_model, rows_from_json(churn_model, pa.array([text] * 2)))["ml_results"][0].as_py()
        )
        assert predict_row(churn_model, {**row, "calls": value})["ml_results"] == many


def test_half_of_a_surrogate_pair_is_refused(churn_model: Model) -> None:
    texts = [json.dumps({"plan": plan, "calls": 1, "months": 5, "since": "2020-01-01"}) for plan in ("\ud800", 7)]
    with pytest.raises(AutoMLError, match="Column 'plan' has a value that cannot be read"):
        predict(churn_model, rows_from_json(churn_model, pa.array(texts)))
