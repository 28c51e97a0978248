"""Recommendations: tastes that were made up are found again."""

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

OPTIONS = {"task": "recommendation", "users": "who", "items": "film"}


def opinions(seed: int = 0, users: int = 300, items: int = 80) -> Source:
    """Ratings 1 to 5 of films by users with two tastes each; a third of all pairs."""
    dice = np.random.default_rng(seed)
    left, right = dice.normal(size=(users, 2)), dice.normal(size=(items, 2))
    quality = dice.normal(0, 0.4, items)
    who, film = np.nonzero(dice.random((users, items)) < 0.33)
    stars = 3 + quality[film] + (left[who] * right[film]).sum(axis=1) * 0.9 + dice.normal(0, 0.3, len(who))
    return source(
        "shop.opinions",
        who=[f"u{each}" for each in who],
        film=[f"f{each}" for each in film],
        stars=np.clip(np.round(stars), 1, 5),
    )


def parted(rows: Source) -> tuple[Source, Source]:
    """Deal rows to training and test."""
    dice = np.random.default_rng(9).random(rows.rows.num_rows) < 0.2
    return rows.at(pa.array(np.flatnonzero(~dice))), rows.at(pa.array(np.flatnonzero(dice)))


@pytest.fixture(scope="module")
def explicit() -> Model:
    """A model of ratings."""
    return train(parted(opinions())[0], "stars", read_options(OPTIONS))


@pytest.fixture(scope="module", params=["ALS", "EASE"])
def implicit(request: pytest.FixtureRequest) -> Model:
    """A model of what was liked."""
    raw = {**OPTIONS, "feedback": "implicit", "feedback_threshold": 4, "model_list": [request.param]}
    model = train(parted(opinions())[0], "stars", read_options(raw))
    assert model.about["algorithm_name"] == request.param
    return model


def test_ratings_are_told(explicit: Model) -> None:
    test = parted(opinions())[1]
    error = score(explicit, test, "stars", "neg_root_mean_squared_error")
    assert error is not None
    assert error > -0.75  # the stars' deviation is 1.2
    share = score(explicit, test, "stars", "r2")
    assert share is not None
    assert share > 0.6
    table = predict(explicit, test)
    values = [json.loads(text)["predictions"]["rating"] for text in table["ml_results"].to_pylist()]
    assert values == table["Prediction"].to_pylist()
    assert min(values) >= 1
    assert max(values) <= 5


def test_one_row_is_the_table_s(explicit: Model) -> None:
    rows = parted(opinions())[1].at(pa.array([0, 1, 2]))
    table = predict(explicit, rows)
    for row, text in zip(rows.rows.to_pylist(), table["ml_results"].to_pylist(), strict=True):
        assert predict_row(explicit, row)["ml_results"] == json.loads(text)
    assert predict_row(explicit, {"who": "nobody", "film": "f1"})["ml_results"]["predictions"]["rating"] > 1


def test_the_best_items_are_new_ones(explicit: Model) -> None:
    rows = parted(opinions())[0]
    seen = {
        film
        for who, film in zip(rows.rows["who"].to_pylist(), rows.rows["film"].to_pylist(), strict=True)
        if who == "u3"
    }
    found = predict_row(explicit, {"who": "u3"}, {"recommend": "items", "topk": 5})["ml_results"]["predictions"]
    assert len(found["film"]) == len(found["rating"]) == 5
    assert not seen & set(found["film"])
    assert found["rating"] == sorted(found["rating"], reverse=True)
    again = predict_row(explicit, {"who": "u3"}, {"recommend": "users_to_items", "topk": 5})["ml_results"][
        "predictions"
    ]
    assert again == found
    everything = predict_row(explicit, {"who": "u3"}, {"recommend": "items", "topk": 500, "remove_seen": False})
    assert len(everything["ml_results"]["predictions"]["film"]) == 80
    assert predict_row(explicit, {"who": "nobody"}, {"recommend": "items"})["ml_results"]["predictions"]["film"]


def test_the_best_users_and_those_alike(explicit: Model) -> None:
    found = predict_row(explicit, {"film": "f3"}, {"recommend": "users", "topk": 4})["ml_results"]["predictions"]
    assert len(found["who"]) == 4
    assert found["rating"] == sorted(found["rating"], reverse=True)
    for mode, key, row in (("items_to_items", "film", {"film": "f3"}), ("users_to_users", "who", {"who": "u3"})):
        alike = predict_row(explicit, row, {"recommend": mode})["ml_results"]["predictions"]
        assert len(alike[key]) == len(alike["similarity"]) == 3
        assert next(iter(row.values())) not in alike[key]
        assert -1 <= alike["similarity"][2] <= alike["similarity"][0] <= 1.000001


def test_what_has_no_factors_is_like_nothing() -> None:
    raw = {"task": "recommendation", "users": "who", "items": "film", "model_list": ["Baseline"], "max_seconds": 5}
    model = train(parted(opinions())[0], "stars", read_options(raw))
    for mode, key, row in (("items_to_items", "film", {"film": "f3"}), ("users_to_users", "who", {"who": "u3"})):
        alike = predict_row(model, row, {"recommend": mode})["ml_results"]["predictions"]
        assert alike == {key: [], "similarity": []}


def test_implicit_feedback_ranks_what_is_liked(implicit: Model) -> None:
    test = parted(opinions())[1]
    found = score(implicit, test, "stars", "precision_at_k", {"topk": 5})
    assert found is not None
    likes = np.sum(test.rows["stars"].to_numpy() >= 4)
    by_chance = likes / (len(set(test.rows["who"].to_pylist())) * 80)
    assert found > 3 * by_chance
    for metric in ("recall_at_k", "hit_ratio_at_k", "ndcg_at_k"):
        value = score(implicit, test, "stars", metric, {"topk": 5})
        assert value is not None
        assert 0 < value <= 1
    with pytest.raises(AutoMLError, match="is of ratings"):
        score(implicit, test, "stars", "r2")
    table = predict(implicit, test, {"recommend": "items"})
    assert table.column_names == ["ml_results"]
    assert table.num_rows == test.rows.num_rows
    assert predict(implicit, test).num_rows == test.rows.num_rows
    for mode in ("users", "items_to_items", "users_to_users"):
        assert predict(implicit, test.at(pa.array([0, 1])), {"recommend": mode}).num_rows == 2


def test_bytes_give_the_same_model(implicit: Model) -> None:
    test = parted(opinions())[1]
    again = load_model(implicit.to_bytes())
    first, second = (
        [
            json.loads(text)["predictions"]["film"]
            for text in predict(model, test, {"recommend": "items"})["ml_results"].to_pylist()
        ]
        for model in (implicit, again)
    )
    assert first == second


def test_metadata_tells_of_new_items() -> None:
    dice = np.random.default_rng(0)
    genre = dice.choice(["war", "love"], 60)
    taste = dice.choice(["war", "love"], 200)
    who, film = np.nonzero(dice.random((200, 60)) < 0.4)
    stars = np.where(taste[who] == genre[film], 5.0, 1.0)
    old = film < 50
    rows = source(
        "shop.opinions",
        who=[f"u{each}" for each in who[old]],
        film=[f"f{each}" for each in film[old]],
        stars=stars[old],
    )
    films = source("shop.films", film=[f"f{each}" for each in range(60)], genre=genre.tolist())
    raw = {**OPTIONS, "item_metadata": {"table_name": "shop.films"}}
    model = train(rows, "stars", read_options(raw), tables={"shop.films": films})
    new = source(
        "shop.opinions",
        who=[f"u{each}" for each in who[~old]],
        film=[f"f{each}" for each in film[~old]],
        stars=stars[~old],
    )
    found = score(model, new, "stars", "r2")
    assert found is not None
    assert found > 0.5


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (None, {}, "explicit feedback needs a target column"),
        ("stars", {"users": "whom"}, "Unknown users column 'whom' in table shop.opinions. Did you mean 'who'"),
        ("stars", {"feedback": "implicit", "feedback_threshold": 9}, "needs 10 rows or more"),
        ("stars", {"model_list": ["EASE"]}, "EASE is for implicit feedback"),
        ("stars", {"feedback": "implicit", "optimization_metric": "r2"}, "is of ratings"),
    ],
)
def test_what_cannot_be_learned_is_refused(target: str | None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        train(opinions(), target, read_options({**OPTIONS, **options}))


def test_bad_questions_are_refused(explicit: Model) -> None:
    with pytest.raises(AutoMLError, match="lacks the column 'film'"):
        predict_row(explicit, {"who": "u1"})
    with pytest.raises(AutoMLError, match="not for ratings"):
        predict_row(explicit, {"who": "u1", "film": "f1"}, {"topk": 3})


def test_damaged_models_are_refused(implicit: Model) -> None:
    for name in unpack(implicit.to_bytes()).arrays:
        parts = unpack(implicit.to_bytes())
        parts.arrays[name] = np.full(7, 10**9)
        with pytest.raises(BadModel):
            load_model(pack(parts))
