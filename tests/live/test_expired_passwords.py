"""An account whose password has expired is refused, or kept to changing it, as by the backend itself."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

pytestmark = pytest.mark.live

CAN_HANDLE = CLIENT.HANDLE_EXPIRED_PASSWORDS
REFUSED = [
    *("SELECT 1", "SELECT g, COUNT(*) FROM expired.t GROUP BY g", "USE expired", "BEGIN", "SHOW PROCESSLIST"),
    *("EXPLAIN SELECT g, COUNT(*) FROM expired.t GROUP BY g", "INSERT INTO expired.t SELECT id + 9, g FROM expired.t"),
]


class Silent(pymysql.connections.Connection):  # type: ignore[type-arg]
    """Asks for nothing when it connects: until the password is changed nothing else is taken."""

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Leave it as the handshake has it."""


@pytest.fixture(scope="module")
def table(backend: Any, warmfront_instance: Any) -> Iterator[None]:
    backend.run("CREATE DATABASE expired")
    backend.run("CREATE TABLE expired.t (id INT PRIMARY KEY, g INT)")
    backend.run("INSERT INTO expired.t VALUES (1, 1), (2, 1)")
    warmfront_instance.wait_until_loaded("expired", "t")
    yield
    backend.run("DROP DATABASE expired")


@pytest.fixture
def account(backend: Any, table: None) -> Iterator[str]:
    backend.run("CREATE USER late IDENTIFIED BY 'first'")
    backend.run("GRANT ALL ON expired.* TO late")
    backend.run("ALTER USER late PASSWORD EXPIRE")
    yield "late"
    backend.run("DROP USER late")


def outcome(connection: Any, statement: str) -> object:
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
            return cursor.fetchall()
        except pymysql.err.MySQLError as problem:
            return problem.args


def log_in(server: Any, user: str, flag: int) -> Any:
    return Silent(host=server.host, port=server.port, user=user, password="first", autocommit=None, client_flag=flag)


def story(server: Any, user: str, change: str) -> list[object]:
    """What a client is told that can handle it: before and after it has changed its password."""
    connection = log_in(server, user, CAN_HANDLE)
    told = [outcome(connection, statement) for statement in REFUSED]
    told.append(outcome(connection, change))
    told += [outcome(connection, statement) for statement in REFUSED[:3]]
    connection.close()
    return told


def test_who_can_change_it_is_let_in_for_that_alone(backend: Any, warmfront_instance: Any, account: str) -> None:
    change = "SET PASSWORD = PASSWORD('second')" if backend.is_mariadb else "ALTER USER USER() IDENTIFIED BY 'second'"
    directly = story(backend, account, change)
    backend.run("ALTER USER late IDENTIFIED BY 'first' PASSWORD EXPIRE")
    assert story(warmfront_instance, account, change) == directly
    assert {told[0] for told in directly[: len(REFUSED)]} == {1820}  # type: ignore[index]
    assert directly[-2] == ((1, 2),)


def test_who_cannot_is_told_so(backend: Any, warmfront_instance: Any, account: str) -> None:
    told = []
    for server in (backend, warmfront_instance):
        try:
            connection = log_in(server, account, 0)
        except pymysql.err.MySQLError as problem:
            told.append(problem.args)
        else:
            told.append(outcome(connection, "SELECT 1"))
            connection.close()
    assert told[0] == told[1]
    assert told[0][0] in (1820, 1862)
