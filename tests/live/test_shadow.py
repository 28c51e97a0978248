"""Shadow mode: equal answers are counted, and a damaged copy is found and its statement kept on the backend."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.live

GROUPED = "SELECT g, COUNT(*), SUM(v), MAX(s), MIN(d) FROM t WHERE id > {} GROUP BY g"


@pytest.fixture
def shadowed(backend: Any, running: Callable[..., Any]) -> Any:
    """An instance that compares every offloaded statement, with a loaded table of several types."""
    backend.run("DROP DATABASE IF EXISTS shadowed")
    backend.run("CREATE DATABASE shadowed")
    backend.run("CREATE TABLE shadowed.t (id INT PRIMARY KEY, g INT, v DECIMAL(9,3), s VARCHAR(9), d DATETIME(2))")
    rows = ",".join(f"({i}, {i % 7}, {i}.{i % 1000:03}, 'e{i}', '2024-01-01 00:00:{i % 60:02}.5')" for i in range(300))
    backend.run(f"INSERT INTO shadowed.t VALUES {rows}, (300, NULL, NULL, NULL, NULL)")
    instance = running(backend, "--shadow-percent", "100", "--secondary-engine-cost-threshold", "0")
    instance.wait_until_loaded("shadowed", "t")
    yield instance
    backend.run("DROP DATABASE shadowed")


def counters(instance: Any) -> dict[str, int]:
    rows = instance.run("SHOW GLOBAL STATUS LIKE 'warmfront\\_%'")
    return {name: int(value) for name, value in rows if "shadow" in name or "quarantine" in name}


def wait_for(instance: Any, name: str, least: int) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while (seen := counters(instance))[name] < least:
        assert time.monotonic() < deadline, (seen, instance.logs())
        time.sleep(0.1)
    return seen


def test_answers_are_compared_and_a_wrong_one_is_kept_out(shadowed: Any, backend: Any) -> None:
    with shadowed.connect(database="shadowed") as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED, time_zone = '+05:00', sql_mode = 'ONLY_FULL_GROUP_BY'")
        for statement in (
            GROUPED.format(0),
            "SELECT v / 7, s, d, v * 1.5 FROM t",
            "SELECT NOW(2), CURDATE(), COUNT(*) FROM t",
            "SELECT s FROM t WHERE s = 'E12'",
        ):
            cursor.execute(statement)
            cursor.fetchall()
        seen = wait_for(shadowed, "warmfront_shadow_compared", 4)
        assert seen["warmfront_shadow_different"] == seen["warmfront_quarantined_statements"] == 0
        cursor.execute("SELECT id FROM t LIMIT 2")
        assert wait_for(shadowed, "warmfront_shadow_skipped", 1)["warmfront_shadow_compared"] == 4

        # The backend loses a row behind the copy's back.
        hidden = backend.connect(database="shadowed")
        with hidden.cursor() as writer:
            writer.execute("SET sql_log_bin = 0")
            writer.execute("DELETE FROM t WHERE id = 7")
        hidden.close()
        cursor.execute(GROUPED.format(0))
        assert cursor.fetchall()
        seen = wait_for(shadowed, "warmfront_shadow_different", 1)
        assert seen["warmfront_quarantined_statements"] == 1
        with pytest.raises(Exception, match="quarantine") as caught:
            cursor.execute(GROUPED.format(5))
        assert caught.value.args[0] == 3889
        cursor.execute("SET use_secondary_engine = ON")
        cursor.execute(GROUPED.format(0))
        assert sum(row[1] for row in cursor.fetchall()) == 299
    kept = json.loads(shadowed.settings.paths.quarantine.read_text())
    assert kept[0]["key"] == GROUPED.format("?i")
    assert "only in the engine" in kept[0]["difference"]
