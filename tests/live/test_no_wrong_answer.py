"""What was tried to make the engine answer otherwise than the backend: each attack answers alike under every switch."""

import re
import struct
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

pytestmark = pytest.mark.live

GROUPED = "SELECT g, SUM(v), COUNT(*), MIN(s) FROM t GROUP BY g ORDER BY g"
COUNT = "SELECT COUNT(*) FROM t"


@pytest.fixture(scope="module", autouse=True)
def tables(backend: Any, warmfront_instance: Any) -> Iterator[None]:
    """Two schemas with a table of the same name, and one with a name like the engine's own."""
    for schema in ("attack_a", "attack_b"):
        backend.run(f"DROP DATABASE IF EXISTS {schema}")
        backend.run(f"CREATE DATABASE {schema}")
        backend.run(
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY AUTO_INCREMENT, g INT, v DECIMAL(20,14), s VARCHAR(20))"
        )
        size = 60 if schema == "attack_a" else 25
        rows = ",".join(f"({i},{i % 7},{i}.{i * 1234567:014d},'n{i % 50}')" for i in range(1, size + 1))
        backend.run(f"INSERT INTO {schema}.t VALUES {rows}")
    backend.run("CREATE TABLE attack_a.rpd_sales (id INT PRIMARY KEY)")
    backend.run("INSERT INTO attack_a.rpd_sales VALUES (1), (2)")
    for schema, table in (("attack_a", "t"), ("attack_b", "t"), ("attack_a", "rpd_sales")):
        warmfront_instance.wait_until_loaded(schema, table)
    yield
    backend.run("DROP DATABASE attack_a")
    backend.run("DROP DATABASE attack_b")


def ask(connection: Any, statement: str) -> Any:
    """Rows, or the number of the error."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except pymysql.err.Error as problem:
            return problem.args[0]
        names = [(column[0], column[1]) for column in cursor.description or ()]
        return names, list(cursor.fetchall())


def answers(instance: Any, before: tuple[str, ...], statement: str) -> dict[str, Any]:
    """The answer under each switch, each in a session of its own."""
    found = {}
    for use in ("OFF", "ON", "FORCED"):
        with instance.connect(database="attack_a") as connection:
            ask(connection, f"SET use_secondary_engine = {use}")
            for step in before:
                ask(connection, step)
            found[use] = ask(connection, statement)
            ask(connection, "ROLLBACK")
    return found


def check(found: dict[str, Any], refusable: bool = True) -> None:
    assert found["ON"] == found["OFF"]
    assert found["FORCED"] == found["OFF"] or (refusable and found["FORCED"] == 3889)


SESSIONS = {
    "temporary table": (("CREATE TEMPORARY TABLE t (id INT)",), COUNT),
    "temporary table elsewhere": (("CREATE TEMPORARY TABLE attack_b.t (id INT)",), "SELECT COUNT(*) FROM attack_b.t"),
    "other schema": (("USE attack_b",), COUNT),
    "own writes": (("BEGIN", "INSERT INTO t (g) VALUES (1)"), COUNT),
    "autocommit off": (("SET autocommit = 0", "INSERT INTO t (g) VALUES (1)"), COUNT),
    "chained transaction": (("SET completion_type = 1", "BEGIN", "COMMIT", "INSERT INTO t (g) VALUES (1)"), COUNT),
    "locked tables": (("LOCK TABLES rpd_sales READ",), COUNT),
    "locked without alias": (("LOCK TABLES t READ",), "SELECT COUNT(*) FROM t other"),
    "select limit": (("SET sql_select_limit = 2",), "SELECT id FROM t ORDER BY id"),
    "ANSI quotes": (("SET sql_mode = 'ANSI_QUOTES'",), 'SELECT "s" FROM t ORDER BY id'),
    "pipes": (("SET sql_mode = 'PIPES_AS_CONCAT'",), "SELECT g || 1, COUNT(*) FROM t GROUP BY 1 ORDER BY 1"),
    "no backslashes": (("SET sql_mode = 'NO_BACKSLASH_ESCAPES'",), "SELECT COUNT(*) FROM t WHERE s <> 'a\\'"),
    "big selects": (("SET sql_big_selects = 0, max_join_size = 5",), "SELECT id, s FROM t ORDER BY id"),
    "auto is null": (("SET sql_auto_is_null = 1", "BEGIN", "ROLLBACK"), "SELECT id FROM t WHERE id IS NULL"),
    "latin1 client": (("SET NAMES latin1",), "SELECT COUNT(*) FROM t WHERE s = 'ä'"),
    "gbk client": (("SET NAMES gbk",), "SELECT id, s FROM t WHERE s = 'N1' ORDER BY id"),
    "binary collation": (("SET NAMES utf8mb4 COLLATE utf8mb4_bin",), "SELECT 'N1' = 'n1', COUNT(*) FROM t"),
    "precision 0": (("SET div_precision_increment = 0",), "SELECT id, id / 7, v / 3 FROM t ORDER BY id"),
    "precision 9": (("SET div_precision_increment = 9",), "SELECT id, id / 7, v / 3 FROM t ORDER BY id"),
    "precision 4": ((), "SELECT id, id / 7, v / 3, v / g FROM t ORDER BY id"),
    "averages": ((), "SELECT g, AVG(v), SUM(v) / 7, AVG(id) FROM t GROUP BY g ORDER BY g"),
    "version comment": ((), "SELECT COUNT(*) /*! + 1 */ FROM t"),
    "minus minus": ((), "SELECT COUNT(*)--1 FROM t"),
    "shadowing name": ((), "WITH t AS (SELECT 1 AS a) SELECT COUNT(*) FROM t"),
    "shadowed inside": ((), "WITH t AS (SELECT * FROM t WHERE id < 9) SELECT COUNT(*) FROM t"),
    "locking": ((), "SELECT COUNT(*) FROM t FOR UPDATE"),
    "alias before column": ((), "SELECT -g AS g FROM t ORDER BY g, id"),
}


@pytest.mark.parametrize(("before", "statement"), SESSIONS.values(), ids=SESSIONS)
def test_sessions(warmfront_instance: Any, before: tuple[str, ...], statement: str) -> None:
    check(answers(warmfront_instance, before, statement))


QUIET = {
    "table named like the engine's": ((), "SELECT COUNT(*) FROM rpd_sales"),
    "variable in a string": ((), "SELECT '@@use_secondary_engine' AS x"),
    "found_rows in a string": ((GROUPED,), "SELECT 'found_rows()' AS x"),
    "found_rows": ((GROUPED,), "SELECT FOUND_ROWS()"),
    "found_rows among others": ((GROUPED,), "SELECT FOUND_ROWS(), ROW_COUNT(), (FOUND_ROWS() + 1) AS n"),
    "found_rows in SET": ((GROUPED, "SET @n = FOUND_ROWS()"), "SELECT @n"),
    "found_rows in DO": ((GROUPED, "DO @n := FOUND_ROWS()"), "SELECT @n"),
    "row_count": ((GROUPED,), "SELECT ROW_COUNT()"),
    "warnings": ((GROUPED,), "SHOW WARNINGS"),
    "warnings of an error before": (("INSERT INTO nowhere VALUES (1)", GROUPED), "SHOW WARNINGS"),
    "last_insert_id": (("DO LAST_INSERT_ID(77)", GROUPED), "SELECT LAST_INSERT_ID()"),
}


@pytest.mark.parametrize(("before", "statement"), QUIET.values(), ids=QUIET)
def test_what_a_session_knows_of_its_last_statement(
    warmfront_instance: Any, before: tuple[str, ...], statement: str
) -> None:
    check(answers(warmfront_instance, before, statement), refusable=False)


CUT = (
    "SELECT id FROM t ORDER BY id LIMIT 1, 2",
    "SELECT id FROM t ORDER BY id LIMIT 2 OFFSET 3",
    "SELECT id FROM t ORDER BY id LIMIT 100, 5",
    "SELECT id FROM t ORDER BY id LIMIT 7, 0",
    "SELECT id FROM t WHERE id > 900 ORDER BY id LIMIT 1, 2",
    "SELECT g, COUNT(*) FROM t GROUP BY g ORDER BY g LIMIT 5, 5",
    "SELECT g, COUNT(*) FROM t GROUP BY g HAVING g > 2 ORDER BY g LIMIT 50, 5",
    "SELECT DISTINCT g FROM t ORDER BY g LIMIT 6, 5",
    "SELECT id, SUM(g) OVER (ORDER BY id) FROM t ORDER BY id LIMIT 90, 5",
    "WITH w AS (SELECT g FROM t WHERE id < 20) SELECT g, COUNT(*) FROM w GROUP BY g ORDER BY g LIMIT 40, 5",
    "SELECT * FROM (SELECT id FROM t ORDER BY id LIMIT 3, 9) d ORDER BY id LIMIT 4, 2",
    "SELECT SQL_CALC_FOUND_ROWS id, s FROM t WHERE g = 3 ORDER BY v DESC LIMIT 2",
    "SELECT SQL_CALC_FOUND_ROWS id FROM t WHERE g IN (1, 2) ORDER BY id LIMIT 6, 2",
    "SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 0",
    "SELECT SQL_CALC_FOUND_ROWS id FROM t ORDER BY id",
    "SELECT SQL_CALC_FOUND_ROWS DISTINCT s FROM t ORDER BY s LIMIT 3",
    "SELECT SQL_CALC_FOUND_ROWS g, SUM(v) n FROM t GROUP BY g HAVING n > 200 ORDER BY n DESC LIMIT 1",
    "SELECT SQL_CALC_FOUND_ROWS a.id FROM t a JOIN t b ON a.g = b.g GROUP BY a.id ORDER BY a.id LIMIT 5",
    "(SELECT id FROM t) UNION ALL (SELECT g FROM t) ORDER BY id LIMIT 4",
    "(SELECT id FROM t) UNION (SELECT g FROM t) ORDER BY id LIMIT 4, 3",
    "(SELECT id FROM t ORDER BY id LIMIT 3) UNION ALL (SELECT g FROM t ORDER BY g, id LIMIT 2) ORDER BY id LIMIT 1",
    "(SELECT id FROM t) EXCEPT (SELECT g FROM t) ORDER BY id LIMIT 2",
    "(SELECT id FROM t ORDER BY id LIMIT 9) ORDER BY id DESC LIMIT 2, 3",
    "SELECT SUM(g) INTO @kept FROM t",
    "SELECT id INTO @kept FROM t ORDER BY id LIMIT 5, 1",
)


@pytest.mark.parametrize("protocol", ["text", "prepared"])
def test_found_rows_of_what_a_limit_cuts(warmfront_instance: Any, protocol: str) -> None:
    prepared = protocol == "prepared"
    found: dict[str, list[Any]] = {}
    for use in ("OFF", "FORCED"):
        with warmfront_instance.connect(database="attack_a") as connection:
            ask(connection, f"SET use_secondary_engine = {use}")
            for statement in CUT:
                if prepared:
                    ask(connection, f"PREPARE cut FROM '{statement}'")
                rows = ask(connection, "EXECUTE cut" if prepared else statement)
                found.setdefault(use, []).append((statement, rows, ask(connection, "SELECT FOUND_ROWS(), 7")))
            ran = dict(ask(connection, "SHOW STATUS LIKE 'Secondary_engine_execution_count'")[1])
    assert found["FORCED"] == found["OFF"]
    assert prepared or int(*ran.values()) == len(CUT)


def prepared(connection: Any, statement: str) -> int:
    """Prepare a statement without parameters; gives its number."""
    connection._execute_command(0x16, statement)
    head = connection._read_packet().get_all_data()
    for _ in range(int.from_bytes(head[5:7], "little") + 1):
        connection._read_packet()
    return int.from_bytes(head[1:5], "little")


def test_found_rows_asked_by_a_prepared_statement(warmfront_instance: Any) -> None:
    found: dict[str, list[Any]] = {}
    for use in ("OFF", "FORCED"):
        with warmfront_instance.connect(database="attack_a") as connection:
            ask(connection, f"SET use_secondary_engine = {use}")
            asking = prepared(connection, "SELECT FOUND_ROWS(), ROW_COUNT() AS n, FOUND_ROWS() + 1 AS m")
            for statement in (*CUT[:3], CUT[11]):
                ask(connection, statement)
                found.setdefault(use, []).append(executed(connection, asking))
                executed(connection, prepared(connection, f"{statement} -- again"))
                found[use].append(executed(connection, prepared(connection, "SELECT FOUND_ROWS()")))
    assert found["FORCED"] == found["OFF"]


def test_one_row_that_is_passed_over(warmfront_instance: Any) -> None:
    for statement in ("SELECT COUNT(*) FROM t LIMIT 1, 1", "SELECT SQL_CALC_FOUND_ROWS MAX(id) FROM t LIMIT 1"):
        found = answers(warmfront_instance, (statement,), "SELECT FOUND_ROWS()")
        assert found["ON"] == found["OFF"]  # FORCED does not run it on MariaDB


def test_a_stored_function_named_like_a_built_in_one(warmfront_instance: Any, backend: Any) -> None:
    backend.run("SET GLOBAL log_bin_trust_function_creators = 1")
    backend.run("CREATE FUNCTION attack_a.`sum`(x DECIMAL(20,14)) RETURNS DECIMAL(42,14) DETERMINISTIC RETURN 42")
    check(answers(warmfront_instance, (), "SELECT sum (v) FROM t WHERE id < 3"))
    backend.run("DROP FUNCTION attack_a.`sum`")


def test_a_procedure_changes_the_session(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE PROCEDURE attack_a.shadow() CREATE TEMPORARY TABLE attack_a.t (id INT)")
    backend.run("CREATE PROCEDURE attack_a.limited() SET SESSION sql_select_limit = 1")
    check(answers(warmfront_instance, ("CALL shadow()",), COUNT))
    check(answers(warmfront_instance, ("CALL limited()",), "SELECT id FROM t ORDER BY id"))


CHANGES = (
    "ALTER TABLE attack_a.d ADD COLUMN z INT DEFAULT 7",
    "TRUNCATE TABLE attack_a.d",
    "INSERT INTO attack_a.d (id, a, b) VALUES (1, 2, 3), (2, 3, 4)",
    "ALTER TABLE attack_a.d RENAME COLUMN a TO c, RENAME COLUMN b TO a",
    "ALTER TABLE attack_a.d DROP COLUMN z",
    "RENAME TABLE attack_a.d TO attack_a.d2",
    "CREATE TABLE attack_a.d (id INT PRIMARY KEY, a VARCHAR(5))",
    "DROP TABLE attack_a.d",
)


def test_an_old_shape_never_answers(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE TABLE attack_a.d (id INT PRIMARY KEY, a INT, b INT)")
    backend.run("INSERT INTO attack_a.d VALUES (1, 1, 2), (2, 2, 1), (3, 5, 5)")
    warmfront_instance.wait_until_loaded("attack_a", "d")
    connections = {use: warmfront_instance.connect(database="attack_a") for use in ("OFF", "ON", "FORCED")}
    for use, connection in connections.items():
        ask(connection, f"SET use_secondary_engine = {use}")
    for change in ("DO 0", *CHANGES):
        backend.run(change)
        for statement in ("SELECT * FROM d ORDER BY id", "SELECT COUNT(*), MAX(a) FROM d"):
            check({use: ask(connection, statement) for use, connection in connections.items()})
    for connection in connections.values():
        connection.close()


def executed(connection: Any, statement_id: int) -> list[bytes]:
    """All packets of an execution, of a statement without parameters: column definitions and rows."""
    connection._execute_command(0x17, struct.pack("<IBI", statement_id, 0, 1))
    count = connection._read_packet().get_all_data()[0]
    packets = [connection._read_packet().get_all_data() for _ in range(count + 1)]
    while not (packet := connection._read_packet()).is_eof_packet():
        packets.append(packet.get_all_data())
    return packets


def test_a_prepared_statement_gets_the_new_names(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE TABLE attack_a.swapped (id INT PRIMARY KEY, a INT, b INT)")
    backend.run("INSERT INTO attack_a.swapped VALUES (1, 10, 20)")
    warmfront_instance.wait_until_loaded("attack_a", "swapped")
    with warmfront_instance.connect(database="attack_a") as connection:
        connection._execute_command(0x16, "SELECT * FROM swapped ORDER BY id")
        head = connection._read_packet().get_all_data()
        for _ in range(4):
            connection._read_packet()
        executed(connection, int.from_bytes(head[1:5], "little"))
        backend.run("ALTER TABLE attack_a.swapped RENAME COLUMN a TO b, RENAME COLUMN b TO a")
        warmfront_instance.wait_until_loaded("attack_a", "swapped")
        packets = executed(connection, int.from_bytes(head[1:5], "little"))
        assert re.search(rb"\x01b\x01b\x0c", packets[1])
        assert re.search(rb"\x01a\x01a\x0c", packets[2])


def test_deleted_and_changed_children_of_foreign_keys(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE TABLE attack_a.parent (id INT PRIMARY KEY)")
    backend.run(
        "CREATE TABLE attack_a.child (id INT PRIMARY KEY, p INT, "
        "FOREIGN KEY (p) REFERENCES parent(id) ON DELETE CASCADE ON UPDATE CASCADE)"
    )
    backend.run("INSERT INTO attack_a.parent VALUES (1), (2)")
    backend.run("INSERT INTO attack_a.child VALUES (1, 1), (2, 1), (3, 2)")
    warmfront_instance.wait_until_loaded("attack_a", "parent")
    for change in ("DO 0", "DELETE FROM attack_a.parent WHERE id = 1", "UPDATE attack_a.parent SET id = 9"):
        backend.run(change)
        check(answers(warmfront_instance, (), "SELECT COUNT(*), SUM(p) FROM child"))


def test_writes_that_are_logged_in_other_ways(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE TABLE attack_a.logged (id INT PRIMARY KEY AUTO_INCREMENT, p INT)")
    backend.run("INSERT INTO attack_a.logged (p) VALUES (1), (2), (3)")
    settings = ["binlog_row_image = 'NOBLOB'", "binlog_row_image = 'MINIMAL'", "binlog_format = 'STATEMENT'"]
    if not backend.is_mariadb:
        settings.insert(0, "binlog_transaction_compression = ON")
    for setting in settings:
        warmfront_instance.wait_until_loaded("attack_a", "logged")
        with backend.connect(database="attack_a") as writer:
            ask(writer, f"SET SESSION {setting}")
            for change in (
                "INSERT INTO logged (p) VALUES (7)",
                "UPDATE logged SET p = p + 1",
                "DELETE FROM logged LIMIT 1",
            ):
                ask(writer, change)
                check(answers(warmfront_instance, (), "SELECT COUNT(*), SUM(p) FROM logged"))


def test_a_grant_taken_away_just_before(warmfront_instance: Any, backend: Any) -> None:
    backend.run("DROP USER IF EXISTS lender@'%'")
    backend.run("CREATE USER lender@'%' IDENTIFIED BY 'l'")
    for grant, revoke, number in (
        ("GRANT SELECT ON attack_a.* TO lender@'%'", "REVOKE SELECT ON attack_a.* FROM lender@'%'", {1044, 1142}),
        ("GRANT SELECT (g, id) ON attack_a.t TO lender@'%'", "REVOKE SELECT (g) ON attack_a.t FROM lender@'%'", {1143}),
    ):
        backend.run(grant)
        warmfront_instance.wait_until_loaded("attack_a", "t")
        with warmfront_instance.connect(user="lender", password="l") as lender:
            ask(lender, "SET use_secondary_engine = FORCED")
            before = ask(lender, "SELECT SUM(g), COUNT(id) FROM attack_a.t")
            assert before == 3889 or not isinstance(before, int)
            backend.run(revoke)
            assert ask(lender, "SELECT SUM(g), COUNT(id) FROM attack_a.t") in number
            assert ask(lender, "SELECT * FROM performance_schema.rpd_query_stats") == 1142
    backend.run("DROP USER lender@'%'")
