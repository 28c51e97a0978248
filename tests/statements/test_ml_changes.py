"""UPDATE and DELETE of one table are taken apart as they are written."""

import pytest

from statements.ml_changes import Change, read_change


@pytest.mark.parametrize(
    ("text", "table", "schema", "where"),
    [
        ("UPDATE t SET a = f(b)", "t", "", ""),
        (
            "update `a b`.t AS x set a = (SELECT 1 FROM u WHERE 2) where x.id IN (1, 2) and f(x) ORDER BY id LIMIT 3",
            "`a b`.t AS x",
            "`a b`.",
            "x.id IN (1, 2) and f(x)",
        ),
        ("DELETE FROM t WHERE f(a) = 'where'", "t", "", "f(a) = 'where'"),
        ("delete from s.t x limit 5", "s.t x", "s.", ""),
    ],
)
def test_a_change_of_one_table(text: str, table: str, schema: str, where: str) -> None:
    found = read_change(text)
    assert found
    assert (found.table, found.schema, found.where) == (table, schema, where)
    assert isinstance(found, Change)
    assert text[found.at :].lower().startswith("where" if where else "")


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t JOIN u ON t.id = u.id SET a = 1",
        "UPDATE t, u SET t.a = 1",
        "UPDATE IGNORE t SET a = 1",
        "UPDATE LOW_PRIORITY IGNORE t SET a = 1",
        "UPDATE t PARTITION (p) SET a = 1",
        "DELETE t FROM t JOIN u USING (id)",
        "DELETE FROM t USING t JOIN u",
        "DELETE QUICK FROM t",
        "INSERT INTO t VALUES (1)",
        "UPDATE t",
    ],
)
def test_other_forms_are_left_whole(text: str) -> None:
    assert read_change(text) is None
