"""CALL sys.heatwave_load: schemas loaded, lake tables made of files, a report in sections and in a table."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.conftest import Instance, start_instance
from tests.live.object_store import ObjectStore, object_store
from tests.live.servers import Backend

pytestmark = pytest.mark.live

SCRIPT = 'SELECT log->>"$.sql" AS "Load Script" FROM sys.heatwave_autopilot_report WHERE type = "sql" ORDER BY id'


@dataclass(frozen=True)
class Site:
    """An instance with a folder and a store."""

    backend: Backend
    instance: Instance
    folder: Path
    store: ObjectStore
    marks: list[str]  # the script's statements that mark a table for the engine, at the first call


@pytest.fixture(scope="module")
def site(backend: Backend, live_folder: Path) -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="h-", dir=live_folder))
    folder = base / "lake"
    folder.mkdir()
    backend.run("DROP DATABASE IF EXISTS hl")
    backend.run("DROP DATABASE IF EXISTS hl2")
    backend.run("CREATE DATABASE hl")
    backend.run("CREATE TABLE hl.a (id INT PRIMARY KEY, s VARCHAR(20), n INT)")
    backend.run("CREATE TABLE hl.b (id INT PRIMARY KEY)")
    backend.run("CREATE TABLE hl.m (id INT PRIMARY KEY) ENGINE=MyISAM")
    backend.run("INSERT INTO hl.a VALUES (1, 'x', 10), (2, 'y', 20)")
    with object_store(base) as store:
        store.client().create_bucket(Bucket="lake")
        secrets = base / "secrets.toml"
        secrets.write_text(store.secret("s3://lake/"))
        secrets.chmod(0o600)
        options = ("--lakehouse-paths", str(folder), "--lakehouse-secrets", str(secrets), "--workers", "2")
        instance = start_instance(backend, base / "i", "--autoload", "false", *options)
        try:
            with instance.connect() as connection:
                call(connection, ["hl"])  # whichever of the tests is run
                marks = [row[0] for row in run(connection, SCRIPT) if "RAPID" in row[0]]
            yield Site(backend, instance, folder, store, marks)
        finally:
            instance.stop()
            backend.run("DROP DATABASE IF EXISTS hl")
            backend.run("DROP DATABASE IF EXISTS hl2")
            shutil.rmtree(base, ignore_errors=True)


def call(connection: Any, listed: Any, options: Any = None) -> dict[str, list[str]]:
    """Call it, and give the sections' lines by their titles."""
    with connection.cursor() as cursor:
        cursor.execute("SET @list = %s, @options = %s", (json.dumps(listed), json.dumps(options) if options else None))
        cursor.execute("CALL sys.heatwave_load(CAST(@list AS CHAR), @options)")
        found: dict[str, list[str]] = {}
        while True:
            if cursor.description:
                assert len(cursor.description) == 1
                found.setdefault(cursor.description[0][0], []).extend(row[0] for row in cursor.fetchall())
            if not cursor.nextset():
                return found


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_a_schema_is_loaded(site: Site) -> None:
    with site.instance.connect() as connection:
        sections = call(connection, ["hl"])
        assert list(sections) == [
            "INITIALIZING HEATWAVE AUTO PARALLEL LOAD",
            "OFFLOAD ANALYSIS",
            "CAPACITY ESTIMATION",
            "EXECUTING LOAD",
            "LOADING TABLE",
            "LOAD SUMMARY",
        ]
        assert "Load Mode: normal" in sections["INITIALIZING HEATWAVE AUTO PARALLEL LOAD"]
        assert any(line.startswith("hl.m: its engine is") for line in sections["OFFLOAD ANALYSIS"])
        assert "TABLE (2 of 2): `hl`.`b`" in sections["LOADING TABLE"]
        assert not [line for line in sections["LOADING TABLE"] if line.startswith("Error")], sections
        assert sections["LOAD SUMMARY"][2].split() == ["hl", "2", "0", "4"]
        loads = [row[0] for row in run(connection, SCRIPT) if "SECONDARY_LOAD" in row[0]]
        assert loads == ["ALTER TABLE `hl`.`a` SECONDARY_LOAD;", "ALTER TABLE `hl`.`b` SECONDARY_LOAD;"]
        assert len(site.marks) == (0 if site.backend.is_mariadb else 2)  # MySQL wants to be told first
        assert not [row for row in run(connection, SCRIPT) if "RAPID" in row[0]]  # once
    site.instance.wait_until_loaded("hl", "a")


def csv(site: Site, name: str, rows: int = 3) -> str:
    folder = site.folder / name
    folder.mkdir()
    text = "id,name,price,day\n" + "".join(f"{i},n{i},{i}.50,2024-01-{i + 1:02}\n" for i in range(rows))
    (folder / "1.csv").write_text(text)
    return f"{folder}/"


def lake(table: str, uri: str, **dialect: Any) -> list[dict[str, Any]]:
    attribute = {"dialect": dialect, "file": [{"uri": uri}]}
    return [{"db_name": "hl2", "tables": [{"table_name": table, "engine_attribute": attribute}]}]


def test_files_become_a_table(site: Site) -> None:
    place = csv(site, "sales")
    with site.instance.connect() as connection:
        sections = call(connection, lake("sales", place))
        inferred = sections["LAKEHOUSE AUTO SCHEMA INFERENCE"]
        assert inferred[2].split()[:2] == ["hl2.sales", "1"]
        assert not [line for line in sections["LOADING TABLE"] if line.startswith("Error")], sections
        assert run(connection, "SELECT SUM(price), MAX(day), COUNT(*) FROM hl2.sales")[0][2] == 3
        assert run(connection, "SELECT name FROM hl2.sales JOIN hl.a USING (id) ORDER BY id") == [("n1",), ("n2",)]
        columns = run(connection, "DESCRIBE hl2.sales")
        assert [(c[0], re.sub(r"\(\d+\)", "", c[1]), c[2]) for c in columns] == [
            ("id", "tinyint unsigned", "NO"),
            ("name", "varchar", "NO"),
            ("price", "decimal(3,2)", "NO"),
            ("day", "date", "NO"),
        ]
        script = [row[0] for row in run(connection, SCRIPT)]
        assert script[0] == "CREATE DATABASE IF NOT EXISTS `hl2`;"
        assert script[1].startswith("CREATE TABLE `hl2`.`sales` (")
        # The script does what the call did.
        run(connection, "DROP TABLE hl2.sales")
        for statement in script:
            run(connection, statement.rstrip(";"))
        assert run(connection, "SELECT COUNT(*) FROM hl2.sales") == [(3,)]
        (site.folder / "sales" / "2.csv").write_text("id,name,price,day\n9,n9,9.50,2024-02-01\n")
        refreshed = call(connection, [{"db_name": "hl2", "tables": ["sales"]}], {"refresh_external_tables": True})
        assert not [line for line in refreshed["LOADING TABLE"] if line.startswith("Error")], refreshed
        assert run(connection, "SELECT COUNT(*), MAX(day) FROM hl2.sales")[0][0] == 4
        run(connection, "DROP TABLE hl2.sales")


def test_objects_become_a_table(site: Site) -> None:
    site.store.client().put_object(Bucket="lake", Key="o/1.csv", Body=b"a|b\n1|x\n2|y\n")
    with site.instance.connect() as connection:
        call(connection, lake("objects", "s3://lake/o/"))
        assert run(connection, "SELECT a, b FROM hl2.objects ORDER BY a") == [(1, "x"), (2, "y")]
        run(connection, "DROP TABLE hl2.objects")
        for secret in (site.store.secret_key, site.store.access_key):
            assert secret not in str(run(connection, "SELECT * FROM sys.heatwave_autopilot_report"))


def test_a_dry_run_makes_nothing(site: Site) -> None:
    place = csv(site, "dry")
    with site.instance.connect() as connection:
        sections = call(connection, lake("dry", place), {"mode": "dryrun"})
        assert "LOAD SCRIPT GENERATION" in sections
        assert "LOADING TABLE" not in sections
        assert len(run(connection, SCRIPT)) == 2
        assert run(connection, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'dry'") == [(0,)]


def test_help_silence_and_exclusion(site: Site) -> None:
    with site.instance.connect() as connection:
        assert list(call(connection, [])) == ["HEATWAVE AUTO PARALLEL LOAD HELP"]
        assert call(connection, ["hl"], {"output": "silent", "mode": "dryrun", "exclude_list": ["hl.b"]}) == {}
        assert run(connection, SCRIPT) == [("ALTER TABLE `hl`.`a` SECONDARY_LOAD;",)]
        sections = call(connection, [{"db_name": "hl", "exclude_tables": ["a"]}, "mysql"], {"mode": "dryrun"})
        assert "mysql: system schemas are not loaded" in sections["OFFLOAD ANALYSIS"]
        assert run(connection, SCRIPT) == [("ALTER TABLE `hl`.`b` SECONDARY_LOAD;",)]


def test_what_fails_is_told_and_leaves_nothing(site: Site) -> None:
    place = csv(site, "good")
    tables = [
        {"table_name": name, "engine_attribute": {"dialect": {}, "file": [{"uri": uri}]}}
        for name, uri in (("escape", "/etc/passwd"), ("none", f"{site.folder}/none/"), ("good", place))
    ]
    with site.instance.connect() as connection:
        sections = call(connection, [{"db_name": "hl2", "tables": tables}])
        assert any("lakehouse_paths" in line for line in sections["OFFLOAD ANALYSIS"])
        errors = run(connection, 'SELECT log->>"$.error" FROM sys.heatwave_autopilot_report WHERE type = "error"')
        assert len(errors) == 2
        assert run(connection, "SHOW TABLES FROM hl2") == [("good",)]
        again = call(connection, [{"db_name": "hl2", "tables": tables[2:]}])
        assert any(line.startswith("Error") and "exists" in line for line in again["LOADING TABLE"])
        assert run(connection, "SELECT COUNT(*) FROM hl2.good") == [(3,)]
        run(connection, "DROP TABLE hl2.good")


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("CALL sys.heatwave_load('[]')", 1318),
        ("CALL sys.heatwave_load('[', NULL)", 3889),
        ("CALL sys.heatwave_load('{}x', NULL)", 3889),
        ("CALL sys.heatwave_load('[\"hl\"]', '{\"mod\": 1}')", 3889),
        ('CALL sys.heatwave_load(\'["hl"]\', \'{"mode": "now"}\')', 3889),
        ("CALL sys.heatwave_load(nowhere, NULL)", 1054),
        ('CALL sys.heatwave_load(\'[{"db_name": "hl", "tables": []}]\', NULL)', 3889),
    ],
)
def test_wrong_calls_are_errors(site: Site, statement: str, number: int) -> None:
    with pytest.raises(pymysql.err.Error) as caught:
        site.instance.run(statement)
    assert caught.value.args[0] == number, caught.value


def test_users_do_what_they_may_and_see_their_own_report(site: Site) -> None:
    for statement in (
        "DROP USER IF EXISTS loader@localhost",
        "CREATE USER loader@localhost IDENTIFIED BY 'pw'",
        "GRANT SELECT ON hl.a TO loader@localhost",
    ):
        site.backend.run(statement)
    place = csv(site, "users")
    with site.instance.connect() as root:
        call(root, ["hl"], {"mode": "dryrun"})
        with site.instance.connect(user="loader", password="pw") as connection:
            assert run(connection, SCRIPT) == []
            sections = call(connection, ["hl"])  # sees a, may not alter it
            assert any(line.startswith("Error") and "denied" in line for line in sections["LOADING TABLE"])
            assert run(connection, SCRIPT) == [("ALTER TABLE `hl`.`a` SECONDARY_LOAD;",)]
            sections = call(connection, lake("users", place))
            assert any(line.startswith("Error") and "denied" in line for line in sections["LOADING TABLE"])
        assert len(run(root, SCRIPT)) == 2
    assert site.backend.run("SHOW TABLES FROM hl2 LIKE 'users'") == []
