"""The list of statements in quarantine: shapes, not texts, kept over restarts."""

from pathlib import Path

from engine.running.quarantine import Quarantine, read_shapes
from engine.running.shadow import first_difference, is_comparable, is_determined
from statements.context import SessionContext, ViewDefinition


def test_a_shape_is_kept_out_whatever_its_literals(tmp_path: Path) -> None:
    file = tmp_path / "quarantine.json"
    quarantine = Quarantine(file)
    assert quarantine.reason("SELECT a FROM t WHERE b = 1") is None
    quarantine.add("SELECT a FROM t WHERE b = 1", "2 rows against 1 on the backend")
    for known in (quarantine, Quarantine(file)):
        assert len(known) == 1
        assert "quarantine" in (known.reason("SELECT a FROM t WHERE b = 22") or "")
        assert known.reason("SELECT a FROM t WHERE b = 'x'") is None
    assert [shape.difference for shape in read_shapes(file)] == ["2 rows against 1 on the backend"]


def test_a_broken_file_keeps_nothing_out(tmp_path: Path) -> None:
    file = tmp_path / "quarantine.json"
    for text in ("", "[1]", '{"key": 1}', '[{"key": "x"}]', "\0"):
        file.write_text(text)
        assert len(Quarantine(file)) == 0


def test_answers_are_equal_in_any_order_and_by_number() -> None:
    assert first_difference([b"a", b"b", b"a"], [b"a", b"a", b"b"]) == ""
    assert first_difference([b"a"], [b"a", b"a"]) == "1 rows against 2 on the backend; only on the backend: 'a'"
    assert "only in the engine: '\\x01z'" in first_difference([b"\x01z"], [b"y"])


def test_what_mysql_leaves_open_is_not_compared() -> None:
    assert is_determined("SELECT a, SUM(b) FROM t WHERE c IN (SELECT c FROM u) GROUP BY a ORDER BY a")
    for text in (
        "SELECT a FROM t LIMIT 3",
        "SELECT a FROM t WHERE b = (SELECT c FROM u LIMIT 1)",
        "SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t",
        "SELECT GROUP_CONCAT(a) FROM t",
        "SELECT ANY_VALUE(a) FROM t GROUP BY b",
        "SELECT a FROM",
    ):
        assert not is_determined(text), text


def test_a_view_leaves_open_what_it_reads() -> None:
    def reading(body: str, limit: int = 18446744073709551615) -> bool:
        view = ViewDefinition("", "v", (), body, "utf8mb4_0900_ai_ci")
        return is_comparable("SELECT a FROM v", SessionContext(1, views=(view,), sql_select_limit=limit))

    assert reading("SELECT a FROM t")
    assert not reading("SELECT a FROM t LIMIT 3")
    assert not reading("SELECT a FROM t", limit=10)
