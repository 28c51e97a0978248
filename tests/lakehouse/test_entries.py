"""Entries of a file list: what is read, and what is refused with the key named."""

import pytest

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry, read_entries, shown


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"uri": "/lake/a.csv"}, Entry("name", "file", "", "/lake/a.csv")),
        ({"uri": "file:///lake/a%20b.csv"}, Entry("name", "file", "", "/lake/a b.csv")),
        ({"uri": "/lake/"}, Entry("prefix", "file", "", "/lake/")),
        ({"uri": "/lake/*.csv"}, Entry("glob", "file", "", "/lake/*.csv")),
        ({"uri": "s3://bucket/a/b.csv"}, Entry("name", "s3", "bucket", "a/b.csv")),
        ({"uri": "s3://bucket"}, Entry("prefix", "s3", "bucket", "")),
        ({"uri": "s3://bucket/y=*/[ab].csv"}, Entry("glob", "s3", "bucket", "y=*/[ab].csv")),
        ({"uri": "https://h.example/a.csv?x=1"}, Entry("name", "https", "https://h.example", "a.csv?x=1")),
        ({"uri": "https://H.example:8443/a"}, Entry("name", "https", "https://h.example:8443", "a")),
        (
            {"bucket": "bucket", "region": "eu-west-1", "prefix": "/a/", "is_strict_mode": False},
            Entry("prefix", "s3", "bucket", "a/", "eu-west-1", strict=False),
        ),
        ({"bucket": "bucket", "pattern": "a/.*[.]csv"}, Entry("pattern", "s3", "bucket", "a/.*[.]csv")),
        (
            {"par": "https://h/p/Tok/n/ns/b/bk/o/", "name": "a.csv", "allow_missing_files": True},
            Entry("name", "https", "https://h", "p/Tok/n/ns/b/bk/o/a.csv", allow_missing=True),
        ),
    ],
)
def test_an_address_is_read(raw: dict[str, object], expected: Entry) -> None:
    assert read_entries([raw]) == (expected,)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, "needs one of"),
        ({"uri": "/a", "bucket": "bbb"}, "needs one of"),
        ({"uri": "a.csv"}, "must begin with /"),
        ({"uri": "file://host/a.csv"}, "file:///folder"),
        ({"uri": "file:///a%00.csv"}, "control characters"),
        ({"uri": "http://h/a.csv"}, "not supported"),
        ({"uri": "oci://b@n/a"}, "not supported"),
        ({"uri": "gopher://h/a"}, "not supported"),
        ({"uri": "https://user:pw@h/a"}, "user in it"),
        ({"uri": "https://h\\@127.0.0.1/a"}, "user in it|not an https"),
        ({"uri": "https://h/a b"}, "escape special"),
        ({"uri": "https://h/a'b"}, "escape special"),
        ({"uri": "https:///a"}, "not an https"),
        ({"uri": "https://h:99999/a"}, "not an https"),
        ({"uri": "s3://Bad_Bucket/a"}, "name of a bucket"),
        ({"bucket": "bucket@evil.example", "name": "a"}, "name of a bucket"),
        ({"bucket": "bucket", "region": "x.evil.example/", "name": "a"}, "name of a region"),
        ({"bucket": "bucket", "name": "a", "prefix": "b"}, "exclude each other"),
        ({"bucket": "bucket", "endpoint": "https://evil"}, '"endpoint" is not known'),
        ({"uri": "/a", "secret": "x"}, '"secret" is not known'),
        ({"uri": 7}, "not a text"),
        ({"uri": "/a\n"}, "control"),
        ({"uri": "/a", "is_strict_mode": "yes"}, "not true or false"),
        ("x", "not an object"),
    ],
)
def test_what_is_wrong_is_named(raw: object, words: str) -> None:
    with pytest.raises(LakeError, match=words):
        read_entries([raw])


def test_a_list_names_the_entry() -> None:
    with pytest.raises(LakeError, match="File entry 2: "):
        read_entries([{"uri": "/a"}, {"uri": "b"}])
    for raw in ([], {}, "x", None):
        with pytest.raises(LakeError, match='"file" is not a list'):
            read_entries(raw)


def test_signatures_and_tokens_are_not_shown() -> None:
    assert shown("https://h/p/Token/n/ns/b/bk/o/a.csv") == "https://h/p/***/n/ns/b/bk/o/a.csv"
    assert shown("https://h/a.csv?X-Amz-Signature=abc") == "https://h/a.csv?***"
    assert shown("s3://b/a?b") == "s3://b/a?b"
