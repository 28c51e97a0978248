"""The whole product: it gets ready, refuses what it must, survives its parts, and leaves nothing behind."""

import os
import re
import signal
import stat
import subprocess
import sys
import time

import psutil
import pymysql
import pytest

pytestmark = pytest.mark.live


def children(instance):
    """Processes of an instance by name: engine, proxy."""
    found = {}
    for process in psutil.Process(instance.process.pid).children():
        words = process.cmdline()
        if len(words) > 2 and words[1] == "-m":
            found.setdefault(words[2], []).append(process)
    return found


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def command(instance, *words):
    argv = [sys.executable, "-m", "warmfront", *words, "--data-dir", str(instance.data_dir)]
    return subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "COLUMNS": "250"}, timeout=200)


def test_ready_line_holds_a_command_that_works(warmfront_instance):
    ready = [line for line in warmfront_instance.output.read_text().splitlines() if line.startswith("warmfront ready:")]
    assert len(ready) == 1
    option_file = warmfront_instance.data_dir / "client.cnf"
    assert f"mysql --defaults-file={option_file}" in ready[0]
    assert stat.S_IMODE(option_file.stat().st_mode) == 0o600
    with pymysql.connect(read_default_file=str(option_file)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        assert cursor.fetchone()[0] == warmfront_instance.backend.version


def test_one_data_dir_one_instance(warmfront_instance):
    refused = command(warmfront_instance, "up")
    assert refused.returncode == 1
    assert f"in use by process {warmfront_instance.process.pid}" in refused.stderr


def test_status_and_doctor_find_the_instance(warmfront_instance):
    seen = command(warmfront_instance, "status")
    assert seen.returncode == 0, seen.stderr
    assert f"listening on 127.0.0.1:{warmfront_instance.port}" in seen.stdout
    checked = command(warmfront_instance, "doctor")
    assert checked.returncode == 0, checked.stdout
    assert "everything that warmfront needs" in checked.stdout


def test_load_and_unload_from_the_command_line(warmfront_instance, backend):
    backend.run("CREATE DATABASE cli")
    backend.run("CREATE TABLE cli.t (id INT PRIMARY KEY, v INT)")
    backend.run("INSERT INTO cli.t VALUES (1, 10), (2, 20)")
    done = command(warmfront_instance, "load", "cli.t")
    assert done.returncode == 0, done.stderr + warmfront_instance.logs()
    forced = "SELECT /*+ SET_VAR(use_secondary_engine=FORCED) */ SUM(v) FROM cli.t"
    assert warmfront_instance.run(forced) == [(30,)]
    assert command(warmfront_instance, "unload", "cli.t").returncode == 0
    with pytest.raises(pymysql.err.MySQLError) as refused:
        warmfront_instance.run(forced)
    assert refused.value.args[0] == 3889
    missing = command(warmfront_instance, "load", "cli.nothing")
    assert (missing.returncode, "no InnoDB table cli.nothing" in missing.stderr) == (1, True)
    backend.run("DROP DATABASE cli")


def test_a_killed_engine_costs_no_answer_and_comes_back(running, backend):
    instance = running(backend, "--workers", "1")
    wait_for(lambda: (instance.data_dir / "run" / "engine.sock").exists())
    (engine,) = children(instance)["engine"]
    engine.kill()
    for _ in range(50):
        assert instance.run("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'mysql'") == [(1,)]
    wait_for(lambda: [p.pid for p in children(instance).get("engine", [])] not in ([], [engine.pid]))
    assert "engine ended: killed by SIGKILL; starting it again" in instance.output.read_text()


def test_a_killed_worker_comes_back(running, backend):
    instance = running(backend, "--workers", "1")
    (worker,) = children(instance)["proxy"]
    worker.kill()

    def answers():
        try:
            return instance.run("SELECT 1") == [(1,)]
        except pymysql.err.MySQLError:
            return False

    wait_for(answers)
    assert "proxy 1 ended: killed by SIGKILL; starting it again" in instance.output.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_cleanly(running, backend, number):
    instance = running(backend, "--workers", "1")
    family = psutil.Process(instance.process.pid).children(recursive=True)
    assert family
    instance.process.send_signal(number)
    assert instance.process.wait(40) == 0
    assert [process for process in family if process.is_running()] == []
    assert not (instance.data_dir / "run" / "ready").exists()


def test_nothing_outlives_a_killed_supervisor(running, backend):
    instance = running(backend, "--workers", "2")
    family = psutil.Process(instance.process.pid).children(recursive=True)
    instance.process.kill()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_a_backend_that_cannot_be_followed_is_refused(running, private_backend, live_folder):
    private_backend.run("SET GLOBAL binlog_row_metadata = MINIMAL")
    data_dir = live_folder / f"refused-{private_backend.kind}"
    argv = [sys.executable, "-m", "warmfront", "up", "--data-dir", str(data_dir), "--port", "0"]
    seen = subprocess.run([*argv, "--backend", private_backend.url], capture_output=True, text=True, timeout=60)
    assert seen.returncode == 1
    assert "warmfront ready:" not in seen.stdout
    scope = "GLOBAL" if private_backend.is_mariadb else "PERSIST"
    assert f"SET {scope} binlog_row_metadata = FULL;" in seen.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "mysql://root:wrong@127.0.0.1:{port}"), "Access denied"),
        (("--backend", "nonsense"), "mysql://USER:PASSWORD@HOST:PORT"),
        (("--workers", "many"), "workers = 'many' in the command line is not a whole number"),
        (("--prot", "3307"), "--port"),
        (("--mysqld", "/bin/true"), "/bin/true is no MySQL or MariaDB server"),
    ],
)
def test_bad_options_end_with_one_line(backend, live_folder, options, message):
    words = [word.format(port=backend.port) for word in options]
    data_dir = live_folder / f"bad-{backend.kind}"
    argv = [sys.executable, "-m", "warmfront", "up", "--data-dir", str(data_dir), *words]
    if "--prot" not in words:
        argv += ["--port", "0"]
    seen = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert seen.returncode != 0
    assert message in seen.stderr
    assert "Traceback" not in seen.stderr
    assert "wrong" not in seen.stderr


def test_private_backend_of_its_own(live_folder, backend):
    data_dir = live_folder / f"own-{backend.kind}"
    data_dir.mkdir()
    argv = [sys.executable, "-m", "warmfront", "up", "--data-dir", str(data_dir), "--port", "0", "--workers", "1"]
    for _ in range(2):  # the second time the data dir is there already
        process = subprocess.Popen(
            [*argv, "--mysqld", str(backend.program.path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            line = process.stdout.readline()
            assert re.match(r"warmfront ready: mysql --defaults-file=\S+client\.cnf$", line)
            with pymysql.connect(read_default_file=str(data_dir / "client.cnf")) as connection:
                cursor = connection.cursor()
                cursor.execute("CREATE DATABASE IF NOT EXISTS kept")
                cursor.execute("SELECT CURRENT_USER(), @@bind_address")
                assert cursor.fetchone() == ("root@localhost", "127.0.0.1")
        finally:
            process.terminate()
            assert process.wait(60) == 0
