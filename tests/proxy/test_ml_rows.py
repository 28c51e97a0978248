"""Statements with calls of models in them: which of them the backend would run again later."""

import pytest

from proxy.ml.rows import keeps_its_text


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT 1",
        " create or replace view v as select 1",
        "CREATE DEFINER=`a`@`b` PROCEDURE p() SELECT 1",
        "CREATE TEMPORARY PROCEDURE p() SELECT 1",
        "CREATE TRIGGER t BEFORE INSERT ON tables FOR EACH ROW SET @a = 1",
        "ALTER EVENT e DO SELECT 1",
        "/* one */ -- two\n# three\nCREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "/*!50003 CREATE*/ /*!50017 DEFINER=a*/ /*!50003 TRIGGER t BEFORE INSERT ON s FOR EACH ROW SET @a = 1 */",
        "/*M!100100 CREATE VIEW v AS SELECT 1 */",
    ],
)
def test_what_the_backend_keeps(statement: str) -> None:
    assert keeps_its_text(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'CREATE VIEW'",
        "/* CREATE VIEW */ SELECT 1",
        "CREATE TABLE t AS SELECT 1",
        "CREATE OR REPLACE TEMPORARY TABLE t SELECT 1",
        "create temporary  table t select 1",
        "INSERT INTO t VALUES (1)",
        "SET @created = 1",
        "-- CREATE\nSELECT 1",
    ],
)
def test_what_runs_once(statement: str) -> None:
    assert not keeps_its_text(statement)
