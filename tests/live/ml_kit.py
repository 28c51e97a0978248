"""A small shop to learn from, and what the tests of AutoML have in common; conftest.py offers the fixtures."""

import random
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pymysql
import pytest

ROW = "JSON_OBJECT('age', {age}, 'city', '{city}', 'income', {income}, 'since', '2020-01-15')"
YOUNG, OLD = ROW.format(age=20, city="Oslo", income=1500), ROW.format(age=70, city="Köln", income=8000)
INPUT = "JSON_OBJECT('age', age, 'city', city, 'income', income, 'since', since)"
OPTIONS = "JSON_OBJECT('task', 'classification', 'max_seconds', 3, 'seed', 7, 'notes', 'who goes')"
SLOW = "JSON_OBJECT('task', 'classification', 'max_seconds', 120)"
STATUS = (
    "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = 'ML_TRAIN' "
    "ORDER BY QUERY_ID DESC LIMIT 1"
)


def people(count: int) -> list[tuple[Any, ...]]:
    """Rows whose last value follows from the others, with some noise."""
    draw = random.Random(1)
    rows = []
    for number in range(count):
        age, city, income = draw.randint(18, 80), draw.choice(["Rome", "Oslo", "Köln"]), draw.uniform(1000, 9000)
        leaves = (age < 35) + (city == "Oslo") + (income < 3000) + draw.random() * 0.5 >= 1.6
        since = f"20{draw.randint(10, 24)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}"
        rows.append((number, age, city, round(income, 2), since, "yes" if leaves else "no"))
    return rows


@pytest.fixture(scope="module")
def ml_shop(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    backend.run("DROP DATABASE IF EXISTS ml_shop")
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_root")
    backend.run("CREATE DATABASE ml_shop CHARACTER SET utf8mb4")
    backend.run(
        "CREATE TABLE ml_shop.people (id INT PRIMARY KEY, age INT, city VARCHAR(20), income DECIMAL(10,2), since DATE,"
        " churn VARCHAR(3))"
    )
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO ml_shop.people VALUES (%s,%s,%s,%s,%s,%s)", people(1000))
    backend.run(
        "CREATE VIEW ml_shop.adults AS SELECT age, city, income, since, churn FROM ml_shop.people WHERE age > 20"
    )
    yield warmfront_instance
    backend.run("DROP DATABASE ml_shop")
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_root")


@pytest.fixture
def ml_client(ml_shop: Any) -> Iterator[Any]:
    with ml_shop.connect(charset="utf8mb4") as connection:
        yield connection


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def error_of(connection: Any, statement: str) -> tuple[int, str]:
    with pytest.raises(pymysql.err.MySQLError) as caught:
        run(connection, statement)
    return caught.value.args[0], str(caught.value.args[1])


@pytest.fixture(scope="module")
def ml_model(ml_shop: Any) -> str:
    """The handle of a model that is trained."""
    with ml_shop.connect(charset="utf8mb4") as connection:
        run(connection, "SET @m = NULL")
        run(connection, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @m)")
        return str(run(connection, "SELECT @m")[0][0])


def workers(instance: Any, module: str = "engine.ml.worker") -> list[psutil.Process]:
    """The processes that train, or those that run another module."""
    found = []
    for process in psutil.Process(instance.process.pid).children(recursive=True):
        try:
            if module in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(seconds: float, what: Any) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
