"""Every statement of tests/semantics gives the backend's columns and cells or is refused, as TOPIC.refused says why.

`WARMFRONT_WRITE_REFUSED=1` writes these files anew from what is seen.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.servers import Backend
from tests.semantics.harness import Bench, load, read_statements
from tests.semantics.other_literals import fault
from tests.semantics.zones import load_zones
from warmfront.demo_tpcds import query_text

pytestmark = pytest.mark.live

FOLDER = Path(__file__).parent.parent / "semantics"
TOPICS = sorted(path.stem for path in FOLDER.glob("*.test"))
DEMOS = Path(__file__).parent.parent.parent / "warmfront"
TPCH = DEMOS / "tpch"
# The queries of TPC-DS that MySQL and MariaDB answer themselves, and why; some of them only of empty tables.
_DEVIATION = "the last digits of STDDEV or VARIANCE depend on the order of rows, unless they are rounded"
_FAILURES = {"failed": "fails", "rejected": "rejected", "error": "fails on both"}
_SAMPLED = 0.1  # of the statements are tried with other literals
_NO_ROWS = "Invalid Input Error: GROUPING of no rows"
_REFUSED = {39: _DEVIATION, 90: "Invalid Input Error: a division by zero"}
TPCDS_REFUSED = {
    "mysql": {**_REFUSED, 35: _DEVIATION, **dict.fromkeys((27, 36, 70, 86), _NO_ROWS)},
    "mariadb": {**_REFUSED, 39: "a double with a fixed number of decimals may be rounded when it is stored"},
}


@pytest.fixture(scope="module")
def bench(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    connection = backend.connect(charset="utf8mb4")
    load_zones(connection)
    load(connection, "wf_semantics", FOLDER / "setup.sql", FOLDER / f"setup_{backend.kind}.sql")
    made = Bench(connection, backend.is_mariadb, "wf_semantics", tmp_path_factory.mktemp("weights"))
    made.copy_all()
    yield made
    connection.close()


def _outcomes(bench: Bench, statements: list[str]) -> tuple[list[str], list[str]]:
    different, refused = [], []
    for statement in statements:
        if statement.upper().startswith("SET "):
            bench.set(statement)
            continue
        outcome = bench.run(statement)
        if outcome.columns:
            different.append(f"{statement}: {', '.join(outcome.columns)}")
        if outcome.kind in ("different", "warned", "answered"):
            different.append(f"{statement}: {outcome.detail}")
        elif outcome.kind != "equal":
            reason = (
                outcome.detail
                if outcome.kind == "refused"
                else f"{_FAILURES[outcome.kind]}: {outcome.detail.split(':')[0].split(' and ')[0]}"
            )
            refused.append(f"{bench.context.backend}\t{reason}\t{' '.join(statement.split())}")
    if any(statement.upper().startswith("SET ") for statement in statements):
        bench.reconnect()
    return different, refused


@pytest.mark.parametrize("topic", TOPICS)
def test_templates_give_what_translating_gives(bench: Bench, topic: str) -> None:
    """A statement with other literals than those that its template was made with is translated alike, or anew."""
    chance, outcomes = random.Random(topic), []
    statements = read_statements(FOLDER / f"{topic}.test")
    for statement in statements:
        if statement.upper().startswith("SET "):
            bench.set(statement)
        elif chance.random() < _SAMPLED:
            outcomes.append(fault(bench, statement, chance))
    if any(statement.upper().startswith("SET ") for statement in statements):
        bench.reconnect()
    assert not [text for _, text in outcomes if text]


@pytest.mark.parametrize("topic", TOPICS)
def test_statements_are_equal_or_refused(bench: Bench, topic: str) -> None:
    different, refused = _outcomes(bench, read_statements(FOLDER / f"{topic}.test"))
    assert not different, "\n".join(different)
    assert not [line for line in refused if "error 1146" in line], "a table that the statements read is missing"
    kind, golden = bench.context.backend, FOLDER / f"{topic}.refused"
    known = golden.read_text().splitlines() if golden.exists() else []
    if os.environ.get("WARMFRONT_WRITE_REFUSED"):
        others = [line for line in known if not line.startswith(f"{kind}\t")]
        golden.write_text("".join(f"{line}\n" for line in sorted([*others, *refused])))
        return
    assert sorted(refused) == sorted(line for line in known if line.startswith(f"{kind}\t"))


def test_rounded_doubles_have_the_servers_bits(bench: Bench) -> None:
    """In the binary protocol a double shows what a table of MariaDB's plan does to it: -0.93 of two decimals becomes
    -1 + 0.07 there."""
    direct = (
        "SELECT id, ROUND(db * 0.37, 2), FLOOR(f) FROM n WHERE ABS(db) < 1e9 ORDER BY grp, id",
        "SELECT n.id, ROUND(n.db * 0.37, 2) FROM n JOIN o ON o.nid = n.id WHERE ABS(n.db) < 1e9",
        "SELECT grp, ROUND(MIN(db) * 0.37, 2), CEILING(MAX(f)) FROM n WHERE ABS(db) < 1e9 GROUP BY grp ORDER BY MAX(i)",
        "SELECT ROUND(STDDEV(d4), 4), ROUND(SUM(d2), 2), MAX(d2), AVG(e4) * 1.1 FROM n JOIN fx ON fx.id = n.id",
        "SELECT id, d2 * 1.2, d2 + e4, ROUND(d2 / 3, 2), f2 * e4 FROM fx ORDER BY d2, id",
        "SELECT n.id, d2 * 0.37, ROUND(d2, 1) * 2 FROM n JOIN fx ON fx.id = n.id",
    )
    kept = (
        "SELECT n.id, ROUND(n.db * 0.37, 2) FROM n JOIN o ON o.nid = n.id WHERE ABS(n.db) < 1e9 ORDER BY o.qty, o.id",
        "SELECT DISTINCT ROUND(MIN(db) * 0.37, 2) FROM n WHERE ABS(db) < 1e9 GROUP BY grp",
        "SELECT ROUND(db * 0.37, 2), ROW_NUMBER() OVER (ORDER BY id) FROM n WHERE ABS(db) < 1e9",
        "SELECT n.id, ROUND(n.db * 0.37, 2), COUNT(*) FROM n JOIN o ON nid = n.id WHERE ABS(db) < 1e9 GROUP BY n.id",
        "SELECT n.id, d2 * 0.37 FROM n JOIN fx ON fx.id = n.id ORDER BY i, id",
        "SELECT id, d2 * 0.37 FROM fx ORDER BY ROW_NUMBER() OVER (ORDER BY d2)",
    )
    found = [bench.run(statement, binary=True).kind for statement in (*direct, *kept)]
    assert found[: len(direct)] == ["equal"] * len(direct)
    assert found[len(direct) :] == ["refused" if bench.context.backend == "mariadb" else "equal"] * len(kept)


def test_times_of_averages_are_sent_with_what_the_server_has(bench: Bench) -> None:
    """MySQL's binary protocol has microseconds that its text protocol does not show."""
    shown = "SELECT flag, SEC_TO_TIME(AVG(qty)) FROM o WHERE flag = 'N' GROUP BY flag"
    longer = "SELECT flag, SEC_TO_TIME(AVG(qty)) FROM o GROUP BY flag"
    assert bench.run(longer).kind == bench.run(shown).kind == bench.run(shown, binary=True).kind == "equal"
    assert bench.run(longer, binary=True).kind == ("equal" if bench.context.backend == "mariadb" else "failed")


def test_tpch_queries_are_translated(backend: Backend, tmp_path: Path) -> None:
    connection = backend.connect(charset="utf8mb4")
    load(connection, "wf_semantics_tpch", TPCH / "schema.sql")
    bench = Bench(connection, backend.is_mariadb, "wf_semantics_tpch", tmp_path)
    bench.copy_all()
    outcomes = {path.name: bench.run(path.read_text().strip().rstrip(";")) for path in sorted(TPCH.glob("q*.sql"))}
    connection.close()
    assert len(outcomes) == 22
    assert {name: outcome for name, outcome in outcomes.items() if outcome.kind != "equal"} == {}


def test_tpcds_queries_are_translated(backend: Backend, tmp_path: Path) -> None:
    connection = backend.connect(charset="utf8mb4")
    load(connection, "wf_semantics_tpcds", DEMOS / "tpcds" / "schema.sql")
    bench = Bench(connection, backend.is_mariadb, "wf_semantics_tpcds", tmp_path)
    bench.copy_all()
    outcomes = {number: bench.run(query_text(number, 0.01, bench.context.backend)) for number in range(1, 100)}
    connection.close()
    not_equal = {n: outcome.detail.split(" IN ")[0] for n, outcome in outcomes.items() if outcome.kind != "equal"}
    assert not_equal == TPCDS_REFUSED[bench.context.backend]
