"""Compressed client connections, with MySQL's own command line client."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live.servers import program_of

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def client() -> str:
    """MySQL's command line client; it talks to MariaDB as well."""
    client = program_of("mysql").path.parent.parent / "bin" / "mysql"
    assert client.exists(), "the server's own command line client is missing"
    return str(client)


def run(client: str, instance: Any, statement: str, *options: str) -> bytes:
    """Run statements through the proxy and give what the client prints."""
    password = instance.backend.password
    plugins = next(Path(client).parent.parent.rglob("mysql_native_password.so")).parent
    argv = [
        client,
        "--no-defaults",
        f"--plugin-dir={plugins}",
        "--database=mysql",
        f"--host={instance.host}",
        f"--port={instance.port}",
        f"--user={instance.backend.user}",
    ]
    done = subprocess.run(
        [*argv, f"--password={password}", "--batch", "--skip-column-names", "--local-infile=1", *options],
        input=statement.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def algorithms(instance: Any) -> list[str]:
    return ["zlib"] if instance.backend.is_mariadb else ["zlib", "zstd", "zlib,zstd"]


@pytest.mark.parametrize("tls", ["DISABLED", "REQUIRED"])
def test_answers_are_the_same(client: str, warmfront_instance: Any, tls: str) -> None:
    statement = (
        "SELECT REPEAT('abc', 20), 1; SELECT REPEAT('x', 1000000), REPEAT('y', 700000);"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, HEX(i * i) FROM n;"
    )
    plain = run(client, warmfront_instance, statement, f"--ssl-mode={tls}")
    assert len(plain) > 1_700_000
    for algorithm in algorithms(warmfront_instance):
        options = (f"--ssl-mode={tls}", f"--compression-algorithms={algorithm}", "--zstd-compression-level=5")
        assert run(client, warmfront_instance, statement, *options) == plain, algorithm


def test_large_packets_and_local_files(client: str, warmfront_instance: Any, tmp_path: Path) -> None:
    backend = warmfront_instance.backend
    backend.run("DROP DATABASE IF EXISTS compressed")
    backend.run("CREATE DATABASE compressed")
    backend.run("CREATE TABLE compressed.t (id INT PRIMARY KEY, v LONGTEXT)")
    lines = tmp_path / "rows"
    lines.write_text("".join(f"{i}\tvalue {i}\n" for i in range(2, 50_000)))
    for algorithm in algorithms(warmfront_instance):
        statement = (
            f"DELETE FROM compressed.t; INSERT INTO compressed.t VALUES (1, '{'z' * 15_000_000}');"
            f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE compressed.t;"
            "SELECT COUNT(*), SUM(LENGTH(v)) FROM compressed.t; SELECT v FROM compressed.t WHERE id = 1;"
        )
        options = (f"--compression-algorithms={algorithm}", "--max-allowed-packet=64M")
        head, _, rest = run(client, warmfront_instance, statement, *options).partition(b"\n")
        assert head == b"49999\t%d" % (15_000_000 + sum(len(f"value {i}") for i in range(2, 50_000)))
        assert rest == b"z" * 15_000_000 + b"\n"
    backend.run("DROP DATABASE compressed")


def test_offloaded_answers_are_compressed_too(client: str, warmfront_instance: Any) -> None:
    backend = warmfront_instance.backend
    backend.run("DROP DATABASE IF EXISTS compressed")
    backend.run("CREATE DATABASE compressed")
    backend.run("CREATE TABLE compressed.t (id INT PRIMARY KEY, g INT)")
    backend.run("INSERT INTO compressed.t " + " UNION ALL ".join(f"SELECT {i}, {i % 100}" for i in range(1, 400)))
    warmfront_instance.wait_until_loaded("compressed", "t")
    statement = (
        "SET use_secondary_engine = FORCED; SELECT g, COUNT(*), SUM(id) FROM compressed.t GROUP BY g ORDER BY g;"
        "SELECT 1;"
    )
    expected = run(client, warmfront_instance, statement)
    assert expected.count(b"\n") == 101
    for algorithm in algorithms(warmfront_instance):
        assert run(client, warmfront_instance, statement, f"--compression-algorithms={algorithm}") == expected
    backend.run("DROP DATABASE compressed")
