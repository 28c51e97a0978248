"""Objects on a real S3-protocol server that checks signatures: listing, reading, errors, and what is never shown."""

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from base.errors import LakeError
from engine.lake.reach import Reach
from lakehouse.descriptions.entries import read_entries
from lakehouse.stores.local import Missing
from lakehouse.stores.places import Places
from lakehouse.stores.s3 import Bucket, StoreError, sign
from lakehouse.stores.secrets import Access, Secrets
from tests.live.object_store import ObjectStore

Make = Callable[..., Places]


@pytest.fixture
def made(places: Make, secrets_file: Path, store: ObjectStore) -> Places:
    client = store.client()
    for key in ("s/a.csv", "s/b c+ü&%.csv", "s/y=2024/c.csv", "s/_tmp/d.csv", "s2/e.csv", "s/folder/"):
        client.put_object(Bucket="lake", Key=key, Body=key.encode())
    return places(lakehouse_secrets=secrets_file)


def keys(places: Places, **entry: object) -> list[str]:
    return [found.path for found in places.resolve(read_entries([entry]))]


def test_every_address_form_finds_its_objects(made: Places) -> None:
    inside = ["s/a.csv", "s/b c+ü&%.csv", "s/y=2024/c.csv"]
    assert keys(made, uri="s3://lake/s/a.csv") == ["s/a.csv"]
    assert keys(made, uri="s3://lake/s/") == inside
    assert keys(made, bucket="lake", prefix="s") == [*inside, "s2/e.csv"]
    assert keys(made, uri="s3://lake/s/*.csv") == inside[:2]
    assert keys(made, bucket="lake", pattern=r"s\d/.*\.csv") == ["s2/e.csv"]
    (found,) = made.resolve(read_entries([{"uri": "s3://lake/s/y=2024/"}]))
    assert found.parts == ()
    assert [f.parts for f in made.resolve(read_entries([{"uri": "s3://lake/s/"}]))][2] == ("y=2024",)


def test_objects_are_read_in_parts_and_known_by_their_content(made: Places, store: ObjectStore) -> None:
    (found,) = made.resolve(read_entries([{"uri": "s3://lake/s/b c+ü&%.csv"}]))
    content = "s/b c+ü&%.csv".encode()
    assert (made.read(found, 0, 99), made.read(found, 2, 3), made.read(found, 99, 3)) == (content, content[2:5], b"")
    store.client().put_object(Bucket="lake", Key=found.path, Body=content[::-1])
    (again,) = made.resolve(read_entries([{"uri": "s3://lake/s/b c+ü&%.csv"}]))
    assert again.size == found.size
    assert again.version != found.version  # within the same second


def test_objects_that_change_while_they_are_read_are_noticed(made: Places, store: ObjectStore) -> None:
    client = store.client()
    for number in range(40):
        client.put_object(Bucket="lake", Key=f"changing/{number:02}.csv", Body=b"1\n2\n")
    with duckdb.connect() as root:
        reach = Reach(made, root)
        for files in ("changing/00.csv", "changing/"):  # one is asked for, many are listed
            found = made.resolve(read_entries([{"uri": f"s3://lake/{files}"}]))
            reach.prepare(root, found)
            with reach.files(root, found) as paths:
                assert root.execute("SELECT count(*) FROM read_csv(?, header = false)", [paths]).fetchall()[0][0] > 0
            with pytest.raises(LakeError, match=r"00\.csv has changed while"), reach.files(root, found):
                client.put_object(Bucket="lake", Key="changing/00.csv", Body=files.encode())
        client.delete_object(Bucket="lake", Key="changing/01.csv")
        with pytest.raises(LakeError, match=r"has changed while"), reach.files(root, found):
            pass


def test_what_the_store_answered_tells_which_state_was_read(made: Places, store: ObjectStore) -> None:
    found = made.resolve(read_entries([{"uri": "s3://lake/s/"}]))
    query = "SELECT count(*) FROM read_csv(?, header = false, auto_detect = false, columns = {'c': 'VARCHAR'})"
    with duckdb.connect() as root:
        reach = Reach(made, root)
        reach.prepare(root, found)
        before = store.requests("HEAD")
        with reach.files(root, found, [root]) as paths:
            assert root.execute(query, [paths]).fetchall() == [(3,)]
        assert store.requests("HEAD") == before + 3  # DuckDB's own

        def read_as_it_changes() -> None:
            with reach.files(root, found, [root]) as paths:
                store.client().put_object(Bucket="lake", Key=found[1].path, Body=b"other")
                root.execute(query, [paths]).fetchall()

        with pytest.raises(LakeError, match=r"ü&%\.csv has changed while"):
            read_as_it_changes()
        with pytest.raises(LakeError, match=r"ü&%\.csv has changed while"), reach.files(root, found, [root]):
            pass  # of what nothing was read, the store is asked


def test_many_objects_come_in_pages(made: Places, store: ObjectStore) -> None:
    client = store.client()
    for number in range(1003):
        client.put_object(Bucket="lake", Key=f"many/{number:05}.csv", Body=b"")
    assert keys(made, uri="s3://lake/many/") == [f"many/{number:05}.csv" for number in range(1003)]


def test_missing_and_refused(made: Places, places: Make, tmp_path: Path, store: ObjectStore) -> None:
    with pytest.raises(Missing, match="no such object"):
        keys(made, uri="s3://lake/none.csv")
    with pytest.raises(Missing, match="has no file"):
        keys(made, uri="s3://lake/none/")
    assert keys(made, uri="s3://lake/none/", allow_missing_files=True) == []
    file = tmp_path / "others.toml"
    for number, (change, words) in enumerate(
        [
            ({"secret_key": "wrong" * 8}, "secret key is not right"),
            ({"access_key": "AKIANOBODY"}, "does not know the access key"),
            ({"endpoint": "http://127.0.0.1:9"}, "does not answer"),
        ]
    ):
        file.write_text(store.secret("s3://lake/", **change) + "#" * number)
        file.chmod(0o600)
        with pytest.raises(LakeError, match=words) as caught:
            keys(places(lakehouse_secrets=file), uri="s3://lake/s/")
        assert store.secret_key not in str(caught.value)
    file.write_text(store.secret("s3://nowhere/"))
    with pytest.raises(StoreError, match="no such bucket"):
        keys(places(lakehouse_secrets=file), uri="s3://nowhere/s/")


class Expired(BaseHTTPRequestHandler):
    """Answers as Amazon's store does when a session's token has expired; moto checks none."""

    def do_HEAD(self) -> None:
        self.send_response(400)
        self.send_header("Content-Type", "application/xml")
        self.end_headers()

    def do_GET(self) -> None:
        assert self.headers["x-amz-security-token"] == "old"
        self.do_HEAD()
        self.wfile.write(b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_keys_that_have_expired_are_told_and_new_ones_taken(places: Make, tmp_path: Path, store: ObjectStore) -> None:
    store.client().put_object(Bucket="lake", Key="late/a.csv", Body=b"1")
    file = tmp_path / "session.toml"
    file.touch(0o600)
    with ThreadingHTTPServer(("127.0.0.1", 0), Expired) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            endpoint = f"http://127.0.0.1:{server.server_port}"
            file.write_text(store.secret("s3://lake/", endpoint=endpoint, session_token="old"))
            made = places(lakehouse_secrets=file)
            for uri in ("s3://lake/late/", "s3://lake/late/a.csv", "s3://lake/late/*.csv"):
                with pytest.raises(StoreError, match="the keys have expired") as caught:
                    keys(made, uri=uri)
                assert "old" not in str(caught.value)
        finally:
            server.shutdown()
    file.write_text(store.secret("s3://lake/"))
    assert keys(made, uri="s3://lake/late/a.csv") == ["late/a.csv"]


class Hostile(BaseHTTPRequestHandler):
    """A store whose lists do not end, and whose answers are not what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        piece = b"x" * (1 << 20)
        if "list-type" in self.path:
            empty = "prefix=empty" in self.path
            key = "" if empty else "<Contents><Key>a</Key><Size>1</Size></Contents>" * 1000
            more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
            self._answer(200, f"<L>{more}{key}</L>".encode())
        elif "endless" in self.path:
            self.send_response(206)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.server.came_to_an_end = True  # type: ignore[attr-defined]
        elif "short" in self.path:
            self.send_response(206)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"12345")
            self.close_connection = True
        else:
            self._answer(200 if "whole" in self.path else 206, b"0123456789")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Dripping(BaseHTTPRequestHandler):
    """Gives a byte now and then, each sooner than a reader loses patience."""

    def do_GET(self) -> None:
        self.send_response(206)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                self.wfile.write(b"1")
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_store_that_gives_too_much_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.stores.s3._MOST_LISTED", 5000)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between tries
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            bucket = Bucket(Access("n", "s3://b/", "r", f"http://127.0.0.1:{server.server_port}", True), "b")
            assert bucket.get("part", 3, 10) == b"0123456789"
            for key, offset, length, words in (
                ("endless", 0, 100, "longer than what was asked for"),
                ("part", 0, 5, "another part"),
                ("whole", 3, 10, "another part"),
                ("short", 0, 10, "cannot be reached"),
            ):
                with pytest.raises(LakeError, match=words):
                    bucket.get(key, offset, length)
            for prefix in ("full", "empty"):
                with pytest.raises(LakeError, match="does not come to an end"):
                    list(bucket.walk(prefix))
            assert not hasattr(server, "came_to_an_end")
        finally:
            server.shutdown()


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.stores.s3._PATIENCE", 0.2)
    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            bucket = Bucket(Access("n", "s3://b/", "r", f"http://127.0.0.1:{server.server_port}", True), "b")
            with pytest.raises(LakeError, match="too slowly"):
                bucket.get("a", 0, 1000)
        finally:
            server.shutdown()


def test_an_upload_that_another_aborts_is_an_error(store: ObjectStore) -> None:
    access = Access("n", "s3://lake/", "us-east-1", store.endpoint, True, store.access_key, store.secret_key)
    bucket = Bucket(access, "lake")
    upload = bucket.begin("gone/x")
    tag = bucket.put_part("gone/x", upload, 1, b"a" * (5 << 20))
    store.client().abort_multipart_upload(Bucket="lake", Key="gone/x", UploadId=upload)
    with pytest.raises(StoreError):
        bucket.put_part("gone/x", upload, 2, b"b")
    with pytest.raises(StoreError):
        bucket.complete("gone/x", upload, [tag])
    assert list(bucket.walk("gone/")) == []


@pytest.mark.parametrize("key", ["q?s3_endpoint=evil.example", "q#x", "q[1]", "q//x"])
def test_names_that_mean_something_else_to_the_store_are_refused(made: Places, store: ObjectStore, key: str) -> None:
    store.client().put_object(Bucket="lake", Key=f"odd/{key}", Body=b"")
    with pytest.raises(LakeError, match="cannot be read"):
        keys(made, bucket="lake", prefix=f"odd/{key}")
    store.client().delete_object(Bucket="lake", Key=f"odd/{key}")


def test_an_upload_is_seen_when_complete_and_gone_when_aborted(store: ObjectStore) -> None:
    access = Access("n", "s3://lake/", "us-east-1", store.endpoint, True, store.access_key, store.secret_key)
    bucket = Bucket(access, "lake")
    upload = bucket.begin("up/x")
    tags = [bucket.put_part("up/x", upload, 1, b"a" * (5 << 20)), bucket.put_part("up/x", upload, 2, b"b")]
    assert list(bucket.walk("up/")) == []
    bucket.complete("up/x", upload, tags)
    assert [(one.key, one.size) for one in bucket.walk("up/")] == [("up/x", (5 << 20) + 1)]
    upload = bucket.begin("up/y")
    bucket.put_part("up/y", upload, 1, b"a")
    bucket.abort("up/y", upload)
    assert "Uploads" not in store.client().list_multipart_uploads(Bucket="lake")
    bucket.put("up/z", b"small")
    bucket.delete("up/x")
    assert [one.key for one in bucket.walk("up/")] == ["up/z"]


@pytest.mark.parametrize("token", ["", "session/token=="])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_signatures_are_those_of_amazons_own_client(method: str, token: str) -> None:
    access = Access("n", "s3://b/", "eu-west-1", "", False, "AKIDEXAMPLE", "secret/key", token)
    body = b"body" if method == "PUT" else b""
    path, query = "/a%20b/%C3%BC%26.csv", "partNumber=1&uploadId=x%2Fy"
    now = datetime.now(UTC)
    given = sign(access, "b.s3.eu-west-1.amazonaws.com", method, path, query, {"range": "bytes=0-1"}, body, False, now)
    url = f"http://b.s3.eu-west-1.amazonaws.com{path}?{query}"
    request = AWSRequest(method, url, {"range": "bytes=0-1"}, body)
    signer = S3SigV4Auth(Credentials("AKIDEXAMPLE", "secret/key", token or None), "s3", "eu-west-1")
    request.context["timestamp"] = given["x-amz-date"]
    request.headers["x-amz-date"] = given["x-amz-date"]
    request.headers["x-amz-content-sha256"] = given["x-amz-content-sha256"]
    if token:
        request.headers["x-amz-security-token"] = token
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert given["authorization"].endswith(f"Signature={expected}")


def test_secrets_are_chosen_by_scope_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s.toml"
    (tmp_path / "credentials").write_text("[p]\naws_access_key_id = PK\naws_secret_access_key = PSECRET\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "EK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ESECRET")
    file.write_text(
        '[all]\nscope = "s3://b/"\naccess_key = "AK"\nsecret_key = "ASECRET"\nsession_token = "ATOKEN"\n'
        '[deep]\nscope = "s3://b/deep"\nprofile = "p"\nregion = "eu-west-1"\n'
        '[env]\nscope = "s3://e/"\nenvironment = true\n'
    )
    file.chmod(0o600)
    secrets = Secrets(file)
    assert secrets.access("b", "x").access_key == "AK"
    assert secrets.access("b", "deeper").access_key == "AK"  # a folder's scope is no other folder's
    assert secrets.access("b", "deep/x").secret_key == "PSECRET"
    assert secrets.access("e", "x").access_key == "EK"
    assert secrets.access("other", "x", "eu-west-3") == Access("", "s3://other/", "eu-west-3")
    with pytest.raises(LakeError, match="region us-east-2 is not"):
        secrets.access("b", "deep/x", "us-east-2")
    assert "SECRET" not in repr(secrets.access("b", "x"))
    assert "TOKEN" not in repr(secrets.access("b", "x"))
    file.chmod(0o644)
    with pytest.raises(LakeError, match="can be read by others"):
        Secrets(file).access("b", "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[a]\nscope = "s3://b/"\nacess_key = "SECRET"', "unknown key"),
        ('[a]\nscope = "s3://b/"\naccess_key = "SECRET"', "needs access_key with secret_key"),
        ('[a]\naccess_key = "SECRET"\nsecret_key = "SECRET"', "needs scope"),
        ('[a]\nscope = "s3://b/"\naccess_key = "SECRET', "no valid TOML"),
        ('[a]\nscope = "s3://b/"\nanonymous = true\nendpoint = "ftp://SECRET"', "endpoint of"),
        ('a = "SECRET"', "no .section."),
        ('[a]\nscope = "s3://b/"\nprofile = "nobody"', "profile of .a."),
    ],
)
def test_a_wrong_secrets_file_is_told_without_its_values(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(LakeError, match=words) as caught:
        Secrets(file).access("b", "x")
    assert "SECRET" not in str(caught.value)
