"""SET in all its spellings, and the texts that read our variables."""

import pytest

from proxy.decisions import decision_key
from proxy.served.variables import Assignment, is_like, is_read, split_set

USE = "use_secondary_engine"


@pytest.mark.parametrize(
    ("statement", "ours", "others"),
    [
        ("SET use_secondary_engine = FORCED", [(USE, "FORCED")], []),
        ("set session use_secondary_engine=off;", [(USE, "off")], []),
        ("SET LOCAL use_secondary_engine := 'on' ;", [(USE, "'on'")], []),
        ("SET @@use_secondary_engine = 2", [(USE, "2")], []),
        ("SET @@session.use_secondary_engine = ON", [(USE, "ON")], []),
        ("SET @@ session . use_secondary_engine = ON", [], ["@@ session . use_secondary_engine = ON"]),
        ("SET `use_secondary_engine` = ON", [(USE, "ON")], []),
        ("SET GLOBAL use_secondary_engine = ON", [], ["GLOBAL use_secondary_engine = ON"]),
        ("SET @@global.use_secondary_engine = ON", [], ["@@global.use_secondary_engine = ON"]),
        ("SET PERSIST use_secondary_engine = ON", [], ["PERSIST use_secondary_engine = ON"]),
        ("SET @a = 'x,y', use_secondary_engine = ON, @b = f(1, 2)", [(USE, "ON")], ["@a = 'x,y'", "@b = f(1, 2)"]),
        ("SET GLOBAL a = 1, use_secondary_engine = ON", [], ["GLOBAL a = 1", "use_secondary_engine = ON"]),
        (
            "SET secondary_engine_cost_threshold = 1e3, use_secondary_engine = DEFAULT",
            [("secondary_engine_cost_threshold", "1e3"), (USE, "DEFAULT")],
            [],
        ),
    ],
)
def test_assignments(statement: str, ours: list[tuple[str, str]], others: list[str]) -> None:
    assert split_set(statement) == ([Assignment(*one) for one in ours], others)


def test_several_statements_are_no_plain_set() -> None:
    assert split_set("SET use_secondary_engine = ON; SELECT 1") is None
    assert split_set("SET use_secondary_engine = ON ; ") is not None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT @@use_secondary_engine", True),
        ("SELECT @@session.use_secondary_engine AS x", True),
        ("SELECT @@SESSION . secondary_engine_cost_threshold", True),
        ("SELECT /*+ SET_VAR(use_secondary_engine=FORCED) */ 1", False),
        ("SELECT 'use_secondary_engine'", False),
    ],
)
def test_reads(statement: str, expected: bool) -> None:
    assert is_read(statement) is expected


def test_like() -> None:
    assert is_like(USE, "use%")
    assert is_like(USE, "USE_SECONDARY_ENGINE")
    assert not is_like(USE, "use")
    assert is_like("a.b", "a_b")


def test_decision_keys_keep_names_and_text_apart() -> None:
    assert decision_key(b"SELECT c FROM sbtest1 WHERE id=17") == decision_key(b"SELECT c FROM sbtest1 WHERE id=9")
    assert decision_key(b"SELECT c FROM sbtest1") != decision_key(b"SELECT c FROM sbtest2")
    assert decision_key(b"SELECT 'a1'") != decision_key(b"SELECT 'a2'")
    assert decision_key(b"x" * 5000) == b""
