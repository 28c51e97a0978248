"""Two ways to one server for each client program: straight to it, and through warmfront."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.paths import Paths
from tests.clients import facts
from tests.live.conftest import Instance, live_folder, start_instance
from tests.live.servers import KINDS, program_of, start_backend
from warmfront import certificates

__all__ = ["live_folder"]

CLIENTS = Path(__file__).parents[2] / ".clients"  # filled by scripts/test-clients.py
QUERIES = Path(__file__).parent / "programs" / "queries.txt"
_TLS = {"ssl-ca": "ca.pem", "ssl-cert": "server-cert.pem", "ssl-key": "server-key.pem"}


@dataclass(frozen=True)
class Sides:
    """A server, the product before it, and what a client program must know to reach either."""

    kind: str
    instance: Instance

    def environment(self, proxied: bool, schema: str) -> dict[str, str]:
        """The variables that a program reads; `FORCE` and `UNFORCE` are statements that turn offloading on and off."""
        backend = self.instance.backend
        where = self.instance if proxied else backend
        return {
            "DB_KIND": self.kind,
            "DB_HOST": where.host,
            "DB_PORT": str(where.port),
            "DB_USER": facts.USER,
            "DB_PASSWORD": facts.PASSWORD,
            "DB_SCHEMA": schema,
            "DB_ACCOUNTS": " ".join(f"{user}:{password}" for user, password in facts.accounts(self.kind)),
            "FORCE": "SET use_secondary_engine = FORCED" if proxied else "DO 0",
            "DB_ED25519": facts.ed25519(self.kind, CLIENTS / "mariadb"),
            "UNFORCE": "SET use_secondary_engine = ON" if proxied else "DO 0",
        }

    def offloaded(self) -> int:
        """Count the statements that the engine has run."""
        rows: list[tuple[Any, ...]] = self.instance.run("SHOW GLOBAL STATUS LIKE 'Secondary_engine_execution_count'")
        return int(rows[0][1])


@pytest.fixture(scope="session", params=KINDS)
def sides(request: pytest.FixtureRequest, live_folder: Path) -> Iterator[Sides]:
    """A server with TLS and every way to log in, the whole product before it, and tables that are loaded."""
    folder = live_folder / f"clients-{request.param}"
    paths = Paths(folder / "keys")
    paths.data_dir.mkdir(parents=True)
    certificates.ensure(paths)
    tls = [f"--{option}={paths.tls / name}" for option, name in _TLS.items()]
    options = (
        *tls,
        "--max-allowed-packet=64M",
        "--local-infile=1",
        *facts.server_options(request.param, CLIENTS / "mariadb"),
    )
    backend = start_backend(program_of(request.param), folder / "server", options)
    with contextlib.ExitStack() as stack:
        stack.callback(backend.kill)
        for statement in facts.statements(request.param, CLIENTS / "mariadb"):
            backend.run(statement)
        instance = start_instance(
            backend, folder / "warmfront", "--secondary-engine-cost-threshold", "0", "--workers", "1"
        )
        stack.callback(instance.stop)
        for table in facts.LOADED:
            instance.wait_until_loaded("facts", table)
        warm(instance)
        yield Sides(request.param, instance)


def warm(instance: Instance) -> None:
    """Run what the programs will run, until the engine has read the weights of the collations that it needs."""
    deadline = time.monotonic() + 60
    with instance.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED")
        for query in QUERIES.read_text().splitlines():
            while (refusal := _refused(cursor, query)) is not None:
                assert "weights" in refusal, f"{refusal}: {query}"
                assert time.monotonic() < deadline, f"{refusal}: {query}"
                time.sleep(0.1)


def _refused(cursor: Any, query: str) -> str | None:
    try:
        cursor.execute(query)
    except pymysql.err.OperationalError as error:
        return str(error)
    return None
