"""Lake tables through any client: read where they lie, joined with InnoDB, and by nobody else than the engine."""

import datetime
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from tests.live.conftest import Instance, start_instance
from tests.live.servers import Backend

pytestmark = pytest.mark.live

DISCARDED, REFUSED, READ_ONLY = 1814, 3889, 1036


@pytest.fixture(scope="module")
def data(backend: Backend) -> Iterator[Path]:
    """A folder that lake tables may be read from."""
    with tempfile.TemporaryDirectory(prefix="wf-lake-") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="module")
def instance(backend: Backend, live_folder: Path, data: Path) -> Iterator[Instance]:
    """The whole product with a folder for lake tables; its cost threshold is the default, which they do not heed."""
    made = start_instance(
        backend, live_folder / f"lake-{backend.kind}", "--lakehouse-paths", str(data), "--workers", "2"
    )
    made.run("DROP SCHEMA IF EXISTS lake")
    made.run("CREATE SCHEMA lake")
    try:
        yield made
    finally:
        made.stop()


def lake(columns: str, uri: str | Path, options: str = "", **dialect: Any) -> str:
    """What stands behind CREATE TABLE name."""
    attribute = json.dumps({"dialect": dialect, "file": [{"uri": str(uri)}]}).replace("\\", "\\\\").replace("'", "''")
    return f"({columns}) ENGINE=lakehouse SECONDARY_ENGINE=rapid ENGINE_ATTRIBUTE='{attribute}' {options}"


def refused(instance: Instance, statement: str, number: int = REFUSED) -> str:
    """Run a statement that must fail with this error, and give its text."""
    with pytest.raises(pymysql.err.Error) as error:
        instance.run(statement)
    assert error.value.args[0] == number, error.value
    return str(error.value.args[1])


def attempt(cursor: Any, text: str) -> list[Any] | int:
    """Give the rows of a text's last statement, or the number of its error."""
    try:
        cursor.execute(text)
        rows = list(cursor.fetchall())
        while cursor.nextset():
            rows = list(cursor.fetchall())
        return rows
    except pymysql.err.Error as error:
        return int(error.args[0])


@pytest.fixture(scope="module")
def people(instance: Instance, data: Path) -> str:
    """A table of three rows."""
    file = data / "people.csv"
    file.write_text(
        'id,name,born,paid,seen\n1,Ann,1999-12-31,12.50,2024-01-02 03:04:05\n2,"B ""b"", c",2000-02-29,\\N,\\N\n'
        "3,ann,1970-01-01,99.994,2024-01-02\n"
    )
    columns = "id INT NOT NULL PRIMARY KEY, name VARCHAR(20), born DATE, paid DECIMAL(8,2), seen DATETIME"
    instance.run(f"CREATE TABLE lake.people {lake(columns, file, has_header=True)}")
    return "lake.people"


def test_rows_are_what_mysql_would_store(instance: Instance, backend: Backend, people: str, data: Path):
    backend.run(
        "CREATE TABLE lake.stored (id INT PRIMARY KEY, name VARCHAR(20), born DATE, paid DECIMAL(8,2), seen DATETIME)"
    )
    rows = [
        "(1, 'Ann', '1999-12-31', '12.50', '2024-01-02 03:04:05')",
        "(2, 'B \"b\", c', '2000-02-29', NULL, NULL)",
        "(3, 'ann', '1970-01-01', '99.994', '2024-01-02')",
    ]
    backend.run(f"INSERT INTO lake.stored VALUES {', '.join(rows)}")
    assert instance.run(f"SELECT * FROM {people} ORDER BY id") == backend.run("SELECT * FROM lake.stored ORDER BY id")
    grouped = instance.run(f"SELECT COUNT(*), MAX(id) FROM {people} GROUP BY name ORDER BY 2")
    assert grouped == backend.run("SELECT COUNT(*), MAX(id) FROM lake.stored GROUP BY name ORDER BY 2")
    assert instance.run(f"SELECT id FROM {people} WHERE name = 'ANN' ORDER BY id") == [(1,), (3,)]
    backend.run("DROP TABLE lake.stored")


def test_it_is_a_table_for_whoever_looks(instance: Instance, backend: Backend, people: str):
    for side in (instance, backend):
        assert ("people",) in side.run("SHOW TABLES FROM lake")
        assert [row[0] for row in side.run(f"DESCRIBE {people}")] == ["id", "name", "born", "paid", "seen"]
    shown = instance.run(
        "SELECT LOAD_STATUS FROM performance_schema.rpd_tables JOIN performance_schema.rpd_table_id USING (ID) "
        "WHERE SCHEMA_NAME = 'lake' AND TABLE_NAME = 'people'"
    )
    assert shown == [("AVAIL_RPDGSTABSTATE",)]


# Every way by which the empty shadow might answer.
EMPTY = [
    "SELECT * FROM lake.people",
    "SELECT COUNT(*) FROM lake.people",
    "SELECT MAX(id) FROM lake.people",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM lake.people)",
    "SELECT (SELECT COUNT(*) FROM lake.people)",
    "INSERT INTO lake.target SELECT id FROM lake.people",
    "REPLACE INTO lake.target SELECT id FROM lake.people",
    "CREATE TABLE lake.made SELECT id FROM lake.people",
    "UPDATE lake.target SET id = (SELECT MAX(id) FROM lake.people)",
    "DELETE FROM lake.target WHERE id NOT IN (SELECT id FROM lake.people)",
    "SELECT * FROM lake.looked",
    "CALL lake.read_it()",
    "SET @n = (SELECT COUNT(*) FROM lake.people)",
]


@pytest.fixture(scope="module")
def around(backend: Backend, people: str) -> None:
    """What else reads a lake table on the backend."""
    backend.run("CREATE TABLE lake.target (id INT PRIMARY KEY)")
    backend.run("INSERT INTO lake.target VALUES (7)")
    backend.run("CREATE VIEW lake.looked AS SELECT id, name FROM lake.people")
    backend.run("CREATE PROCEDURE lake.read_it() SELECT COUNT(*) FROM lake.people")


@pytest.mark.parametrize("statement", EMPTY)
@pytest.mark.parametrize("how", ["plain", "backend", "off", "transaction", "prepared", "several"])
def test_the_empty_shadow_never_answers(instance: Instance, backend: Backend, around: None, statement: str, how: str):
    """Rows of the files, or an error: nothing that comes from a table without rows."""
    flag = pymysql.constants.CLIENT.MULTI_STATEMENTS
    side: Any = backend if how == "backend" else instance
    with side.connect(client_flag=flag) as connection, connection.cursor() as cursor:
        if how == "off":
            cursor.execute("SET use_secondary_engine = OFF")
        if how == "transaction":
            cursor.execute("BEGIN")
        if how == "prepared":
            cursor.execute("PREPARE p FROM %s", (statement,))
        rows = attempt(cursor, {"several": f"SELECT 1; {statement}", "prepared": "EXECUTE p"}.get(how, statement))
        connection.rollback()
    if isinstance(rows, int):
        assert rows in (DISCARDED, REFUSED)
    else:
        assert how in ("plain", "transaction")
        assert rows in ([(1,)], [(3,)]) or len(rows) == 3 or statement.startswith("INSERT"), rows
    kept = {row[0] for row in backend.run("SELECT id FROM lake.target")}
    assert kept in ({7}, {1, 2, 3, 7})
    backend.run("DELETE FROM lake.target WHERE id <> 7")
    assert backend.run("SHOW TABLES FROM lake LIKE 'made'") == []


def test_a_dead_engine_makes_an_error(backend: Backend, data: Path, people: str, running: Callable[..., Instance]):
    """Without an engine there is nobody to ask."""
    made = running(backend, "--lakehouse-paths", str(data), "--workers", "1")
    made.wait_until_loaded("lake", "people")
    assert len(made.run(f"SELECT * FROM {people}")) == 3
    engines = [p for p in psutil.Process(made.process.pid).children() if "engine" in p.cmdline()]
    os.kill(engines[0].pid, signal.SIGSTOP)
    try:
        with pytest.raises(pymysql.err.Error) as error:
            made.run(f"SELECT COUNT(*) FROM {people}")
        assert error.value.args[0] in (DISCARDED, REFUSED)
    finally:
        os.kill(engines[0].pid, signal.SIGCONT)


WRITES = [
    "INSERT INTO lake.people VALUES (9, 'x', NULL, NULL, NULL)",
    "REPLACE INTO lake.people (id) VALUES (9)",
    "UPDATE lake.people SET id = 9",
    "DELETE FROM lake.people",
    "TRUNCATE TABLE lake.people",
    "TRUNCATE lake.people",
]


@pytest.mark.parametrize("statement", WRITES)
def test_writes_are_refused(instance: Instance, backend: Backend, people: str, statement: str):
    assert "read only" in refused(instance, statement, READ_ONLY)
    assert instance.run(f"SELECT COUNT(*) FROM {people}") == [(3,)]
    if not statement.startswith("TRUNCATE"):
        with pytest.raises(pymysql.err.Error) as error:
            backend.run(statement)
        assert error.value.args[0] == DISCARDED


def test_a_shadow_that_was_opened_again_is_not_read(instance: Instance, backend: Backend, data: Path):
    """TRUNCATE at the backend itself gives MariaDB's shadow its tablespace back."""
    (data / "one.csv").write_text("1\n")
    instance.run(f"CREATE TABLE lake.opened {lake('id INT', data / 'one.csv')}")
    with backend.connect() as connection, connection.cursor() as cursor:
        assert attempt(cursor, "TRUNCATE TABLE lake.opened") in ([], DISCARDED)
    with instance.connect() as connection, connection.cursor() as cursor:
        assert attempt(cursor, "SELECT id FROM lake.opened") in ([(1,)], REFUSED)
    instance.run("DROP TABLE lake.opened")


def test_lake_tables_join_inno_db_tables(instance: Instance, people: str):
    instance.run("CREATE TABLE lake.orders (id INT PRIMARY KEY, person INT, what VARCHAR(10))")
    instance.run("INSERT INTO lake.orders VALUES (1, 1, 'tea'), (2, 3, 'rum'), (3, 3, 'gin')")
    instance.wait_until_loaded("lake", "orders")
    joined = (
        "SELECT p.name, COUNT(o.id) FROM lake.people p LEFT JOIN lake.orders o ON o.person = p.id GROUP BY p.id, p.name"
    )
    assert instance.run(f"{joined} ORDER BY p.id") == [("Ann", 1), ('B "b", c', 0), ("ann", 2)]
    instance.run("INSERT INTO lake.orders VALUES (4, 2, 'ale')")
    assert instance.run(f"{joined} ORDER BY p.id") == [("Ann", 1), ('B "b", c', 1), ("ann", 2)]
    instance.run(
        "CREATE VIEW lake.both AS SELECT p.name, o.what FROM lake.people p JOIN lake.orders o ON o.person = p.id"
    )
    assert instance.run("SELECT what FROM lake.both WHERE name = 'Ann' ORDER BY what") == [("gin",), ("rum",), ("tea",)]


def test_a_transaction_does_not_keep_files_from_being_read(instance: Instance, people: str):
    with instance.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT COUNT(*) FROM {people}")
        assert cursor.fetchall() == ((3,),)


def test_grants_are_the_backend_s(instance: Instance, backend: Backend, people: str):
    for host in ("localhost", "127.0.0.1", "%"):
        backend.run(f"CREATE USER IF NOT EXISTS 'lakereader'@'{host}' IDENTIFIED BY 'pw'")
        backend.run(f"GRANT SELECT ON lake.orders TO 'lakereader'@'{host}'")
    with instance.connect(user="lakereader", password="pw") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute(f"SELECT * FROM {people}")
        assert error.value.args[0] == 1142
        for host in ("localhost", "127.0.0.1", "%"):
            backend.run(f"GRANT SELECT ON {people} TO 'lakereader'@'{host}'")
        cursor.execute(f"SELECT COUNT(*) FROM {people}")
        assert cursor.fetchall() == ((3,),)
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute(f"CREATE TABLE lake.no {lake('id INT', '/x')}")
        assert error.value.args[0] == 1142


def test_a_definition_outlives_the_store(backend: Backend, data: Path, people: str, running: Callable[..., Instance]):
    """Another instance, with a store of its own, reads the same table."""
    other = running(backend, "--lakehouse-paths", str(data), "--workers", "1", "--autoload", "false")
    other.wait_until_loaded("lake", "people")
    assert other.run(f"SELECT COUNT(*) FROM {people}") == [(3,)]


def test_alter_gives_other_files(instance: Instance, data: Path):
    (data / "first.csv").write_text("1\n")
    (data / "second.csv").write_text("2\n3\n")
    instance.run(f"CREATE TABLE lake.moving {lake('id INT', data / 'first.csv')}")
    assert instance.run("SELECT id FROM lake.moving") == [(1,)]
    attribute = json.dumps({"file": [{"uri": f"{data}/second.csv"}]})
    instance.run(f"ALTER TABLE lake.moving ENGINE_ATTRIBUTE='{attribute}'")
    assert instance.run("SELECT id FROM lake.moving ORDER BY id") == [(2,), (3,)]
    instance.run("DROP TABLE lake.moving")
    refused(instance, "SELECT * FROM lake.moving", 1146)


def test_new_and_changed_files_are_seen_at_once(instance: Instance, data: Path):
    (data / "grow").mkdir()
    (data / "grow" / "a.csv").write_text("1\n")
    instance.run(f"CREATE TABLE lake.growing {lake('id INT', f'{data}/grow/')}")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(1,)]
    (data / "grow" / "b.csv").write_text("10\n")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(11,)]
    (data / "grow" / "a.csv").write_text("7\n")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(17,)]
    (data / "grow" / "a.csv").unlink()
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(10,)]
    (data / "grow" / "b.csv").unlink()
    assert "has no file" in refused(instance, "SELECT SUM(id) FROM lake.growing")


MISTAKES = [
    ("1,2024-02-30\n", "line 1, column d: '2024-02-30' is not a value of DATE"),
    ("1,2024-02-28\n\nx,2024-02-28\n", "column a: 'x' is not a value of INT"),
    ("99999999999,2024-02-28\n", "column a: '99999999999'"),
    ("1\n", "Expected Number of Columns: 2 Found: 1"),
    ("1,2024-02-28\n2,2024-02-28,3\n", "line 2: Expected Number of Columns: 2 Found: 3"),
    ('1,"2024-02-28\n', "line 1"),
    ("1_000,2024-02-28\n", "'1_000'"),
    ("1e3,2024-02-28\n", "'1e3'"),
    (",2024-02-28\n", "column a: ''"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_what_cannot_be_read_exactly_is_an_error(instance: Instance, data: Path, text: str, message: str):
    (data / "wrong.csv").write_text(text)
    instance.run(f"CREATE TABLE lake.wrong {lake('a INT, d DATE', data / 'wrong.csv', field_delimiter=',')}")
    try:
        said = refused(instance, "SELECT a, d FROM lake.wrong")
        assert message in said
        assert f"file://{data}/wrong.csv" in said
    finally:
        instance.run("DROP TABLE lake.wrong")


def test_without_strictness_what_is_wrong_is_null(instance: Instance, data: Path):
    (data / "loose.csv").write_text("1,2024-02-30,abcdef\nx,2024-02-28,é\n3\n4,2024-02-28,b,c\n")
    columns = "a INT NOT NULL, d DATE, s VARCHAR(3)"
    instance.run(
        f"CREATE TABLE lake.loose {lake(columns, data / 'loose.csv', is_strict_mode=False, field_delimiter=',')}"
    )
    rows = [
        (0, "2024-02-28", "é"),
        (1, None, "abc"),
        (3, None, None),
        (4, "2024-02-28", "b"),
    ]
    assert instance.run("SELECT a, CAST(d AS CHAR), s FROM lake.loose ORDER BY a") == rows
    instance.run("DROP TABLE lake.loose")


def test_parquet_is_pruned_and_typed(instance: Instance, data: Path):
    number = pa.array(range(100_000), pa.int64())
    table = pa.table(
        {
            "id": number,
            "name": pa.array([f"n{i}" for i in range(100_000)]),
            "price": pa.array(range(100_000), pa.decimal128(12, 0)).cast(pa.decimal128(14, 2)),
            "at": pa.array([i * 1_000_000 for i in range(100_000)], pa.timestamp("us")),
            "ratio": pa.array([i / 4 for i in range(100_000)]),
            "ok": pa.array([i % 2 == 0 for i in range(100_000)]),
            "tags": pa.array([["a", str(i)] for i in range(100_000)]),
        }
    )
    pq.write_table(table, data / "big.parquet", row_group_size=5_000)
    columns = (
        "id INT NOT NULL PRIMARY KEY, name VARCHAR(10), price DECIMAL(14,2), at DATETIME, ratio DOUBLE, "
        "ok TINYINT(1), tags TEXT"
    )
    instance.run(f"CREATE TABLE lake.big {lake(columns, data / 'big.parquet', format='parquet')}")
    assert instance.run("SELECT COUNT(*), SUM(id), SUM(price), MAX(at), SUM(ok) FROM lake.big") == [
        (100_000, 4999950000, 4999950000, time_of(99_999), 50_000)
    ]
    assert instance.run("SELECT name, ratio, tags FROM lake.big WHERE id = 4321") == [
        ("n4321", 1080.25, '["a","4321"]')
    ]
    assert instance.run("SELECT COUNT(*) FROM lake.big WHERE name = 'N77'") == [(1,)]


def time_of(seconds: int) -> Any:
    """A moment so many seconds after the epoch."""
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)


def test_folders_are_columns(instance: Instance, data: Path):
    for year, part in ((2023, "a"), (2024, "b")):
        folder = data / "parts" / f"year={year}" / f"kind={part}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": pa.array([year], pa.int32())}), folder / "x.parquet")
    instance.run(
        f"CREATE TABLE lake.parts {lake('id INT, year INT, kind CHAR(1)', f'{data}/parts/', format='parquet')}"
    )
    assert instance.run("SELECT id, year, kind FROM lake.parts ORDER BY id") == [(2023, 2023, "a"), (2024, 2024, "b")]
    assert instance.run("SELECT id FROM lake.parts WHERE year = 2024 AND kind = 'B'") == [(2024,)]


def test_insert_select_writes_rows_of_files(instance: Instance, backend: Backend, people: str):
    instance.run("CREATE TABLE lake.copied (id INT PRIMARY KEY, name VARCHAR(20))")
    instance.run(f"INSERT INTO lake.copied SELECT id, name FROM {people}")
    assert backend.run("SELECT id FROM lake.copied ORDER BY id") == [(1,), (2,), (3,)]


def test_prepared_statements_read_files(instance: Instance, people: str):
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"PREPARE p FROM 'SELECT COUNT(*) FROM {people}'")
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute("EXECUTE p")
        assert error.value.args[0] == DISCARDED


def test_what_the_engine_refuses_is_told(instance: Instance, people: str):
    assert "RAND" in refused(instance, f"SELECT RAND() FROM {people}")
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = OFF")
        with pytest.raises(pymysql.err.Error, match="use_secondary_engine is OFF"):
            cursor.execute(f"SELECT * FROM {people}")
    refused(instance, f"SELECT nothing FROM {people}", 1054)


def test_keys_are_checked(instance: Instance, data: Path):
    (data / "twice.csv").write_text("1\n2\n1\n")
    instance.run(f"CREATE TABLE lake.twice {lake('id INT PRIMARY KEY', data / 'twice.csv')}")
    assert "twice" in refused(instance, "SELECT COUNT(*) FROM lake.twice")
    instance.run("DROP TABLE lake.twice")
    instance.run(f"CREATE TABLE lake.twice {lake('id INT PRIMARY KEY', data / 'twice.csv', check_constraints=False)}")
    assert instance.run("SELECT COUNT(*) FROM lake.twice") == [(3,)]


def test_only_allowed_folders_are_read(instance: Instance):
    for uri in ("/etc/passwd", "file:///etc/passwd", "/etc/"):
        instance.run(f"CREATE TABLE lake.outside {lake('line TEXT', uri)}")
        try:
            assert "root:" not in refused(instance, "SELECT line FROM lake.outside")
        finally:
            instance.run("DROP TABLE lake.outside")


def test_waiting_is_not_for_files(instance: Instance, people: str):
    """A copy that is behind concerns no statement that reads files only."""
    began = time.monotonic()
    instance.run(f"SELECT COUNT(*) FROM {people}")
    assert time.monotonic() - began < 5
