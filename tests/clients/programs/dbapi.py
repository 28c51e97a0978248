"""Steps that every DB-API driver goes through; each driver's own program adds what only it has."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from common import FORCE, KIND, QUERIES, SCHEMA, UNFORCE, failing, fresh_schema, run, show, show_rows, title

Connect = Callable[..., Any]


def steps(connect: Connect, errors: type[Exception]) -> None:
    """Go through all of them; `connect` takes the driver's own options."""
    with contextlib.closing(connect()) as connection:
        fresh_schema(connection)
        for step in (kinds, analytic, writes, multi, transactions, warnings, characters, large, limits):
            title(step.__name__)
            step(connection, errors)
    title("cancel")
    cancel(connect, errors)
    title("local_files")
    local_files(connect)


def kinds(connection: Any, errors: type[Exception]) -> None:
    """Every column type in the text protocol."""
    run(connection, "SELECT * FROM facts.kinds ORDER BY id")
    run(connection, "SELECT 1, 'a', NULL, 1.5, 1e0, NOW() IS NULL, X'00ff', DATE'2024-01-01', TIME'-10:00:00.5', TRUE")


def analytic(connection: Any, errors: type[Exception]) -> None:
    """Queries that the engine answers, and the state that they leave."""
    run(connection, FORCE)
    for query in QUERIES:
        show(query)
        run(connection, query)
    run(
        connection,
        "SELECT g FROM facts.sales WHERE s = %s AND v > %s AND d < %s ORDER BY id LIMIT 3",
        ("n7", 5.5, "2024-06-01"),
    )
    run(connection, "SELECT COUNT(*) FROM facts.sales")
    run(connection, "SELECT ROW_COUNT()")
    run(connection, "SHOW WARNINGS")
    run(connection, "SELECT LAST_INSERT_ID(), @@warning_count, @@error_count")
    with failing("no column", errors):
        run(connection, "SELECT nope FROM facts.sales")
    run(connection, "SHOW ERRORS")
    run(connection, UNFORCE)


def writes(connection: Any, errors: type[Exception]) -> None:
    """Inserted ids, counts of rows, many rows at once."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), n DOUBLE, UNIQUE KEY (v))")
    cursor.execute("INSERT INTO w (v, n) VALUES (%s, %s)", ("one", 1.5))
    show("last id", cursor.lastrowid, cursor.rowcount)
    cursor.executemany("INSERT INTO w (v, n) VALUES (%s, %s)", [(f"v{i}", i) for i in range(50)])
    show("many", cursor.lastrowid, cursor.rowcount)
    cursor.execute("UPDATE w SET n = n + 1 WHERE id < %s", (10,))
    show("updated", cursor.rowcount)
    cursor.execute("UPDATE w SET n = n WHERE id < %s", (10,))
    show("same", cursor.rowcount)
    with failing("duplicate", errors):
        cursor.execute("INSERT INTO w (v) VALUES ('one')")
    cursor.execute("INSERT INTO w (v, n) VALUES (%s, %s) ON DUPLICATE KEY UPDATE n = n + 100", ("one", None))
    show("upsert", cursor.lastrowid, cursor.rowcount)
    cursor.execute("DELETE FROM w WHERE id > 45")
    show("deleted", cursor.rowcount)
    connection.commit()
    run(connection, "SELECT COUNT(*), SUM(n), MAX(id) FROM w")
    cursor.close()


def multi(connection: Any, errors: type[Exception]) -> None:
    """Procedures with several results."""
    cursor = connection.cursor()
    cursor.execute(
        "CREATE PROCEDURE p (a INT, OUT b INT) "
        "BEGIN SELECT a, 'x'; SELECT id FROM facts.kinds ORDER BY id; SET b = a + 1; END"
    )
    cursor.execute("CREATE PROCEDURE bad () BEGIN SELECT 1; SELECT * FROM nowhere; END")
    cursor.execute("SET @b = 0")
    cursor.execute("CALL p(5, @b)")
    while True:
        show_rows(cursor)
        if not cursor.nextset():
            break
    run(connection, "SELECT @b")
    with failing("procedure", Exception):  # one driver's own exceptions come through here
        cursor.execute("CALL bad()")
        show_rows(cursor)
        cursor.nextset()
    with contextlib.suppress(Exception):
        cursor.close()
    run(connection, "SELECT 'still here'")


def transactions(connection: Any, errors: type[Exception]) -> None:
    """Commit, rollback, savepoints, and what an open transaction sees."""
    for statement in (
        *("CREATE TABLE x (id INT PRIMARY KEY)", "START TRANSACTION", "INSERT INTO x VALUES (1)", "SAVEPOINT a"),
        *("INSERT INTO x VALUES (2)", "ROLLBACK TO SAVEPOINT a", "SELECT * FROM x", "INSERT INTO x VALUES (3)"),
        *("COMMIT", "SELECT * FROM x ORDER BY id", "BEGIN", "DELETE FROM x", "SELECT COUNT(*) FROM x", "ROLLBACK"),
        *("SELECT COUNT(*) FROM x", "SET autocommit = 0", "INSERT INTO x VALUES (9)", "ROLLBACK", "SET autocommit = 1"),
        *("SELECT COUNT(*), SUM(id) FROM x", "LOCK TABLES x WRITE", "SELECT COUNT(*) FROM x", "UNLOCK TABLES"),
        *("CREATE TEMPORARY TABLE tmp SELECT * FROM x", "SELECT * FROM tmp ORDER BY 1", "DROP TEMPORARY TABLE tmp"),
    ):
        run(connection, statement)


def warnings(connection: Any, errors: type[Exception]) -> None:
    """What went wrong a little."""
    run(connection, "SET sql_mode = ''")
    run(connection, "CREATE TABLE n (t TINYINT, v VARCHAR(3))")
    run(connection, "INSERT INTO n VALUES (1000, 'too long')")
    run(connection, "SHOW WARNINGS")
    run(connection, "SHOW COUNT(*) WARNINGS")
    run(connection, "SELECT 1 / 0, CAST('x' AS SIGNED)")
    run(connection, "SHOW WARNINGS")
    run(connection, "SET sql_mode = DEFAULT")
    with failing("too long", errors):
        run(connection, "INSERT INTO n VALUES (1, 'too long')")
    run(connection, "DROP TABLE IF EXISTS nothing_of_the_kind")
    run(connection, "SHOW WARNINGS")


def characters(connection: Any, errors: type[Exception]) -> None:
    """Character sets of the connection."""
    run(connection, "SELECT HEX(%s), CHAR_LENGTH(%s), %s", ("äöü😀", "äöü😀", "äöü😀"))
    run(connection, FORCE)
    for names in ("utf8mb4", "utf8mb4 COLLATE utf8mb4_bin"):
        run(connection, f"SET NAMES {names}")
        run(connection, "SELECT id, v, l1 FROM facts.kinds WHERE v >= 'Va' ORDER BY v, id")
    run(connection, UNFORCE)


def large(connection: Any, errors: type[Exception]) -> None:
    """Packets of more than 16 MiB, either way."""
    size = (17 << 20) + 3
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE big (id INT PRIMARY KEY, b LONGTEXT)")
    cursor.execute("INSERT INTO big VALUES (1, %s)", ("y" * size,))
    cursor.execute("SELECT LENGTH(b), b FROM big")
    length, text = cursor.fetchone()
    show("large", length, len(text), set(text) == {"y"})
    cursor.fetchall()
    cursor.close()
    connection.commit()


def limits(connection: Any, errors: type[Exception]) -> None:
    """Time-outs that the server keeps."""
    statement = "SELECT COUNT(*) FROM facts.sales a, facts.sales b, facts.sales c WHERE a.v + b.v + c.v = 1"
    name = "max_execution_time = 150" if KIND == "mysql" else "max_statement_time = 0.15"
    run(connection, f"SET SESSION {name}")
    for setting in (UNFORCE, FORCE):
        run(connection, setting)
        with failing("too slow", errors):
            run(connection, statement, quiet=True)
    run(connection, UNFORCE)
    run(connection, f"SET SESSION {name.split(' ')[0]} = DEFAULT")


def cancel(connect: Connect, errors: type[Exception]) -> None:
    """KILL QUERY from another connection, on the server and in the engine; KILL of the connection."""
    statement = "SELECT COUNT(*) FROM facts.sales a, facts.sales b, facts.sales c WHERE a.v + b.v + c.v = 1"
    with contextlib.closing(connect()) as victim, contextlib.closing(connect()) as killer:
        cursor = victim.cursor()
        cursor.execute("SELECT CONNECTION_ID()")
        number = cursor.fetchone()[0]
        cursor.fetchall()
        for setting in (UNFORCE, FORCE):
            cursor.execute(setting)

            def kill() -> None:
                time.sleep(0.4)
                one = killer.cursor()
                one.execute(f"KILL QUERY {number}")
                one.close()

            thread = threading.Thread(target=kill)
            thread.start()
            with failing("killed", errors):
                cursor.execute(statement)
                cursor.fetchall()
            thread.join()
            cursor.execute("SELECT 'goes on'")
            show(cursor.fetchall())
        one = killer.cursor()
        one.execute(f"KILL {number}")
        try:  # how a line that was cut is reported depends on the library of TLS: the last words of a proxy differ
            cursor.execute("SELECT 1")
            show("NOT GONE")
        except errors:
            show("gone")


def local_files(connect: Connect) -> None:
    """LOAD DATA LOCAL INFILE."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("".join(f"{i}\tname {i}\n" for i in range(20000)))
        file.flush()
        with contextlib.closing(connect()) as connection:
            run(connection, f"USE {SCHEMA}")
            run(connection, "CREATE TABLE loaded (id INT PRIMARY KEY, name VARCHAR(20))")
            run(connection, f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE loaded")
            connection.commit()
            run(connection, "SELECT COUNT(*), SUM(id), MAX(name) FROM loaded")
