"""What models answer, written into files by SELECT … INTO OUTFILE URI, and read again as a lake table."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.ml_kit import error_of, run

pytestmark = pytest.mark.live

ASKED = "sys.ML_PREDICT_ROW(JSON_OBJECT('area', area, 'kind', kind), 'rent', NULL)"
PRICE = f"JSON_EXTRACT({ASKED}, '$.Prediction')"


@pytest.fixture(scope="module")
def renting(backend: Any, lake_instance: Any) -> Iterator[Any]:
    """A session that may export, a table, and a model of it."""
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_root")
    backend.run("CREATE DATABASE letting CHARACTER SET utf8mb4")
    backend.run("CREATE TABLE letting.flats (id INT PRIMARY KEY, area DOUBLE, kind VARCHAR(20), rent DOUBLE)")
    rows = ",".join(
        f"({i}, {20 + i * 7 % 90}, '{('new', 'old', 'é')[i % 3]}', {300 + 9 * (i * 7 % 90)})" for i in range(500)
    )
    backend.run(f"INSERT INTO letting.flats VALUES {rows}")
    backend.run("CREATE ROLE IF NOT EXISTS EXPORT_QUERY_RESULTS")
    backend.run("GRANT EXPORT_QUERY_RESULTS TO root@localhost")
    options = "JSON_OBJECT('task', 'regression', 'model_list', JSON_ARRAY('LinearRegression'), 'max_seconds', 2)"
    with lake_instance.connect(charset="utf8mb4") as connection:
        run(connection, "SET ROLE EXPORT_QUERY_RESULTS")
        run(connection, "SET @h = 'rent'")
        run(connection, f"CALL sys.ML_TRAIN('letting.flats', 'rent', {options}, @h)")
        yield connection
    backend.run("DROP ROLE EXPORT_QUERY_RESULTS")
    backend.run("DROP DATABASE letting")
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_root")


def test_answers_go_into_files_and_come_back(renting: Any, lake_instance: Any, lake_folder: Path) -> None:
    into = f"INTO OUTFILE URI 'file://{lake_folder}/rents/' FORMAT PARQUET"
    run(renting, "CALL sys.ML_MODEL_UNLOAD('rent')")  # it is brought again
    with renting.cursor() as cursor:
        assert cursor.execute(f"SELECT id, {PRICE} + 0 AS price, {ASKED} AS told FROM letting.flats {into}") == 500
    attribute = json.dumps({"dialect": {"format": "parquet"}, "file": [{"uri": f"{lake_folder}/rents/"}]})
    run(
        renting,
        "CREATE TABLE letting.rents (id INT, price DOUBLE, told TEXT) "
        f"ENGINE=lakehouse SECONDARY_ENGINE=rapid ENGINE_ATTRIBUTE='{attribute}'",
    )
    found = run(renting, "SELECT id, price, told FROM letting.rents ORDER BY id")
    assert found == run(renting, f"SELECT id, {PRICE} + 0, {ASKED} FROM letting.flats ORDER BY id")
    assert all(price == json.loads(told)["Prediction"] for _, price, told in found)
    run(renting, "DROP TABLE letting.rents")
    shutil.rmtree(lake_folder / "rents")  # which the next server's files come into as well


def test_a_sum_of_numbers_is_what_the_whole_answer_says(renting: Any, backend: Any, lake_folder: Path) -> None:
    backend.run("CREATE TABLE letting.plain (id INT PRIMARY KEY, area DOUBLE, floor BIGINT, rent DOUBLE)")
    odd = "(1000, NULL, 3, 1), (1001, 1e300, -9223372036854775808, 2), (1002, -0e0, NULL, 3)"
    backend.run("INSERT INTO letting.plain SELECT id, area / 3, id DIV 7, rent FROM letting.flats")
    backend.run(f"INSERT INTO letting.plain VALUES {odd}")
    options = "JSON_OBJECT('task', 'regression', 'model_list', JSON_ARRAY('LinearRegression'), 'max_seconds', 1)"
    run(renting, "SET @p = 'plain'")
    run(renting, f"CALL sys.ML_TRAIN('letting.plain', 'rent', {options}, @p)")
    asked = "sys.ML_PREDICT_ROW(JSON_OBJECT('FLOOR', floor, 'area', area, 'id', id), 'plain', NULL)"
    price = f"JSON_EXTRACT({asked}, '$.Prediction')"
    whole = {
        key: json.loads(text)["Prediction"] for key, text in run(renting, f"SELECT id, {asked} FROM letting.plain")
    }
    assert len(whole) == 503
    assert dict(run(renting, f"SELECT id, {price} + 0 FROM letting.plain")) == whole
    middle = sorted(whole.values())[250]
    above = run(renting, f"SELECT COUNT(*), MAX({price} + 0) FROM letting.plain p WHERE {price} > {middle!r}")
    assert above == [(sum(value > middle for value in whole.values()), max(whole.values()))]
    into = f"INTO OUTFILE URI 'file://{lake_folder}/sums/' FORMAT PARQUET"
    with renting.cursor() as cursor:
        assert cursor.execute(f"SELECT id, {price} * 1 AS price FROM letting.plain {into}") == 503
    run(renting, "DROP TABLE letting.plain")


def test_what_cannot_be_answered_leaves_no_file(renting: Any, lake_folder: Path) -> None:
    into = f"INTO OUTFILE URI 'file://{lake_folder}/none/' FORMAT PARQUET"
    for statement, number, words in (
        ("SELECT sys.ML_PREDICT_ROW(JSON_OBJECT('area', area), 'rent', NULL) FROM letting.flats", 1644, "kind"),
        (
            "SELECT sys.ML_PREDICT_ROW(JSON_OBJECT('area', area), 'none', NULL) FROM letting.flats",
            1644,
            "no model none",
        ),
        (f"SELECT {ASKED}, RAND() FROM letting.flats", 3889, "function RAND is not supported"),
        (f"SELECT nothing, {ASKED} FROM letting.flats", 1054, "nothing"),
    ):
        found, text = error_of(renting, f"{statement} {into}")
        assert (found, words in text) == (number, True), text
    assert [path for path in (lake_folder / "none").rglob("*") if path.is_file()] == []
