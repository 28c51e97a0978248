"""LOWER and UPPER of every character, alone and in company, as the server gives them."""

import duckdb
import pytest

from engine.collate.cases import fetch_cases
from engine.collate.fetch import fetch_facts
from engine.collate.presence import ANYTHING
from tests.live.servers import Backend

pytestmark = pytest.mark.live

COLLATIONS = ("utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb3_general_ci")


@pytest.mark.parametrize("operation", ["lower", "upper"])
@pytest.mark.parametrize("collation", COLLATIONS)
def test_every_character(backend: Backend, collation: str, operation: str) -> None:
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        facts = fetch_facts(cursor, collation)
        if facts is None:
            pytest.skip(f"{backend.kind} has no {collation}")
        cases = fetch_cases(cursor, facts)
        assert cases is not None
        last = 0x20000 if facts.charset == "utf8mb4" else 0x10000
        points = [point for point in range(1, last) if not 0xD800 <= point <= 0xDFFF]
        texts = ["".join(map(chr, points[at : at + 50])) + "é" for at in range(0, len(points), 50)]
        cut = {one for one, other in (cases.lower if operation == "lower" else cases.upper).items() if not other}
        texts = ["".join(c for c in text if c not in cut) for text in texts]
        cursor.execute("CREATE DATABASE IF NOT EXISTS wf_cases")
        cursor.execute("DROP TABLE IF EXISTS wf_cases.t")
        charset = f"CHARACTER SET {facts.charset} COLLATE {collation}"
        cursor.execute(f"CREATE TABLE wf_cases.t (id INT PRIMARY KEY, a VARCHAR(100) {charset})")
        cursor.executemany("INSERT INTO wf_cases.t VALUES (%s, %s)", list(enumerate(texts)))
        cursor.execute(f"SELECT a, {operation}(a) FROM wf_cases.t ORDER BY id")
        rows = [list(row) for row in cursor.fetchall()]
        cursor.execute("DROP DATABASE wf_cases")
    duck = duckdb.connect()
    duck.execute("CREATE TABLE t (a VARCHAR, b VARCHAR)")
    duck.executemany("INSERT INTO t VALUES (?, ?)", rows)
    written = cases.write(operation, "a", ANYTHING)
    guarded = written if not cut else written[written.index("ELSE") + 5 : -len(" END)")]
    assert duck.execute(f"SELECT count(*) FROM t WHERE {guarded} IS DISTINCT FROM b").fetchone() == (0,)


def test_what_the_server_cuts_off_fails(backend: Backend) -> None:
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        facts = fetch_facts(cursor, "utf8mb4_0900_ai_ci")
        if facts is None:
            pytest.skip("MariaDB changes these characters")
        cases = fetch_cases(cursor, facts)
        cursor.execute("SELECT UPPER(_utf8mb4'xɐ' COLLATE utf8mb4_0900_ai_ci)")
        assert cursor.fetchall() == (("X",),)
    assert cases is not None
    with pytest.raises(duckdb.InvalidInputException, match="cut off"):
        duckdb.connect().execute(f"SELECT {cases.write('upper', chr(39) + 'xɐ' + chr(39), ANYTHING)}").fetchall()
