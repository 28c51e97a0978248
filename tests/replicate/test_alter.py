"""What ALTER TABLE does to the columns of a copy: read from the statement, judged by both definitions."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.replicate.alter import Alteration, Default, Unreadable, read_alteration
from engine.replicate.reshape import plan_reshape
from engine.store.reshape import Reshape
from statements.schema import Column, Table

ANSI_QUOTES = 4
NUMBER = Default("number", "3")


@pytest.mark.parametrize(
    ("clauses", "found"),
    [
        ("ADD a INT", {"added": {"a": Default("none")}}),
        ("ADD COLUMN `a``b` INT DEFAULT 3 FIRST", {"added": {"a`b": NUMBER}}),
        ("ADD (a INT DEFAULT 3, KEY k (a), b INT DEFAULT NULL)", {"added": {"a": NUMBER, "b": Default("null")}}),
        ("ADD a INT DEFAULT -1.50 NOT NULL", {"added": {"a": Default("number", "-1.50")}}),
        ("ADD a INT DEFAULT + 3 COMMENT 'x, y' AFTER b", {"added": {"a": NUMBER}}),
        ("ADD a CHAR(3) DEFAULT 'it''s', ALGORITHM=INSTANT", {"added": {"a": Default("text", "it's")}}),
        ("ADD a INT DEFAULT 5 MOD 3", {"added": {"a": Default("other")}}),
        ("ADD a INT DEFAULT 5 + 3", {"added": {"a": Default("other")}}),
        ("ADD a INT DEFAULT 1 NOT IN (2)", {"added": {"a": Default("other")}}),
        ("ADD a CHAR(3) DEFAULT 'a' 'b'", {"added": {"a": Default("other")}}),
        ("ADD a CHAR(3) DEFAULT _latin1'a'", {"added": {"a": Default("other")}}),
        ("ADD a INT DEFAULT (3)", {"added": {"a": Default("other")}}),
        ("ADD a INT DEFAULT 1e3", {"added": {"a": Default("other")}}),
        ("ADD a DATETIME DEFAULT NOW()", {"added": {"a": Default("other")}}),
        ("ADD a INT AUTO_INCREMENT", {"added": {"a": Default("other")}}),
        ("ADD a INT GENERATED ALWAYS AS (b + 1, 2)", {"added": {"a": Default("other")}}),
        ("DROP a, DROP COLUMN b CASCADE", {"dropped": {"a", "b"}}),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a", {"renamed": {"a": "b", "b": "a"}}),
        ("CHANGE a b INT, CHANGE COLUMN c c BIGINT AFTER b", {"renamed": {"a": "b"}, "redefined": {"b", "c"}}),
        ("MODIFY a DECIMAL(10, 2) FIRST", {"redefined": {"a"}}),
        ("CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", {"converts": True}),
        ("ADD UNIQUE KEY (a), DROP INDEX b, DROP PRIMARY KEY, DROP FOREIGN KEY c", {}),
        ("ENGINE = InnoDB", {}),
        ("RENAME INDEX i TO j", {}),
        ("PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))", {}),
        ("REORGANIZE PARTITION a, b INTO (PARTITION c VALUES LESS THAN (9))", {}),
        ("ADD PARTITION (PARTITION p VALUES LESS THAN (9))", {}),
        ("COALESCE PARTITION 2", {}),
        ("REMOVE PARTITIONING", {}),
    ],
)
def test_clauses_that_touch_the_definition(clauses: str, found: dict[str, Any]) -> None:
    read = read_alteration(f"ALTER TABLE s.t {clauses}", 0)
    assert read == Alteration(touches_definition=True, **found)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t COMMENT 'DROP COLUMN a' AUTO_INCREMENT = 5, ROW_FORMAT=DYNAMIC",
        "ALTER TABLE t ORDER BY a, b",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t REBUILD PARTITION p, q",
        "ALTER TABLE t SECONDARY_ENGINE = RAPID",
        "ALTER TABLE t FORCE WITHOUT VALIDATION",
    ],
)
def test_statements_that_leave_the_definition(statement: str) -> None:
    assert read_alteration(statement, 0) == Alteration()


@pytest.mark.parametrize(
    "statement", ["ALTER TABLE t ADD INDEX i (a, b), ALGORITHM=INPLACE, LOCK=NONE", "CREATE INDEX i ON t (a)"]
)
def test_statements_that_add_an_index_alone(statement: str) -> None:
    assert read_alteration(statement, 0) == Alteration(adds_index=True)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER IGNORE TABLE t ADD UNIQUE KEY (a)",
        "ALTER TABLE t DROP PARTITION p, q",
        "ALTER TABLE t TRUNCATE PARTITION p",
        "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
        "ALTER TABLE t DISCARD TABLESPACE",
        "ALTER TABLE t IMPORT PARTITION p TABLESPACE",
        "ALTER TABLE t CONVERT PARTITION p TO TABLE u",
        "ALTER TABLE t ADD SYSTEM VERSIONING",
        "ALTER TABLE t DROP SYSTEM VERSIONING",
        "ALTER TABLE t ADD a INT /*!80013 DEFAULT 3 */",
        "ALTER TABLE t ADD a CHAR(9) DEFAULT 'a\\'b'",
        "ALTER TABLE t MODIFY a INT AUTO_INCREMENT",
        "ALTER TABLE t MODIFY a INT AS (b) STORED",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT",
        "ALTER TABLE t WHATEVER",
        "ALTER TABLE t RENAME COLUMN a",
        "SET STATEMENT max_statement_time = 1 FOR ALTER TABLE t ADD a INT",
    ],
)
def test_statements_whose_effect_on_rows_is_not_read(statement: str) -> None:
    with pytest.raises(Unreadable):
        read_alteration(statement, 0)


def test_double_quotes_are_names_or_texts() -> None:
    statement = 'ALTER TABLE t ADD a CHAR(3) DEFAULT "x"'
    assert read_alteration(statement, 0).added == {"a": Default("text", "x")}
    assert read_alteration(statement, ANSI_QUOTES).added == {"a": Default("other")}


OLD = Table(
    "s",
    "t",
    (
        Column("id", 0, "int", "int", nullable=False),
        Column("n", 1, "smallint", "smallint unsigned", unsigned=True),
        Column("d", 2, "decimal", "decimal(6,2)", precision=6, scale=2),
        Column("v", 3, "varchar", "varchar(9)", length=9, charset="utf8mb3", collation="utf8mb3_bin"),
        Column("e", 4, "enum", "enum('a','b')", charset="utf8mb4"),
    ),
    ("id",),
)
N, D, V, E = OLD.columns[1:]


def _with(column: Column) -> Table:
    """The old definition with another column of this name in place."""
    columns = tuple(column if c.name == column.name else c for c in OLD.columns)
    return replace(OLD, columns=columns)


def _plan(new: Table, clauses: str) -> Reshape | str:
    return plan_reshape(OLD, new, read_alteration(f"ALTER TABLE t {clauses}", 0))


@pytest.mark.parametrize(
    ("column", "fits"),
    [
        (replace(N, type="int", column_type="int unsigned"), True),
        (replace(N, type="int", column_type="int", unsigned=False), True),
        (replace(N, column_type="smallint", unsigned=False), False),
        (replace(N, type="tinyint", column_type="tinyint unsigned"), False),
        (replace(D, precision=8, scale=4), True),
        (replace(D, precision=8, scale=2, column_type="decimal(8,2)"), True),
        (replace(D, precision=7, scale=4), False),
        (replace(D, precision=6, scale=1), False),
        (replace(D, type="double", column_type="double", precision=22, scale=None), False),
        (replace(V, length=90, column_type="varchar(90)"), True),
        (replace(V, length=8, column_type="varchar(8)"), False),
        (replace(V, charset="utf8mb4", collation="utf8mb4_bin"), True),
        (replace(V, charset="latin1"), False),
        (replace(V, type="mediumtext", column_type="mediumtext", length=1 << 24), True),
        (replace(V, type="varbinary", column_type="varbinary(90)", charset=None, length=90), False),
        (replace(V, type="char", column_type="char(9)"), False),
    ],
)
def test_which_redefinitions_keep_values(column: Column, fits: bool) -> None:
    plan = _plan(_with(column), f"MODIFY {column.name} {column.column_type}")
    assert isinstance(plan, Reshape) == fits, plan


def test_a_column_that_changed_without_the_statement_saying_so() -> None:
    wider = replace(N, type="bigint", column_type="bigint unsigned")
    assert (
        _plan(_with(wider), "COMMENT 'x', ADD UNIQUE (n)")
        == "column n changed from smallint unsigned to bigint unsigned"
    )
    more = replace(OLD, columns=(*OLD.columns, Column("z", 5, "int", "int")))
    assert _plan(more, "DROP COLUMN n") == "its definition changed again"
    assert _plan(more, "MODIFY n INT UNSIGNED") == "its definition changed again"


@pytest.mark.parametrize(
    ("column", "definition", "constant"),
    [
        (Column("z", 5, "int", "int"), "INT", None),
        (Column("z", 5, "int", "int", nullable=False), "INT NOT NULL", 0),
        (Column("z", 5, "int", "int"), "INT DEFAULT '12'", 12),
        (Column("z", 5, "int", "int"), "INT DEFAULT 1.5", "a default that is not read"),
        (Column("z", 5, "tinyint", "tinyint"), "TINYINT DEFAULT 128", "a default that is not read"),
        (Column("z", 5, "decimal", "decimal(5,2)", precision=5, scale=2), "DECIMAL(5,2) DEFAULT 1.5", Decimal("1.5")),
        (Column("z", 5, "decimal", "decimal(5,2)", precision=5, scale=2), "DECIMAL(5,2) DEFAULT 1.555", "not read"),
        (Column("z", 5, "char", "char(3)", length=3, charset="ascii"), "CHAR(3) DEFAULT 'a  '", "a"),
        (Column("z", 5, "varchar", "varchar(3)", length=3, charset="ascii"), "VARCHAR(3) DEFAULT 'a  '", "a  "),
        (Column("z", 5, "varchar", "varchar(3)", length=3, charset="latin1"), "VARCHAR(3) DEFAULT 'ü'", "not read"),
        (Column("z", 5, "varchar", "varchar(3)", length=3, charset="ascii"), "VARCHAR(3) DEFAULT 5", "not read"),
        (Column("z", 5, "date", "date", nullable=False), "DATE NOT NULL", "an implicit default"),
        (Column("z", 5, "timestamp", "timestamp"), "TIMESTAMP DEFAULT '2020-01-01'", "a default that is not read"),
        (Column("z", 5, "int", "int", generated="stored"), "INT AS (id) STORED", "the server computes"),
    ],
)
def test_what_an_added_column_holds(column: Column, definition: str, constant: Any) -> None:
    plan = _plan(replace(OLD, columns=(*OLD.columns, column)), f"ADD COLUMN z {definition}")
    if isinstance(plan, str):
        assert str(constant) in plan
    else:
        assert plan.sources[-1].column == column
        assert plan.sources[-1].constant == constant
        assert type(plan.sources[-1].constant) is type(constant)


def test_a_column_that_must_hold_no_null_any_more_is_named() -> None:
    plan = _plan(_with(replace(V, nullable=False)), "MODIFY v VARCHAR(9) NOT NULL")
    assert isinstance(plan, Reshape)
    assert plan.not_null == ("v",)
