"""The list of functions has every built-in function that the servers name."""

import re

import pytest

from statements.function_list import standing
from tests.live.servers import Backend

pytestmark = pytest.mark.live

_NAMES = {
    "mariadb": "SELECT `FUNCTION` FROM information_schema.sql_functions",
    "mysql": "SELECT t.name FROM mysql.help_topic t JOIN mysql.help_category c USING (help_category_id)"
    " WHERE c.name LIKE '%Function%' OR c.name LIKE '%Operator%' OR c.name = 'Geometry Constructors'",
}
_NOT_FUNCTIONS = frozenset(
    {
        "AND", "OR", "XOR", "IN", "IS", "DIV", "BETWEEN", "NOT", "BINARY", "ASSIGN", "SOUNDS", "MEMBER", "CREATE",
        "DROP", "WKT", "MBR",
    }
)  # fmt: skip


def test_every_function_of_the_server_stands_in_the_list(backend: Backend) -> None:
    connection = backend.connect(database="mysql")
    with connection.cursor() as cursor:
        cursor.execute(_NAMES[backend.kind])
        names = {re.match(r"[A-Z0-9_]*", row[0].upper())[0] for row in cursor.fetchall()}  # type: ignore[index]
    connection.close()
    assert len(names) > 200
    assert sorted(name for name in names - _NOT_FUNCTIONS if name and standing(name) is None) == []
