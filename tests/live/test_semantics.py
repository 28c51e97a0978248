"""Every statement of tests/semantics gives the backend's columns and cells or is refused, as refused.txt says why.

`WARMFRONT_WRITE_REFUSED=1` writes refused.txt anew from what is seen.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.live.servers import Backend
from tests.semantics.harness import Bench, load, read_statements

pytestmark = pytest.mark.live

FOLDER = Path(__file__).parent.parent / "semantics"
GOLDEN = FOLDER / "refused.txt"
TPCH = Path(__file__).parent.parent.parent / "warmfront" / "tpch"


@pytest.fixture(scope="module")
def bench(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    connection = backend.connect(charset="utf8mb4")
    load(connection, "wf_semantics", FOLDER / "setup.sql")
    made = Bench(connection, backend.is_mariadb, "wf_semantics", tmp_path_factory.mktemp("weights"))
    made.copy_all()
    yield made
    connection.close()


def _outcomes(bench: Bench) -> tuple[list[str], list[str]]:
    different, refused = [], []
    for path in sorted(FOLDER.glob("*.test")):
        for statement in read_statements(path):
            try:
                outcome = bench.run(statement)
            except pymysql.err.MySQLError:
                bench.reconnect()  # the backend itself refuses it: nothing to compare
                continue
            if outcome.columns:
                different.append(f"{statement}: {', '.join(outcome.columns)}")
            if outcome.kind == "different":
                different.append(f"{statement}: {outcome.detail}")
            elif outcome.kind != "equal":
                reason = outcome.detail if outcome.kind == "refused" else f"fails: {outcome.detail.split(':')[0]}"
                refused.append(f"{bench.context.backend}\t{reason}\t{' '.join(statement.split())}")
    return different, refused


def test_statements_are_equal_or_refused(bench: Bench) -> None:
    different, refused = _outcomes(bench)
    assert not different, "\n".join(different)
    kind = bench.context.backend
    known = GOLDEN.read_text().splitlines() if GOLDEN.exists() else []
    if os.environ.get("WARMFRONT_WRITE_REFUSED"):
        others = [line for line in known if not line.startswith(f"{kind}\t")]
        GOLDEN.write_text("\n".join(sorted([*others, *refused])) + "\n")
        return
    assert sorted(refused) == sorted(line for line in known if line.startswith(f"{kind}\t"))


def test_tpch_queries_are_translated(backend: Backend, tmp_path: Path) -> None:
    connection = backend.connect(charset="utf8mb4")
    load(connection, "wf_semantics_tpch", TPCH / "schema.sql")
    bench = Bench(connection, backend.is_mariadb, "wf_semantics_tpch", tmp_path)
    bench.copy_all()
    outcomes = {path.name: bench.run(path.read_text().strip().rstrip(";")) for path in sorted(TPCH.glob("q*.sql"))}
    connection.close()
    assert len(outcomes) == 22
    assert {name: outcome for name, outcome in outcomes.items() if outcome.kind != "equal"} == {}
