"""The suites of tests that drivers' makers wrote: where each one's sources are, what it needs and how it is run."""

import re
from dataclasses import dataclass, field
from enum import Enum

USER = PASSWORD = "suite"
# Schemas that suites expect, all in utf8mb4, each with what else is said of it.
SCHEMAS = {
    **dict.fromkeys(("test", "test1", "test2", "dj", "dj2", "gotest", "nodetest", "testp", "testj"), ""),
    "perl": "COLLATE utf8mb4_unicode_ci",
}
_PYTEST = re.compile(r"^(?P<end>PASSED|FAILED|ERROR|XFAIL|XPASS) (?P<test>.+?)(?: - .*)?$", re.MULTILINE)
_UNITTEST = re.compile(
    r"^(?P<test>\w+ \([\w.]+\)|[\w.]+)(?: \(using \w+\))?(?:\n[^\n]*)? \.\.\. (?P<end>ok|FAIL|ERROR)", re.MULTILINE
)
_GO = re.compile(r"^ *--- (?P<end>PASS|FAIL): (?P<test>\S+)", re.MULTILINE)
_PHP = re.compile(r"^(?P<end>PASS|FAIL|WARN|XFAIL)\S* .*\[(?P<test>ext/\S+\.phpt)\]", re.MULTILINE)
_TAP_OF_FILES = re.compile(r"^(?P<file>t/\S+\.t) \.\.|^(?P<end>ok|not ok) (?P<test>\d+)", re.MULTILINE)
_TAP = re.compile(r"^(?P<end>ok|not ok) \d+ (?P<test>\S+)", re.MULTILINE)
_JUNIT = re.compile(r"^(?P<end>PASS|FAIL): (?P<test>\S+)", re.MULTILINE)
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
_PERL = """
$::test_host = '127.0.0.1'; $::test_port = {{port}}; $::test_db = 'perl'; $::test_socket = '';
$::test_user = $::test_password = 'suite';
$::test_dsn = "DBI:{driver}:database=perl;host=127.0.0.1;port={{port}}";
1;
"""
_JARS = ("junit4", "hamcrest-all", "HikariCP", "jna", "slf4j-api", "mariadb-java-client")
# All but those that need the packages of a cloud, of Windows or of OSGi.
_JAVA_CLASSES = "grep -rLE 'com.amazonaws|org.osgi|waffle|jdbc.internal.osgi' org --include=*.java | sort"
_JAVA_ALONE = "xargs grep -LE 'BaseMultiHost|abstract class'"  # the others want several servers


class Origin(Enum):
    """Where a suite's sources come from."""

    PIP = "the source package of a version, from pip, with an environment of its own"
    DEBIAN = "the makers' sources of a Debian package, from apt-get"
    INSTALLED = "a folder that an installed Debian package brings"


@dataclass(frozen=True)
class Suite:
    """A package's tests.

    In `command`, `environment` and `files`, {port} is the server's, {python} the environment's program and {bench}
    this folder. `needs` are packages for pip, `installed` Debian's that must be there, first the one whose sources are
    wanted; `setup` runs once, before the files are written.
    """

    package: str
    command: tuple[str, ...]
    origin: Origin = Origin.PIP
    version: str = ""
    needs: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    setup: tuple[tuple[str, ...], ...] = ()
    folder: str = "."
    files: dict[str, str] = field(default_factory=dict)
    edits: tuple[tuple[str, str, str], ...] = ()  # file pattern, regular expression, replacement
    results: re.Pattern[str] = _PYTEST
    environment: dict[str, str] = field(default_factory=dict)


_RUN = ("{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "120", "-rA")
SUITES = {
    "pymysql": Suite(
        "PyMySQL",
        (*_RUN, "pymysql/tests", "--ignore=pymysql/tests/thirdparty"),
        version="0.9.3",  # the last one whose package has its tests
        needs=("pytest", "pytest-timeout", "cryptography"),
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
    "mysqlclient": Suite(
        "mysqlclient",
        (*_RUN, "tests"),
        version="2.3.2",
        needs=("pytest", "pytest-timeout"),
        installed=("libmariadb-dev",),
        files={
            "tests/default.cnf": "[MySQLdb-tests]\nhost = 127.0.0.1\nport = {port}\nuser = suite\npassword = suite\n"
            "database = test\ndefault-character-set = utf8mb4\n"
        },
        environment={"PYTHONPATH": ""},  # beside the tests lies the driver without its compiled part
    ),
    "sqlalchemy": Suite(
        "SQLAlchemy",
        (
            *_RUN,
            *("--dburi", "mysql+pymysql://suite:suite@127.0.0.1:{port}/test?charset=utf8mb4"),
            *("test/dialect/test_suite.py", "test/dialect/mysql"),
        ),
        version="2.0.28",
        needs=("pytest<9", "pytest-timeout", "PyMySQL==1.1.3", "cryptography", "greenlet"),
    ),
    "django": Suite(
        "Django",
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
        version="5.2.19",
        needs=("PyMySQL==1.1.3", "cryptography", "tblib"),
        folder="tests",
        files={"suite_settings.py": _DJANGO.replace("{", "{{").replace("}", "}}")},
        results=_UNITTEST,
    ),
    "connector-python": Suite(
        "mysql-connector-python",
        (
            *("{python}", "unittests.py", "--use-external-server", "--skip-install", "--host", "127.0.0.1"),
            *("--port", "{port}", "--user", "suite", "--password", "suite", "--verbosity", "2"),
        ),
        version="26.10.0",
        results=_UNITTEST,
    ),
    "go": Suite(
        "golang-github-go-sql-driver-mysql-dev",
        ("go", "test", "-v", "github.com/go-sql-driver/mysql"),
        Origin.INSTALLED,
        installed=("golang-github-go-sql-driver-mysql-dev", "golang-go"),
        folder="/usr/share/gocode/src/github.com/go-sql-driver/mysql",
        results=_GO,
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
    "mariadb-python": Suite(
        "mariadb",
        (*_RUN, "test"),
        version="1.1.14",
        needs=("pytest", "pytest-timeout", "packaging"),
        installed=("libmariadb-dev",),
        folder="testing",
        environment={
            "PYTHONPATH": "",  # beside the tests lies the driver without its compiled part
            "TEST_DB_HOST": "127.0.0.1",
            "TEST_DB_PORT": "{port}",
            "TEST_DB_USER": USER,
            "TEST_DB_PASSWORD": PASSWORD,
            "TEST_DB_DATABASE": "testp",
        },
    ),
    "php": Suite(
        "php8.2",
        (
            *("php", "run-tests.php", "-p", "/usr/bin/php", "-q", "--no-color", "--set-timeout", "60"),
            *("-g", "PASS,FAIL,WARN,XFAIL", "ext/mysqli", "ext/pdo_mysql"),
        ),
        Origin.DEBIAN,
        installed=("php8.2-cli", "php8.2-mysql"),
        # Waits without end for MySQL 9.7 itself, and run-tests.php does not get rid of it.
        setup=(("rm", "ext/mysqli/tests/mysqli_poll_kill.phpt"),),
        results=_PHP,
        environment={
            "NO_INTERACTION": "1",
            "MYSQL_TEST_HOST": "127.0.0.1",
            "MYSQL_TEST_PORT": "{port}",
            "MYSQL_TEST_USER": USER,
            "MYSQL_TEST_PASSWD": PASSWORD,
            "MYSQL_TEST_DB": "test",
            "PDO_MYSQL_TEST_DSN": "mysql:host=127.0.0.1;port={port};dbname=test",
            "PDO_MYSQL_TEST_HOST": "127.0.0.1",
            "PDO_MYSQL_TEST_PORT": "{port}",
            "PDO_MYSQL_TEST_USER": USER,
            "PDO_MYSQL_TEST_PASS": PASSWORD,
            "PDO_MYSQL_TEST_DB": "test",
        },
    ),
    "perl-mysql": Suite(
        "libdbd-mysql-perl",
        ("prove", "-v", "-I.", "t/"),
        Origin.DEBIAN,
        installed=("libdbd-mysql-perl", "libtest-deep-perl", "libproc-processtable-perl"),
        files={"t/mysql.mtest": _PERL.format(driver="mysql")},
        results=_TAP_OF_FILES,
    ),
    "perl-mariadb": Suite(
        "libdbd-mariadb-perl",
        ("prove", "-v", "-I.", "t/"),
        Origin.DEBIAN,
        installed=("libdbd-mariadb-perl", "libtest-deep-perl", "libproc-processtable-perl"),
        files={"t/MariaDB.mtest": _PERL.format(driver="MariaDB")},
        results=_TAP_OF_FILES,
    ),
    "node": Suite(  # cannot log in to MySQL 9, whose accounts all have caching_sha2_password
        "node-mysql",
        ("node", "test/run.js"),
        Origin.DEBIAN,
        setup=(("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"),),
        results=_TAP,
        environment={
            "FILTER": "integration",
            "MYSQL_HOST": "127.0.0.1",
            "MYSQL_PORT": "{port}",
            "MYSQL_USER": USER,
            "MYSQL_PASSWORD": PASSWORD,
            "MYSQL_DATABASE": "nodetest",
        },
    ),
    "java": Suite(
        "mariadb-connector-java",
        (
            "sh",
            "-c",
            f"java -Xmx600m Each $({_JAVA_CLASSES} | xargs grep -l @Test | {_JAVA_ALONE} | tr / . | sed 's/.java$//')",
        ),
        Origin.DEBIAN,
        installed=(
            *("libmariadb-java", "default-jdk-headless", "junit4", "libhamcrest-java"),
            *("libhikaricp-java", "libjna-java", "libslf4j-java"),
        ),
        setup=(("sh", "-c", f"javac -nowarn -d . {{bench}}/junit/Each.java $({_JAVA_CLASSES})"),),
        folder="src/test/java",
        results=_JUNIT,
        environment={
            "CLASSPATH": ".:../resources:" + ":".join(f"/usr/share/java/{name}.jar" for name in _JARS),
            "TEST_DB_HOST": "127.0.0.1",
            "TEST_DB_PORT": "{port}",
            "TEST_DB_USER": USER,
            "TEST_DB_PASSWORD": PASSWORD,
            "TEST_DB_DATABASE": "testj",
            # On a plain line the password of MySQL's default accounts is sealed with the key that the server gives.
            "TEST_DB_OTHER": "allowPublicKeyRetrieval=true",
        },
    ),
}
