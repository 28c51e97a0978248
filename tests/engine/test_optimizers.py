"""Answers that DuckDB's own choice of passes gets wrong, by the passes that the engine lets it use."""

import duckdb
import pytest

from engine.store.optimizers import CHANGING_ANSWERS, DISABLED

# What is made, what is asked, and the rows of it.
CASES = {
    "rows of no rows": (
        ["CREATE TABLE e (s INT, p INT)"],
        "SELECT p FROM (SELECT p, row_number() OVER (ORDER BY s) n FROM e) WHERE n <= 1",
        [],
    ),
    "rows that are equal": (
        ["CREATE TABLE l AS SELECT 1 id, 1 k, 'x' p", "CREATE TABLE r AS SELECT 1 k, unnest([20, 10]) s"],
        "SELECT id, p FROM (SELECT l.id, l.p, r.s, row_number() OVER (ORDER BY s DESC NULLS LAST) n"
        " FROM l JOIN r ON l.k = r.k) WHERE n <= 2",
        [(1, "x"), (1, "x")],
    ),
    "keys that are NULL": (
        ["CREATE TABLE t (i INT NOT NULL)", "INSERT INTO t VALUES (0), (0), (5)"],
        "SELECT i FROM (SELECT i, row_number() OVER (PARTITION BY i ORDER BY nullif(i % 5, 0)) n FROM t) WHERE n <= 3"
        " ORDER BY i",
        [(0,), (0,), (5,)],
    ),
    "several rows on the right": (
        ["CREATE TABLE d AS SELECT unnest([1, 1, 2]) k", "CREATE TABLE p AS SELECT unnest([1, 1, 3]) k"],
        "SELECT count(*) FROM p LEFT JOIN (SELECT k, unnest([1, 2, 3]) e FROM (SELECT DISTINCT k FROM d)) t USING (k)",
        [(7,)],
    ),
    "a key twice": (
        ["CREATE TABLE t AS SELECT * FROM (VALUES (NULL, 'a', ''), (2, 'z', '')) v(id, name, made)"],
        "SELECT name, bit_and(id) OVER (PARTITION BY id, made), bit_or(id) OVER (PARTITION BY made, made) FROM t"
        " ORDER BY name",
        [("a", None, 2), ("z", 2, 2)],
    ),
    "equal joins": (
        ["CREATE TABLE t AS SELECT * FROM (VALUES (1, 2, 'a', 1), (2, NULL, 'b', 1), (3, 1, 'c', 2)) v(id, k, c, g)"],
        "SELECT a.id, b.c FROM (SELECT t.id, t.c, t.g FROM t LEFT JOIN t u ON t.k = u.id) a"
        " JOIN (SELECT t.id, t.c, t.g FROM t LEFT JOIN t u ON t.k = u.id) b ON a.g = b.g ORDER BY ALL",
        [(1, "a"), (1, "b"), (2, "a"), (2, "b"), (3, "c")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_answers_are_right(case: str) -> None:
    made, asked, rows = CASES[case]
    with duckdb.connect(config={"disabled_optimizers": DISABLED}) as connection:
        for statement in made:
            connection.execute(statement)
        assert connection.execute(asked).fetchall() == rows


def test_the_passes_are_known_to_this_release() -> None:
    with duckdb.connect() as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()}
    assert CHANGING_ANSWERS.keys() <= known
