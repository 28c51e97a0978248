"""What the cache of decisions takes for the same shape, and what not."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.decisions import ALWAYS, StayCache, decision_key
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


@pytest.mark.parametrize(
    ("text", "others", "none"),
    [
        (b"SELECT c FROM t1 WHERE id=23", [b"SELECT c FROM t1 WHERE id=45"], [b"SELECT c FROM t2 WHERE id=23"]),
        (b"SELECT c FROM t", [], [b"SELECT c FROM u"]),
        (
            b"SELECT `c` FROM `t_1` WHERE n=1",
            [b"SELECT `c` FROM `t_1` WHERE n=2"],
            [b"SELECT `c` FROM `t_2` WHERE n=1"],
        ),
        (
            b"SELECT DISTINCT c FROM t WHERE id BETWEEN 10 AND 209 ORDER BY c",
            [b"SELECT DISTINCT c FROM t WHERE id BETWEEN 77 AND 123 ORDER BY c"],
            [
                b"SELECT DISTINCT c FROM t WHERE id BETWEEN 101 AND 29 ORDER BY c",
                b"SELECT DISTINCT c FROM t WHERE id BETWEEN 1x AND 209 ORDER BY c",
                b"SELECT DISTINCT c FROM t WHERE id BETWEEN 10 AND 209 ORDER BY d",
            ],
        ),
        (
            b"SELECT c FROM t1 WHERE a=5 AND x1=6 AND y12=7",
            [b"SELECT c FROM t1 WHERE a=6 AND x1=7 AND y12=8"],
            [
                b"SELECT c FROM t1 WHERE a=5 AND x2=6 AND y12=7",
                b"SELECT c FROM t1 WHERE a=5 AND x1=6 AND y13=7",
                b"SELECT c FROM t2 WHERE a=5 AND x1=6 AND y12=7",
            ],
        ),
        (b"SELECT a FROM t WHERE d > '2024-01-31'", [b"SELECT a FROM t WHERE d > '2025-12-01'"], []),
    ],
)
def test_a_command_is_known_but_for_its_numbers(text: bytes, others: list[bytes], none: list[bytes]) -> None:
    stays = remembered(text, 2.0)
    assert stays.known(framed(text)) is None
    assert stays.find(text, framed(text)) == 2.0
    assert {stays.known(framed(other)) for other in (text, *others)} == {2.0}
    assert {stays.known(framed(other)) for other in none} <= {None}
    assert stays.known(framed(text)[:4] + b"\x16" + text) is None  # another command
    assert stays.known(b"\xff\0\0\0" + framed(text)[4:]) is None  # a part of a command


pieces = st.sampled_from(
    [b"SELECT ", b"t", b"1", b"2", b"10", b" ", b"_", b"`", b"'", b"-", b".", b"=", b"\xc3\xa9", b"AND ", b"\0"]
)
texts = st.lists(pieces, max_size=14).map(b"".join)


@given(texts, st.data())
@example(b"SELECT `log-1` = 1", None)
def test_what_is_known_by_its_form_has_the_key_of_what_was_decided(text: bytes, data: st.DataObject | None) -> None:
    other = (
        text.replace(b"1", b"2")
        if data is None
        else bytes(data.draw(st.sampled_from(b"0129")) if 48 <= byte < 58 else byte for byte in text)
    )
    stays = remembered(text, 1.0)
    stays.find(text, framed(text))
    if decision_key(other) != decision_key(text):
        assert stays.known(framed(other)) is None
    elif stays.known(framed(text)) is not None:
        assert stays.known(framed(other)) == 1.0


def test_tables_whose_names_differ_by_digits_are_known_beside_each_other() -> None:
    stays = StayCache()
    for number in range(1, 10):
        text = b"SELECT c FROM t%d WHERE id=5" % number
        stays.remember(decision_key(text), number)
        stays.find(text, framed(text))
    assert [stays.known(framed(b"SELECT c FROM t%d WHERE id=7" % number)) for number in range(10)] == [
        None,
        *range(1, 10),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1; SELECT 2",  # what may be more than one is looked at each time
        b"SELECT c FROM `log-1` WHERE id=5",
        b"SELECT c FROM t WHERE a IN (1, 2, 3, 4, 5)",
        b"SELECT c FROM t WHERE a='" + b"x" * 1000 + b"'",
    ],
)
def test_some_commands_are_looked_at_each_time(text: bytes) -> None:
    stays = remembered(text)
    assert stays.find(text, framed(text)) == ALWAYS
    assert stays.known(framed(text)) is None


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (b"UPDATE t1 SET k=k+1 WHERE id=5", b"UPDATE t2 SET k=k+3 WHERE id=7"),
        (b"INSERT INTO t VALUES (1, '2024-01-31 10:00:00')", b"INSERT INTO t VALUES (2, '1999-12-31 23:59:59')"),
    ],
)
def test_a_write_is_known_but_for_its_digits(text: bytes, other: bytes) -> None:
    stays = StayCache()
    stays.note_write(framed(text))
    assert stays.known(framed(other)) == ALWAYS
    assert stays.known(framed(other + b" ")) is None


@pytest.mark.parametrize(
    "text", [b"INSERT INTO t VALUES ('a')", b"INSERT INTO t VALUES ('\\'', 1)", b'UPDATE t SET c="x"']
)
def test_a_write_of_words_takes_no_room(text: bytes) -> None:
    stays = StayCache()
    stays.note_write(framed(text))
    assert stays.known(framed(text)) is None


def test_what_is_known_has_its_bounds() -> None:
    stays = StayCache()
    for number in range(5000):
        stays.note_write(framed(b"DELETE FROM t WHERE " + b"x" * (number % 900) + b"y" * (number // 900)))
    assert stays.known(framed(b"DELETE FROM t WHERE ")) is None
    assert stays.known(framed(b"DELETE FROM t WHERE " + b"x" * (4999 % 900) + b"y" * 5)) == ALWAYS


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
    assert stays.known(framed(b"SELECT c FROM t WHERE id=2")) == ALWAYS
    stays.forget()
    assert stays.find(b"SELECT c FROM t WHERE id=1") is None
    assert stays.known(framed(b"SELECT c FROM t WHERE id=2")) is None
