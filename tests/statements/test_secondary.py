import pytest

from statements.secondary import without_engine

_TAKEN = (
    ("CREATE TABLE t (a INT) SECONDARY_ENGINE=RAPID", "CREATE TABLE t (a INT) ", "RAPID"),
    (
        "create table if not exists `s`.t (secondary_engine INT, CHECK (secondary_engine = 1)) "
        "ENGINE=InnoDB, secondary_engine 'rapid', COMMENT='secondary_engine=x';",
        "create table if not exists `s`.t (secondary_engine INT, CHECK (secondary_engine = 1)) "
        "ENGINE=InnoDB, COMMENT='secondary_engine=x';",
        "rapid",
    ),
    (
        "CREATE OR REPLACE TEMPORARY TABLE secondary_engine (a INT) SECONDARY_ENGINE = NULL, ENGINE=InnoDB",
        "CREATE OR REPLACE TEMPORARY TABLE secondary_engine (a INT)  ENGINE=InnoDB",
        "NULL",
    ),
    (
        "CREATE TABLE t SECONDARY_ENGINE=other AS SELECT secondary_engine = rapid FROM x",
        "CREATE TABLE t  AS SELECT secondary_engine = rapid FROM x",
        "other",
    ),
    (
        "CREATE TABLE t (a INT -- SECONDARY_ENGINE=x\n) SECONDARY_ENGINE=y PARTITION BY HASH(a)",
        "CREATE TABLE t (a INT -- SECONDARY_ENGINE=x\n)  PARTITION BY HASH(a)",
        "y",
    ),
)
_LEFT = (
    "CREATE", "CREATE TABLE", "CREATE TABLE t", "CREATE TABLE t (a INT)", "CREATE TABLE t (a INT) SECONDARY_ENGINE",
    "CREATE TABLE t (a INT) SECONDARY_ENGINE=", "CREATE TABLE t (a INT) SECONDARY_ENGINE=,",
    "CREATE TABLE secondary_engine LIKE secondary_engine", "CREATE TABLE t AS SELECT secondary_engine = rapid FROM x",
    "CREATE TABLE t (a INT) COMMENT='SECONDARY_ENGINE=RAPID'", "CREATE TABLE t (secondary_engine INT)",
    "CREATE VIEW v AS SELECT 1 secondary_engine", "CREATE TABLE t (a INT); SELECT secondary_engine = rapid",
    "CREATE TABLE t (a INT) COMMENT='\\' SECONDARY_ENGINE=RAPID COMMENT='",
    "CREATE TABLE t (a INT) /*!80013 SECONDARY_ENGINE=RAPID */", "CREATE TABLE t (a INT) COMMENT 'SECONDARY_ENGINE=x",
)  # fmt: skip


@pytest.mark.parametrize(("statement", "rest", "engine"), _TAKEN)
def test_the_option_is_taken_out(statement: str, rest: str, engine: str) -> None:
    assert without_engine(statement) == (rest, engine)
    assert without_engine(rest) is None


@pytest.mark.parametrize("statement", _LEFT)
def test_what_is_no_option_is_left(statement: str) -> None:
    assert without_engine(statement) is None
