"""A table to be offloaded, statements over it, and ways to run them and to disturb them."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pymysql

GROUPED = "SELECT g, SUM(v), COUNT(*), MIN(s) FROM sales GROUP BY g ORDER BY g"
# Long enough on any machine to be interrupted; MySQL's optimizer cannot shorten it.
ENDLESS = "SELECT COUNT(*) FROM sales a, sales b, sales c WHERE a.v + b.v + c.v = 1"


def fill(backend: Any, schema: str) -> None:
    """Make a schema with the table."""
    backend.run(f"DROP DATABASE IF EXISTS {schema}")
    backend.run(f"CREATE DATABASE {schema}")
    backend.run(f"CREATE TABLE {schema}.sales (id INT PRIMARY KEY, g INT, v DECIMAL(10,2), s VARCHAR(20))")
    values = ",".join(f"({i},{i % 7},{i / 3:.2f},'n{i % 50}')" for i in range(5000))
    backend.run(f"INSERT INTO {schema}.sales VALUES {values}")


def rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def interrupted(connection: Any, statement: str, act: Callable[[], None]) -> tuple[float, Exception | None]:
    """Run a statement, do something after half a second, and give how long it took and its error."""
    caught: list[Exception] = []

    def run() -> None:
        try:
            rows(connection, statement)
        except (pymysql.err.Error, OSError, AttributeError) as problem:
            caught.append(problem)

    thread = threading.Thread(target=run)
    started = time.monotonic()
    thread.start()
    time.sleep(0.5)
    act()
    thread.join(60)
    assert not thread.is_alive()
    return time.monotonic() - started, caught[0] if caught else None
