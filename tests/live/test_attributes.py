"""Query attributes: statements that carry them are dealt with as any other, and the backend is given them."""

import struct
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.live.offload_kit import fill
from wire.constants import Capability

pytestmark = pytest.mark.live

COMPONENT = "'file://component_query_attributes'"
# A text and a number, as the drivers that trace send them with each statement.
ATTRIBUTES = b"\2\1\0\1" + b"\xfe\0\5trace" + b"\x08\0\1n" + b"\x02ab" + struct.pack("<q", 7)


class Attributed(pymysql.connections.Connection):  # type: ignore[type-arg]
    """PyMySQL knows no attributes: no statement of its own may be sent."""

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """The login has named it already."""


@pytest.fixture
def client(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    """A connection with the capability, and a loaded table; with a component that shows the attributes."""
    if backend.is_mariadb:
        pytest.skip("MariaDB has no query attributes")
    fill(backend, "attributes")
    warmfront_instance.wait_until_loaded("attributes", "sales")
    backend.run(f"INSTALL COMPONENT {COMPONENT}")
    with Attributed(
        host=warmfront_instance.host,
        port=warmfront_instance.port,
        user=backend.user,
        password=backend.password,
        database="attributes",
        client_flag=int(Capability.QUERY_ATTRIBUTES),
        autocommit=None,
    ) as connection:
        yield connection
    backend.run(f"UNINSTALL COMPONENT {COMPONENT}")
    backend.run("DROP DATABASE attributes")


def ask(connection: Any, text: str) -> list[bytes]:
    """Run a statement with the attributes; gives the payloads of its rows."""
    connection._execute_command(3, ATTRIBUTES + text.encode())
    columns = connection._read_packet().get_all_data()[0]
    found = []
    for _ in range(columns + 1 if columns else 0):
        connection._read_packet()
    while columns and not (packet := connection._read_packet()).is_eof_packet():
        found.append(packet.get_all_data())
    return found


def test_statements_with_attributes_are_dealt_with_as_others(client: Any) -> None:
    told = "mysql_query_attribute_string('trace'), mysql_query_attribute_string('n')"
    assert ask(client, f"SELECT {told}") == [b"\2ab\x017"]
    assert ask(client, f"SELECT {told}, COUNT(*) FROM sales") == [b"\2ab\x017\x045000"]
    assert ask(client, "SET use_secondary_engine = FORCED") == []
    assert ask(client, "SELECT COUNT(*) FROM sales") == [b"\x045000"]
    assert ask(client, "SELECT @@use_secondary_engine") == [b"\x06FORCED"]
    shown = ask(client, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")
    assert shown[0].endswith(b"\x011")
    assert ask(client, f"SELECT {told}") == [b"\2ab\x017"]
