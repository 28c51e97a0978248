"""Session variables that the proxy holds, whatever way they are set, and what statements leave behind."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from wire.framing import build_packets

pytestmark = pytest.mark.live

SUMS = "SELECT g, SUM(v) FROM numbers GROUP BY g"


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema with a loaded table."""
    backend.run("DROP DATABASE IF EXISTS held")
    backend.run("CREATE DATABASE held")
    backend.run("CREATE TABLE held.numbers (id INT PRIMARY KEY, g INT, v INT)")
    backend.run("INSERT INTO held.numbers VALUES " + ",".join(f"({i},{i % 5},{i})" for i in range(500)))
    warmfront_instance.wait_until_loaded("held", "numbers")
    yield "held"
    backend.run("DROP DATABASE held")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    """A connection through the proxy."""
    flags = pymysql.constants.CLIENT.MULTI_STATEMENTS
    with warmfront_instance.connect(database=schema, client_flag=flags) as connection:
        yield connection


def rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement, or several, and give the last one's rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        while cursor.nextset():
            pass
        return list(cursor.fetchall())


def number_of(connection: Any, statement: str) -> int:
    with pytest.raises(pymysql.err.Error) as caught:
        rows(connection, statement)
    return int(caught.value.args[0])


def test_freshness(client: Any) -> None:
    assert rows(client, "SELECT @@warmfront_freshness") == [("strict",)]
    rows(client, "SET use_secondary_engine = FORCED")
    assert len(rows(client, SUMS)) == 5  # and the copy is there from now on
    rows(client, "SET warmfront_freshness = 'relaxed', @x = 7")
    assert rows(client, "SELECT @@session.warmfront_freshness AS f, @x") == [("relaxed", 7)]
    assert rows(client, "SHOW VARIABLES LIKE 'warmfront%'") == [
        ("warmfront_any_spelling", "OFF"),
        ("warmfront_freshness", "relaxed"),
    ]
    assert ("warmfront_freshness", "relaxed") in rows(client, "SHOW SESSION VARIABLES")
    assert len(rows(client, SUMS)) == 5
    assert number_of(client, "SET warmfront_freshness = 'mostly'") == 1231
    rows(client, "SET @@warmfront_freshness = DEFAULT")
    assert rows(client, "SELECT @@warmfront_freshness, @@use_secondary_engine") == [("strict", "FORCED")]


def test_any_spelling(client: Any, warmfront_instance: Any) -> None:
    rows(client, "CREATE TABLE spelled (id INT PRIMARY KEY, city VARCHAR(20)) CHARACTER SET utf8mb4")
    rows(client, "INSERT INTO spelled VALUES (1, 'paris'), (2, 'Paris'), (3, 'Rome'), (4, NULL)")
    warmfront_instance.wait_until_loaded("held", "spelled")
    groups = "SELECT city, COUNT(*) FROM spelled GROUP BY city ORDER BY city"
    cities = "SELECT d.city FROM (SELECT city FROM spelled GROUP BY city) d ORDER BY d.city"
    assert rows(client, "SELECT @@warmfront_any_spelling") == [("OFF",)]
    assert rows(client, cities) == [(None,), ("paris",), ("Rome",)]  # and is known as one that stays
    rows(client, "SET use_secondary_engine = FORCED")
    assert number_of(client, cities) == 3889
    assert rows(client, groups) == [(None, 1), ("paris", 2), ("Rome", 1)]  # the first by the key
    rows(client, "SET warmfront_any_spelling = ON, use_secondary_engine = ON")
    assert rows(client, groups) == [(None, 1), ("Paris", 2), ("Rome", 1)]
    rows(client, "SET use_secondary_engine = FORCED")
    assert rows(client, "SELECT MIN(city), MAX(city), COUNT(DISTINCT city) FROM spelled") == [("Paris", "Rome", 2)]
    assert rows(client, "SELECT DISTINCT city FROM spelled ORDER BY 1") == [(None,), ("Paris",), ("Rome",)]
    assert number_of(client, "SET warmfront_any_spelling = 'mostly'") == 1231
    rows(client, "SET warmfront_any_spelling = DEFAULT")
    assert number_of(client, cities) == 3889


def test_set_among_other_statements_holds_and_does_not_stay_on_the_backend(client: Any, backend: Any) -> None:
    if backend.is_mariadb:  # which does not know the variable, and runs no statement behind it
        assert number_of(client, "SET use_secondary_engine = FORCED; SELECT 1") == 1193
        assert rows(client, "SELECT @@use_secondary_engine") == [("ON",)]
        return
    rows(client, "DO 0; SET use_secondary_engine = FORCED")
    assert rows(client, "SELECT @@use_secondary_engine") == [("FORCED",)]
    assert len(rows(client, SUMS)) == 5
    assert number_of(client, "SELECT RAND() FROM numbers") == 3889
    rows(client, "DO 0; SET use_secondary_engine = ON")
    assert len(rows(client, "SELECT RAND() FROM numbers")) == 500
    rows(client, "SELECT 1; SET use_secondary_engine = OFF; SELECT 2")
    assert rows(client, "SHOW VARIABLES LIKE 'use_secondary%'") == [("use_secondary_engine", "OFF")]


def test_set_in_a_procedure_does_not_stay_on_the_backend(client: Any, backend: Any) -> None:
    if backend.is_mariadb:
        assert number_of(client, "CREATE PROCEDURE p() SET use_secondary_engine = FORCED") == 1193
        return
    rows(client, "CREATE PROCEDURE force_it() SET use_secondary_engine = FORCED")
    rows(client, "CREATE PROCEDURE quiet() SELECT 1, COUNT(*) FROM nowhere_but_here")
    one = "SELECT g FROM numbers WHERE id = %d"
    for number in (11, 12, 13):
        rows(client, one % number)  # known by its bytes from now on
    rows(client, "CALL force_it()")
    assert rows(client, one % 14)
    assert rows(client, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1] == "1"
    rows(client, "SET use_secondary_engine = ON")
    rows(client, "CALL force_it()")
    assert rows(client, "SELECT COUNT(*) FROM information_schema.ENGINES WHERE RAND() < 2")
    assert number_of(client, "SELECT RAND() FROM numbers") == 3889
    rows(client, "SET use_secondary_engine = ON")
    rows(client, "CALL force_it()")
    rows(client, "INSERT INTO numbers SELECT 1000, 1, 1 FROM numbers LIMIT 1")
    rows(client, "DELETE FROM numbers WHERE id = 1000")
    rows(client, "SET use_secondary_engine = ON")
    rows(client, "PREPARE s FROM 'SET use_secondary_engine = FORCED'")
    assert rows(client, "SELECT @@use_secondary_engine") == [("ON",)]
    rows(client, "EXECUTE s")
    assert rows(client, "SELECT @@use_secondary_engine") == [("FORCED",)]
    assert number_of(client, "CALL quiet()") == 1146
    assert rows(client, "SHOW WARNINGS")[0][1] == 1146


def test_pipelined_commands_are_each_looked_at(client: Any) -> None:
    statements = ["DO 0", "SET use_secondary_engine = FORCED", "USE information_schema", f"USE {client.db.decode()}"]
    statements.append("SELECT MAX(id) FROM numbers")
    client._sock.sendall(b"".join(build_packets(b"\x03" + text.encode(), 0) for text in statements))
    for _ in statements[:-1]:
        client._next_seq_id = 1
        client._read_ok_packet()
    client._next_seq_id = 1
    client._read_query_result()
    assert rows(client, "SELECT @@use_secondary_engine") == [("FORCED",)]
    assert rows(client, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1] == "1"
    rows(client, "SET use_secondary_engine = ON")
    assert len(rows(client, "SELECT RAND() FROM numbers")) == 500


def test_set_as_the_first_of_several_commands_is_looked_at(client: Any) -> None:
    first = build_packets(b"\x03SET use_secondary_engine = FORCED", 0)
    client._sock.sendall(first + build_packets(b"\x0e", 0))
    for _ in range(2):
        client._next_seq_id = 1
        client._read_ok_packet()
    assert rows(client, "SELECT @@use_secondary_engine") == [("FORCED",)]


def test_warnings_are_the_statements_own(client: Any) -> None:
    assert len(rows(client, SUMS)) == 5
    assert rows(client, "SHOW WARNINGS") == []
    assert rows(client, "SELECT @@warning_count") == [(0,)]
    refused = "SELECT g + 'x' AS n, RAND() FROM numbers WHERE id < 2"
    rows(client, refused)
    own = rows(client, "SHOW WARNINGS")
    rows(client, "SET use_secondary_engine = OFF")
    rows(client, refused)
    assert rows(client, "SHOW WARNINGS") == own
    assert {row[1] for row in own} == {1292}


def test_the_engines_tables_are_for_those_who_may_read_performance_schema(
    client: Any, backend: Any, warmfront_instance: Any
) -> None:
    backend.run("DROP USER IF EXISTS nobody@'%'")
    backend.run("CREATE USER nobody@'%' IDENTIFIED BY 'n'")
    with warmfront_instance.connect(user="nobody", password="n") as nobody:
        with pytest.raises(pymysql.err.Error) as caught:
            rows(nobody, "SELECT * FROM performance_schema.rpd_query_stats")
        assert caught.value.args[0] == 1142
        assert "rpd_query_stats" in caught.value.args[1]
        backend.run("GRANT SELECT ON performance_schema.* TO nobody@'%'")
    with warmfront_instance.connect(user="nobody", password="n") as nobody:
        assert rows(nobody, "SELECT COUNT(*) FROM performance_schema.rpd_tables")[0][0] >= 1
    backend.run("DROP USER nobody@'%'")
