"""CLIENT_SESSION_TRACK: what a server tells of a session's state comes through; our own questions change none of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.offload_kit import fill
from tests.live.test_cursors import Talker, executions
from wire.constants import Capability

pytestmark = pytest.mark.live

FLAGS = int(Capability.SESSION_TRACK | Capability.DEPRECATE_EOF)
TRACKED = (
    "SET session_track_schema = 1, session_track_state_change = 1",
    "SET session_track_system_variables = 'time_zone,autocommit,use_secondary_engine,character_set_client'",
)
PLAIN = (
    *("USE information_schema", "USE tracking", "SET @x = 1", "SET time_zone = '+00:00'", "SET NAMES utf8mb4"),
    *("SELECT COUNT(*) FROM sales", "SET autocommit = 0", "SET autocommit = 1", "BEGIN", "COMMIT"),
    *("CREATE TEMPORARY TABLE own (a INT)", "SELECT SUM(v) FROM sales"),
)
TRANSACTIONS = (
    *("SET session_track_transaction_info = 'CHARACTERISTICS'", "BEGIN", "SELECT COUNT(*) FROM sales"),
    *("UPDATE sales SET g = g WHERE id = 1", "COMMIT", "SET autocommit = 0", "SELECT COUNT(*) FROM sales", "ROLLBACK"),
    *(
        "SET autocommit = 1",
        "SELECT g, SUM(v) FROM sales GROUP BY g ORDER BY g",
        "START TRANSACTION READ ONLY",
        "SELECT 1",
        "COMMIT",
    ),
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema with a loaded table."""
    fill(backend, "tracking")
    warmfront_instance.wait_until_loaded("tracking", "sales")
    yield "tracking"
    backend.run("DROP DATABASE tracking")


def told(connection: Any, statements: tuple[str, ...]) -> tuple[list[tuple[str, bytes]], Talker]:
    """Run statements; gives the last packet of each answer."""
    talker = Talker(connection, FLAGS)
    found = []
    for statement in (*TRACKED, *statements):
        talker.send(b"\x03" + statement.encode())
        found.append((statement, talker.until_end()[-1]))
    return found, talker


@pytest.mark.parametrize(("statements", "offloaded"), [(PLAIN, 2), (TRANSACTIONS, 1)])
def test_the_state_is_told_alike(
    backend: Any, warmfront_instance: Any, schema: str, statements: tuple[str, ...], offloaded: int
) -> None:
    options: dict[str, Any] = {"database": schema, "client_flag": FLAGS, "autocommit": None}
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        found, talker = told(proxied, statements)
        count = executions(talker)
        expected, _ = told(direct, statements)
    assert found == expected
    assert count == offloaded


def test_a_switch_is_told_as_a_change(backend: Any, warmfront_instance: Any, schema: str) -> None:
    """MariaDB has no such variable: it is told as a SET of another one."""
    ends = []
    for side, switch in ((backend, "SET @x = 1"), (warmfront_instance, "SET use_secondary_engine = OFF")):
        with side.connect(database=schema, client_flag=FLAGS, autocommit=None) as connection:
            if "MariaDB" not in connection.server_version:
                pytest.skip("MySQL has the variable itself")
            ends.append(told(connection, (switch, "SET session_track_state_change = 0", switch))[0])
    assert [end for _, end in ends[0]] == [end for _, end in ends[1]]
