"""What gives access in addresses is kept apart from definitions."""

import json
import threading
import time
from pathlib import Path

import pytest

from base.errors import LakeError
from lakehouse.stores.signatures import Signatures

SIGNED = {
    "dialect": {"format": "csv"},
    "file": [
        {"uri": "https://h/a.csv?X-Amz-Signature=sIgNX-Amz-Signature=abc&Expires=7", "is_strict_mode": True},
        {"par": "https://h/p/TOKEN/n/ns/b/x/o/", "name": "a?b.csv"},
        {"uri": "/data/what?.csv"},
        {"bucket": "b", "name": "x"},
    ],
}


def test_it_comes_back_from_the_file(tmp_path: Path):
    path = tmp_path / "store" / "signatures.jsonl"
    kept = Signatures(path).put_away(SIGNED)
    for word in ("sIgN", "Expires", "TOKEN"):
        assert word not in json.dumps(kept)
    assert kept["file"][2:] == SIGNED["file"][2:]
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signatures(path).put_back(kept) == SIGNED
    assert Signatures(path).put_away(kept) == kept
    assert Signatures(path).put_back(Signatures(path).put_away(SIGNED)) == SIGNED
    with pytest.raises(LakeError, match="another installation"):
        Signatures(tmp_path / "other").put_back(kept)


def test_definitions_without_secrets_need_no_file(tmp_path: Path):
    path = tmp_path / "none"
    for attribute in ({"file": [{"uri": "s3://b/x?y"}]}, {"file": "wrong"}, {"file": ["wrong"]}, {}):
        assert Signatures(path).put_away(attribute) == attribute
        assert Signatures(path).put_back(attribute) == attribute
    assert not path.exists()


def test_those_of_tables_that_are_gone_are_forgotten(tmp_path: Path):
    path = tmp_path / "signatures.jsonl"
    kept, gone, new = (Signatures(path).put_away(SIGNED) for _ in range(3))
    later = time.time() + 3600
    assert Signatures(path).keep(json.dumps([kept, new]), time.time()) == 6  # as long as they are new
    assert Signatures(path).keep(json.dumps([kept, new]), later) == 4
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signatures(path).put_back(kept) == Signatures(path).put_back(new) == SIGNED
    with pytest.raises(LakeError, match="another installation"):
        Signatures(path).put_back(gone)
    assert Signatures(tmp_path / "none").keep("", later) == 0


def test_none_is_lost_that_is_written_meanwhile(tmp_path: Path):
    path = tmp_path / "signatures.jsonl"
    made: list[dict[str, object]] = []
    writers = [threading.Thread(target=lambda: made.append(Signatures(path).put_away(SIGNED))) for _ in range(20)]
    old = [f"secret-{number:024x}" for number in range(20)]
    path.write_text("".join(json.dumps([name, "x"]) + "\n" for name in old))
    for number, writer in enumerate(writers):
        writer.start()
        Signatures(path).keep(" ".join(old[number + 1 :]), time.time())  # another file takes its place each time
    for writer in writers:
        writer.join()
    assert [Signatures(path).put_back(one) for one in made] == [SIGNED] * 20
