"""Forecasts: of series whose making is known, better than the last season again."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.api import AutoMLError, Model, load_model, predict, predict_row, read_options, score, train
from automl.stored.container import pack, unpack
from automl.stored.parts import BadModel
from automl.table.source import Source
from tests.automl.tables import source

MONTHS = np.arange("2010-01", "2022-01", dtype="datetime64[M]").astype("datetime64[us]")
OPTIONS = {"task": "forecasting", "datetime_index": "at", "max_seconds": 20}


def monthly(start: int = 0, end: int = len(MONTHS), seed: int = 0) -> Source:
    """A trend, a season of twelve months, and noise."""
    dice = np.random.default_rng(seed)
    steps = np.arange(len(MONTHS))
    values = 100 + 0.8 * steps + 15 * np.sin(2 * np.pi * steps / 12) + dice.normal(0, 2, len(steps))
    return source("shop.sales", at=MONTHS[start:end], sold=values[start:end])


@pytest.fixture(scope="module")
def sales() -> Model:
    """A forecast of the first ten years."""
    return train(monthly(0, 120), "sold", read_options({**OPTIONS, "endogenous_variables": ["sold"]}))


def test_trend_and_season_go_on(sales: Model) -> None:
    assert sales.about["hyperparameters"]["season"] == [12]
    after = monthly(120)
    found = predict(sales, after)["Prediction"].to_numpy()
    truth = after.rows["sold"].to_numpy()
    naive = np.resize(monthly(108, 120).rows["sold"].to_numpy(), 24)
    assert np.abs(found - truth).mean() < 0.5 * np.abs(naive - truth).mean()
    scaled = score(sales, after, "sold", "neg_mean_abs_scaled_error")
    assert scaled is not None
    assert scaled > -0.5


def test_intervals_hold_what_they_say_and_grow_with_their_level(sales: Model) -> None:
    after = monthly(120)
    rows = [json.loads(text)["predictions"] for text in predict(sales, after)["ml_results"].to_pylist()]
    inside = [
        low <= value <= high
        for value, (low, high) in zip(
            after.rows["sold"].to_pylist(), (row["prediction_interval_sold"] for row in rows), strict=True
        )
    ]
    assert np.mean(inside) > 0.8
    narrow = json.loads(predict(sales, after, {"prediction_interval": 0.5})["ml_results"][0].as_py())["predictions"]
    assert narrow["sold"] == rows[0]["sold"]
    assert narrow["prediction_interval_sold"][1] < rows[0]["prediction_interval_sold"][1]


def test_one_row_is_the_table_s(sales: Model) -> None:
    table = predict(sales, monthly(120))
    assert predict_row(sales, {"AT": "2020-03-01", "more": 1})["ml_results"] == json.loads(
        table["ml_results"][2].as_py()
    )


def test_rows_may_come_in_any_order_and_with_gaps(sales: Model) -> None:
    whole = predict(sales, monthly(120))["Prediction"].to_pylist()
    assert predict(sales, monthly(120).at(pa.array([20, 3])))["Prediction"].to_pylist() == [whole[20], whole[3]]


def test_bytes_give_the_same_forecast(sales: Model) -> None:
    assert predict(load_model(sales.to_bytes()), monthly(120)).equals(predict(sales, monthly(120)))


def test_an_exogenous_variable_is_used() -> None:
    dice = np.random.default_rng(1)
    days = np.datetime64("2024-01-01", "us") + np.arange(300) * np.timedelta64(86_400, "s")
    holiday = (dice.random(300) < 0.15).astype(float)
    weather = dice.choice(["sun", "rain"], 300)
    visits = 200 + 80 * holiday - 40 * (weather == "rain") + dice.normal(0, 5, 300)
    rows = source("shop.visits", at=days, holiday=holiday, weather=weather.tolist(), visits=visits)
    raw = {**OPTIONS, "endogenous_variables": ["visits"], "exogenous_variables": ["holiday", "weather"]}
    model = train(rows.at(pa.array(np.arange(260))), None, read_options(raw))
    after = rows.at(pa.array(np.arange(260, 300)))
    found = predict(model, after)["Prediction"].to_numpy()
    assert np.abs(found - visits[260:]).mean() < 12
    with pytest.raises(AutoMLError, match="lacks columns that the model was trained on: weather"):
        predict(model, after.keep(["at", "holiday"]))


def test_several_series_help_each_other() -> None:
    dice = np.random.default_rng(2)
    lead = np.cumsum(dice.normal(0, 1, 400))
    follow = np.concatenate([[0.0], lead[:-1]]) * 2 + dice.normal(0, 0.2, 400)
    rows = source("lab.pair", at=np.arange(1, 401), lead=lead, follow=follow)
    raw = {**OPTIONS, "endogenous_variables": ["lead", "follow"], "model_list": ["VARMAXForecaster"]}
    model = train(rows.at(pa.array(np.arange(380))), "follow", read_options(raw))
    value = predict_row(model, {"at": 381})["ml_results"]["predictions"]
    assert set(value) == {"lead", "follow", "prediction_interval_lead", "prediction_interval_follow"}
    assert abs(value["follow"] - 2 * lead[379]) < 1
    assert predict(load_model(model.to_bytes()), rows.at(pa.array([380])))["Prediction"][0].as_py() == value["follow"]


def test_models_may_be_chosen() -> None:
    raw = {**OPTIONS, "endogenous_variables": ["sold"], "model_list": ["NaiveForecaster"]}
    model = train(monthly(0, 120), None, read_options(raw))
    assert model.about["algorithm_name"] == "NaiveForecaster"
    last = monthly(108, 120).rows["sold"].to_pylist()
    assert predict(model, monthly(120, 132))["Prediction"].to_pylist() == last


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"at": [1, 1, *range(2, 20)]}, "the same time in several rows"),
        ({"at": list(range(5))}, "needs 8 rows or more"),
        ({"at": [None, *range(20)]}, "is NULL in 1 rows"),
        ({"at": [2**each for each in range(20)]}, "no regular step"),
        ({"at": ["a"] * 20}, "must hold dates"),
        ({"at": list(range(20)), "sold": ["x"] * 20}, "is of numbers"),
        ({"at": list(range(20)), "sold": [None] * 15 + [1.0] * 5}, "has 5 values"),
    ],
)
def test_series_that_are_none_are_refused(columns: dict[str, Any], message: str) -> None:
    rows = source(**{"sold": [float(each) for each in range(len(columns["at"]))], **columns})
    with pytest.raises(AutoMLError, match=message):
        train(rows, None, read_options({**OPTIONS, "endogenous_variables": ["sold"]}))


def test_what_is_forecast_is_not_known_ahead() -> None:
    raw = {**OPTIONS, "endogenous_variables": ["sold"], "exogenous_variables": ["SOLD"]}
    with pytest.raises(AutoMLError, match="'SOLD' is among the endogenous variables and the exogenous ones"):
        train(monthly(120), None, read_options(raw))


def test_the_past_is_not_forecast(sales: Model) -> None:
    with pytest.raises(AutoMLError, match="not after the last one of the training"):
        predict(sales, monthly(119, 125))
    with pytest.raises(AutoMLError, match="at most 20000"):
        predict_row(sales, {"at": "9999-01-01"})


def test_gaps_of_the_series_are_filled() -> None:
    rows = monthly(0, 120)
    values = rows.rows["sold"].to_numpy().copy()
    values[[5, 50, 51]] = np.nan
    few = source("shop.sales", at=np.delete(MONTHS[:120], [30, 31]), sold=np.delete(values, [30, 31]))
    model = train(few, None, read_options({**OPTIONS, "endogenous_variables": ["sold"]}))
    found = score(model, monthly(120), None, "neg_mean_absolute_error")
    assert found is not None
    assert found > -6


def test_damaged_forecasts_are_refused(sales: Model) -> None:
    for name in unpack(sales.to_bytes()).arrays:
        parts = unpack(sales.to_bytes())
        parts.arrays[name] = np.zeros((2, 3, 4))
        with pytest.raises(BadModel):
            load_model(pack(parts))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_grows_beyond_a_doubles_range_has_no_number() -> None:
    steps = np.arange(len(MONTHS))
    rows = source("shop.sales", at=MONTHS, sold=np.exp(steps / 2) * (1 + 0.01 * np.cos(steps)))
    raw = {**OPTIONS, "max_seconds": 2, "endogenous_variables": ["sold"], "model_list": ["SARIMAXForecaster"]}
    model = train(rows, "sold", read_options(raw))
    found = predict_row(model, {"at": "2500-01-01"})
    assert found["Prediction"] is None
    assert found["ml_results"] == {"predictions": {"sold": None, "prediction_interval_sold": [None, None]}}
    assert predict_row(model, {"at": "2022-01-01"})["Prediction"] > 1e30
    far = source("shop.sales", at=np.array(["2022-01-01", "2500-01-01"], "datetime64[us]"))
    assert predict(model, far)["Prediction"].null_count == 1
