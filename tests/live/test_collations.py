"""Each collation against the server: equality, order, literals and LIKE on random texts, with no difference allowed."""

import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.collate import keys, presence, rules
from engine.collate.store import Collations
from engine.collate.weights import Kind, Weights

pytestmark = pytest.mark.live

LATIN = "".join(map(chr, range(0xA0, 0x180)))
ALPHABETS = {
    "digits": "0123456789",
    "names": "ABCXYZabcxyz 019#",
    "upper": "ABCDEXYZ_-",
    "lower": "abcdexyz 0189",
    "comments": "abcdefxyz ,.;:!?-'\"()AB",
    "ascii": "".join(map(chr, range(0x20, 0x7F))),
    "lines": "ab AB\t\n\r01",
    "controls": "ab \x00\x01\x08\t\x1f\x7f",
    "latin": "aeEsS " + LATIN,
    "few accents": "eéEÉèssß ",
    "greek": "αβγΑΒΓάέήίϊΐόύϋΰώσςΣ ",
    "cyrillic": "абвгдеёжзийАБВГЁЙ\u0306 ",
    "marks": "aeo \u0300\u0301\u0308\u0327\u0338",
    "east": "日本語漢字かがカガｶﾞーｰ中文 한국어각",
    "emoji": "😀😁👍🏽❤\ufe0f ab",
    "wide": "ａｂＡ１①ﬁﬀ½№…\u00a0\u2003 ab",
    "indic": "कखगािी்தமிழ்ไทยเกแก ",
    "everything": " aAbBzZ019.,-\t" + LATIN + "αΒγжЖйñ日か😀\u0301\u200d",
}
# The most used first. An ordinary run takes those; WARMFRONT_TEST_COLLATIONS=all takes all, with more texts each.
MYSQL = (
    "utf8mb4_0900_ai_ci",
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8mb4_0900_as_cs",
    "utf8mb4_bin",
    "latin1_swedish_ci",
    "utf8mb4_0900_bin",
    "utf8mb4_0900_as_ci",
    "utf8mb4_unicode_520_ci",
    "utf8mb3_general_ci",
    "latin1_german2_ci",
    "latin1_bin",
    "ascii_general_ci",
    "utf8mb4_hungarian_ci",
)
MARIADB = (
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8mb4_uca1400_ai_ci",
    "utf8mb4_bin",
    "latin1_swedish_ci",
    "utf8mb4_nopad_bin",
    "utf8mb4_uca1400_as_cs",
    "utf8mb4_uca1400_nopad_as_ci",
    "utf8mb4_general_nopad_ci",
    "utf8mb4_unicode_520_ci",
    "utf8mb3_general_ci",
    "latin1_swedish_nopad_ci",
    "ascii_general_ci",
    "utf8mb4_czech_ci",
)
ALL = os.environ.get("WARMFRONT_TEST_COLLATIONS") == "all"
PLACES = range(len(MYSQL) if ALL else 6)
PAIRS = 300 if ALL else 80


@dataclass(frozen=True)
class Case:
    """One compared pair; `pattern` goes with `left` in LIKE."""

    left: str
    right: str
    pattern: str


def make_cases(alphabet: str, count: int, seed: str) -> list[Case]:
    """Make pairs of short texts, often nearly alike, many with trailing spaces."""
    chance = random.Random(seed)

    def text() -> str:
        chosen = "".join(chance.choices(alphabet, k=chance.choice((0, 1, 1, 2, 3, 4, 6, 10))))
        return chosen + " " * chance.choice((0, 0, 0, 1, 3)) if " " in alphabet else chosen

    def near(of: str) -> str:
        characters = list(of)
        for _ in range(chance.choice((0, 1, 1, 2))):
            at = chance.randrange(len(characters) + 1)
            characters[at : at + chance.choice((0, 1))] = chance.choice((alphabet[0], *chance.choices(alphabet, k=3)))
        changed = "".join(characters)
        return chance.choice((changed, changed.swapcase(), changed.rstrip(" "), changed + alphabet[-1]))

    def pattern(of: str) -> str:
        made = "".join(chance.choice((c, c, c, "_", "%", c.swapcase(), "\\" + c)) for c in of)
        return chance.choice((made, made + "%", "%" + made, "%" + made[1:3] + "%", made + "\\"))

    cases = []
    for _ in range(count):
        left = text()
        right = chance.choice((text, lambda left=left: near(left)))()  # type: ignore[misc]
        usable = "".join(c for c in right if c in alphabet)
        cases.append(Case(left, usable, pattern(near(left))))
    return cases


def server_answers(cursor: Any, weights: Weights, cases: list[Case]) -> list[tuple[bool, bool, bool]]:
    """Ask the server for =, < and LIKE of every case."""

    def text(value: str) -> str:
        return f"(CONVERT(_utf8mb4 x'{value.encode().hex()}' USING {weights.charset}) COLLATE {weights.collation})"

    answers: list[tuple[bool, bool, bool]] = []
    for at in range(0, len(cases), 100):
        columns = ", ".join(
            f"{text(c.left)} = {text(c.right)}, {text(c.left)} < {text(c.right)}, {text(c.left)} LIKE {text(c.pattern)}"
            for c in cases[at : at + 100]
        )
        cursor.execute(f"SELECT {columns}")
        row = [bool(value) for value in cursor.fetchone()]
        answers += zip(row[0::3], row[1::3], row[2::3], strict=True)
    return answers


def duckdb_answers(connection: Any, left: list[str], right: list[str], expression: str) -> list[bool]:
    """Evaluate an expression over columns a and b."""
    connection.execute("CREATE OR REPLACE TEMP TABLE pairs (i INTEGER, a VARCHAR, b VARCHAR)")
    rows = ", ".join(
        f"({i}, {rules.quote(a)}, {rules.quote(b)})" for i, (a, b) in enumerate(zip(left, right, strict=True))
    )
    connection.execute(f"INSERT INTO pairs VALUES {rows}")
    return [row[0] for row in connection.execute(f"SELECT {expression} FROM pairs ORDER BY i").fetchall()]


def encodable(alphabet: str, weights: Weights) -> str:
    """Keep the characters that the collation's character set has."""
    codec = {"latin1": "cp1252", "ascii": "ascii"}.get(weights.charset, "utf-8")
    kept = [c for c in alphabet if c.encode(codec, "ignore")]
    return "".join(c for c in kept if weights.charset != "utf8mb3" or ord(c) < 0x10000)


Check = Callable[[str, list[Any], list[Any]], None]


@pytest.mark.parametrize("place", PLACES)
def test_the_server_agrees(backend: Any, collations: Collations, place: int) -> None:
    collation = (MARIADB if backend.is_mariadb else MYSQL)[place]
    connection = duckdb.connect()
    refusals: list[str] = []
    with backend.connect(charset="utf8mb4") as server, server.cursor() as cursor:
        whole = collations.get(cursor, collation)
        assert whole is not None
        if whole.kind is not Kind.BYTES:
            keys.register(connection, whole)
        for name, alphabet in ALPHABETS.items():
            alphabet = encodable(alphabet, whole)
            if not alphabet.strip():
                continue
            cases = make_cases(alphabet, PAIRS, f"{collation} {name}")
            answers = server_answers(cursor, whole, cases)
            refusals += [f"{name}: {what}" for what in compare(connection, whole, cases, answers)]
        quick = collations.get(cursor, collation, presence.of_text("abc"))
        assert quick is not None
        for alphabet in ("abc", "abcABC", "ab c.,", "a\tb "):
            seen = presence.of_text(alphabet)
            assert form(rules.order_key("x", quick, seen)) == form(rules.order_key("x", whole, seen))
    assert not [refusal for refusal in refusals if refusal.startswith(("digits", "lower")) and "hung" not in collation]


def form(key: str | None) -> str | None:
    """A key expression without the digest of the weights, which the ASCII ones have of their own."""
    return key and re.sub(r"_[0-9a-f]{8,}\(", "(", key)


def compare(connection: Any, weights: Weights, cases: list[Case], answers: list[tuple[bool, bool, bool]]) -> list[str]:
    """Compare all forms; gives what was refused."""
    left, right = [c.left for c in cases], [c.right for c in cases]
    left_seen = presence.union(*map(presence.of_text, left))
    both = presence.union(left_seen, *map(presence.of_text, right))
    equal, less, alike = ([answer[i] for answer in answers] for i in range(3))
    refused = []

    def check(what: str, expected: list[bool], expression: Callable[[], str | None]) -> None:
        sql = expression()
        if sql is None:
            refused.append(what)
            return
        found = duckdb_answers(connection, left, right, sql)
        wrong = [(c, e) for c, e, f in zip(cases, expected, found, strict=True) if e is not f]
        assert not wrong, f"{weights.collation} {what} by {sql[:80]}: {len(wrong)} differ, {wrong[:5]}"

    check("=", equal, lambda: joined("=", rules.equality_key, weights, both))
    check("<", less, lambda: joined("<", rules.order_key, weights, both))
    check("= by order key", equal, lambda: joined("=", rules.order_key, weights, both))
    for i, case in enumerate(cases):
        pair = f"{weights.collation} {case!r}"
        for what, expected, expression in (
            ("= literal", equal[i], literal_equal(case, weights, left_seen)),
            ("< literal", less[i], literal_less(case, weights, left_seen)),
            ("LIKE", alike[i], rules.like(case.pattern, rules.quote(case.left), weights, left_seen)),
        ):
            if expression is None:
                refused.append(what)
                continue
            try:
                found = connection.execute(f"SELECT {expression}").fetchone()[0]
            except duckdb.InvalidInputException as error:  # before the first row: the server answers
                if what != "LIKE" or "a character has no weight of its own" not in str(error):
                    raise
                refused.append(what)
                continue
            assert found is expected, f"{what}: {pair} by {expression[:200]}"
    return sorted(set(refused))


def joined(operator: str, key: Callable[..., str | None], weights: Weights, seen: bytes) -> str | None:
    """Compare columns a and b by a key."""
    left, right = key("a", weights, seen), key("b", weights, seen)
    return None if left is None or right is None else f"{left} {operator} {right}"


def literal_equal(case: Case, weights: Weights, seen: bytes) -> str | None:
    """Compare the left text with the right as a literal."""
    key = rules.equality_key(rules.quote(case.left), weights, seen)
    literal = rules.equality_literal(case.right, weights, seen)
    return None if key is None or literal is None else f"{key} = {literal}"


def literal_less(case: Case, weights: Weights, seen: bytes) -> str | None:
    """Order the left text before the right as a literal."""
    seen = rules.order_presence(seen, case.right)
    key = rules.order_key(rules.quote(case.left), weights, seen)
    literal = rules.order_literal(case.right, weights, seen)
    return None if key is None or literal is None else f"{key} < {literal}"


def test_an_unknown_collation_is_none(backend: Any, tmp_path: Path) -> None:
    with backend.connect() as server, server.cursor() as cursor:
        assert Collations(tmp_path).get(cursor, "utf8mb4_klingon_ci") is None
        assert Collations(tmp_path).get(cursor, "x' OR 1=1 -- ") is None
