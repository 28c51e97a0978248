"""Each driver's program run twice, straight to the server and through warmfront: what it prints is the same."""

import difflib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from base.settings import Settings
from tests.clients.conftest import CLIENTS, Sides

pytestmark = pytest.mark.live

PROGRAMS = Path(__file__).parent / "programs"
SYSTEM_PYTHON = "/usr/bin/python3"
JAR = "/usr/share/java/mariadb-java-client.jar"
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # a program of seconds is not worth compiling well
MYSQL = str(Settings().mysql_prefix / "bin" / "mysql")


@dataclass(frozen=True)
class Driver:
    """A program of tests/clients/programs and how it is run; `offloads` is how many statements the engine answers."""

    command: list[str]
    offloads: int
    missing: Callable[[], str | None] = lambda: None
    kinds: tuple[str, ...] = ("mysql", "mariadb")


def lacks(*files: str) -> Callable[[], str | None]:
    """Why a program cannot run here: a file that scripts/test-clients.py could not install."""

    def look() -> str | None:
        gone = [
            file for file in files if not (shutil.which(file) if "/" not in file else any(Path("/").glob(file[1:])))
        ]
        return f"not installed (scripts/test-clients.py as root does it): {' '.join(gone)}" if gone else None

    return look


def python(program: str, *arguments: str, interpreter: str = sys.executable) -> list[str]:
    """The command of a program in Python."""
    return [interpreter, str(PROGRAMS / program), *arguments]


_PYTHON = lacks(str(CLIENTS / "python" / "stamp"))
_NODE = lacks("node", str(CLIENTS / "node" / "stamp"))
_MYSQLDB = lacks(SYSTEM_PYTHON, "/usr/lib/python3/dist-packages/MySQLdb/__init__.py")
DRIVERS = {
    "pymysql": Driver(python("client_pymysql.py"), 25, _PYTHON),
    "connector-python": Driver(python("client_connector_python.py", "pure"), 40, _PYTHON),
    # Over MariaDB the driver's C library was seen to corrupt its own memory now and then.
    "connector-python-c": Driver(python("client_connector_python.py", "c"), 40, _PYTHON, ("mysql",)),
    "mysqlclient": Driver(python("client_mysqlclient.py", interpreter=SYSTEM_PYTHON), 20, _MYSQLDB),
    "sqlalchemy-pymysql": Driver(python("client_sqlalchemy.py", "pymysql"), 13, _PYTHON),
    "sqlalchemy-connector": Driver(python("client_sqlalchemy.py", "mysqlconnector"), 13, _PYTHON),
    "django": Driver(
        python("client_django.py", interpreter=SYSTEM_PYTHON),
        30,
        lacks(SYSTEM_PYTHON, "/usr/lib/python3/dist-packages/MySQLdb/__init__.py", str(CLIENTS / "python" / "django")),
    ),
    "odbc": Driver(
        python("client_odbc.py"), 20, lacks("/usr/lib/*/odbc/libmaodbc.so", str(CLIENTS / "python" / "pyodbc.pyi"))
    ),
    "isql": Driver(["sh", str(PROGRAMS / "client_isql.sh")], 20, lacks("isql", "/usr/lib/*/odbc/libmaodbc.so")),
    "mysql2": Driver(["node", str(PROGRAMS / "client_mysql2.js")], 35, _NODE),
    "mysql": Driver(["node", str(PROGRAMS / "client_mysql.js")], 12, _NODE, ("mariadb",)),
    "php": Driver(
        ["php", "-d", "mysqli.allow_local_infile=1", str(PROGRAMS / "client_php.php")],
        60,
        lacks("php", "/usr/lib/php/*/mysqli.so"),
    ),
    "ruby": Driver(
        ["ruby", str(PROGRAMS / "client_ruby.rb")], 25, lacks("ruby", "/usr/lib/ruby/vendor_ruby/mysql2.rb")
    ),
    "aiomysql": Driver(python("client_asyncio.py", "aiomysql"), 25, _PYTHON),
    "asyncmy": Driver(python("client_asyncio.py", "asyncmy"), 25, _PYTHON),
    "perl-mysql": Driver(
        ["perl", str(PROGRAMS / "client_perl.pl"), "mysql"], 25, lacks("perl", "/usr/lib/*/perl5/*/DBD/mysql.pm")
    ),
    "perl-mariadb": Driver(
        ["perl", str(PROGRAMS / "client_perl.pl"), "MariaDB"],
        25,
        lacks("perl", "/usr/lib/*/perl5/*/DBD/MariaDB.pm"),
        ("mariadb",),  # its column_info dies of MySQL's JSON
    ),
    "mysql-command": Driver(
        [
            "sh",
            str(PROGRAMS / "client_command_line.sh"),
            MYSQL,
            "--ssl-mode=REQUIRED",
            "--get-server-public-key",
            "cancel",
        ],
        60,
        lacks(MYSQL),
        ("mysql",),
    ),
    "mariadb-command": Driver(
        ["sh", str(PROGRAMS / "client_command_line.sh"), "mariadb", "--ssl", "--skip-ssl", ""], 60, lacks("mariadb")
    ),
    "connector-j": Driver(
        ["java", *_JAVA, "-cp", JAR, str(PROGRAMS / "Client.java"), str(PROGRAMS / "queries.txt")],
        90,
        lacks("java", JAR),
    ),
}


def transcript(driver: Driver, sides: Sides, proxied: bool, schema: str) -> list[str]:
    """Run a program on one side and give what it printed."""
    sides.instance.backend.run(f"DROP DATABASE IF EXISTS {schema}")
    environment = {
        **os.environ,
        **sides.environment(proxied, schema),
        "PYTHONPATH": str(CLIENTS / "python"),
        "PYTHONHASHSEED": "0",  # sets are printed in the same order
        "PYTHONDONTWRITEBYTECODE": "1",
        "NODE_PATH": str(CLIENTS / "node" / "node_modules"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    done = subprocess.run(
        driver.command,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # the command lines print bytes as they are
        timeout=240,
        check=False,
    )
    lines = done.stdout.splitlines()
    where = "through warmfront" if proxied else "direct"
    assert done.returncode == 0, f"{where}: {done.returncode}\n" + "\n".join([*lines[-5:], done.stderr[-3000:]])
    return lines


@pytest.mark.parametrize("name", DRIVERS)
def test_nothing_that_a_driver_sees_differs(sides: Sides, name: str) -> None:
    driver = DRIVERS[name]
    if sides.kind not in driver.kinds:
        pytest.skip(f"{name} does not get on with {sides.kind} by itself")
    if why := driver.missing():
        pytest.skip(why)
    schema = "c_" + name.replace("-", "_")
    direct = transcript(driver, sides, False, schema)
    before = sides.offloaded()
    proxied = transcript(driver, sides, True, schema)
    assert len(direct) > 30
    differences = difflib.unified_diff(direct, proxied, "direct", "through warmfront", n=1, lineterm="")
    assert direct == proxied, "\n".join(line[:400] for _, line in zip(range(60), differences, strict=False))
    assert sides.offloaded() - before >= driver.offloads
