"""Lake tables through any client: read where they lie, joined with InnoDB, and by nobody else than the engine."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.conftest import Instance
from tests.live.lake_kit import REFUSED, data, instance, lake, refused
from tests.live.servers import Backend

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live

DISCARDED, READ_ONLY = 1814, 1036


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
            cursor.execute("SET @text = %s", (statement,))
            rows = attempt(cursor, "PREPARE p FROM @text")
            rows = attempt(cursor, "EXECUTE p") if rows == [] else rows
            assert rows == (REFUSED if "lake.people" in statement else DISCARDED)
        else:
            rows = attempt(cursor, f"SELECT 1; {statement}" if how == "several" else statement)
        if how == "several":
            assert rows == (REFUSED if "lake.people" in statement else DISCARDED)
        connection.rollback()
    if isinstance(rows, int):
        assert rows in (DISCARDED, REFUSED)
    else:
        assert how in ("plain", "transaction")
        assert rows in ([(1,)], [(3,)]) or len(rows) == 3 or statement.startswith(("INSERT", "CREATE")), rows
    kept = {row[0] for row in backend.run("SELECT id FROM lake.target")}
    assert kept in ({7}, {1, 2, 3, 7})
    backend.run("DELETE FROM lake.target WHERE id <> 7")
    if backend.run("SHOW TABLES FROM lake LIKE 'made'"):
        assert how in ("plain", "transaction")
        assert {row[0] for row in backend.run("SELECT id FROM lake.made")} == {1, 2, 3}
        backend.run("DROP TABLE lake.made")


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
    with pytest.raises(pymysql.err.Error) as error:
        backend.run(statement)
    assert error.value.args[0] in (DISCARDED, 4137)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE lake.people ADD COLUMN more INT",
        "ALTER TABLE `lake` . people DROP COLUMN paid",
        "CREATE UNIQUE INDEX one ON lake.people (name)",
        "/* here */ create index one on people(name)",
        "DROP INDEX one ON lake.people",
    ],
)
def test_columns_and_keys_stay_as_they_are(instance: Instance, people: str, statement: str):
    with instance.connect(database="lake") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.err.Error, match="lake table: its columns are those of its files"):
            cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {people} COMMENT = 'of people'")
        cursor.execute(f"SELECT COUNT(*) FROM {people}")
        assert cursor.fetchall() == ((3,),)


def test_a_statement_that_the_server_itself_would_run_is_refused_by_name(
    instance: Instance, backend: Backend, people: str
):
    with instance.connect(database="lake") as connection, connection.cursor() as cursor:
        for statement in ("SELECT * FROM people", f"INSERT INTO t SELECT id FROM {people}", f"DELETE FROM {people}"):
            with pytest.raises(pymysql.err.Error, match=r"lake\.people is a lake table, and the server itself runs"):
                cursor.execute(f"PREPARE one FROM '{statement}'")
            cursor.execute("SET @text = %s", (statement,))
            for command in ("PREPARE one FROM @text", "EXECUTE IMMEDIATE @text", f"EXECUTE IMMEDIATE '{statement}'"):
                if backend.kind == "mariadb" or not command.startswith("EXECUTE"):  # MySQL has no such statement
                    with pytest.raises(pymysql.err.Error, match=r"lake\.people is a lake table, and the server itself"):
                        cursor.execute(command)
        for statement in (f"SHOW CREATE TABLE {people}", "SELECT ''people'' AS people"):
            cursor.execute(f"PREPARE one FROM '{statement}'")
            cursor.execute("EXECUTE one")
            assert len(cursor.fetchall()) == 1


def test_a_name_that_is_a_function_elsewhere_is_a_table_here(instance: Instance, data: Path):
    (data / "names.csv").write_text("1,Ann\n")
    for name in ("glob", "range", "read_csv", "duckdb_settings"):
        instance.run(f"CREATE TABLE lake.`{name}` {lake('id INT, name VARCHAR(9)', data / 'names.csv')}")
        assert instance.run(f"SELECT id, name FROM lake.`{name}`") == [(1, "Ann")]
        instance.run(f"DROP TABLE lake.`{name}`")


def test_rows_are_written_through_any_character_set_that_has_them(instance: Instance, people: str, data: Path):
    (data / "fruit.csv").write_text("4,\U0001f34b\n")
    instance.run(f"CREATE TABLE lake.fruit {lake('id INT, name VARCHAR(9)', data / 'fruit.csv')}")
    instance.run("CREATE TABLE lake.written (id INT PRIMARY KEY, name VARCHAR(20) CHARACTER SET utf8mb4)")
    for charset in ("utf8mb3", "latin1"):
        with instance.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SET NAMES {charset}")
            cursor.execute(f"INSERT INTO lake.written SELECT id, name FROM {people}")
            cursor.execute("DELETE FROM lake.written WHERE id < 10")
            assert cursor.rowcount == 3
            with pytest.raises(pymysql.err.Error, match="character set"):
                cursor.execute("INSERT INTO lake.written SELECT id, name FROM lake.fruit")
    instance.run("INSERT INTO lake.written SELECT id, name FROM lake.fruit")
    assert instance.run("SELECT name FROM lake.written") == [("\U0001f34b",)]
    instance.run("DROP TABLE lake.written, lake.fruit")


def test_nothing_opens_a_shadow(instance: Instance, backend: Backend, data: Path):
    """TRUNCATE gives a table of InnoDB its tablespace back, unless it keeps a history."""
    (data / "one.csv").write_text("1\n")
    instance.run(f"CREATE TABLE lake.shut {lake('id INT', data / 'one.csv')}")
    with backend.connect() as connection, connection.cursor() as cursor:
        for text in ("TRUNCATE TABLE lake.shut", "ALTER TABLE lake.shut FORCE", "ALTER TABLE lake.shut ENGINE=InnoDB"):
            assert attempt(cursor, text) in (DISCARDED, 4137, 4124)
            assert attempt(cursor, "SELECT COUNT(*) FROM lake.shut") == DISCARDED
        assert attempt(cursor, "OPTIMIZE TABLE lake.shut")
        assert attempt(cursor, "SELECT COUNT(*) FROM lake.shut") == DISCARDED
    assert instance.run("SELECT id FROM lake.shut") == [(1,)]


def test_a_shadow_that_can_be_read_is_refused(instance: Instance, backend: Backend, people: str):
    """CREATE TABLE … LIKE makes a table with the same definition in it, which is not sealed."""
    assert "lake table" in refused(instance, f"CREATE TABLE lake.alike LIKE {people}")
    backend.run(f"CREATE TABLE lake.alike LIKE {people}")
    assert "DISCARD TABLESPACE" in refused(instance, "SELECT COUNT(*) FROM lake.alike")
    backend.run("ALTER TABLE lake.alike DISCARD TABLESPACE")
    assert instance.run("SELECT COUNT(*) FROM lake.alike") == [(3,)]
    backend.run("DROP TABLE lake.alike")


def test_a_shadow_that_comes_from_a_dump_is_sealed_by_a_load(instance: Instance, backend: Backend, people: str):
    """SHOW CREATE TABLE is what a dump holds, from the backend and from here."""
    ((_, theirs),) = backend.run(f"SHOW CREATE TABLE {people}")
    ((_, ours),) = instance.run(f"SHOW CREATE TABLE {people}")
    backend.run(theirs.replace("`people`", "lake.`restored`", 1))
    assert "SECONDARY_LOAD" in refused(instance, "SELECT COUNT(*) FROM lake.restored")
    instance.run("ALTER TABLE lake.restored SECONDARY_LOAD")
    assert instance.run("SELECT COUNT(*) FROM lake.restored") == [(3,)]
    instance.run(ours.replace("`people`", "lake.`again`", 1))
    assert instance.run("SELECT COUNT(*) FROM lake.again") == [(3,)]
    with backend.connect() as client, client.cursor() as cursor:
        for name in ("restored", "again"):
            assert attempt(cursor, f"SELECT * FROM lake.{name}") == DISCARDED
            cursor.execute(f"DROP TABLE lake.{name}")


def test_what_gives_access_stays_here(instance: Instance, backend: Backend):
    """The signature of an address is not in the backend's table, nor shown; the file itself cannot be reached."""
    for uri in ("https://127.0.0.1/a.csv?X-Amz-Signature=abcdef012", "https://127.0.0.1/p/abcdef012/n/ns/b/x/o/a.csv"):
        for statement in (
            f"CREATE TABLE lake.signed {lake('id INT', uri)}",
            "ALTER TABLE lake.signed " + lake("id INT", uri).partition("rapid ")[2],
        ):
            instance.run(statement)
            for side in (instance, backend):
                assert "abcdef012" not in str(side.run("SHOW CREATE TABLE lake.signed"))
            said = refused(instance, "SELECT id FROM lake.signed")
            assert "127.0.0.1" in said
            assert "abcdef012" not in said
            assert "secret-" not in said
        instance.run("DROP TABLE lake.signed")


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
        instance.run(f"CREATE VIEW lake.seen AS SELECT id, paid FROM {people}")
        for host in ("localhost", "127.0.0.1", "%"):  # neither SHOW VIEW, nor all columns of the table
            backend.run(f"REVOKE SELECT ON {people} FROM 'lakereader'@'{host}'")
            backend.run(f"GRANT SELECT (id, name) ON {people} TO 'lakereader'@'{host}'")
            backend.run(f"GRANT SELECT ON lake.seen TO 'lakereader'@'{host}'")
        for query, wanted in ((f"SELECT MAX(id) FROM {people}", 3), ("SELECT COUNT(paid) FROM lake.seen", 2)):
            cursor.execute(query)
            assert cursor.fetchall() == ((wanted,),)
        connection.select_db("lake")
        cursor.execute("SELECT MAX(people.id) FROM people JOIN seen USING (id)")
        assert cursor.fetchall() == ((3,),)
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute(f"SELECT paid FROM {people}")
        assert error.value.args[0] == 1143
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute("SHOW CREATE VIEW lake.seen")
        assert error.value.args[0] == 1142
        with pytest.raises(pymysql.err.Error) as error:
            cursor.execute(f"CREATE TABLE lake.no {lake('id INT', '/x')}")
        assert error.value.args[0] == 1142


def test_a_definition_outlives_the_store(backend: Backend, data: Path, people: str, running: Callable[..., Instance]):
    """Another instance, with a store of its own, reads the same table."""
    other = running(backend, "--lakehouse-paths", str(data), "--workers", "1", "--autoload", "false")
    other.wait_until_loaded("lake", "people")
    assert other.run(f"SELECT COUNT(*) FROM {people}") == [(3,)]


def test_to_drop_a_table_is_not_to_read_all_others(instance: Instance, backend: Backend, people: str):
    shown = instance.run("SHOW CREATE TABLE lake.people")[0][1]
    for at in range(30):
        instance.run(str(shown).replace("CREATE TABLE `people`", f"CREATE TABLE lake.many{at}", 1))
    before = int(instance.run("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1])
    instance.run("DROP TABLE lake.many0")
    instance.run("DO 1")
    assert int(instance.run("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1]) - before < 20
    assert instance.run("SELECT COUNT(*) FROM lake.many1") == instance.run("SELECT COUNT(*) FROM lake.people")
    instance.run(f"DROP TABLE {', '.join(f'lake.many{at}' for at in range(1, 30))}")


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


def test_insert_select_writes_rows_of_files(instance: Instance, backend: Backend, people: str):
    instance.run("CREATE TABLE lake.copied (id INT PRIMARY KEY, name VARCHAR(20))")
    instance.run(f"INSERT INTO lake.copied SELECT id, name FROM {people}")
    assert backend.run("SELECT id FROM lake.copied ORDER BY id") == [(1,), (2,), (3,)]


def test_tables_are_made_of_rows_of_files(instance: Instance, backend: Backend, people: str):
    instance.run("CREATE TABLE lake.pets (owner INT PRIMARY KEY, pet VARCHAR(9))")
    instance.run("INSERT INTO lake.pets VALUES (1, 'cat'), (3, 'dog')")
    instance.run("ALTER TABLE lake.pets SECONDARY_LOAD")
    twice = "WHERE p.id IN (SELECT id FROM lake.people)"
    join = f"SELECT p.id, p.name, pets.pet FROM lake.people p JOIN lake.pets ON owner = p.id {twice}"
    for number, query in enumerate(("SELECT id, name, paid FROM lake.people", join)):
        instance.run(f"CREATE TABLE lake.made{number} AS {query}")
        assert sorted(backend.run(f"SELECT * FROM lake.made{number}")) == sorted(instance.run(query))
        ((_, shown),) = backend.run(f"SHOW CREATE TABLE lake.made{number}")
        assert "`name` varchar(20)" in shown
        instance.run(f"DROP TABLE lake.made{number}")
    assert instance.run("SELECT COUNT(*) FROM lake.people") == [(3,)]  # no twin stands before it
    instance.run("DROP TABLE lake.pets")


def test_what_the_engine_refuses_is_told(instance: Instance, people: str):
    assert "RAND" in refused(instance, f"SELECT RAND() FROM {people}")
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = OFF")
        with pytest.raises(pymysql.err.Error, match="use_secondary_engine is OFF"):
            cursor.execute(f"SELECT * FROM {people}")
    refused(instance, f"SELECT nothing FROM {people}", 1054)


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


def test_loading_takes_the_right_to_alter(instance: Instance, backend: Backend, people: str):
    for host in ("localhost", "127.0.0.1", "%"):
        backend.run(f"CREATE USER IF NOT EXISTS 'lakeloader'@'{host}' IDENTIFIED BY 'pw'")
        backend.run(f"GRANT SELECT ON {people} TO 'lakeloader'@'{host}'")
    with instance.connect(user="lakeloader", password="pw") as connection, connection.cursor() as cursor:
        assert attempt(cursor, f"ALTER TABLE {people} SECONDARY_LOAD") == 1142
        assert attempt(cursor, f"SELECT COUNT(*) FROM {people}") == [(3,)]


def test_other_tables_of_the_name_are_written(instance: Instance, people: str):
    """A lake table's name is taken in its own schema only, and is no word that columns may not have."""
    name = people.partition(".")[2]
    instance.run("CREATE SCHEMA IF NOT EXISTS lake_other")
    instance.run(f"CREATE OR REPLACE VIEW lake_other.none AS SELECT 1 AS {name}")
    instance.run(f"DROP TABLE IF EXISTS lake_other.{name}, lake.named_so")
    with instance.connect(database="lake_other") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (id INT, {name} INT)")
        cursor.execute(f"INSERT INTO {name} VALUES (1, 2)")
        cursor.execute(f"UPDATE {name} SET {name} = 3")
        cursor.execute("USE lake")
        cursor.execute(f"CREATE TABLE named_so ({name} INT)")
        cursor.execute(f"INSERT INTO named_so ({name}) VALUES (1)")
        cursor.execute(f"UPDATE named_so SET {name} = 2, {name} = 4")
        assert attempt(cursor, f"SELECT {name} FROM named_so") == [(4,)]
        assert attempt(cursor, f"UPDATE {name} SET id = 3") == READ_ONLY
        assert attempt(cursor, f"DELETE FROM lake.{name}") == READ_ONLY
        assert attempt(cursor, f"UPDATE named_so, {name} SET named_so.{name} = 1") in (DISCARDED, REFUSED)
    instance.run("DROP SCHEMA lake_other")


def test_the_definition_is_shown_as_it_was_given(instance: Instance, data: Path):
    (data / "show.csv").write_text("1,31/12/2024\n")
    columns = """id INT NOT NULL, day DATE COMMENT 'it''s, so' ENGINE_ATTRIBUTE='{"date_format": "%d/%m/%Y"}'"""
    instance.run(
        f"CREATE TABLE lake.shows {lake(columns, data / 'show.csv', field_delimiter=',', escape_character='')}"
    )
    ((_, shown),) = instance.run("SHOW CREATE TABLE lake.shows")
    assert "InnoDB" not in shown
    assert "warmfront" not in shown
    assert "VERSIONING" not in shown
    rows = instance.run("SELECT id, CAST(day AS CHAR) FROM lake.shows")
    assert rows == [(1, "2024-12-31")]
    instance.run("DROP TABLE lake.shows")
    with instance.connect(database="lake") as connection, connection.cursor() as cursor:
        cursor.execute(shown)
        cursor.execute("SELECT id, CAST(day AS CHAR) FROM shows")
        assert list(cursor.fetchall()) == rows
        cursor.execute("SHOW CREATE TABLE shows")
        assert cursor.fetchall() == (("shows", shown),)
    address = "https://host.example/a.parquet?X-Amz-Signature=secret"
    instance.run(f"CREATE TABLE lake.signed {lake('id INT', address, format='parquet')}")
    ((_, shown),) = instance.run("SHOW CREATE TABLE lake.signed")
    assert "secret" not in shown
    assert "https://host.example/a.parquet?***" in shown


def test_what_a_dead_proxy_has_left_half_made_is_sealed(
    backend: Backend, data: Path, people: str, running: Callable[..., Instance]
):
    """CREATE TABLE … LIKE a lake table makes what there is between CREATE and DISCARD TABLESPACE."""
    backend.run("DROP TABLE IF EXISTS lake.half")
    backend.run(f"CREATE TABLE lake.half LIKE {people}")
    other = running(backend, "--lakehouse-paths", str(data), "--workers", "1", "--autoload", "false")
    other.wait_until_loaded("lake", "half")
    assert other.run("SELECT COUNT(*) FROM lake.half") == [(3,)]
    backend.run("DROP TABLE lake.half")
