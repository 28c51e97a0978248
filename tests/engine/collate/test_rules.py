"""Which key is chosen, and what literals and patterns become."""

import pytest

from engine.collate import presence, rules
from engine.collate.weights import Kind, Weights

KEYED = "by weights"


def shape(key: str | None) -> str | None:
    """Give a key, or KEYED for one by weights."""
    return KEYED if key and rules.uses_weight_keys(key) else key


def seen(text: str) -> bytes:
    """Presence of the characters, no value ending with a space."""
    return presence.of_trimmed(presence.of_text(text))


@pytest.mark.parametrize(
    ("characters", "equality", "order"),
    [
        ("0123456789", "c", "c"),
        ("ABC#012", "c", "c"),
        ("AbC", "c", "lower(c)"),
        ("aA", "lower(c)", "lower(c)"),
        ("abc ,-", "c", KEYED),
        ("ab\x01", KEYED, KEYED),
        ("aé", KEYED, KEYED),
        ("aéê", None, None),
        ("~", None, None),
    ],
)
def test_without_padding(ai_ci: Weights, characters: str, equality: str | None, order: str | None) -> None:
    assert shape(rules.equality_key("c", ai_ci, seen(characters))) == equality
    assert shape(rules.order_key("c", ai_ci, seen(characters))) == order


def test_padding_trims_only_what_may_end_with_a_space(general_ci: Weights) -> None:
    assert shape(rules.equality_key("c", general_ci, seen("ab "))) == "c"
    assert shape(rules.equality_key("c", general_ci, presence.of_text("ab "))) == "rtrim(c, ' ')"
    assert shape(rules.equality_key("c", general_ci, presence.of_text("aB b "))) == "lower(rtrim(c, ' '))"


def test_what_sorts_below_a_space_needs_keys_under_padding(general_ci: Weights, points: Weights) -> None:
    assert shape(rules.order_key("c", general_ci, seen("a\t"))) == KEYED
    assert shape(rules.equality_key("c", general_ci, seen("a\t"))) == "c"
    assert shape(rules.order_key("c", points, seen("a\té"))) == KEYED
    assert shape(rules.order_key("c", points, seen("aé"))) == "c"


def test_a_fold_must_keep_the_order(general_ci: Weights) -> None:
    assert shape(rules.order_key("c", general_ci, seen("aB_"))) == "upper(c)"
    assert shape(rules.equality_key("c", general_ci, seen("aA_"))) == "lower(c)"


def test_levels_that_differ_only_in_case_need_keys_for_order(as_cs: Weights) -> None:
    assert shape(rules.equality_key("c", as_cs, seen("aA"))) == "c"
    assert shape(rules.order_key("c", as_cs, seen("aA"))) == KEYED
    assert shape(rules.order_key("c", as_cs, seen("ab"))) == "c"


def test_contractions_are_refused_only_where_they_may_occur(czech: Weights) -> None:
    assert shape(rules.equality_key("c", czech, seen("abc"))) == "c"
    assert shape(rules.equality_key("c", czech, seen("ch"))) is None
    assert rules.like("h%", "c", czech, seen("abc")) is None


def test_literals_are_spelled_in_present_characters(ai_ci: Weights, as_cs: Weights) -> None:
    assert rules.equality_literal("ABC", ai_ci, seen("abc")) == "'abc'"
    assert rules.equality_literal("é", ai_ci, seen("ES")) == "'E'"
    assert rules.equality_literal("ß", ai_ci, seen("ES")) == "'SS'"
    assert rules.equality_literal("a\x01b", ai_ci, seen("abc")) == "'ab'"
    assert rules.equality_literal("x", ai_ci, seen("abc")) == f"'{rules.NOTHING}'"
    assert rules.equality_literal("É", ai_ci, seen("abc")) is None  # a character we know no weight of
    assert rules.equality_literal("é", as_cs, seen("ES")) == f"'{rules.NOTHING}'"
    assert rules.equality_literal("it's", ai_ci, seen("its'")) == "'it''s'"


def test_padding_trims_literals(ai_ci_padded: Weights, points: Weights) -> None:
    assert rules.equality_literal("a  ", ai_ci_padded, seen("a")) == "'a'"
    assert rules.equality_literal("a  ", points, seen("a")) == "'a'"


def test_an_order_literal_needs_its_characters_in_the_presence(ai_ci: Weights) -> None:
    both = rules.order_presence(seen("abc"), "M")
    assert shape(rules.order_key("c", ai_ci, both)) == "lower(c)"
    assert rules.order_literal("M", ai_ci, both) == "'m'"


@pytest.mark.parametrize(
    ("pattern", "escape", "expected"),
    [
        ("A%", "\\", "(lower(c) LIKE 'a%')"),
        ("%a_b", "\\", "(lower(c) LIKE '%a_b')"),
        (r"a\%", "\\", r"(lower(c) LIKE 'a\%' ESCAPE '\')"),
        ("a|_%", "|", rf"(lower(c) LIKE 'a{rules.NOTHING}%')"),
        ("%é%", "\\", "(lower(c) LIKE '%e%')"),
        ("ß", "\\", f"(lower(c) LIKE '{rules.NOTHING}')"),
    ],
)
def test_patterns_fold_character_by_character(ai_ci: Weights, pattern: str, escape: str, expected: str) -> None:
    assert rules.like(pattern, "c", ai_ci, seen("aAbBe%"), escape) == expected


def test_an_escape_at_the_end_is_itself() -> None:
    assert rules.like_tokens("a\\", "\\") == [("a", False), ("\\", False)]
    assert rules.like_tokens("a\\_", "") == [("a", False), ("\\", False), ("_", True)]


def test_binary_strings_compare_as_they_are() -> None:
    binary = Weights.plain("binary", "binary", Kind.BYTES, False)
    assert shape(rules.equality_key("c", binary, presence.ANYTHING)) == "c"
    assert shape(rules.order_key("c", binary, presence.ANYTHING)) == "c"
    assert rules.equality_literal("é", binary, presence.ANYTHING) == r"'\xC3\xA9'::BLOB"
    assert rules.like("a%", "c", binary, presence.ANYTHING) is None


def test_what_the_character_set_lacks_cannot_occur() -> None:
    table = {point: (bytes([point]),) for point in (*range(128), *range(0xA0, 0x100))}
    latin1 = Weights.of_table("latin1_swedish_ci", "latin1", True, 1, table)
    assert shape(rules.order_key("c", latin1, seen("À£é"))) == KEYED  # U+0080 would have the same bytes
    assert rules.equality_literal("Ω", latin1, seen("À£é")) is None
    quick = Weights.of_table("latin1_swedish_ci", "latin1", True, 1, {point: table[point] for point in range(128)})
    assert rules.order_key("c", quick, seen("À£é")) is None
