"""What the answers of a preflight's questions decide."""

import pytest

from proxy.backend.answers import build_result
from proxy.backend.preflight import Questions, context_query
from proxy.reasons import Reason
from statements.facts import statement_facts
from wire.constants import Capability, FieldType, Status
from wire.framing import build_packets
from wire.responses import ColumnDefinition, PrepareOk, build_column_definition, build_prepare_ok

_CAPABILITIES = int(Capability.DEPRECATE_EOF)


@pytest.mark.parametrize(("warnings", "known", "refused"), [(0, 0, False), (1, 0, True), (2, 2, False), (2, 1, True)])
def test_warnings_of_a_prepare_that_are_known_do_not_count(warnings: int, known: int, refused: bool) -> None:
    text = "SELECT 1"
    questions = Questions(
        text.encode(), statement_facts(text), "mysql", _CAPABILITIES, False, lambda *_: False, warned=known
    )
    column = build_column_definition(ColumnDefinition("1", FieldType.LONGLONG, 63, 21))
    variables: list[bytes | None] = [b"1", b"", *[b"1"] * 20]
    parts = [build_result([column] * len(variables), [variables], Status.AUTOCOMMIT, _CAPABILITIES)]
    parts += [build_packets(build_prepare_ok(PrepareOk(7, 1, 0, warnings)), 1), build_packets(column, 2)]
    preflight = questions.read(b"".join(parts))
    assert preflight.prepared == [7]
    assert (preflight.refusal.reason if preflight.refusal else None) is (Reason.WARNINGS if refused else None)


def test_mariadb_is_asked_what_its_patterns_mean() -> None:
    """With flags of patterns it is in a mode that is not known to be harmless; MySQL has no such variable."""
    assert b"',DEFAULT_REGEX_FLAGS'" in context_query("mariadb")
    assert b"default_regex_flags" not in context_query("mysql")
