import pytest

from statements.found_rows import found_rows

# Statement, rows, what MySQL and MariaDB told (9.7.4, 10.11.19); None for what does not follow from the rows.
_SEEN = (
    ("SELECT * FROM t", 6, 6, 6),
    ("SELECT * FROM t LIMIT 2", 2, 2, 2),
    ("SELECT * FROM t LIMIT 2 OFFSET 1", 2, 3, 3),
    ("SELECT * FROM t ORDER BY id LIMIT 4, 5", 2, 6, 6),
    ("SELECT * FROM t ORDER BY id LIMIT 6, 5", 0, None, None),
    ("SELECT * FROM t ORDER BY id LIMIT 3, 0", 0, None, None),
    ("SELECT g, COUNT(*) FROM t GROUP BY g WITH ROLLUP LIMIT 1, 1", 1, 2, 2),
    ("(SELECT id FROM t LIMIT 1, 2)", 2, 3, 3),
    ("SELECT * FROM (SELECT id FROM t LIMIT 1, 2) y", 2, 2, 2),
    ("WITH y AS (SELECT * FROM t LIMIT 2, 2) SELECT * FROM y", 2, 2, 2),
    ("SELECT id FROM t UNION SELECT g FROM t", 6, 6, 6),
    ("SELECT id FROM t UNION SELECT g FROM t LIMIT 1, 2", 2, 3, None),
    ("SELECT id FROM t UNION ALL SELECT g FROM t LIMIT 2", 2, 2, None),
    ("(SELECT id FROM t LIMIT 1, 2) UNION ALL (SELECT g FROM t LIMIT 2, 2)", 4, 4, None),
    ("SELECT 'limit' FROM t", 6, 6, 6),
    ("VALUES ROW(1), ROW(2), ROW(3) LIMIT 1, 1", 1, None, None),
)


@pytest.mark.parametrize(("statement", "rows", "mysql", "mariadb"), _SEEN)
def test_rows_that_are_passed_over_count(statement: str, rows: int, mysql: int | None, mariadb: int | None) -> None:
    assert found_rows(statement.encode(), rows, is_mariadb=False) == mysql
    assert found_rows(statement.encode(), rows, is_mariadb=True) == mariadb
