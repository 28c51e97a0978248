"""Views are read through to the tables under them, and never past a right, a literal or a change."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

pytestmark = pytest.mark.live

VIEWS = (
    "CREATE VIEW plain AS SELECT id, g, v * 2 AS twice, CONCAT(s, id) AS t, v > 3 AS big FROM sales WHERE v > 0.5",
    "CREATE VIEW nested (a, b, c) AS SELECT plain.id, plain.twice, sales.s FROM plain JOIN sales ON sales.id = plain.g",
    "CREATE VIEW sums AS SELECT g, COUNT(*) AS c, SUM(v) AS total FROM sales GROUP BY g",
    "CREATE VIEW common AS WITH q AS (SELECT g, SUM(v) OVER (PARTITION BY g ORDER BY id) s FROM sales) SELECT * FROM q",
    "CREATE SQL SECURITY INVOKER VIEW invoked AS SELECT g, MAX(v) AS most FROM sales GROUP BY g HAVING COUNT(*) > 2",
    "CREATE VIEW checked AS SELECT id, v FROM sales WHERE g = 1 WITH CASCADED CHECK OPTION",
)
QUERIES = (
    "SELECT * FROM plain ORDER BY id",
    "SELECT a, SUM(b), MIN(c) FROM nested GROUP BY a ORDER BY a",
    "SELECT sums.*, z.id FROM sums JOIN views.plain AS z ON z.id = sums.g ORDER BY z.id",
    "SELECT g, MAX(s) FROM common GROUP BY g ORDER BY g",
    "SELECT SUM(most) FROM invoked",
    "SELECT COUNT(*), SUM(v) FROM checked WHERE id IN (SELECT id FROM plain)",
    "SELECT id FROM sales WHERE v > (SELECT AVG(twice) FROM plain) / 4 ORDER BY id",
    "WITH plain AS (SELECT 1 AS id FROM sales) SELECT COUNT(*) FROM plain",
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    backend.run("DROP DATABASE IF EXISTS views")
    backend.run("CREATE DATABASE views CHARACTER SET utf8mb4")
    backend.run("CREATE TABLE views.sales (id INT PRIMARY KEY, g INT, v DECIMAL(10,2), s VARCHAR(20))")
    backend.run(f"INSERT INTO views.sales VALUES {','.join(f'({i},{i % 7},{i / 3:.2f},{i % 50})' for i in range(40))}")
    with backend.connect(database="views", charset="utf8mb4") as connection, connection.cursor() as cursor:
        for statement in VIEWS:
            cursor.execute(statement)
    warmfront_instance.wait_until_loaded("views", "sales")
    yield "views"
    backend.run("DROP DATABASE views")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    with warmfront_instance.connect(database=schema, charset="utf8mb4") as connection:
        yield connection


def _rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.mark.parametrize("statement", QUERIES)
def test_a_query_over_views_is_offloaded_and_equal(client: Any, statement: str) -> None:
    _rows(client, "SET use_secondary_engine = FORCED")
    forced = _rows(client, statement)
    _rows(client, "SET use_secondary_engine = OFF")
    assert forced
    assert _rows(client, statement) == forced


def test_a_name_that_is_loaded_in_another_schema_is_not_taken_for_it(
    client: Any, backend: Any, warmfront_instance: Any
) -> None:
    backend.run("DROP DATABASE IF EXISTS views_alike")
    backend.run("CREATE DATABASE views_alike")
    backend.run("CREATE VIEW views_alike.sales AS SELECT g, SUM(v) AS v FROM views.sales WHERE g < 4 GROUP BY g")
    try:
        with warmfront_instance.connect(database="views_alike", autocommit=True) as other:
            _rows(other, "SET use_secondary_engine = FORCED")
            seen = _rows(other, "SELECT COUNT(*), SUM(v) FROM sales")
            assert seen == _rows(client, "SELECT COUNT(*), SUM(v) FROM views_alike.sales")
            backend.run("DROP VIEW views_alike.sales")
            for turn in range(5):  # each time a worker's knowledge of what is loaded is a moment old
                backend.run("CREATE TABLE views_alike.sales (id INT PRIMARY KEY)")
                backend.run(f"INSERT INTO views_alike.sales VALUES ({turn})")
                warmfront_instance.wait_until_loaded("views_alike", "sales")
                assert _rows(other, "SELECT SUM(id) FROM sales") == [(turn,)]
                backend.run("DROP TABLE views_alike.sales")
    finally:
        backend.run("DROP DATABASE views_alike")


def test_another_schema_finds_the_same_tables(client: Any, backend: Any) -> None:
    backend.run("CREATE DATABASE IF NOT EXISTS views_other")
    _rows(client, "USE views_other")
    _rows(client, "SET use_secondary_engine = FORCED")
    forced = _rows(client, "SELECT COUNT(*), SUM(b) FROM views.nested")
    _rows(client, "SET use_secondary_engine = OFF")
    assert forced == _rows(client, "SELECT COUNT(*), SUM(b) FROM views.nested")
    backend.run("DROP DATABASE views_other")


def test_a_change_of_a_view_holds_at_once(client: Any, backend: Any) -> None:
    _rows(client, "SET use_secondary_engine = FORCED")
    for factor in (1, 2, 3):
        backend.run(f"CREATE OR REPLACE VIEW views.changing AS SELECT id * {factor} AS x FROM views.sales")
        assert _rows(client, "SELECT MAX(x) FROM changing") == [(39 * factor,)]
    backend.run("DROP VIEW views.changing")
    with pytest.raises(pymysql.err.ProgrammingError):
        _rows(client, "SELECT MAX(x) FROM changing")


def test_what_is_no_view_of_loaded_tables_stays(client: Any, backend: Any) -> None:
    backend.run("CREATE OR REPLACE VIEW views.schemata AS SELECT table_name FROM information_schema.tables")
    backend.run("CREATE OR REPLACE ALGORITHM = TEMPTABLE VIEW views.kept AS SELECT id FROM views.sales")
    _rows(client, "SET use_secondary_engine = FORCED")
    for name in ("schemata", "kept"):
        with pytest.raises(pymysql.err.MySQLError, match="No secondary engine defined"):
            _rows(client, f"SELECT COUNT(*) FROM {name}")
    _rows(client, "SET use_secondary_engine = ON")
    assert _rows(client, "SELECT COUNT(*) FROM kept") == [(40,)]


def test_literals_are_read_as_where_the_view_was_made(client: Any, backend: Any) -> None:
    with backend.connect(database="views", charset="utf8mb4") as connection:
        _rows(connection, "SET collation_connection = utf8mb4_bin")
        _rows(
            connection,
            "CREATE OR REPLACE VIEW literal AS SELECT id, 'a' AS letter, IF(g > 3, 'b', 'B') AS parted, "
            "CONCAT(s, ' of ', g) AS made, DATE_FORMAT('2024-02-03', '%M') AS month FROM sales",
        )
    for collation in ("utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"):
        _rows(client, f"SET NAMES utf8mb4 COLLATE {collation}")
        for statement in (
            "SELECT parted, COUNT(*) FROM literal GROUP BY parted ORDER BY parted",
            "SELECT made, month FROM literal WHERE made LIKE '1% OF %' ORDER BY id",
            "SELECT COUNT(DISTINCT parted), COUNT(month) FROM literal WHERE month = 'FEBRUARY'",
            "SELECT _utf8mb4'x' AS x, CONVERT(s USING utf8mb4) AS c, s = _utf8mb4'5' AS e FROM sales ORDER BY id",
        ):
            _rows(client, "SET use_secondary_engine = FORCED")
            forced = _rows(client, statement)
            _rows(client, "SET use_secondary_engine = OFF")
            assert forced == _rows(client, statement)
    _rows(client, "SET use_secondary_engine = FORCED")
    _rows(client, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
    with pytest.raises(pymysql.err.MySQLError, match="strings of different collations"):
        _rows(client, "SELECT MAX(id) FROM literal WHERE letter = 'A'")
    _rows(client, "SET use_secondary_engine = ON")
    _rows(client, "SELECT MAX(id) FROM literal WHERE letter = 'A'")


def test_rights_are_the_backends(warmfront_instance: Any, backend: Any, schema: str) -> None:
    """Who may read a definer's view but not its table reads the view; an invoker's view stays closed."""
    backend.run("DROP USER IF EXISTS viewer")
    backend.run("CREATE USER viewer IDENTIFIED BY 'secret-9'")
    for view in ("sums", "invoked"):
        backend.run(f"GRANT SELECT, SHOW VIEW ON views.{view} TO viewer")
    backend.run("GRANT SELECT ON views.plain TO viewer")
    with warmfront_instance.connect(user="viewer", password="secret-9", database=schema) as connection:
        _rows(connection, "SET use_secondary_engine = FORCED")
        assert len(_rows(connection, "SELECT * FROM sums")) == 7
        with pytest.raises(pymysql.err.OperationalError, match=r"invoked|denied"):
            _rows(connection, "SELECT * FROM invoked")
        assert _rows(connection, "SELECT COUNT(*) FROM plain") == [(38,)]
        with pytest.raises(pymysql.err.MySQLError, match="denied"):
            _rows(connection, "SHOW CREATE VIEW plain")  # its definition is not the user's to read
        backend.run("REVOKE SELECT ON views.plain FROM viewer")
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            _rows(connection, "SELECT COUNT(*) FROM plain")
    backend.run("DROP USER viewer")
