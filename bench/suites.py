"""The drivers' own test suites, run straight at the server and through warmfront: which tests end otherwise?

Each suite is its makers' source package, fetched by name with pip into an environment of its own (Go's is Debian's
package), and run twice before one server. Every query that the engine can answer is offloaded, however small. Tests
that fail on both sides (they want other servers, files or accounts) say nothing of warmfront and are only counted.

    python -m bench.suites --only pymysql sqlalchemy --mysqld PROGRAM
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bench import report
from bench.instance import Instance, running

USER = PASSWORD = "suite"
SCHEMAS = ("test", "test1", "test2", "dj", "dj2", "gotest")
_PYTEST = re.compile(r"^(?P<end>PASSED|FAILED|ERROR|XFAIL|XPASS) (?P<test>.+?)(?: - .*)?$", re.MULTILINE)
_UNITTEST = re.compile(
    r"^(?P<test>\w+ \([\w.]+\)|[\w.]+)(?: \(using \w+\))?(?:\n[^\n]*)? \.\.\. (?P<end>ok|FAIL|ERROR)", re.MULTILINE
)
_GO = re.compile(r"^ *--- (?P<end>PASS|FAIL): (?P<test>\S+)", re.MULTILINE)
_PASSING = ("PASSED", "PASS", "ok", "XFAIL")
_DJANGO = """
import os, pymysql
pymysql.version_info = (2, 2, 1, "final", 0)
pymysql.install_as_MySQLdb()
_SERVER = {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": os.environ["SUITE_PORT"],
           "USER": "suite", "PASSWORD": "suite", "TEST": {"CHARSET": "utf8mb4"}}
DATABASES = {"default": {**_SERVER, "NAME": "dj"}, "other": {**_SERVER, "NAME": "dj2"}}
SECRET_KEY = "x"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
"""
_DJANGO_TESTS = [
    "aggregation",
    "aggregation_regress",
    "annotations",
    "backends",
    "bulk_create",
    "datetimes",
    "db_functions",
    "delete",
    "expressions",
    "expressions_case",
    "expressions_window",
    "get_or_create",
    "inspectdb",
    "introspection",
    "lookup",
    "model_fields",
    "ordering",
    "prefetch_related",
    "queries",
    "schema",
    "select_related",
    "timezones",
    "transactions",
    "update",
]


@dataclass(frozen=True)
class Suite:
    """A package's tests. In `command` and `files`, {port} is the server's and {python} the environment's program.

    `installed` is where a Debian package has put the sources, which are then not fetched.
    """

    package: str
    version: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    folder: str = "."
    files: dict[str, str] = field(default_factory=dict)
    edits: tuple[tuple[str, str, str], ...] = ()  # file pattern, regular expression, replacement
    results: re.Pattern[str] = _PYTEST
    installed: str = ""
    environment: dict[str, str] = field(default_factory=dict)


_RUN = ("{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "120", "-rA")
SUITES = {
    "pymysql": Suite(
        "PyMySQL",
        "0.9.3",  # the last one whose package has its tests
        (*_RUN, "pymysql/tests", "--ignore=pymysql/tests/thirdparty"),
        ("pytest", "pytest-timeout", "cryptography"),
        files={
            "pymysql/tests/__init__.py": "",
            "pymysql/tests/databases.json": '[{{"host": "127.0.0.1", "port": {port}, "user": "suite", '
            '"passwd": "suite", "db": "test1", "use_unicode": true, "local_infile": true}}, {{"host": "127.0.0.1", '
            '"port": {port}, "user": "suite", "passwd": "suite", "db": "test2"}}]',
        },
        edits=(
            ("pymysql/tests/*.py", r"import unittest2", "import unittest as unittest2"),
            ("pymysql/tests/*.py", r"from unittest2", "from unittest"),
        ),
    ),
    "sqlalchemy": Suite(
        "SQLAlchemy",
        "2.0.28",
        (
            *_RUN,
            *("--dburi", "mysql+pymysql://suite:suite@127.0.0.1:{port}/test?charset=utf8mb4"),
            *("test/dialect/test_suite.py", "test/dialect/mysql"),
        ),
        ("pytest<9", "pytest-timeout", "PyMySQL==1.1.3", "cryptography", "greenlet"),
    ),
    "django": Suite(
        "Django",
        "5.2.19",
        (
            "{python}",
            "runtests.py",
            "--settings=suite_settings",
            "--noinput",
            "--parallel",
            "1",
            "-v",
            "2",
            *_DJANGO_TESTS,
        ),
        ("PyMySQL==1.1.3", "cryptography", "tblib"),
        folder="tests",
        files={"suite_settings.py": _DJANGO.replace("{", "{{").replace("}", "}}")},
        results=_UNITTEST,
    ),
    "connector-python": Suite(
        "mysql-connector-python",
        "26.10.0",
        (
            *("{python}", "unittests.py", "--use-external-server", "--skip-install", "--host", "127.0.0.1"),
            *("--port", "{port}", "--user", "suite", "--password", "suite", "--verbosity", "2"),
        ),
        results=_UNITTEST,
    ),
    "go": Suite(
        "golang-github-go-sql-driver-mysql-dev",
        "1.5.0",
        ("go", "test", "-v", "github.com/go-sql-driver/mysql"),
        results=_GO,
        installed="/usr/share/gocode/src/github.com/go-sql-driver/mysql",
        environment={
            "GO111MODULE": "off",
            "GOPATH": "/usr/share/gocode",
            "MYSQL_TEST_USER": USER,
            "MYSQL_TEST_PASS": PASSWORD,
            "MYSQL_TEST_PROT": "tcp",
            "MYSQL_TEST_ADDR": "127.0.0.1:{port}",
            "MYSQL_TEST_DBNAME": "gotest",
        },
    ),
}


def fetch(suite: Suite, place: Path) -> tuple[Path, str]:
    """Unpack a suite's source package and make its environment; gives the folder and the interpreter."""
    if suite.installed:
        if not Path(suite.installed).is_dir():
            raise SystemExit(f"{suite.package} is not installed: apt-get install {suite.package} golang-go")
        return Path(suite.installed), sys.executable
    python = str(place / "venv" / "bin" / "python")
    _run([sys.executable, "-m", "venv", str(place / "venv")])
    wanted = f"{suite.package}=={suite.version}"
    _run([python, "-m", "pip", "install", "-q", wanted, *suite.needs])
    _run([
        *(python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", suite.package, "-d", str(place), wanted)
    ])  # fmt: skip
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(place, filter="data")
    folder = next(path for path in place.iterdir() if path.is_dir() and path.name != "venv")
    for pattern, old, new in suite.edits:
        for path in folder.glob(pattern):
            path.write_text(re.sub(old, new, path.read_text()))
    return folder / suite.folder, python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def outcomes(suite: Suite, folder: Path, python: str, port: int, seconds: int) -> dict[str, str]:
    """How each test of a suite ends before the server on a port."""
    for name, text in suite.files.items():
        (folder / name).write_text(text.format(port=port))
    command = [part.format(python=python, port=port) for part in suite.command]
    given = {name: value.format(port=port) for name, value in suite.environment.items()}
    environment = {**os.environ, "SUITE_PORT": str(port), "PYTHONPATH": f"{folder}:{folder.parent}", **given}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    found: dict[str, str] = {}
    for told in suite.results.finditer(done.stdout + done.stderr):
        found[told["test"]] = "passes" if told["end"] in _PASSING else "fails"
    if not found:
        raise SystemExit(f"{suite.package}: no test was run\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return found


def prepare(instance: Instance) -> None:
    """Make the account and the schemas that suites expect."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        for host in ("%", "localhost"):
            cursor.execute(f"CREATE USER IF NOT EXISTS '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO '{USER}'@'{host}' WITH GRANT OPTION")
        for schema in SCHEMAS:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET utf8mb4")
        cursor.execute("SET GLOBAL local_infile = 1")


def main() -> None:
    """Parse arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(SUITES), default=sorted(SUITES))
    parser.add_argument("--seconds", type=int, default=1800, help="that one run of a suite may take")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    options = parser.parse_args()
    report.head("Drivers' own test suites")
    flags = ["--secondary-engine-cost-threshold", "0", *(["--mysqld", options.mysqld] if options.mysqld else [])]
    rows: list[list[object]] = []
    differences: list[str] = []
    with running(options.backend, options=flags) as instance:
        prepare(instance)
        for name in options.only:
            suite = SUITES[name]
            with tempfile.TemporaryDirectory(prefix="warmfront-suite-") as place:
                folder, python = fetch(suite, Path(place))
                direct = outcomes(suite, folder, python, instance.backend_port, options.seconds)
                through = outcomes(suite, folder, python, instance.port, options.seconds)
            other = sorted(test for test in direct.keys() | through.keys() if direct.get(test) != through.get(test))
            differences += [f"{name}: {test}: {direct.get(test)}, then {through.get(test)}" for test in other]
            passing = sum(outcome == "passes" for outcome in direct.values())
            rows.append([f"{suite.package} {suite.version}", len(direct), passing, len(other)])
        print(f"{instance.kind} {instance.version}")
    report.table(["suite", "tests", "pass at the server", "end otherwise through warmfront"], rows)
    print("\n".join(differences))


if __name__ == "__main__":
    main()
