"""The character set that a collation's number stands for, against the server's own list of collations."""

import pytest

from engine.results.strings import knows_charset, sent_charset
from tests.live.servers import Backend

pytestmark = pytest.mark.live

LISTS = {
    "mysql": "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS",
    # MariaDB's COLLATIONS has no number for a collation that several character sets share.
    "mariadb": "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY",
}


def test_numbers_stand_for_the_servers_character_sets(backend: Backend) -> None:
    """With character_set_results NULL every column is sent in its own, which is known by its collation's number."""
    rows = backend.run(LISTS[backend.kind])
    assert len(rows) > 200
    told = {int(number): sent_charset("", int(number)) for number, _ in rows}
    assert told == {
        int(number): charset if knows_charset(charset) else "of the column itself" for number, charset in rows
    }
