"""A store that goes away amid an export, refuses, or loses an answer: nothing is left once it is back."""

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from base.errors import LakeError
from engine.lake.export import Exporter, Written
from engine.lake.remains import Remains
from lakehouse.descriptions.export_spec import read_spec
from lakehouse.stores import s3
from lakehouse.stores.places import Places
from tests.live.object_store import ObjectStore
from wire.constants import FieldType
from wire.responses import ColumnDefinition

DEFINITIONS = [ColumnDefinition("id", FieldType.LONGLONG, charset=63, length=20)]
REFUSED = {
    "denied": (403, b"<Error><Code>AccessDenied</Code></Error>"),
    "gone": (404, b"<Error><Code>NoSuchBucket</Code></Error>"),
}


class Way(ThreadingHTTPServer):
    """The way to a store. `fate` tells what becomes of a request.

    It is "passed", passed with its answer "unheard", "lost", "denied", or answered as if the bucket were "gone".
    """

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = store.endpoint.partition("//")[2]
        self.fate: Callable[[str, str], str] = lambda method, path: "passed"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Way

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fate = self.server.fate(self.command, self.path)
        if fate in REFUSED:
            status, told = REFUSED[fate]
            self.send_response(status)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
        if fate not in ("passed", "unheard"):
            return
        connection = http.client.HTTPConnection(self.server.target)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if fate == "passed":
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("server", "date", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_request

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def way(store: ObjectStore) -> Iterator[Way]:
    made = Way(store)
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


class Site:
    """What exports by the way."""

    def __init__(self, places: Places, store: ObjectStore, journals: Path) -> None:
        self.client = store.client()
        self.journals = journals
        self.exporter = Exporter(places, journals, 40_000)
        self.remains = Remains(places, journals)

    def begin(self, between: Callable[[], None] = lambda: None, format: str = "csv", place: str = "away") -> Written:
        """Write three files; `between` is called when the first is written."""
        spec = read_spec({"file": [{"uri": f"s3://lake/{place}/"}], "dialect": {"format": format}})
        one = pa.RecordBatch.from_arrays([pa.array(range(10**12, 10**12 + 6000), pa.int64())], names=["id"])

        def batches() -> Iterator[pa.RecordBatch]:
            yield one
            yield one
            between()
            yield one

        return self.exporter.export(spec, DEFINITIONS, batches(), "mysql", lambda: None, lambda _: None)

    def left(self, place: str = "away") -> list[Any]:
        """What the store and the journals have."""
        return [
            *self.client.list_multipart_uploads(Bucket="lake").get("Uploads", []),
            *self.client.list_objects_v2(Bucket="lake", Prefix=f"{place}/").get("Contents", []),
            *self.journals.iterdir(),
        ]

    def clear(self, place: str) -> None:
        """Remove what was exported."""
        for one in self.client.list_objects_v2(Bucket="lake", Prefix=f"{place}/").get("Contents", []):
            self.client.delete_object(Bucket="lake", Key=one["Key"])


@pytest.fixture
def site(
    way: Way, store: ObjectStore, places: Callable[..., Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    monkeypatch.setattr(s3, "_TRIES", 2)
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(store.secret("s3://lake/", endpoint=way.endpoint))
    secrets.chmod(0o600)
    return Site(places(lakehouse_secrets=secrets), store, tmp_path / "journals")


@pytest.mark.parametrize(("fate", "told"), [("lost", "the store cannot be reached"), ("denied", "access is denied")])
def test_a_store_that_goes_away_between_two_files(site: Site, way: Way, fate: str, told: str) -> None:
    def end() -> None:
        way.fate = lambda method, path: fate

    with pytest.raises(LakeError, match=told):
        site.begin(end)
    assert site.left()  # as nobody could remove it
    assert site.remains.remove()
    assert site.left()
    way.fate = lambda method, path: "passed"
    assert not site.remains.remove()
    assert site.left() == []
    site.begin().commit()
    assert len(site.left()) == 3
    site.clear("away")


@pytest.mark.parametrize("fate", ["lost", "denied"])
def test_a_store_that_goes_away_when_some_files_have_appeared(site: Site, way: Way, fate: str) -> None:
    written = site.begin()
    completed: list[str] = []

    def of(method: str, path: str) -> str:
        if method == "POST" and not completed:
            completed.append(path)
            return "passed"
        return fate

    way.fate = of
    with pytest.raises(LakeError):
        written.commit()
    assert completed
    way.fate = lambda method, path: "passed"
    assert not site.remains.remove()
    assert site.left() == []


def test_an_upload_whose_id_was_not_heard_of_is_aborted(site: Site, way: Way) -> None:
    way.fate = lambda method, path: "unheard" if path.endswith("?uploads=") else "passed"
    with pytest.raises(LakeError, match="the store cannot be reached"):
        site.begin()
    assert site.left() == []


def test_a_store_that_was_never_reached_has_nothing_to_be_removed(site: Site, way: Way) -> None:
    way.shutdown()
    way.server_close()
    with pytest.raises(LakeError, match="the store cannot be reached"):
        site.begin()
    assert list(site.journals.iterdir()) == []


def test_from_a_bucket_that_is_gone_nothing_is_to_be_removed(site: Site, way: Way) -> None:
    with pytest.raises(LakeError, match="the store cannot be reached"):
        site.begin(lambda: setattr(way, "fate", lambda method, path: "lost"))
    way.fate = lambda method, path: "gone"
    assert not site.remains.remove()
    assert list(site.journals.iterdir()) == []
    for upload in site.client.list_multipart_uploads(Bucket="lake")["Uploads"]:
        site.client.abort_multipart_upload(Bucket="lake", Key=upload["Key"], UploadId=upload["UploadId"])


def test_a_bucket_that_is_removed_amid_an_export(site: Site, way: Way) -> None:
    with pytest.raises(LakeError, match="there is no such bucket"):
        site.begin(lambda: setattr(way, "fate", lambda method, path: "gone"))
    assert list(site.journals.iterdir()) == []
    for upload in site.client.list_multipart_uploads(Bucket="lake")["Uploads"]:
        site.client.abort_multipart_upload(Bucket="lake", Key=upload["Key"], UploadId=upload["UploadId"])


def test_who_may_not_delete_leaves_no_journal(site: Site, way: Way) -> None:
    def of(method: str, path: str) -> str:
        is_refused = method == "DELETE" and "uploadId" not in path
        return "denied" if is_refused or ("n1-t1-c3" in path and method == "PUT") else "passed"

    way.fate = of
    with pytest.raises(LakeError, match="access is denied"):
        site.begin()
    assert site.left() == []


def test_what_runs_is_left_alone(site: Site) -> None:
    written = site.begin()
    assert not site.remains.remove()
    written.commit()
    assert not site.remains.remove()
    assert len(site.left()) == 3
    site.clear("away")


def test_a_delta_table_whose_log_was_written_unheard_is_there(site: Site, way: Way) -> None:
    written = site.begin(format="delta", place="unheard")
    way.fate = lambda method, path: "unheard" if method == "PUT" and "_delta_log" in path else "passed"
    written.commit()
    assert len(site.left("unheard")) == 4
    site.clear("unheard")


def test_a_delta_table_of_which_nobody_knows_whether_it_is_there_is_not_taken_apart(site: Site, way: Way) -> None:
    written = site.begin(format="delta", place="unknown")
    asked: list[str] = []

    def of(method: str, path: str) -> str:
        if "_delta_log" in path:
            asked.append(path)
            return "unheard"
        return "lost" if asked else "passed"

    way.fate = of
    with pytest.raises(LakeError, match="the store cannot be reached"):
        written.commit()
    way.fate = lambda method, path: "passed"
    assert not site.remains.remove()
    assert len(site.left("unknown")) == 4  # the log was written, and the files that it names are there
    site.clear("unknown")
