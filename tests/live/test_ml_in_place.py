"""ML_PREDICT_TABLE and ML_EXPLAIN_TABLE whose table to write is the table to read (HeatWave from 9.4.1)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.ml_kit import error_of, run

pytestmark = pytest.mark.live

_KEY = "_4aad19ca6e_pk_id"


@pytest.fixture
def loose(ml_client: Any, backend: Any) -> Iterator[str]:
    """A table without a key, of the people's columns."""
    backend.run("CREATE TABLE ml_shop.loose SELECT * FROM ml_shop.people WHERE id BETWEEN 1 AND 40")
    yield "ml_shop.loose"
    backend.run("DROP TABLE ml_shop.loose")


def _columns(backend: Any) -> list[str]:
    return [name for name, *_ in backend.run("SHOW COLUMNS FROM ml_shop.loose")]


def test_a_table_takes_the_answers_about_itself(ml_client: Any, backend: Any, loose: str, ml_model: str) -> None:
    before, names = backend.run(f"SELECT * FROM {loose} ORDER BY id"), _columns(backend)
    call = f"CALL sys.ML_PREDICT_TABLE('{loose}', '{ml_model}', '{loose}', NULL)"
    run(ml_client, call)
    assert _columns(backend) == [_KEY, *names, "Prediction", "ml_results"]
    after = backend.run(f"SELECT {', '.join(names)} FROM {loose} ORDER BY id")
    assert after == before
    answers = backend.run(f"SELECT Prediction, ml_results FROM {loose} ORDER BY {_KEY}")
    assert {answer for answer, _ in answers} == {"yes", "no"}
    assert [json.loads(told)["predictions"]["churn"] for _, told in answers] == [answer for answer, _ in answers]
    again = error_of(ml_client, call)
    assert again[0] == 1050
    assert "primary key" in again[1]


def test_a_table_takes_explanations_of_itself(ml_client: Any, backend: Any, loose: str, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_EXPLAIN_TABLE('{loose}', '{ml_model}', '{loose}', NULL)")
    assert backend.run(f"SELECT COUNT(*), COUNT(ml_results), COUNT(Notes) FROM {loose}") == [(40, 40, 40)]


@pytest.mark.parametrize("table", ["people", "adults"])
def test_a_table_with_a_key_and_a_view_do_not(ml_client: Any, ml_model: str, table: str) -> None:
    error = error_of(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.{table}', '{ml_model}', 'ml_shop.{table}', NULL)")
    assert error[0] == 1050
    assert {"people": "primary key", "adults": "no table"}[table] in error[1]


def test_what_fails_leaves_the_table_as_it_was(backend: Any, ml_shop: Any, loose: str, ml_model: str) -> None:
    names = _columns(backend)
    backend.run("CREATE USER ml_alters IDENTIFIED BY 'pw'")
    try:
        backend.run("GRANT SELECT ON ML_SCHEMA_root.* TO ml_alters")
        backend.run(f"GRANT SELECT, INSERT, CREATE, ALTER, UPDATE ON {loose} TO ml_alters")
        with ml_shop.connect(user="ml_alters", password="pw") as connection:
            call = f"CALL sys.ML_PREDICT_TABLE('{loose}', '{ml_model}', '{loose}', NULL)"
            assert error_of(connection, call)[0] == 1044  # no temporary table may be made
    finally:
        backend.run("DROP USER ml_alters")
    assert _columns(backend) == names


def test_a_table_made_again_a_moment_ago_is_read(ml_client: Any, backend: Any, loose: str) -> None:
    for _ in range(5):
        run(ml_client, f"CALL sys.TRAIN_TEST_SPLIT('{loose}', 'churn', NULL)")
        backend.run(f"DROP TABLE {loose}, {loose}_train, {loose}_test")
        backend.run(f"CREATE TABLE {loose} SELECT * FROM ml_shop.people WHERE id BETWEEN 1 AND 40")
