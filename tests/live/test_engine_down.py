"""What clients see of an engine that is killed, stopped or left amid their statements."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pytest

from tests.live.lake_kit import lake
from tests.live.ml_kit import wait_for, workers
from tests.live.offload_kit import ENDLESS, GROUPED, fill, interrupted, rows

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def mortal(request: pytest.FixtureRequest, backend: Any, live_folder: Path) -> Iterator[Any]:
    """An instance whose engine may be killed."""
    fill(backend, "alone")
    conftest = request.config.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    files = live_folder / "files"
    files.mkdir(exist_ok=True)
    (files / "sales.csv").write_text("1\n")
    options = ("--workers", "1", "--secondary-engine-cost-threshold", "0", "--lakehouse-paths", str(files))
    made = conftest.start_instance(backend, live_folder / f"mortal-{backend.kind}", *options)
    made.run("CREATE DATABASE files")
    made.run(f"CREATE TABLE files.sales {lake('id INT', files / 'sales.csv', format='csv')}")
    yield made
    made.stop()
    backend.run("DROP DATABASE alone")
    backend.run("DROP DATABASE files")


@pytest.fixture
def alone(mortal: Any) -> Any:
    """The same, with its engine at work."""
    mortal.wait_until_loaded("alone", "sales")
    return mortal


def engine_of(instance: Any) -> psutil.Process:
    for child in psutil.Process(instance.process.pid).children(recursive=True):
        if "engine" in child.cmdline():
            return child
    raise AssertionError("no engine process")


def statements_that_wait(instance: Any) -> int:
    """How many have waited for an engine that was gone, by the log."""
    return str((instance.data_dir / "logs" / "proxy.log").read_text()).count("only the engine can answer waits")


def test_what_only_the_engine_can_answer_waits_for_it(alone: Any) -> None:
    with alone.connect(database="files") as client:
        waited = statements_that_wait(alone)
        engine_of(alone).kill()
        with contextlib.suppress(pymysql.err.OperationalError, pymysql.err.InternalError):  # it may take longer
            assert rows(client, "SELECT COUNT(*) FROM sales") == [(1,)]
        assert statements_that_wait(alone) > waited


def test_everything_is_answered_while_the_engine_is_dead_or_hung(alone: Any, tmp_path: Path) -> None:
    with alone.connect(database="alone") as client, alone.connect(database="alone") as other:
        expected = rows(client, GROUPED)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            assert rows(other, GROUPED) == expected  # its connection to the engine stands
            hit = engine_of(alone)
            os.kill(hit.pid, number)
            assert rows(other, "SHOW PROCESSLIST")
            waited = statements_that_wait(alone)
            for _ in range(10):
                assert rows(client, GROUPED) == expected  # a lake table of that name is in another schema
                time.sleep(0.1)
            assert statements_that_wait(alone) == waited
            if number == signal.SIGSTOP:
                os.kill(hit.pid, signal.SIGCONT)
            alone.wait_until_loaded("alone", "sales")
            rows(client, "SET use_secondary_engine = FORCED")
            try:
                assert rows(client, GROUPED) == expected
            except pymysql.err.Error as error:
                raise AssertionError(f"{error}\n{alone.logs()}") from error
            rows(client, "SET use_secondary_engine = ON")


def test_an_engine_that_dies_amid_a_statement_is_not_noticed(alone: Any) -> None:
    with alone.connect(database="alone") as client:
        slow = "SELECT COUNT(*) FROM sales a, sales b WHERE a.v + b.v < 0"
        spent, problem = interrupted(client, slow, lambda: engine_of(alone).kill())
        assert problem is None, f"{problem} after {spent:.1f} s"


def test_a_training_ends_with_its_engine(alone: Any, backend: Any) -> None:
    told = "SELECT model_handle FROM ML_SCHEMA_root.MODEL_CATALOG"
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_root")
    with alone.connect(database="alone") as client:
        rows(client, "SET @h = 'cut'")
        train = "CALL sys.ML_TRAIN('alone.sales', 'g', JSON_OBJECT('max_seconds', {}), @h)"
        training: list[psutil.Process] = []

        def kill() -> None:
            wait_for(60, lambda: workers(alone))
            training.extend(workers(alone))
            engine_of(alone).kill()

        _, problem = interrupted(client, train.format(600), kill)
        assert isinstance(problem, pymysql.err.MySQLError)
        assert problem.args[0] == 3877
        wait_for(60, lambda: not any(each.is_running() and each.status() != "zombie" for each in training))
        assert rows(client, "SELECT @h") == [("cut",)]
        assert backend.run(told) == []
        alone.wait_until_loaded("alone", "sales")
        rows(client, train.format(2))
        assert backend.run(told) == [("cut",)]
    backend.run("DROP DATABASE ML_SCHEMA_root")


def test_a_client_that_leaves_stops_the_engine(alone: Any) -> None:
    client = alone.connect(database="alone")
    rows(client, "SET use_secondary_engine = FORCED")
    client._execute_command(0x03, ENDLESS)
    time.sleep(0.7)
    client._force_close()
    engine = engine_of(alone)
    deadline = time.monotonic() + 60
    used = 2.0
    while used >= 0.6:  # the statement itself would go on for ever; what loads beside it ends
        assert time.monotonic() < deadline, f"{used} s of processor time in a second"
        before = engine.cpu_times().user
        time.sleep(1)
        used = engine.cpu_times().user - before
