"""How fast does the copy catch up with a backend that has become idle, decoding included?

The copy is stopped, changes are written, the copy is started again: seconds from its start to the backend's position.
Each kind of change is written twice: a transaction per row, and a thousand rows in each.

    python -m bench.apply --rows 6000000 --changes 300000 --mysqld PROGRAM
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pymysql

from base.settings import Upstream
from bench import report
from bench.backend import Copy, connect, private_backend

SCHEMA = "bench_apply"
TABLE = (
    "CREATE TABLE {name} (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)"
    " CHARACTER SET latin1"
)
ROW = "n, n * 7919 % 1000, LEFT(REPEAT(SHA2(n, 256), 2), 119), LEFT(SHA2(n, 256), 59)"
_STEP = 10_000

# Random single-row changes, `per` of them in each transaction.
PROCEDURE = """CREATE PROCEDURE many(IN kind CHAR(6), IN changes INT, IN per INT, IN size INT)
BEGIN
  DECLARE i INT DEFAULT 0;
  WHILE i < changes DO
    IF i % per = 0 THEN START TRANSACTION; END IF;
    CASE kind
      WHEN 'update' THEN
        SET @id = 1 + FLOOR(RAND() * size);
        UPDATE t SET k = k + 1, c = LEFT(REPEAT(SHA2(k, 256), 2), 119) WHERE id = @id;
      WHEN 'delete' THEN
        SET @id = 1 + FLOOR(RAND() * size);
        DELETE FROM t WHERE id = @id;
      ELSE INSERT INTO t VALUES (@top := @top + 1, i, LEFT(REPEAT(SHA2(i, 256), 2), 119), LEFT(SHA2(i, 256), 59));
    END CASE;
    SET i = i + 1;
    IF i % per = 0 THEN COMMIT; END IF;
  END WHILE;
  COMMIT;
END"""


def fill(cursor: "pymysql.cursors.Cursor", first: int, rows: int, step: int = _STEP) -> None:
    """Insert rows with ids from `first` on, `step` of them per statement and transaction."""
    for start in range(first, first + rows, step):
        count = min(step, first + rows - start)
        cursor.execute(f"INSERT INTO t SELECT {ROW} FROM (SELECT {start} + d AS n FROM digits WHERE d < {count}) s")


def prepare(upstream: Upstream, rows: int) -> None:
    """Make the table, unless it is there from a run before."""
    with connect(upstream) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}")
        cursor.execute(f"USE {SCHEMA}")
        cursor.execute("DROP PROCEDURE IF EXISTS many")
        cursor.execute(PROCEDURE)
        cursor.execute("CREATE TABLE IF NOT EXISTS digits (d INT PRIMARY KEY)")
        cursor.execute("INSERT IGNORE INTO digits VALUES " + ", ".join(f"({d})" for d in range(_STEP)))
        cursor.execute("SHOW TABLES LIKE 't'")
        if not cursor.fetchall():
            cursor.execute(TABLE.format(name="t"))
            fill(cursor, 1, rows)


def scenarios(rows: int, changes: int) -> "dict[str, Callable[[pymysql.cursors.Cursor], object]]":
    """Name and writer of each kind of change."""

    def inserts(per: int) -> Callable[[pymysql.cursors.Cursor], object]:
        def run(cursor: pymysql.cursors.Cursor) -> None:
            cursor.execute("SELECT MAX(id) FROM t")
            (top,) = cursor.fetchone() or (0,)
            if per == 1:
                cursor.execute(f"SET @top = {top}")
                cursor.execute("CALL many('insert', %s, 1, 0)", (changes,))
            else:
                fill(cursor, top + 1, changes, per)

        return run

    def single(kind: str, per: int) -> Callable[[pymysql.cursors.Cursor], object]:
        return lambda cursor: cursor.execute("CALL many(%s, %s, %s, %s)", (kind, changes, per, rows))

    return {
        "inserts, 1,000 rows a statement": inserts(1000),
        "inserts, a transaction each": inserts(1),
        "random updates, 1,000 a transaction": single("update", 1000),
        "random updates, a transaction each": single("update", 1),
        "random deletes, 1,000 a transaction": single("delete", 1000),
    }


def catch_up(upstream: Upstream, folder: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor, from the start of replication to the backend's position."""
    copy = Copy(upstream, folder)
    began, used = time.perf_counter(), time.process_time()
    copy.start()
    copy.wait()
    taken = time.perf_counter() - began, time.process_time() - used
    copy.stop()
    return taken


def measure(upstream: Upstream, folder: Path, options: argparse.Namespace) -> None:
    """Write, catch up, print."""
    copy = Copy(upstream, folder)
    copy.start()
    copy.load(SCHEMA, "t")
    copy.stop()
    report.console.print(f"{options.changes:,} changes each, {options.rows:,} rows, {upstream.version}")
    with connect(upstream, database=SCHEMA) as connection, connection.cursor() as cursor:
        for name, write in scenarios(options.rows, options.changes).items():
            if options.only and options.only not in name:
                continue
            write(cursor)
            seconds, processor = catch_up(upstream, folder)
            rate = options.changes / seconds
            report.console.print(f"{name}: {seconds:.2f} s, {processor:.2f} s of processor, {rate:,.0f} rows/s")


def main() -> None:
    """Parse arguments, start a backend, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=300_000)
    parser.add_argument("--only", help="run the kinds whose name has this in it")
    parser.add_argument("--mysqld", help="server program")
    parser.add_argument("--backend-dir", type=Path, help="keep the backend's data here for the next run")
    options = parser.parse_args()
    report.head("Catching up with an idle backend")
    with private_backend(options.mysqld, options.backend_dir) as upstream, tempfile.TemporaryDirectory() as folder:
        prepare(upstream, options.rows)
        measure(upstream, Path(folder), options)


if __name__ == "__main__":
    main()
