"""Copies of lake tables: nothing of files that change while they are read is kept."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from base.errors import LakeError
from base.settings import load
from engine.lake.branches import TAG
from engine.lake.definitions import LakeTable
from engine.lake.loaded import Incoming, LoadedCopies, Told
from engine.lake.reach import Reach, quoted
from engine.layout import quote
from lakehouse.descriptions.definition import read_definition
from lakehouse.stores.places import Places
from statements.schema import Column, Table

NOTHING = Told({}, {}, False)
TABLE = Table("lake", "t", (Column("id", 0, "int", "int"),), ())


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@pytest.mark.parametrize("change", [False, True])
def test_a_file_that_changes_meanwhile_leaves_the_copy_as_it_was(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, change: bool
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    definition = read_definition({"file": [{"uri": f"{lake}/"}], "placement": "loaded"})
    known = LakeTable(TABLE, definition, 1)
    copies = LoadedCopies(connection, tmp_path / "lake.duckdb")
    places = Places(load({"lakehouse_paths": [lake]}, env={}))
    reach = Reach(places, connection)

    def run(key: str, meanwhile: Callable[[], object]) -> None:
        found = places.resolve(definition.entries)

        def told(_: str) -> Told:
            meanwhile()
            return Told({}, {}, False)

        with reach.files(connection, found) as opened:
            more = f"columns = {{'id': 'INT'}}, filename = {quoted(TAG)}"
            rows = f"(SELECT id, {quote(TAG)} FROM read_csv([{', '.join(map(quoted, opened))}], {more}))"
            if change and copies.held(known):
                copies.change(connection, known, Incoming(rows, opened, told), [key], ["first"], (), opened.confirm)
            else:
                copies.put(connection, known, Incoming(rows, opened, told), [key], True, opened.confirm)

    (lake / "a.csv").write_text("1\n")
    run("first", lambda: None)
    (lake / "a.csv").write_text("2\n")
    with pytest.raises(LakeError, match=r"a\.csv has changed while it was read"):
        run("second", lambda: (lake / "a.csv").write_text("3\n4\n"))
    assert ids(connection, copies, known) == [1]
    held = copies.held(known)
    assert held
    assert held.keys == {"first"}
    run("third", lambda: None)
    assert ids(connection, copies, known) == [3, 4]
    reach.close()


def test_what_comes_later_may_not_repeat_a_value_of_a_key(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    known = LakeTable(TABLE, read_definition({"file": [{"uri": "/x/"}], "placement": "loaded"}), 1)
    copies = LoadedCopies(connection, tmp_path / "lake.duckdb")

    def incoming(values: str) -> Incoming:
        return Incoming(f"(SELECT * FROM (VALUES {values}) AS v(id, {quote(TAG)}))", ["f"], lambda _: NOTHING)

    copies.put(connection, known, incoming("(1, 'f'), (NULL, 'f')"), ["first"], True, lambda: None)
    copies.change(connection, known, incoming("(2, 'f'), (NULL, 'f')"), ["second"], [], [("id",)], lambda: None)
    with pytest.raises(LakeError, match=r"the key \(id\) would be there twice"):
        copies.change(connection, known, incoming("(1, 'f')"), ["third"], [], [("id",)], lambda: None)
    assert ids(connection, copies, known) == [1, 2, None, None]


def ids(connection: duckdb.DuckDBPyConnection, copies: LoadedCopies, known: LakeTable) -> list[int]:
    """What readers see."""
    copy = copies.find(connection, known)
    assert copy
    return [row[0] for row in connection.execute(f"SELECT id FROM {copy.name} ORDER BY id").fetchall()]
