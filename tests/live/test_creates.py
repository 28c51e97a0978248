"""CREATE TABLE … SELECT with its query on the engine: the backend's table, rows and answer, and nothing half done."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from tests.live.packets import execute_write
from tests.live.test_inserts import answer, executions, made, run
from wire.responses import Ok

pytestmark = pytest.mark.live

SCHEMA = "inserts"
QUERIES = [
    "SELECT g, COUNT(*) c, SUM(v) s, MAX(d) d, MIN(b) b, MAX(s) t, MAX(f) f FROM src GROUP BY g",
    "SELECT id, v, d, f, b, s, y FROM src WHERE id < 500",
    "SELECT YEAR(d) y, DATE(d) d, DATE_FORMAT(d, '%Y-%m') m, CONCAT(s, '-', id) t, 1.50 x, 'a' l, COUNT(*) n FROM src"
    " GROUP BY 1, 2, 3, 4",
    "SELECT COALESCE(v, 0) v, IF(g > 3, 'high', 'low') h, ROUND(g / 3, 2) q, id > 5 b, -id n, NULLIF(g, 2) k FROM src"
    " ORDER BY id DESC LIMIT 700",
    "(SELECT id, s FROM src WHERE g = 1)",
    "WITH x AS (SELECT g, MAX(id) m FROM src GROUP BY g) SELECT src.* FROM src JOIN x ON src.id = x.m WHERE FALSE",
    "SELECT g FROM src UNION SELECT id + 0.5 FROM src WHERE id < 9",
    "SELECT a.g, b.v FROM few a LEFT JOIN few b ON a.id = b.id + 50",
    "SELECT id, ROW_NUMBER() OVER (PARTITION BY g ORDER BY id) r, LAG(v) OVER (ORDER BY id) p FROM src WHERE id < 60",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    made(backend)
    backend.run(f"ALTER TABLE {SCHEMA}.src DROP COLUMN tm, DROP COLUMN bit, DROP COLUMN fl, ADD COLUMN tm TIME")
    warmfront_instance.wait_until_loaded(SCHEMA, "src")
    yield SCHEMA
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture
def client(warmfront_instance: Any) -> Iterator[Any]:
    with warmfront_instance.connect(database=SCHEMA, charset="utf8mb4") as connection:
        run(connection, "DROP TABLE IF EXISTS made, other")
        run(connection, "SET use_secondary_engine = FORCED")
        yield connection


def create(client: Any, statement: str) -> tuple[Any, ...]:
    """The answer; what the engine reads at first use, such as a collation's weights, is waited for."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return answer(client, statement)
        except pymysql.err.OperationalError as problem:
            if "yet" not in str(problem) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def body(client: Any, table: str) -> str:
    return str(run(client, f"SHOW CREATE TABLE {table}")[0][1]).split("(", 1)[1]


@pytest.mark.parametrize("query", [query.replace("src.*", "src.id, src.s, src.d") for query in QUERIES])
@pytest.mark.parametrize("head", ["CREATE TABLE {} AS ", "CREATE TABLE IF NOT EXISTS inserts.{} ENGINE=InnoDB "])
def test_the_table_is_the_one_that_the_backend_makes(client: Any, head: str, query: str) -> None:
    ours = create(client, head.format("made") + query)
    counts = run(client, "SELECT ROW_COUNT()")
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    assert ours == answer(client, head.format("other") + query)
    assert counts == run(client, "SELECT ROW_COUNT()")
    assert body(client, "made") == body(client, "other")
    assert sorted(map(str, run(client, "SELECT * FROM made"))) == sorted(map(str, run(client, "SELECT * FROM other")))


def test_definitions_of_the_statement_hold(client: Any) -> None:
    head = "CREATE TABLE {} (g BIGINT UNSIGNED NOT NULL, PRIMARY KEY (g), note VARCHAR(5) DEFAULT NULL, KEY (c)) "
    query = "SELECT g, COUNT(*) c FROM src GROUP BY g"
    ours = create(client, head.format("made") + query)
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    assert ours == answer(client, head.format("other") + query)
    assert body(client, "made") == body(client, "other")
    assert run(client, "SELECT * FROM made ORDER BY g") == run(client, "SELECT * FROM other ORDER BY g")


def test_an_error_is_the_backends_and_leaves_nothing(client: Any) -> None:
    with pytest.raises(pymysql.err.IntegrityError) as caught:
        create(client, "CREATE TABLE made (PRIMARY KEY (g)) SELECT g FROM src")
    assert caught.value.args[0] == 1062
    assert [name for (name,) in run(client, "SHOW TABLES") if name not in ("src", "one", "two", "few")] == []
    create(client, "CREATE TABLE made (PRIMARY KEY (g)) SELECT DISTINCT g FROM src")
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = ON")
    with pytest.raises(pymysql.err.OperationalError) as caught_again:
        run(client, "CREATE TABLE made SELECT g FROM src")
    assert caught_again.value.args[0] == 1050
    assert answer(client, "CREATE TABLE IF NOT EXISTS made SELECT g FROM src")[0] == 0
    assert run(client, "SELECT COUNT(*) FROM made") == [(7,)]


@pytest.mark.parametrize(
    ("before", "statement", "words"),
    [
        ("DO 0", "CREATE TABLE made SELECT id, tm FROM src", "of a type that is not written"),
        ("DO 0", "CREATE TABLE made SELECT g, AVG(v) FROM src GROUP BY g", "a note of the digits"),
        ("DO 0", "CREATE TABLE made SELECT id FROM src LIMIT 5", "LIMIT without ORDER BY"),
        ("SET autocommit = 0", "CREATE TABLE made SELECT id FROM src", "autocommit is off"),
        ("SET completion_type = 'CHAIN'", "CREATE TABLE made SELECT id FROM src", "completion_type"),
    ],
)
def test_what_is_not_the_same_stays_with_its_reason(client: Any, before: str, statement: str, words: str) -> None:
    run(client, before)
    with pytest.raises(pymysql.err.Error, match=words):
        create(client, statement)
    assert run(client, "SHOW TABLES LIKE 'made'") == []


@pytest.mark.parametrize("statement", ["CREATE TABLE made (n INT)", "CREATE TABLE made IGNORE SELECT id FROM src"])
def test_other_forms_are_the_backends_own(client: Any, statement: str) -> None:
    run(client, "SET use_secondary_engine = ON")
    run(client, statement)
    assert executions(client) == 0


def test_a_killed_statement_makes_nothing(client: Any, backend: Any) -> None:
    create(client, "CREATE TABLE other SELECT g, COUNT(*) c FROM src GROUP BY g")
    holder = backend.connect()
    caught: list[Exception] = []

    def write() -> None:
        with contextlib.suppress(AssertionError):
            try:
                run(client, "CREATE TABLE made SELECT g, COUNT(*) c FROM src GROUP BY g")
            except pymysql.err.Error as problem:
                caught.append(problem)

    run(holder, "FLUSH TABLES WITH READ LOCK")
    thread = threading.Thread(target=write)
    thread.start()
    deadline = time.monotonic() + 20
    waits = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'CREATE TABLE made%SELECT%wf_%'"
    while not (found := run(holder, waits)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run(holder, f"KILL QUERY {found[0][0]}")
    thread.join(20)
    run(holder, "UNLOCK TABLES")
    holder.close()
    assert [problem.args[0] for problem in caught] == [1317]
    assert run(client, "SHOW TABLES LIKE 'made'") == []
    create(client, "CREATE TABLE made SELECT g, COUNT(*) c FROM src GROUP BY g")
    assert body(client, "made") == body(client, "other")


def test_a_prepared_statement_makes_the_backends_table(client: Any) -> None:
    statement = "CREATE TABLE {} AS SELECT g, SUM(v) AS x FROM src WHERE id % ? = 0 AND id > ? GROUP BY g"
    ours = execute_write(client, statement.format("made"), 3, 2800)
    assert isinstance(ours, Ok)
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    theirs = execute_write(client, statement.format("other"), 3, 2800)
    assert isinstance(theirs, Ok)
    assert replace(theirs, status=ours.status) == ours  # whether an index was used is in it
    assert body(client, "made") == body(client, "other")
    assert run(client, "SELECT * FROM made ORDER BY g") == run(client, "SELECT * FROM other ORDER BY g")


def test_a_name_that_shows_the_marker_is_the_backends(client: Any) -> None:
    run(client, "SET use_secondary_engine = ON")
    made = execute_write(client, "CREATE TABLE made AS SELECT id + ? FROM src", 5)
    assert isinstance(made, Ok)
    assert executions(client) == 0
    assert run(client, "SELECT MAX(`id + ?`) FROM made") == [(3004,)]


def test_warnings_of_the_statement_are_there_afterwards(client: Any) -> None:
    statement = "CREATE TABLE {} (a FLOAT(10,2)) ENGINE=MyISUM AS SELECT id, v FROM src"
    run(client, "SET sql_mode = ''")
    create(client, statement.format("made"))
    shown = run(client, "SHOW WARNINGS")
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    create(client, statement.format("other"))
    assert shown
    assert shown == [(a, b, c.replace("other", "made")) for a, b, c in run(client, "SHOW WARNINGS")]
