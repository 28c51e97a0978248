"""Differences of JSON documents as MySQL 9.7 logs them, applied to texts; the live suite compares with the server."""

import numpy as np
import pyarrow as pa
import pytest

from engine.images.json_diff import Rejected, apply_differences

REPLACE_A = b"\x00\x03$.a\x09\x0b" + bytes(8)
INSERT_B = b"\x01\x03$.b\x05\x0c\x03hi!"
REMOVE_A = b"\x02\x03$.a"
INSERT_CELL = b"\x01\x0a$.arr[100]\x03\x05\x4d\x00"
REPLACE_LAST = b"\x00\x0b$.arr[last]\x03\x05\x4d\x00"


def applied(differences: list[bytes], documents: list[str | None], base: list[int], earlier: list[int]) -> list[str]:
    """Apply differences."""
    column = pa.array(differences, pa.binary())
    places = np.array(base, np.int64), np.array(earlier, np.int64)
    found: list[str] = apply_differences(column, pa.array(documents, pa.string()), *places).to_pylist()
    return found


def test_one_after_the_other() -> None:
    assert applied([REPLACE_A, INSERT_B, REMOVE_A], ['{"a": 1}'], [0, 0, 0], [-1, 0, 1]) == [
        '{"a": 0.0}',
        '{"a": 0.0, "b": "hi!"}',
        '{"b": "hi!"}',
    ]


def test_several_at_once_and_members_in_order() -> None:
    document = '{"c": [], "aa": {"a": "}"}}'
    assert applied([INSERT_B + REMOVE_A.replace(b"$.a", b"$.c")], [document], [0], [-1]) == [
        '{"b": "hi!", "aa": {"a": "}"}}'
    ]


def test_cells() -> None:
    document = '{"arr": [1, "],", [2]]}'
    assert applied([INSERT_CELL, REPLACE_LAST], [document], [0, 0], [-1, -1]) == [
        '{"arr": [1, "],", [2], 77]}',
        '{"arr": [1, "],", 77]}',
    ]


@pytest.mark.parametrize(
    ("difference", "document"),
    [
        (REPLACE_A, '{"b": 1}'),
        (INSERT_B, '{"b": 1}'),
        (REMOVE_A, "[1]"),
        (INSERT_CELL, '{"arr": 5}'),
        (REPLACE_LAST, '{"arr": []}'),
        (REPLACE_A, None),
        (b"\x07" + REPLACE_A[1:], '{"a": 1}'),
        (REPLACE_A[:-9], '{"a": 1}'),
    ],
)
def test_what_does_not_fit_is_rejected(difference: bytes, document: str | None) -> None:
    with pytest.raises(Rejected):
        applied([difference], [document], [0], [-1])
