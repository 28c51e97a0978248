"""Small weight tables, as servers give them for a few characters."""

import pytest

from engine.collate.weights import Kind, Weights


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _ai_ci() -> dict[int, tuple[bytes, ...]]:
    """utf8mb4_0900_ai_ci: space, tab, punctuation, digits, letters; control characters weigh nothing."""
    order = "\t\n _-,;:!?.'\"()*/&#%+<=>"
    table = {ord(c): (_two(0x0201 + i),) for i, c in enumerate(order)}
    table |= {ord(c): (_two(0x1C3D + i),) for i, c in enumerate("0123456789")}
    table |= {ord(c): (_two(0x1C47 + 10 * i),) for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
    table |= {ord(chr(c).upper()): table[c] for c in range(0x61, 0x7B)}
    table |= {1: (b"",), 0xE9: table[ord("e")], 0xDF: (table[ord("s")][0] * 2,), 0x41F: (_two(0x20D0),)}
    return table


@pytest.fixture
def ai_ci() -> Weights:
    """Like utf8mb4_0900_ai_ci."""
    return Weights.of_table("utf8mb4_0900_ai_ci", "utf8mb4", False, 1, _ai_ci())


@pytest.fixture
def ai_ci_padded() -> Weights:
    """Like utf8mb4_unicode_ci: the same with PAD SPACE."""
    return Weights.of_table("utf8mb4_unicode_ci", "utf8mb4", True, 1, _ai_ci())


@pytest.fixture
def as_cs() -> Weights:
    """Like utf8mb4_0900_as_cs: three levels."""
    table = {}
    for point, (weight,) in _ai_ci().items():
        count = len(weight) // 2
        second = _two(0x20) * count + (_two(0x24) if point == 0xE9 else b"")
        third = _two(8 if 0x41 <= point <= 0x5A else 2) * (len(second) // 2)
        table[point] = (weight, second, third)
    return Weights.of_table("utf8mb4_0900_as_cs", "utf8mb4", False, 3, table)


@pytest.fixture
def general_ci() -> Weights:
    """Like utf8mb4_general_ci: upper-cased code points, PAD SPACE."""
    table = {point: (_two(ord(chr(point).upper())),) for point in range(128)} | {0xE9: (_two(0x45),)}
    return Weights.of_table("utf8mb4_general_ci", "utf8mb4", True, 1, table)


@pytest.fixture
def czech() -> Weights:
    """A collation with a contraction of c and h: h is refused."""
    return Weights.of_table("utf8mb4_czech_ci", "utf8mb4", True, 1, _ai_ci(), {ord("h"), ord("H")})


@pytest.fixture
def points() -> Weights:
    """Like utf8mb4_bin."""
    return Weights.plain("utf8mb4_bin", "utf8mb4", Kind.POINTS, True)
