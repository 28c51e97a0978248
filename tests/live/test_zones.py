"""Time zones by name: read from the server, confirmed, and the same answers in DuckDB for every moment."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pymysql
import pytest

from engine.translating.zone_source import ZoneSource
from engine.zones import ZoneTable, fetch_zone
from tests.live.servers import Backend
from tests.semantics.harness import Bench, load
from tests.semantics.zones import ZONES, load_zones

pytestmark = pytest.mark.live

SETUP = Path(__file__).parent.parent / "semantics" / "setup.sql"
SESSION_STATEMENTS = (
    "SELECT id, UNIX_TIMESTAMP(tm), UNIX_TIMESTAMP(dt), FROM_UNIXTIME(id * 150000000) FROM d WHERE id NOT IN (4, 5)",
    "SELECT id, FROM_UNIXTIME(1700000000 + id * 86400, '%Y-%m-%d %H:%i') FROM d",
    "SELECT id, UNIX_TIMESTAMP(tm3) FROM d WHERE id NOT IN (4, 5)",
    "SELECT id, UNIX_TIMESTAMP(at) DIV 300 FROM moments",
    "SELECT id, CONVERT_TZ(at, 'UTC', @@session.time_zone), CONVERT_TZ(at, 'SYSTEM', 'UTC') FROM moments",
)
MOMENTS = "SELECT id, CONVERT_TZ(at, '+00:00', '{0}'), CONVERT_TZ(at, '{0}', '+00:00') FROM moments"


@pytest.fixture(scope="module")
def bench(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    connection = backend.connect(charset="utf8mb4")
    load_zones(connection)
    load(connection, "wf_zones", SETUP)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE moments (id INT PRIMARY KEY, at DATETIME(1))")
        random = np.random.default_rng(7)
        around = [moment + step for _, turns in ZONES.values() for moment, _ in turns for step in _steps(random)]
        seconds = np.concatenate([np.array(around), random.integers(0, 2_147_200_000, 20_000)])
        rows = ", ".join(
            f"({place}, FROM_UNIXTIME({moment}) + INTERVAL {place % 10}00000 MICROSECOND)"
            for place, moment in enumerate(seconds.tolist())
        )
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"INSERT INTO moments VALUES {rows}")
        cursor.execute("CREATE TABLE stamps (id INT PRIMARY KEY, at TIMESTAMP NULL, KEY (at))")
        cursor.execute("INSERT INTO stamps SELECT id, at FROM moments WHERE at BETWEEN '1970-01-04' AND '2038-01-15'")
        cursor.execute("INSERT INTO stamps VALUES (-1, NULL), (-2, '2020-11-01 05:30:00'), (-3, '2020-11-01 06:30:00')")
        cursor.execute("SET time_zone = 'America/New_York'")
    made = Bench(connection, backend.is_mariadb, "wf_zones", tmp_path_factory.mktemp("weights"))
    made.copy_all()
    yield made
    connection.close()


def _steps(random: np.random.Generator) -> list[int]:
    return [-1, 0, 1, *random.integers(-90_000, 90_000, 12).tolist()]


@pytest.mark.parametrize("zone", sorted(set(ZONES) - {"Test/Hasty"}))
def test_every_moment_is_converted_as_the_server_does(bench: Bench, zone: str) -> None:
    assert bench.run(MOMENTS.format(zone) + " WHERE at > '1970-01-03' AND at < '2038-01-16'").kind == "equal"


@pytest.mark.parametrize("statement", SESSION_STATEMENTS)
def test_session_in_a_zone_with_summer_time(bench: Bench, statement: str) -> None:
    outcome = bench.run(statement + (" WHERE at > '1970-01-03'" if "moments" in statement else ""))
    assert (outcome.kind, outcome.detail) == ("equal", "")


SUMMER_STATEMENTS = (
    "SELECT id, at, DATE(at), HOUR(at), DATE_FORMAT(at, '%H:%i'), at + INTERVAL 1 HOUR, CONCAT(at) FROM stamps",
    "SELECT id FROM stamps WHERE at >= '2020-03-08 03:00:00' AND at < '2021-11-07 02:00:00'",
    "SELECT id FROM stamps WHERE at = '2024-06-01 00:00:00' OR at IN ('2024-06-02 00:00:00', '2001-01-01 00:00:00')",
    "SELECT id FROM stamps WHERE at BETWEEN '2020-01-01' AND '2020-12-31' ORDER BY at DESC, id LIMIT 50",
    "SELECT id FROM stamps WHERE at BETWEEN FROM_UNIXTIME(1583650800) AND FROM_UNIXTIME(1604300400)",
    "SELECT id FROM stamps WHERE at >= FROM_UNIXTIME(1604217600) AND FROM_UNIXTIME(1700000000) > at",
    "SELECT DATE(at) AS day, COUNT(*), COUNT(at) FROM stamps GROUP BY day ORDER BY day LIMIT 500",
    "SELECT DATE_FORMAT(at, '%Y-%m'), MIN(at), MAX(at) FROM stamps WHERE MONTH(at) IN (1, 7) GROUP BY 1",
    "SELECT id, TIMESTAMPDIFF(HOUR, at, NOW()), DATEDIFF(at, '2020-01-01'), UNIX_TIMESTAMP(at) FROM stamps",
    "SELECT id, WEEK(at), DAYNAME(at), LAST_DAY(at), TIME(at), at IS NULL FROM stamps",
    "SELECT id, CONVERT_TZ(at, @@time_zone, 'UTC') FROM stamps",
)
SUMMER_REFUSED = {
    "SELECT id FROM stamps WHERE at >= '2020-11-01 01:30:00'": "compared",
    "SELECT id FROM stamps WHERE at >= '2020-03-08 02:30:00'": "compared",
    "SELECT id FROM stamps WHERE at < FROM_UNIXTIME(1604210400)": "compared",
    "SELECT s.id FROM stamps s JOIN moments m ON s.at = m.at": "compared",
    "SELECT at, COUNT(*) FROM stamps GROUP BY at": "grouped",
    "SELECT DISTINCT at FROM stamps": "grouped",
    "SELECT * FROM (SELECT id, at FROM stamps ORDER BY id LIMIT 10) x": "temporary table",
    "SELECT id, LAG(at) OVER (ORDER BY id) FROM stamps": "window",
    "SELECT id, COALESCE(at, NOW()) FROM stamps": "in this way",
}


@pytest.mark.parametrize("statement", SUMMER_STATEMENTS)
def test_timestamp_columns_in_a_zone_with_summer_time(bench: Bench, statement: str) -> None:
    outcome = bench.run(statement)
    assert (outcome.kind, outcome.detail) == ("equal", "")


@pytest.mark.parametrize("statement", SUMMER_REFUSED)
def test_timestamp_columns_whose_hours_come_twice(bench: Bench, statement: str) -> None:
    outcome = bench.run(statement)
    assert outcome.kind == "refused"
    assert SUMMER_REFUSED[statement] in outcome.detail


def test_zone_that_the_server_does_not_know(bench: Bench) -> None:
    assert "is not known" in bench.run("SELECT id, CONVERT_TZ(tm, 'UTC', 'No/Where') FROM d").detail


def test_zone_that_changes_twice_in_a_day_is_refused(bench: Bench) -> None:
    assert "is not known" in bench.run(MOMENTS.format("Test/Hasty")).detail


def test_zone_is_read_again_when_the_server_may_be_another(backend: Backend, warmfront_instance: Any) -> None:
    load_zones(backend.connect())
    source = ZoneSource(warmfront_instance.settings)
    wait_for(lambda: source.find("Europe/Berlin") is not None)
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"KILL {source.watcher}")
    assert source.find("Europe/Berlin") is None
    wait_for(lambda: source.find("Europe/Berlin") is not None)
    source.stop()


def test_zone_through_the_proxy(backend: Backend, warmfront_instance: Any) -> None:
    load_zones(backend.connect())
    backend.run("CREATE DATABASE wf_zone_proxy")
    backend.run("CREATE TABLE wf_zone_proxy.t (id INT PRIMARY KEY, at DATETIME)")
    backend.run("INSERT INTO wf_zone_proxy.t VALUES (1, '2024-07-01 12:00:00'), (2, '2024-12-01 12:00:00')")
    warmfront_instance.wait_until_loaded("wf_zone_proxy", "t")
    with warmfront_instance.connect() as client, client.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED")
        statement = "SELECT HOUR(CONVERT_TZ(at, 'UTC', 'America/New_York')) FROM wf_zone_proxy.t ORDER BY id"

        refused: list[str] = []

        def answered() -> bool:
            try:
                cursor.execute(statement)
            except pymysql.err.MySQLError as error:
                refused.append(str(error))
                return False
            return True

        wait_for(answered)
        assert cursor.fetchall() == ((8,), (7,))
        assert all("not yet" in reason for reason in refused)
    backend.run("DROP DATABASE wf_zone_proxy")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_zone_of_another_list_is_not_confirmed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZoneTable, "to_utc", lambda self, local: self.offsets[0] + 0 * local)
    with bench.raw.cursor() as cursor:
        assert fetch_zone(cursor, "Europe/Berlin") is None
