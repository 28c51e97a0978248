"""LIKE takes those characters for equal whose fold is the same, as the server says of each pair."""

import unicodedata

import numpy as np
import pytest

from engine.collate.folds import folder
from engine.collate.store import Collations
from tests.live.servers import Backend

pytestmark = pytest.mark.live

COLLATIONS = {
    "mysql": ("utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci"),
    "mariadb": ("utf8mb4_general_ci", "utf8mb4_unicode_ci"),
}
_WILD = "%_\\"


@pytest.mark.parametrize("place", range(3))
def test_pairs_of_characters(backend: Backend, collations: Collations, place: int) -> None:
    names = COLLATIONS[backend.kind]
    if place >= len(names):
        pytest.skip("no other collation")
    collation = names[place]
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        weights = collations.get(cursor, collation)
        assert weights is not None
        table = folder(weights).table
        points = np.flatnonzero(table != 0xFFFFFFFF)
        points = points[(points < 0xD800) | (points > 0xDFFF)]
        random = np.random.default_rng(5)
        folded = points[table[points] != points]
        folded = random.choice(folded, min(len(folded), 9_000), replace=False)
        pairs = [(int(p), int(table[p])) for p in folded]
        for some in (points[points < 0x3000], points, points[points > 0x1F000]):
            pairs += zip(random.choice(some, 4_000).tolist(), random.choice(some, 4_000).tolist(), strict=True)
        for point in (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00), *range(0x2F800, 0x2FA20)):
            other = unicodedata.normalize("NFKC", chr(point))  # an ideograph: of equal weight, and not LIKE it in UCA's
            if len(other) == 1 and 0xFFFFFFFF not in (table[point], table[ord(other)]):
                pairs.append((point, ord(other)))
        rows = [(chr(a), chr(b), int(table[a] == table[b])) for a, b in pairs if not {chr(a), chr(b)} & set(_WILD)]
        cursor.execute("CREATE DATABASE IF NOT EXISTS wf_folds")
        cursor.execute("DROP TABLE IF EXISTS wf_folds.t")
        kind = f"VARCHAR(4) CHARACTER SET utf8mb4 COLLATE {collation}"
        cursor.execute(f"CREATE TABLE wf_folds.t (a {kind}, b {kind}, e INT)")
        for at in range(0, len(rows), 4000):
            cursor.executemany("INSERT INTO wf_folds.t VALUES (%s, %s, %s)", rows[at : at + 4000])
        inside = "CONCAT('%', b, '%') LIKE CONCAT('\\\\%', a, '\\\\%')"
        sums = ", ".join(f"SUM(({test}) <> e)" for test in ("a LIKE b", "b LIKE a", inside))
        cursor.execute(f"SELECT COUNT(*), SUM(e), {sums} FROM wf_folds.t")
        total, equal, *wrong = cursor.fetchall()[0]
        cursor.execute("DROP DATABASE wf_folds")
    assert (total, wrong) == (len(rows), [0, 0, 0])
    assert equal > 500
