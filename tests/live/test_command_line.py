"""The mariadb command line asks MariaDB for extended metadata: what the engine says of itself has to have it too."""

import shutil
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.live

PROGRAM = shutil.which("mariadb")


@pytest.fixture(scope="module")
def spoken(warmfront_instance: Any, backend: Any) -> None:
    """A table that is loaded."""
    backend.run("CREATE DATABASE IF NOT EXISTS spoken")
    backend.run("CREATE TABLE spoken.t (id INT PRIMARY KEY)")
    warmfront_instance.wait_until_loaded("spoken", "t")


@pytest.mark.usefixtures("spoken")
@pytest.mark.skipif(PROGRAM is None, reason="not installed (scripts/test-servers.py as root does it): mariadb")
@pytest.mark.parametrize(
    ("statement", "heading"),
    [
        ("SELECT * FROM performance_schema.rpd_nodes", "ID\tCORES"),
        ("SELECT NAME FROM performance_schema.rpd_tables JOIN performance_schema.rpd_table_id USING (ID)", "NAME"),
        ("CHECK TABLE spoken.t SECONDARY", "SCHEMA_NAME\tTABLE_NAME"),
        ("SHOW STATUS LIKE 'rapid_service_status'", "Variable_name\tValue"),
        ("SELECT COUNT(*) FROM spoken.t", "COUNT(*)"),
    ],
)
def test_it_reads_what_the_engine_says(warmfront_instance: Any, backend: Any, statement: str, heading: str) -> None:
    command = [
        str(PROGRAM), "--no-defaults", f"--host={warmfront_instance.host}", f"--port={warmfront_instance.port}",
        "--user=root", f"--password={backend.upstream.password}", "--batch", "-e",
        f"SET use_secondary_engine = FORCED; {statement}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(heading)
