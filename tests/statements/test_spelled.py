"""Statements of ANSI_QUOTES and PIPES_AS_CONCAT as they are written without these modes."""

import pytest

from statements.spelled import plain_modes, spelled

_PIPES = "PIPES_AS_CONCAT"


@pytest.mark.parametrize(
    ("mode", "statement", "plain"),
    [
        ("ANSI_QUOTES", """SELECT "a" AS "x ""y", 'it"s' FROM "t" """, """SELECT `a` AS `x "y`, 'it"s' FROM `t` """),
        ("ANSI_QUOTES", r"""SELECT "a\" FROM t WHERE b = '\"' """, r"""SELECT `a\` FROM t WHERE b = '\"' """),
        ("ANSI_QUOTES", """SELECT a /* "b" */ FROM t -- "c""", """SELECT a /* "b" */ FROM t -- "c"""),
        ("ANSI_QUOTES", "SELECT a || b FROM t", "SELECT a || b FROM t"),
        (_PIPES, "SELECT a || b || 'c' x FROM t", "SELECT CONCAT(CONCAT(a, b), 'c') x FROM t"),
        (_PIPES, "SELECT t.a||f(x, (y)) FROM t", "SELECT CONCAT(t.a, f(x, (y))) FROM t"),
        (_PIPES, "SELECT UPPER(a || '-') || (b) FROM t", "SELECT CONCAT(UPPER(CONCAT(a, '-')), (b)) FROM t"),
        (
            _PIPES,
            "SELECT 1 FROM t WHERE (a) || b LIKE '%' || c || '%' ESCAPE '!' AND NOT a || b = c",
            "SELECT 1 FROM t WHERE CONCAT((a), b) LIKE CONCAT(CONCAT('%', c), '%') ESCAPE '!' AND NOT CONCAT(a, b) = c",
        ),
        (_PIPES, "SELECT x * a || DATE(d), 'x||y' FROM t", "SELECT x * CONCAT(a, DATE(d)), 'x||y' FROM t"),
        (_PIPES, 'SELECT "a" || b FROM t', 'SELECT CONCAT("a", b) FROM t'),
        ("ANSI_QUOTES,PIPES_AS_CONCAT", 'SELECT "a" || "b" FROM t', "SELECT CONCAT(`a`, `b`) FROM t"),
        ("REAL_AS_FLOAT", "SELECT CAST(a AS DOUBLE), 1 realm FROM t", "SELECT CAST(a AS DOUBLE), 1 realm FROM t"),
    ],
)
def test_the_same_without_the_mode(mode: str, statement: str, plain: str) -> None:
    assert spelled(statement, mode) == plain


@pytest.mark.parametrize(
    ("mode", "statement"),
    [
        ("ANSI_QUOTES", 'SELECT @"a"'),
        ("ANSI_QUOTES", 'SELECT "a`b" FROM t'),
        ("ANSI_QUOTES", 'SELECT _utf8mb4"a" FROM t'),
        ("ANSI_QUOTES", 'SELECT "a FROM t'),
        (_PIPES, "SELECT -a || b FROM t"),
        (_PIPES, "SELECT a || -b FROM t"),
        (_PIPES, "SELECT BINARY a || b FROM t"),
        (_PIPES, "SELECT a || b COLLATE utf8mb4_bin FROM t"),
        (_PIPES, "SELECT a || b->'$.x' FROM t"),
        (_PIPES, "SELECT b->'$.x' || a FROM t"),
        (_PIPES, "SELECT SUM(a) OVER (ORDER BY x) || 'b' FROM t"),
        (_PIPES, "SELECT CASE WHEN a THEN b END || c FROM t"),
        (_PIPES, "SELECT a || CASE WHEN a THEN b END FROM t"),
        (_PIPES, "SELECT a || _latin1'b' FROM t"),
        (_PIPES, "SELECT @a || b FROM t"),
        (_PIPES, "SELECT DATE '2024-01-01' || b FROM t"),
        (_PIPES, "SELECT a || 'b' 'c' FROM t"),
        (_PIPES, r'SELECT "a\"" || b FROM t'),
        (_PIPES, "SELECT INTERVAL a || b DAY + c FROM t"),
        ("REAL_AS_FLOAT", "SELECT CAST(a AS REAL) FROM t"),
    ],
)
def test_what_is_not_certain(mode: str, statement: str) -> None:
    assert spelled(statement, mode) is None


def test_modes_that_are_felt_all_the_same() -> None:
    assert plain_modes("REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI") == "IGNORE_SPACE"
    assert plain_modes("NO_ZERO_DATE,STRICT_TRANS_TABLES") == "NO_ZERO_DATE,STRICT_TRANS_TABLES"
