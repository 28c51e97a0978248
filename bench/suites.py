"""The drivers' own test suites, run straight at the server and through warmfront: which tests end otherwise?

Each suite is its makers' sources, fetched by name with pip or apt-get, and run twice before one server. Every query
that the engine can answer is offloaded, however small. Tests that fail on both sides (they want other servers, files
or accounts) say nothing of warmfront and are only counted.

    python -m bench.suites --only pymysql sqlalchemy --mysqld PROGRAM

A server without TLS, as the embedded MariaDB, wants `--tls disabled`: else tests of TLS find it through warmfront.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from bench import report
from bench.instance import Instance, running
from bench.suite_sources import Ready, fetch
from bench.suite_table import PASSWORD, SCHEMAS, SUITES, USER, Suite

_PASSING = ("PASSED", "PASS", "ok", "XFAIL")


def outcomes(suite: Suite, ready: Ready, port: int, seconds: int) -> dict[str, str]:
    """How each test of a suite ends before the server on a port."""
    for name, text in suite.files.items():
        (ready.folder / name).write_text(text.format(port=port))
    command = [part.format(python=ready.python, port=port) for part in suite.command]
    given = {name: value.format(port=port) for name, value in suite.environment.items()}
    environment = {
        **os.environ,
        "SUITE_PORT": str(port),
        "PYTHONPATH": f"{ready.folder}:{ready.folder.parent}",
        **given,
    }
    done = subprocess.run(
        command,
        cwd=ready.folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    found: dict[str, str] = {}
    file = ""
    for told in suite.results.finditer(done.stdout + done.stderr):
        parts = told.groupdict()
        if parts.get("file"):
            file = parts["file"] + " "
        else:
            found[file + parts["test"]] = "passes" if parts["end"] in _PASSING else "fails"
    if not found:
        raise SystemExit(f"{suite.package}: no test was run\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return found


def prepare(instance: Instance) -> None:
    """Make the account and the schemas that suites expect."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        for host in ("%", "localhost"):
            cursor.execute(f"CREATE USER IF NOT EXISTS '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO '{USER}'@'{host}' WITH GRANT OPTION")
        for schema, more in SCHEMAS.items():
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET utf8mb4 {more}")
        cursor.execute("SET GLOBAL local_infile = 1")


def offloaded(instance: Instance) -> int:
    """How many queries the engine has answered."""
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'rapid_query_offload_count'")
        ((_, count),) = cursor.fetchall()
    return int(count)


def main() -> None:
    """Parse arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(SUITES), default=sorted(SUITES))
    parser.add_argument("--seconds", type=int, default=1800, help="that one run of a suite may take")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    parser.add_argument("--tls", default="preferred", help="as `warmfront up` takes it")
    options = parser.parse_args()
    report.head("Drivers' own test suites")
    flags = ["--secondary-engine-cost-threshold", "0", "--tls", options.tls]
    flags += ["--mysqld", options.mysqld] if options.mysqld else []
    rows: list[list[object]] = []
    with running(options.backend, options=flags) as instance:
        prepare(instance)
        for name in options.only:
            suite = SUITES[name]
            with tempfile.TemporaryDirectory(prefix="warmfront-suite-") as place:
                ready = fetch(suite, Path(place))
                direct = outcomes(suite, ready, instance.backend_port, options.seconds)
                before = offloaded(instance)
                through = outcomes(suite, ready, instance.port, options.seconds)
                answered = offloaded(instance) - before
            other = sorted(test for test in direct.keys() | through.keys() if direct.get(test) != through.get(test))
            for test in other:
                print(f"{name}: {test}: {direct.get(test)}, then {through.get(test)}", flush=True)
            passing = sum(outcome == "passes" for outcome in direct.values())
            rows.append([ready.name, len(direct), passing, len(other), answered])
        print(f"{instance.kind} {instance.version}")
    report.table(["suite", "tests", "pass at the server", "end otherwise through warmfront", "queries offloaded"], rows)


if __name__ == "__main__":
    main()
