"""What the cache of decisions takes for the same shape, and what not."""

import pytest

from proxy.decisions import ALWAYS, DIGITS, StayCache, decision_key
from wire.framing import build_packets


def framed(text: bytes) -> bytes:
    return build_packets(b"\x03" + text, 0)


def remembered(text: bytes, cost: float = ALWAYS) -> StayCache:
    stays = StayCache()
    stays.remember(decision_key(text), cost)
    return stays


def test_numbers_do_not_matter() -> None:
    stays = remembered(b"SELECT c FROM t WHERE id BETWEEN 1 AND 2", 3.5)
    assert stays.find(b"SELECT c FROM t WHERE id BETWEEN 70 AND 800") == 3.5
    assert stays.find(b"SELECT c FROM u WHERE id BETWEEN 70 AND 800") is None
    stays.find(b"SELECT c FROM t WHERE id BETWEEN 1 AND 2", b"a command")
    assert not stays.commands  # the text in front of the last number is another one each time


def test_a_number_at_the_end_is_known_by_what_stands_before_it() -> None:
    stays = remembered(b"SELECT c FROM t WHERE id=1")
    command = framed(b"SELECT c FROM t WHERE id=23")
    assert stays.find(b"SELECT c FROM t WHERE id=23", command) == ALWAYS
    assert stays.commands == {command[:-2]: (len(command), ALWAYS)}
    assert stays.commands.get(framed(b"SELECT c FROM t WHERE id=45").rstrip(DIGITS)) == (len(command), ALWAYS)
    assert framed(b"SELECT c FROM t WHERE id=456").rstrip(DIGITS) not in stays.commands  # a header of its own


def test_a_command_that_may_be_more_than_one_statement_is_looked_at_each_time() -> None:
    stays = remembered(b"SELECT 1; SELECT 2")
    assert stays.find(b"SELECT 1; SELECT 2", framed(b"SELECT 1; SELECT 2")) == ALWAYS
    assert not stays.commands


@pytest.mark.parametrize(
    "text", [b"SELECT c FROM t1", b"SELECT c FROM t", b"SELECT '1'", b"SELECT c FROM t WHERE a=x1"]
)
def test_digits_of_a_name_are_kept(text: bytes) -> None:
    stays = remembered(text)
    assert stays.find(text, framed(text)) == ALWAYS
    assert not stays.commands


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT c FROM `log-%d` WHERE id = 5",
        b"SELECT c FROM t JOIN `log %d`.u WHERE s = '5'",
        b"SELECT c FROM t WHERE s = '`' AND `log-%d` = 5",
        b"SELECT c FROM t WHERE s = '`5`' AND `log-%d` = '`'",
        b"SELECT c FROM t WHERE s = 'a`' 'b``' AND `a``-%d` = 1",
    ],
)
def test_digits_of_a_quoted_name_are_kept(text: bytes) -> None:
    stays = remembered(text % 1)
    assert stays.find(text % 1) == ALWAYS
    assert stays.find(text % 2) is None


def test_numbers_beside_quoted_names_do_not_matter() -> None:
    stays = remembered(b"SELECT `c-1` FROM `t` WHERE `id` = 17 AND d > '2024-01-31'")
    assert stays.find(b"SELECT `c-1` FROM `t` WHERE `id` = 9 AND d > '2023-10-01'") == ALWAYS


def test_strings_do_not_matter_for_what_is_cheap_by_far() -> None:
    stays = StayCache()
    stays.remember_cheap(decision_key(b"SELECT c FROM t WHERE s = 'a' AND n = 5"), 0.5, 100_000)
    for text in (b"'it''s'", b"'\\\\'", b"'\\''", b"''", b"'1'"):
        assert stays.find(b"SELECT c FROM t WHERE s = " + text + b" AND n = 7") == 0.5
    assert stays.find(b"SELECT c FROM u WHERE s = 'b' AND n = 7") is None
    assert stays.find(b"SELECT c FROM t WHERE s = 'b' OR n = 7") is None
    stays.remember_cheap(decision_key(b"SELECT d FROM t WHERE s = 'a'"), 60_000, 100_000)
    assert stays.find(b"SELECT d FROM t WHERE s = 'a'") == 60_000
    assert stays.find(b"SELECT d FROM t WHERE s = 'b'") is None


def test_what_is_forgotten_is_forgotten_in_both() -> None:
    stays = remembered(b"SELECT c FROM t WHERE id=1")
    stays.find(b"SELECT c FROM t WHERE id=1", framed(b"SELECT c FROM t WHERE id=1"))
    assert stays.commands
    stays.forget()
    assert stays.find(b"SELECT c FROM t WHERE id=1") is None
    assert not stays.commands
