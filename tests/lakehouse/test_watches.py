"""What is watched in text as it goes by, for DuckDB would read it wrongly without a word."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from base.errors import LakeError
from lakehouse.descriptions.definition import Dialect
from lakehouse.descriptions.entries import read_entries
from lakehouse.stores.places import Found, Places
from lakehouse.text.heads import Carriages, Closing, Head, Lines, head_of, require_text, watch_of

CSV, JSON = Dialect(), Dialect("json")
PACKED: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstandard.compress}


def looked_at(places: Places, path: Path, raw: bytes, dialect: Dialect) -> None:
    """Have a file looked at."""
    path.write_bytes(raw)
    found = places.resolve(read_entries([{"uri": str(path)}]))
    require_text(places, found, head_of(places, found[0], dialect), dialect)


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("text", ['[{"a":1},', "[", '[{"a":1}\n'])
def test_an_array_that_does_not_end_is_told_in_what_it_is_packed(
    places: Callable[..., Places], lake: Path, ending: str, text: str
):
    with pytest.raises(LakeError, match="cut short: its array of JSON has no end"):
        looked_at(places(), lake / f"a.json.{ending}", PACKED[ending](text.encode()), JSON)
    looked_at(places(), lake / f"b.json.{ending}", PACKED[ending](text.encode() + b"] \n"), JSON)


@pytest.mark.parametrize("ending", ["", *PACKED])
def test_line_feeds_among_carriage_returns_are_told(places: Callable[..., Places], lake: Path, ending: str):
    pack = PACKED.get(ending, bytes)
    with pytest.raises(LakeError, match="its records end with carriage returns, and there are line feeds"):
        looked_at(places(), lake / f"a.csv.{ending}", pack(b'1,a\r2,"\n"\r'), CSV)
    for fine in (b"1,a\r2,b\r", b'1,a\r\n2,"\n"\r\n', b'1,a\n2,"b\rc"\n', b"1,a\r"):
        looked_at(places(), lake / f"b.csv.{ending}", pack(fine), CSV)


@pytest.mark.parametrize(
    ("text", "dialect", "kind"),
    [
        ("1\r2\r", CSV, Carriages),
        ("1\r\n2\r\n", CSV, Lines),
        ("1\n2\r3\r", CSV, Lines),
        ("1\n", Dialect(record_delimiter="\r"), Carriages),
        ("1\r2\r", Dialect(record_delimiter="\n"), Lines),
        (" [1", JSON, Closing),
        ("{}\r{}", JSON, Lines),
    ],
)
def test_what_is_watched_depends_on_the_beginning(
    places: Callable[..., Places], lake: Path, text: str, dialect: Dialect, kind: type
):
    (lake / "x").write_text("x")
    found: Found = places().resolve(read_entries([{"uri": str(lake / "x")}]))[0]
    assert type(watch_of(found, Head(text, "none"), dialect)) is kind
