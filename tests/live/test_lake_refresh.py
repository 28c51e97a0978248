"""Lake tables that follow their files by themselves: "auto_refresh", and CALL sys.heatwave_load's refresh."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import Instance
from tests.live.lake_kit import data, instance, refused

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live


def make(instance: Instance, name: str, columns: str, uri: str, **table: object) -> None:
    """Make a lake table with keys beside "file"."""
    attribute = json.dumps({**table, "file": [{"uri": uri}]})
    instance.run(f"CREATE TABLE lake.{name} ({columns}) ENGINE=lakehouse ENGINE_ATTRIBUTE='{attribute}'")


def wait_for(question: Callable[[], object], answer: object) -> None:
    """Ask until the answer comes."""
    deadline = time.monotonic() + 60
    while (seen := question()) != answer:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)


def reason(instance: Instance, name: str) -> str:
    """What is wrong with the files, as it is shown."""
    ((told,),) = instance.run(
        "SELECT REASON FROM performance_schema.warmfront_tables WHERE SCHEMA_NAME = 'lake' AND TABLE_NAME = %s", name
    )
    return str(told or "")


def test_a_loaded_table_takes_in_what_is_new(instance: Instance, data: Path):
    folder = data / "polled"
    folder.mkdir()
    for name, rows in (("a", "1,Ann\n2,Bob\n"), ("b", "3,Cid\n"), ("c", "4,Dan\n")):
        (folder / f"{name}.csv").write_text(rows)
    make(instance, "polled", "id INT PRIMARY KEY, name VARCHAR(9)", f"{folder}/", placement="loaded", auto_refresh=True)
    instance.run("ALTER TABLE lake.polled SECONDARY_LOAD")
    (folder / "b.csv").write_text("3,é\n5,Eve\n")
    (folder / "c.csv").unlink()
    (folder / "d.csv").write_text("6,Fay\n")
    rows = [(1, "Ann"), (2, "Bob"), (3, "é"), (5, "Eve"), (6, "Fay")]
    wait_for(lambda: instance.run("SELECT * FROM lake.polled ORDER BY id"), rows)
    assert instance.run("SELECT id FROM lake.polled WHERE name = 'É'") == [(3,)]  # what the new texts hold is known
    assert "lake table lake.polled: 2 files taken in, 2 taken out" in instance.logs()

    (folder / "e.csv").write_text("6,twice\n")  # a key that is there already: the table stays as it is
    wait_for(lambda: "would be there twice" in reason(instance, "polled"), True)
    assert instance.run("SELECT * FROM lake.polled ORDER BY id") == rows
    (folder / "e.csv").write_text("x,wrong\n")
    wait_for(lambda: "line 1, column id: 'x'" in reason(instance, "polled"), True)
    assert instance.run("SELECT * FROM lake.polled ORDER BY id") == rows
    (folder / "e.csv").write_text("7,Guy\n")
    wait_for(lambda: instance.run("SELECT COUNT(*) FROM lake.polled"), [(6,)])
    wait_for(lambda: reason(instance, "polled"), "")
    instance.run("DROP TABLE lake.polled")


def test_a_call_takes_in_what_is_new(instance: Instance, data: Path):
    folder = data / "called" / "p=1"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("1\n")
    make(instance, "called", "id INT, p INT", f"{folder.parent}/", placement="loaded")
    instance.run("ALTER TABLE lake.called SECONDARY_LOAD")
    (data / "called" / "p=2").mkdir()
    (data / "called" / "p=2" / "b.csv").write_text("2\n")
    listed = json.dumps([{"db_name": "lake", "tables": ["called"]}])
    instance.run(f"CALL sys.heatwave_load('{listed}', '{{\"refresh_external_tables\": true}}')")
    assert instance.run("SELECT * FROM lake.called ORDER BY id") == [(1, 1), (2, 2)]
    assert "lake table lake.called: 1 files taken in, 0 taken out" in instance.logs()
    assert "lake.called is looked at more closely" not in instance.logs()
    instance.run("DROP TABLE lake.called")


def test_values_are_looked_at_before_a_statement_has_to(instance: Instance, data: Path):
    (data / "ahead.csv").write_text("1\n")
    make(instance, "ahead", "id INT", f"{data}/ahead.csv", auto_refresh=True)
    assert instance.run("SELECT id FROM lake.ahead") == [(1,)]
    (data / "ahead.csv").write_text("x\n")
    wait_for(lambda: "line 1, column id: 'x'" in reason(instance, "ahead"), True)
    assert "line 1, column id: 'x'" in refused(instance, "SELECT id FROM lake.ahead")
    instance.run("DROP TABLE lake.ahead")


def test_values_are_looked_at_once_and_what_that_reads_is_shown(instance: Instance, data: Path):
    (data / "counted.csv").write_text("".join(f"{n}\n" for n in range(1000)))
    make(instance, "counted", "id INT", f"{data}/counted.csv")
    text = "SELECT SUM(id) FROM lake.counted WHERE id >= 0"
    for _ in range(2):
        assert instance.run(text) == [(499500,)]
    seen = "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = %s ORDER BY QUERY_ID"
    first, second = (json.loads(told) for (told,) in instance.run(seen, text))
    size = (data / "counted.csv").stat().st_size
    assert first["bytesLookedAt"] >= size
    assert second["bytesLookedAt"] == 0
    assert first["bytesRead"] >= size
    assert second["bytesRead"] >= size
    instance.run("DROP TABLE lake.counted")
