"""SELECTs with autocommit off or behind BEGIN: offloaded, and with the answers and the flags that the backend gives."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

pytestmark = pytest.mark.live

IN_TRANS, AUTOCOMMIT = 1, 2
TOTAL = "SELECT COUNT(*), SUM(v) FROM sales"
GROUPS = "SELECT g, COUNT(*) FROM sales GROUP BY g ORDER BY g"


@pytest.fixture(scope="module")
def instance(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    """The shared instance with two loaded tables."""
    backend.run("DROP DATABASE IF EXISTS reading")
    backend.run("CREATE DATABASE reading")
    backend.run("CREATE TABLE reading.sales (id INT PRIMARY KEY, g INT, v INT)")
    backend.run("CREATE TABLE reading.other (id INT PRIMARY KEY, v INT)")
    backend.run("INSERT INTO reading.sales VALUES " + ",".join(f"({i},{i % 5},{i})" for i in range(100)))
    backend.run("INSERT INTO reading.other VALUES (1, 1)")
    for table in ("sales", "other"):
        warmfront_instance.wait_until_loaded("reading", table)
    yield warmfront_instance
    backend.run("DROP DATABASE reading")


@pytest.fixture
def client(instance: Any, backend: Any) -> Iterator[Any]:
    """A session without autocommit, whose SELECTs are all worth it."""
    backend.run("REPLACE INTO reading.sales VALUES " + ",".join(f"({i},{i % 5},{i})" for i in range(100)))
    backend.run("DELETE FROM reading.sales WHERE id >= 100")
    several = CLIENT.MULTI_STATEMENTS
    with instance.connect(database="reading", autocommit=False, client_flag=several) as connection:
        rows(connection, "SET secondary_engine_cost_threshold = 0")
        rows(connection, "ROLLBACK")
        yield connection


def rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def flags(connection: Any, statement: str) -> int:
    """The session's flags at the end of a query's rows, which PyMySQL does not keep."""
    connection._execute_command(3, statement)
    ends = 0
    while ends < 2:
        packet = connection._read_packet()
        ends += packet.is_eof_packet()
    return int.from_bytes(packet.get_all_data()[3:5], "little") & (IN_TRANS | AUTOCOMMIT)


def count(connection: Any) -> int:
    """How many statements of the session the engine has answered."""
    return int(rows(connection, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])


def offloads(connection: Any, act: Any) -> int:
    """How many statements the engine answers while something is done; the counting ends the transaction of reads."""
    before = count(connection)
    rows(connection, "ROLLBACK")  # MariaDB's SHOW STATUS begins a transaction
    act()
    return count(connection) - before


def test_flags_are_those_of_the_backend(client: Any, backend: Any) -> None:
    """Drivers keep autocommit by the flags of each answer: a wrong one would lose a commit."""
    assert client.server_status & (IN_TRANS | AUTOCOMMIT) == 0
    assert flags(client, TOTAL) == IN_TRANS
    assert flags(client, GROUPS) == IN_TRANS
    rows(client, "UPDATE sales SET v = v + 1000 WHERE id = 1")
    assert backend.run("SELECT v FROM reading.sales WHERE id = 1") == [(1,)]
    assert rows(client, TOTAL) == [(100, 5950)]  # its own write
    client.rollback()
    assert client.server_status & (IN_TRANS | AUTOCOMMIT) == 0
    assert count(client) == 2
    client.autocommit(True)
    assert flags(client, TOTAL) == AUTOCOMMIT
    assert count(client) == 3


@pytest.mark.parametrize("opening", ["", "BEGIN", "START TRANSACTION"])
def test_all_selects_of_a_transaction_see_one_snapshot(client: Any, backend: Any, opening: str) -> None:
    """What others commit meanwhile is seen by none of them, on either side."""
    before = count(client)
    rows(client, "COMMIT")
    if opening:
        rows(client, opening)
    assert rows(client, TOTAL) == [(100, 4950)]
    assert rows(client, GROUPS) == [(g, 20) for g in range(5)]
    backend.run("INSERT INTO reading.sales VALUES (100, 0, 50)")
    backend.run("UPDATE reading.other SET v = 2")
    assert rows(client, TOTAL) == [(100, 4950)]
    assert rows(client, "SELECT v FROM other") == [(1,)]
    assert rows(client, GROUPS) == [(g, 20) for g in range(5)]
    assert rows(client, "SELECT v FROM sales WHERE id = 100") == []
    rows(client, "COMMIT")
    assert rows(client, "SELECT v FROM other") == [(2,)]
    assert rows(client, TOTAL) == [(101, 5000)]
    rows(client, "COMMIT")
    backend.run("UPDATE reading.other SET v = 1")
    assert count(client) - before == 4


def test_read_committed_sees_each_commit(client: Any, backend: Any) -> None:
    """At READ COMMITTED the next statement of the transaction sees what was committed before it."""
    rows(client, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    rows(client, "COMMIT")

    def act() -> None:
        assert rows(client, TOTAL) == [(100, 4950)]
        backend.run("INSERT INTO reading.sales VALUES (100, 0, 50)")
        assert rows(client, TOTAL) == [(101, 5000)]
        assert rows(client, GROUPS)[0] == (0, 21)

    assert offloads(client, act) == 3


def test_what_may_write_or_lock_ends_it(client: Any, backend: Any) -> None:
    """Behind a write, a lock or a command that was not looked at the backend answers, its own changes included."""
    for statement in ("INSERT INTO sales VALUES (200, 9, 9)", "SELECT * FROM other FOR UPDATE", "SET @x = 1"):
        rows(client, "ROLLBACK")

        def act(statement: str = statement) -> None:
            rows(client, TOTAL)
            rows(client, statement)
            expected = 101 if statement.startswith("INSERT") else 100
            assert rows(client, TOTAL)[0][0] == expected

        assert offloads(client, act) == 1, statement
        rows(client, "ROLLBACK")


def test_transactions_that_are_left_alone(client: Any, backend: Any) -> None:
    """SERIALIZABLE takes locks, SET TRANSACTION cannot be read, and other openings say more than BEGIN."""
    rows(client, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    rows(client, "COMMIT")
    assert offloads(client, lambda: rows(client, TOTAL)) == 0
    rows(client, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    for openings in (["START TRANSACTION READ ONLY"], ["SET TRANSACTION READ ONLY", "BEGIN"]):

        def act(openings: list[str] = openings) -> None:
            rows(client, "COMMIT")
            for opening in openings:
                rows(client, opening)
            rows(client, TOTAL)
            with pytest.raises(pymysql.err.MySQLError) as caught:
                rows(client, "INSERT INTO sales VALUES (300, 1, 1)")
            assert caught.value.args[0] == 1792  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION

        assert offloads(client, act) == 0
        rows(client, "ROLLBACK")
        assert offloads(client, lambda: rows(client, TOTAL)) == 1  # what was said of one transaction ends with it


def test_set_transaction_is_for_one_statement_without_a_transaction(client: Any, backend: Any) -> None:
    """The SELECT behind SET TRANSACTION is that transaction: offloaded, it would leave the next statement READ ONLY."""
    rows(client, "SET autocommit = 1")

    def read_only() -> None:
        rows(client, "SET TRANSACTION READ ONLY")
        rows(client, TOTAL)

    assert offloads(client, read_only) == 0
    rows(client, "DELETE FROM sales WHERE id = 300")
    assert offloads(client, lambda: rows(client, TOTAL)) == 1
    with backend.connect(database="reading", autocommit=False) as other:
        rows(other, "INSERT INTO sales VALUES (301, 1, 1)")
        rows(client, "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        seen = [rows(client, TOTAL)[0][0] for _ in range(2)]
        rows(other, "ROLLBACK")
    assert seen == [101, 100]


@pytest.mark.parametrize("before", ["SAVEPOINT a", "SELECT 1; SAVEPOINT a", "/* a comment */ savepoint a"])
def test_a_savepoint_is_kept(client: Any, before: str) -> None:
    """A savepoint may come first in a transaction, and no flag shows it: nothing may be begun over it."""
    with client.cursor() as cursor:
        cursor.execute(before)
        while cursor.nextset():
            pass
    assert rows(client, TOTAL) == [(100, 4950)]
    rows(client, "UPDATE sales SET v = 0")
    rows(client, "ROLLBACK TO SAVEPOINT a")
    assert rows(client, TOTAL) == [(100, 4950)]
    rows(client, "ROLLBACK")
    assert offloads(client, lambda: rows(client, TOTAL)) == 1


def test_forced_says_why_it_cannot(client: Any, backend: Any) -> None:
    """Under FORCED a table that changed after the snapshot is an error, and nothing else's answer."""
    rows(client, "SET use_secondary_engine = FORCED")
    rows(client, "COMMIT")
    assert rows(client, TOTAL) == [(100, 4950)]
    backend.run("UPDATE reading.sales SET v = v + 1 WHERE id = 0")
    with pytest.raises(pymysql.err.MySQLError) as caught:
        rows(client, TOTAL)
    assert caught.value.args[0] == 3889
    assert "after the transaction's snapshot" in caught.value.args[1]
    rows(client, "ROLLBACK")
    assert rows(client, TOTAL) == [(100, 4951)]
    rows(client, "ROLLBACK")
    backend.run("UPDATE reading.sales SET v = v - 1 WHERE id = 0")


def test_a_write_behind_an_offloaded_read_is_committed(client: Any, backend: Any) -> None:
    """Read, then write, then commit: the write is there; without the commit it is not."""
    rows(client, TOTAL)
    rows(client, "INSERT INTO sales VALUES (400, 4, 4)")
    client.commit()
    assert backend.run("SELECT v FROM reading.sales WHERE id = 400") == [(4,)]
    rows(client, GROUPS)
    rows(client, "INSERT INTO sales VALUES (401, 4, 4)")
    client.rollback()
    assert backend.run("SELECT v FROM reading.sales WHERE id = 401") == []
