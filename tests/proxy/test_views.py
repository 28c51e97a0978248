import pytest

from proxy.backend.answers import Answer
from proxy.backend.views import read_view
from statements.context import SessionContext, ViewDefinition

START = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW "


def _shown(text: str) -> ViewDefinition | None:
    cells = (b"v", text.encode(), b"utf8mb4", b"utf8mb4_0900_ai_ci")
    return read_view(("s", "v"), Answer(rows=[cells]))


def test_a_definition_is_taken_apart():
    found = _shown(START + "`s`.`v` AS select `s`.`t`.`a` AS `a` from `s`.`t`")
    assert found == ViewDefinition("s", "v", (), "select `s`.`t`.`a` AS `a` from `s`.`t`", "utf8mb4_0900_ai_ci")


def test_names_with_backticks_commas_and_parentheses_are_names():
    found = _shown(START + "`v``x` (`a,b`,`c) AS`) AS select 1 AS `1` from `t`")
    assert found is not None
    assert found.columns == ("a,b", "c) AS")
    assert found.body == "select 1 AS `1` from `t`"


def test_the_check_option_is_no_part_of_the_query():
    found = _shown(START + "`v` AS select `a` AS `a` from `t` WITH CASCADED CHECK OPTION")
    assert found is not None
    assert found.body == "select `a` AS `a` from `t`"


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE `v` (`a` int)",
        "CREATE TEMPORARY TABLE `v` (`a` int)",
        "CREATE ALGORITHM=TEMPTABLE DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1 AS `1`",
        "CREATE VIEW `v` AS select 1",
    ],
)
def test_anything_else_is_no_view(text):
    assert _shown(text) is None


def test_a_table_has_two_columns_only():
    assert read_view(("", "t"), Answer(rows=[(b"t", (START + "`v` AS select 1").encode())])) is None


def test_views_travel_in_the_context():
    context = SessionContext(1, views=(ViewDefinition("", "v", ("a", "b"), "select 1, 2", "utf8mb4_bin"),))
    assert SessionContext.from_json(context.to_json()) == context
