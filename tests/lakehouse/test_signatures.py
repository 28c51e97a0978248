"""What gives access in addresses is kept apart from definitions."""

import json
from pathlib import Path

import pytest

from base.errors import LakeError
from lakehouse.signatures import Signatures

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
