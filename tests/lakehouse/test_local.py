"""Folders of this machine: what is found, and that nothing outside of the allowed folders is."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from base.errors import LakeError
from engine.lake.reach import Reach
from lakehouse.descriptions.entries import read_entries
from lakehouse.stores.local import Folders, Missing
from lakehouse.stores.places import Places

Make = Callable[..., Places]


def names(places: Places, *uris: str) -> list[str]:
    return [os.path.basename(found.path) for found in places.resolve(read_entries([{"uri": uri} for uri in uris]))]


def refused(places: Places, uri: str, words: str) -> None:
    with pytest.raises(LakeError, match=words):
        places.resolve(read_entries([{"uri": uri}]))


@pytest.fixture
def filled(lake: Path) -> Path:
    for name in ("a.csv", "b.csv", "c.txt", "y=2024/m=1/d.csv", "y=2025/m=1/e.csv", "_log/x.csv", ".hidden.csv"):
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_text(name)
    return lake


def test_names_prefixes_and_globs(places: Make, filled: Path) -> None:
    made = places()
    assert names(made, f"{filled}/b.csv", f"{filled}/a.csv") == ["b.csv", "a.csv"]
    assert names(made, f"{filled}/") == ["a.csv", "b.csv", "c.txt", "d.csv", "e.csv"]
    assert names(made, f"{filled}/*.csv") == ["a.csv", "b.csv"]
    assert names(made, f"{filled}/**/*.csv") == ["a.csv", "b.csv", "d.csv", "e.csv"]
    assert names(made, f"{filled}/y=202[!5]/*/?.csv") == ["d.csv"]
    assert names(made, f"file://{filled}/y%3D2025/m=1/e.csv") == ["e.csv"]
    assert names(made, f"{filled}/_log/x.csv") == ["x.csv"]


def test_partition_folders_lie_behind_the_entry(places: Make, filled: Path) -> None:
    (found,) = places().resolve(read_entries([{"uri": f"{filled}/y=2024/"}]))
    assert found.parts == ("m=1",)
    assert found.size == len("y=2024/m=1/d.csv")
    (found,) = places().resolve(read_entries([{"uri": f"{filled}/y=*4/**/*.csv"}]))
    assert found.parts == ("y=2024", "m=1")


def test_missing_files(places: Make, filled: Path) -> None:
    for uri in (f"{filled}/none.csv", f"{filled}/none/", f"{filled}/*.parquet", f"{filled}/a.csv/b.csv"):
        with pytest.raises(Missing):
            places().resolve(read_entries([{"uri": uri}]))
        entries = read_entries([{"uri": uri, "allow_missing_files": True}])
        assert places().resolve(entries) == []
        assert places().resolve(read_entries([{"uri": uri}]), allow_missing=True) == []


def test_nothing_outside_is_reached(places: Make, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("no")
    (tmp_path / "lake2").mkdir()
    (tmp_path / "lake2" / "x.csv").write_text("no")
    for uri in (
        "/etc/passwd",
        "/etc/*",
        f"{tmp_path}/secret.csv",
        f"{tmp_path}/*.csv",
        f"{tmp_path}/",
        f"{filled}2/x.csv",
        f"{filled}*/x.csv",
        f"/proc/self/root{filled}/a.csv",
    ):
        refused(places(), uri, "none of the folders allowed")
    for uri in (f"{filled}/../secret.csv", f"file://{filled}/%2e%2e/secret.csv", f"{filled}/../*.csv"):
        refused(places(), uri, "has .. in it")
    refused(places(lakehouse_paths=[]), f"{filled}/a.csv", "no folder is allowed")


def test_links_lead_only_to_what_is_allowed(places: Make, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("no")
    (filled / "out.csv").symlink_to(tmp_path / "secret.csv")
    (filled / "up.csv").symlink_to("../secret.csv")
    (filled / "in.csv").symlink_to("y=2024/m=1/d.csv")
    (filled / "whole").symlink_to(filled / "y=2024")
    (filled / "outer").symlink_to(tmp_path)
    for name in ("out.csv", "up.csv", "outer/secret.csv"):
        refused(places(), f"{filled}/{name}", "none of the folders allowed")
    (found,) = places().resolve(read_entries([{"uri": f"{filled}/in.csv"}]))
    assert places().read(found, 0, 99) == b"y=2024/m=1/d.csv"
    assert names(places(), f"{filled}/whole/m=1/") == ["d.csv"]
    refused(places(), f"{filled}/*.csv", "none of the folders allowed")  # not left out in silence
    (filled / "loop").symlink_to("loop")
    refused(places(), f"{filled}/loop", "too many links")
    (filled / "y=2024" / "again").symlink_to(filled / "y=2024")
    refused(places(), f"{filled}/y=2024/", "inside itself")


def test_what_is_no_file_is_refused(places: Make, filled: Path) -> None:
    os.mkfifo(filled / "pipe.csv")
    refused(places(), f"{filled}/pipe.csv", "not a file")
    refused(places(), f"{filled}/y=2024", f"whose files are meant by '{filled}/y=2024/'")
    assert "pipe.csv" not in names(places(), f"{filled}/")


def test_a_file_that_changed_is_not_read(places: Make, filled: Path) -> None:
    made = places()
    (found,) = made.resolve(read_entries([{"uri": f"{filled}/a.csv"}]))
    (filled / "a.csv").write_text("other text")
    with pytest.raises(LakeError, match="has changed"):
        made.read(found, 0, 10)


def test_a_file_that_changes_while_it_is_read_is_noticed(places: Make, filled: Path) -> None:
    made = places()
    found = made.resolve(read_entries([{"uri": f"{filled}/a.csv"}]))
    with duckdb.connect() as root:
        reach = Reach(made, root)
        with reach.files(root, found):
            pass
        (filled / "a.csv").rename(filled / "kept.csv")  # what is open is still what it was, but for its name
        (filled / "kept.csv").rename(filled / "a.csv")
        found = made.resolve(read_entries([{"uri": f"{filled}/a.csv"}]))
        with pytest.raises(LakeError, match="has changed while"), reach.files(root, found):
            (filled / "a.csv").write_text("other")


def test_a_folder_that_becomes_a_link_gains_nothing(filled: Path, tmp_path: Path) -> None:
    """Swap a folder for a link to the outside, again and again, while it is read: never a byte from there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "s.csv").write_text("outside")
    real, other = filled / "swap", filled / "swap.real"
    real.mkdir()
    (real / "s.csv").write_text("inside")
    folders, stop = Folders([filled]), threading.Event()

    def swap() -> None:
        while not stop.is_set():
            real.rename(other)
            real.symlink_to(outside)
            real.unlink()
            other.rename(real)
            time.sleep(0.0001)  # it has to be there for a while as well, however busy the machine is

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: dict[str, int] = {}
    try:
        for tries in range(1_000_000):
            if tries >= 3000 and len(seen) > 1:
                break
            try:
                number, _real = folders.open_file(f"{filled}/swap/s.csv")
            except LakeError:
                seen["refused"] = seen.get("refused", 0) + 1
                continue
            content = os.read(number, 100).decode()
            os.close(number)
            seen[content] = seen.get(content, 0) + 1
    finally:
        stop.set()
        swapper.join()
    assert seen.get("inside", 0) > 0
    assert "outside" not in seen


def test_names_that_are_not_text_are_told(places: Make, filled: Path) -> None:
    with open(os.fsencode(filled) + b"/\xff.csv", "w"):
        pass
    refused(places(), f"{filled}/*.csv", "not UTF-8")


def test_hostile_patterns_take_no_time(places: Make, filled: Path) -> None:
    (filled / ("a" * 200)).write_text("")
    refused(places(), f"{filled}/" + "*a" * 100 + "*b", "has no file")
    refused(places(), f"{filled}/[a", "not closed")
    refused(places(), f"{filled}/[b-a]", "not a regular expression")
