"""Presence of columns and expressions."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.collate import presence


@given(st.lists(st.none() | st.text(max_size=12), max_size=20))
def test_an_array_has_the_presence_of_its_values_joined(texts: list[str | None]) -> None:
    expected = presence.union(presence.EMPTY, *(presence.of_text(text) for text in texts if text is not None))
    for type_ in (pa.string(), pa.large_string()):
        array = pa.array(texts, type_)
        assert presence.of_array(array) == expected
        assert presence.of_array(pa.chunked_array([array, array])) == expected
        tail = pa.array(["ÿ  ", *texts], type_).slice(1)
        assert presence.of_array(tail) == expected


def test_only_a_space_at_the_end_of_a_value_counts_as_trailing() -> None:
    assert not presence.may_end_with_space(presence.of_array(pa.array(["a b", " c", ""])))
    assert presence.may_end_with_space(presence.of_array(pa.array(["a b", "c "])))
    assert presence.may_end_with_space(presence.of_substring(presence.of_text("a b")))
    assert not presence.may_end_with_space(presence.of_trimmed(presence.of_text("a ")))
    assert presence.may_end_with_space(presence.ANYTHING)


def test_bytes_are_no_text() -> None:
    with pytest.raises(TypeError):
        presence.of_array(pa.array([b"a"]))


def _one_by_one(text: str, change: Callable[[str], str]) -> str:
    """Change characters that have one of the other case, as the servers and the engine do: İ turns into i alone."""
    return "".join(changed if len(changed := change(one)) == 1 else one for one in text)


@given(st.text(max_size=8))
@example("İŉ")
def test_case_changes_stay_within_presence(text: str) -> None:
    seen = presence.of_text(text)
    lower, upper = _one_by_one(text, str.lower), _one_by_one(text, str.upper)
    for changed, given_presence in ((lower, presence.of_lower(seen)), (upper, presence.of_upper(seen))):
        assert presence.union(given_presence, presence.of_text(changed)) == given_presence


@given(st.text(max_size=8))
def test_ascii_is_known_by_its_bytes(text: str) -> None:
    assert presence.is_ascii(presence.of_text(text)) == text.isascii()


def test_the_part_that_is_ascii() -> None:
    part = presence.ascii_part(presence.of_text("aé "))
    assert part == presence.of_text("a ")
    assert presence.is_ascii(part)
    assert not presence.is_ascii(presence.of_text("aé "))
