"""Weighted sums in DuckDB's own SQL have the model's answers to the last bit, and what is none stays a call."""

import functools
import math
import struct
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automl import api
from automl.learners.linear import Linear
from automl.supervised.model import Supervised
from automl.table.labels import Labels
from automl.table.roles import Category
from engine.ml.answers import answer
from engine.ml.formulas import with_sums
from engine.translate.bind.values.answers import Asked
from engine.translate.lower.answers import NUMBER_FUNCTION
from statements.context import ModelCall

CALL = ModelCall("ML_SCHEMA_root", "m", "sum", "predict", "")
NAMES = ("size", "floor", "age")
ASKED = Asked(CALL, NAMES, ("double", "double", "whole"), (0, 0, 0), "mysql", ("Prediction",), True, True)
NUMBERS = [0.0, -0.0, 0.1, -1 / 3, 1e99, 1e100, -1e100, 1.0000001e100, -1e101, 1.7976931348623157e308, 5e-324]
NASTY = [*NUMBERS, math.nan, math.inf, -math.inf, None]
WHOLE = [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), None]


@functools.cache
def trained(gaps: bool) -> api.Model:
    random = np.random.default_rng(7)
    columns = {name: random.normal(size=400) * 10.0**place for place, name in enumerate(NAMES)}
    known = {name: pa.array(values, mask=random.random(400) < 0.1 * gaps) for name, values in columns.items()}
    price = 1e6 * columns["size"] + 3 * columns["floor"] + random.normal(size=400)
    options = {"task": "regression", "model_list": ["LinearRegression"], "max_seconds": 1}
    source = api.Source(
        "shop.t", tuple(api.Column(each, api.Kind.NUMBER) for each in (*NAMES, "y")), pa.table({**known, "y": price})
    )
    return api.train(source, "y", api.read_options(options))


def blended(fitted: object, shares: tuple[float, ...]) -> Supervised:
    """Give a model with so many members, whose weights differ."""
    assert isinstance(fitted, Supervised)
    member = fitted.blend.members[0]
    assert isinstance(member, Linear)
    members = tuple(replace(member, weights=member.weights * (1 + place)) for place in range(len(shares)))
    return replace(fitted, blend=replace(fitted.blend, members=members, weights=shares))


@pytest.fixture(scope="module")
def model() -> api.Model:
    return trained(gaps=False)


def bits(values: pa.Array | pa.ChunkedArray) -> list[bytes]:
    return [struct.pack("<d", value) for value in values.to_pylist()]


@pytest.mark.parametrize(("gaps", "shares"), [(False, ()), (True, ()), (True, (0.75, 0.25)), (True, (0.3,))])
def test_sums_are_the_models_own(gaps: bool, shares: tuple[float, ...]) -> None:
    model = trained(gaps)
    if shares:
        model = api.Model(blended(model.fitted, shares), {})
    rows = [(one, other, place) for place, one in enumerate(NASTY) for other in NASTY]
    rows += [(0.5 + place, -place / 7, whole) for place, whole in enumerate(WHOLE * 30)]
    sizes, floors, ages = zip(*rows, strict=True)
    given = [pa.chunked_array([pa.array(sizes)]), pa.chunked_array([pa.array(floors)]), pa.chunked_array([ages])]
    table = pa.table({"place": range(len(rows)), **dict(zip(NAMES, given, strict=True))})
    with duckdb.connect() as database:
        database.register("given", table)
        database.execute("CREATE TABLE kept AS FROM given")
        database.execute("BEGIN")
        statement = f"SELECT {NUMBER_FUNCTION}('{ASKED.token}', size, floor, age) AS p FROM kept ORDER BY place"
        sql = with_sums(database, statement, [(ASKED, model)])
        assert NUMBER_FUNCTION not in sql
        found = database.execute(sql).to_arrow_table()["p"]
    assert bits(found) == bits(answer(model, ASKED, given, len(rows)))


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, number=False),
        replace(ASKED, bare=False),  # DuckDB might compute a value for each place that it has in the sum
        replace(ASKED, forms=("double", "number", "whole")),  # a decimal, which becomes a double in another way
        replace(ASKED, forms=("double", "text", "whole")),
        replace(ASKED, keys=("size", "floor", "other")),  # which the model complains of
        replace(ASKED, model=replace(CALL, options='{"none": 1}')),
    ],
)
def test_other_calls_stay(model: api.Model, asked: Asked) -> None:
    statement = f"SELECT {NUMBER_FUNCTION}('{asked.token}', size, floor, age) FROM t"
    with duckdb.connect() as database:
        assert with_sums(database, statement, [(asked, model)]) == statement


def test_other_models_are_no_sums(model: api.Model) -> None:
    fitted = model.fitted
    assert isinstance(fitted, Supervised)
    blend = fitted.blend
    for other in (
        replace(fitted, labels=Labels(("no", "yes"), False)),
        replace(fitted, blend=replace(blend, members=blend.members * 70, weights=(0.1,) * 70)),  # of 210 terms
        replace(fitted, encoder=replace(fitted.encoder, roles=(Category("size", ("a",)), *fitted.encoder.roles[1:]))),
        replace(fitted, scale=1e250),  # whose sum may be out of a double's range
    ):
        assert api.formula_of(api.Model(other, {})) is None
    assert api.formula_of(model) is not None


def test_keys_are_found_in_any_case_and_order(model: api.Model) -> None:
    asked = replace(ASKED, keys=("AGE", "Size", "more", "floor"), forms=("whole", "double", "text", "double"))
    with duckdb.connect() as database:
        statement = f"SELECT {NUMBER_FUNCTION}('{asked.token}', 3, 1.5, 'a', 0.25)"
        ((found,),) = database.execute(with_sums(database, statement, [(asked, model)])).fetchall()
    given = [pa.chunked_array([[value]]) for value in (3, 1.5, "a", 0.25)]
    assert found == answer(model, asked, given, 1)[0].as_py()


def test_rows_that_come_later_are_told_by_their_own_values(model: api.Model, tmp_path: Path) -> None:
    """Of clean columns DuckDB asks for no gaps, by statistics of theirs, which have to follow what is written."""
    token = f"{NUMBER_FUNCTION}('{ASKED.token}', size, floor, age)"
    clean = pa.table({"size": [0.5, 1.5], "floor": [2.0, -3.0], "age": pa.array([7, 8], pa.int64())})
    pq.write_table(
        pa.table({"size": [0.5, math.nan], "floor": [math.inf, 1.0], "age": [7, 8]}), tmp_path / "odd.parquet"
    )
    with duckdb.connect(tmp_path / "kept.duckdb") as database:
        database.execute("CREATE TABLE kept (size DOUBLE, floor DOUBLE, age BIGINT)")
        database.register("given", clean)
        database.execute("INSERT INTO kept FROM given")
        database.execute("CHECKPOINT")
        database.execute("BEGIN")

        def check(source: str) -> None:
            columns = database.execute(f"SELECT size, floor, age FROM {source}").to_arrow_table().columns
            sql = with_sums(database, f"SELECT {token} AS p FROM {source}", [(ASKED, model)])
            assert NUMBER_FUNCTION not in sql
            found = database.execute(sql).to_arrow_table()["p"]
            assert bits(found) == bits(answer(model, ASKED, columns, len(found))), source

        check("kept")
        for change in (
            "INSERT INTO kept VALUES (NULL, 1, 2)",
            "UPDATE kept SET floor = -1e300 WHERE age = 7",
            "UPDATE kept SET floor = 'inf' WHERE age = 8",
            "INSERT INTO kept VALUES (1, 'nan', NULL)",
        ):
            database.execute(change)
            check("kept")
            database.execute("COMMIT")
            database.execute("CHECKPOINT")
            database.execute("BEGIN")
            check("kept")
        check("(SELECT one.* FROM kept LEFT JOIN (SELECT * FROM given LIMIT 1) AS one ON one.age = kept.age)")
        # A file's least and greatest values leave NaN out; lake tables have nothing but finite numbers.
        finite = ", ".join(f"CASE WHEN isfinite({name}) THEN {name} END AS {name}" for name in ("size", "floor"))
        check(f"(SELECT {finite}, age FROM '{tmp_path}/odd.parquet')")
