"""XA transactions: unseen while they are prepared, whatever is restarted, and exact once they are decided."""

from pathlib import Path
from typing import Any

import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

SCHEMA = "xa_test"


def prepare(backend: Any, name: str, *statements: str) -> None:
    """Prepare a transaction in a session that then ends."""
    with backend.connect(database=SCHEMA) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION binlog_row_image = MINIMAL")
        cursor.execute(f"XA START '{name}'")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f"XA END '{name}'")
        cursor.execute(f"XA PREPARE '{name}'")


def test_prepared_transactions_outlive_restarts(private_backend: Any, tmp_path: Path) -> None:
    backend = private_backend
    backend.run(f"CREATE DATABASE {SCHEMA}")
    for name in ("t", "u", "late"):
        backend.run(f"CREATE TABLE {SCHEMA}.{name} (id INT PRIMARY KEY, a INT, b VARCHAR(9))")
        backend.run(f"INSERT INTO {SCHEMA}.{name} VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')")
    copy = Copy(settings_for(backend.upstream, tmp_path))
    copy.load(SCHEMA, "t")
    copy.load(SCHEMA, "u")
    prepare(
        backend,
        "yes",
        "UPDATE t SET a = 10 WHERE id = 1",
        "DELETE FROM u WHERE id = 1",
        "DELETE FROM late WHERE id = 1",
    )
    prepare(backend, "no", "UPDATE t SET a = 20 WHERE id = 2", "INSERT INTO u VALUES (9, 9, 'n')")
    backend.run(f"UPDATE {SCHEMA}.t SET a = 30 WHERE id = 3")
    with backend.connect() as connection:
        assert copy.difference(connection, SCHEMA, "t") == ""
        assert copy.difference(connection, SCHEMA, "u") == ""
    copy.stop()
    backend.server.stop()
    again = backend.server.start()
    copy = Copy(settings_for(again, tmp_path))
    try:
        copy.load(SCHEMA, "late")
        before = {name: copy.replica.store.entries[SCHEMA, name].id for name in ("t", "u", "late")}
        with backend.connect(unix_socket=again.socket) as connection, connection.cursor() as cursor:
            for name in before:
                assert copy.difference(connection, SCHEMA, name) == ""
            cursor.execute("XA COMMIT 'yes'")
            cursor.execute("XA ROLLBACK 'no'")
            assert copy.difference(connection, SCHEMA, "t") == ""
            assert copy.difference(connection, SCHEMA, "u") == ""
            # Its changes were not wanted when they were logged.
            copy.wait_until_equal(connection, SCHEMA, "late")
        after = {name: copy.replica.store.entries[SCHEMA, name].id for name in before}
        assert (after["t"], after["u"]) == (before["t"], before["u"])
        assert after["late"] != before["late"]
    finally:
        copy.stop()
