"""Which statement of which session may be offloaded, and the reason when not."""

import pytest

from proxy.engine.loaded import LoadedTables
from proxy.reasons import Reason
from proxy.routing.rules import Subject, check
from proxy.sessions.state import FORCED, OFF, ON
from statements.facts import statement_facts
from wire.constants import Status

LOADED = LoadedTables.of(frozenset({("s", "t"), ("s", "U"), ("other", "v")}))
CLEAN = int(Status.AUTOCOMMIT)


def reason(statement: str, **session: object) -> Reason | None:
    values = {"use": ON, "status": CLEAN, "locked_tables": False, "loaded": LOADED, "schema": "s", **session}
    refusal = check(Subject(facts=statement_facts(statement), **values))  # type: ignore[arg-type]
    return refusal.reason if refusal else None


@pytest.mark.parametrize(
    ("statement", "session", "expected"),
    [
        ("SELECT a FROM t", {}, None),
        ("SELECT a FROM T JOIN u USING (a)", {}, None),
        ("SELECT a FROM other.v", {}, None),
        ("SELECT a FROM v", {}, Reason.NOT_LOADED),
        ("SELECT a FROM v", {"schema": None}, None),
        ("SELECT a FROM t, w", {}, Reason.NOT_LOADED),
        ("WITH w AS (SELECT a FROM t) SELECT * FROM w", {}, None),
        ("SELECT a FROM t", {"use": OFF}, Reason.OFF),
        ("SELECT a FROM t", {"use": FORCED}, None),
        ("SELECT 1", {"use": FORCED}, Reason.NO_TABLE),
        ("SELECT * FROM information_schema.tables", {}, Reason.SYSTEM_TABLE),
        ("SELECT * FROM user", {"schema": "mysql"}, Reason.SYSTEM_TABLE),
        ("SELECT a FROM t", {"status": 0}, Reason.AUTOCOMMIT_OFF),
        ("SELECT a FROM t", {"status": CLEAN | Status.IN_TRANS}, Reason.IN_TRANSACTION),
        ("SELECT a FROM t", {"locked_tables": True}, Reason.LOCKED_TABLES),
        ("SELECT a FROM t FOR UPDATE", {}, Reason.UNSUPPORTED),
        ("SELECT RAND() FROM t", {}, Reason.UNSUPPORTED),
        ("SELECT a INTO @x FROM t", {}, Reason.UNSUPPORTED),
        ("INSERT INTO t SELECT * FROM u", {}, Reason.NOT_A_SELECT),
        ("SELECT a FROM t; SELECT a FROM t", {}, Reason.UNSUPPORTED),
    ],
)
def test_first_refusal(statement: str, session: dict[str, object], expected: Reason | None) -> None:
    assert reason(statement, **session) == expected


def test_every_reason_is_a_sentence_of_its_own() -> None:
    sentences = [item.value for item in Reason]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence[0].isupper() or sentence.startswith(("use_", "autocommit")) for sentence in sentences)
    assert not any(sentence.endswith(".") for sentence in sentences)
