"""Members of ENUM and SET, read out of COLUMN_TYPE."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statements.schema import parse_members

_ESCAPED = {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "''"}


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_members_are_read_as_the_server_writes_them(members: list[str]) -> None:
    written = ",".join("'" + "".join(_ESCAPED.get(c, c) for c in member) + "'" for member in members)
    assert parse_members(f"enum({written})") == tuple(members)


@pytest.mark.parametrize("text", ["int", "enum('a'", "enum('a' )", "set(a)"])
def test_what_is_no_list_of_members(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_members(text)
