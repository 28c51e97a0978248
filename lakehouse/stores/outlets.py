"""Where an export is written: files that come into being together, or not at all.

On this machine they grow in a folder whose name begins with a dot and that is renamed in the end. In a store they are
uploads in parts, all of which are completed in the end, or aborted: an object appears when it is complete.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry
from lakehouse.stores.journal import Journal, recover
from lakehouse.stores.places import Places
from lakehouse.stores.s3 import Bucket, StoreError

log = logging.getLogger(__name__)

_PART = 8 << 20  # bytes; a store takes 10,000 parts of at least 5 MiB
_MOST_PARTS = 10_000
_MOST_PAGES = 1_000  # of lists of uploads, each of a thousand
_DIGITS = 4


class Stream(Protocol):
    """A file that is being written."""

    written: int

    def write(self, data: Any) -> None:
        """Add bytes. Raises LakeError."""

    def close(self) -> None:
        """No more bytes come. Raises LakeError."""


class Outlet(Protocol):
    """An export's files. `prefix` is the address that all of them begin with."""

    prefix: str
    folder: str  # the last part of it, which is this export's alone

    def open(self, name: str) -> Stream:
        """Begin a file. Raises LakeError."""

    def commit(self, log_entry: bytes = b"") -> None:
        """Let all files appear. With `log_entry` they are a Delta table's first version, or LakeError if there is one.

        Raises LakeError, and then nothing is there.
        """

    def abort(self) -> None:
        """Remove everything. Raises nothing."""


def unique_name() -> str:
    """A name that no other export has, in the order of time."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(_DIGITS)}"


def open_outlet(places: Places, place: Entry, journals: Path) -> Outlet:
    """Begin an export to a place. Raises LakeError."""
    name = unique_name()
    kinds: dict[str, Callable[[Places, Entry, str, Path], Outlet]] = {"file": LocalOutlet, "s3": StoreOutlet}
    return kinds[place.scheme](places, place, name, journals)


_LOG = "_delta_log/00000000000000000000.json"


class _LocalStream:
    def __init__(self, number: int, shown: str) -> None:
        self._file = os.fdopen(number, "wb", buffering=1 << 20)
        self._shown = shown
        self.written = 0

    def write(self, data: Any) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise LakeError(f"{self._shown} cannot be written: {error.strerror}") from None
        self.written += memoryview(data).nbytes

    def close(self) -> None:
        try:
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
        except OSError as error:
            raise LakeError(f"{self._shown} cannot be written: {error.strerror}") from None


class LocalOutlet:
    """A folder of this machine."""

    def __init__(self, places: Places, place: Entry, name: str, journals: Path) -> None:
        self.prefix = f"{place.address}{name}/"
        self.folder = name
        self._hidden = f".{name}"
        self._held = ExitStack()
        self._journal = Journal(journals, name)
        self._journal.note(scheme="file", path=place.path, hidden=self._hidden, name=name)
        self._names: list[str] = []
        try:
            self._at = self._held.enter_context(places.folders.made_folder(place.path))
            os.mkdir(self._hidden, dir_fd=self._at)
            self._inside = os.open(self._hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._at)
            self._held.callback(os.close, self._inside)
        except (OSError, LakeError) as error:
            self._close(error)
            told = error.reason if isinstance(error, LakeError) else f"{place.shown}: {error.strerror}"
            raise LakeError(f"An export cannot be written: {told}") from None

    def open(self, name: str) -> Stream:
        """Begin a file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            number = os.open(name, flags, 0o666, dir_fd=self._inside)
        except OSError as error:
            raise LakeError(f"{self.prefix}{name} cannot be written: {error.strerror}") from None
        self._names.append(name)
        return _LocalStream(number, f"{self.prefix}{name}")

    def commit(self, log_entry: bytes = b"") -> None:
        """Rename the folder; a Delta table's log entry appears behind it, in one step as well."""
        try:
            if log_entry:
                self._journal.note(log=True)
            os.fsync(self._inside)
            os.rename(self._hidden, self.folder, src_dir_fd=self._at, dst_dir_fd=self._at)
            self._hidden = self.folder  # what is to be removed from here on
            if log_entry:
                self._add_log(log_entry)
            os.fsync(self._at)
        except OSError as error:
            self._remove()
            self._close(error)
            told = "there is a Delta table already" if isinstance(error, FileExistsError) else error.strerror
            raise LakeError(f"{self.prefix} cannot be written: {told}") from None
        self._close(None)

    def _add_log(self, entry: bytes) -> None:
        log_folder, name = _LOG.split("/")
        with suppress(FileExistsError):
            os.mkdir(log_folder, dir_fd=self._at)
        inside = os.open(log_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._at)
        draft = f".{self.folder}.json"
        try:
            number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=inside)
            with os.fdopen(number, "wb") as file:
                file.write(entry)
                file.flush()
                os.fsync(number)
            os.link(draft, name, src_dir_fd=inside, dst_dir_fd=inside)  # fails when another was there first
        finally:
            with suppress(OSError):
                os.unlink(draft, dir_fd=inside)
            os.close(inside)

    def abort(self) -> None:
        """Remove the folder."""
        self._remove()
        self._close(LakeError("aborted"))

    def _remove(self) -> None:
        for name in self._names:
            with suppress(OSError):
                os.unlink(name, dir_fd=self._inside)
        with suppress(OSError):
            os.rmdir(self._hidden, dir_fd=self._at)

    def _close(self, error: BaseException | None) -> None:
        """Close the descriptors; with an error the folders that were made go as well."""
        with suppress(BaseException):
            self._held.__exit__(type(error) if error else None, error, None)
        self._journal.end()


class _StoreStream:
    def __init__(self, bucket: Bucket, key: str, upload: str) -> None:
        self._bucket = bucket
        self.key = key
        self.upload = upload
        self.tags: list[str] = []
        self._waiting = bytearray()
        self.written = 0

    def write(self, data: Any) -> None:
        self._waiting += memoryview(data).cast("B")
        self.written += memoryview(data).nbytes
        while len(self._waiting) >= _PART:
            self._send(bytes(self._waiting[:_PART]))
            del self._waiting[:_PART]

    def close(self) -> None:
        if self._waiting or not self.tags:
            self._send(bytes(self._waiting))
            self._waiting.clear()

    def _send(self, part: bytes) -> None:
        if len(self.tags) >= _MOST_PARTS:
            raise LakeError(f"s3://{self._bucket.name}/{self.key} is longer than a store takes")
        self.tags.append(self._bucket.put_part(self.key, self.upload, len(self.tags) + 1, part))


class StoreOutlet:
    """A prefix in an object store."""

    def __init__(self, places: Places, place: Entry, name: str, journals: Path) -> None:
        self.prefix = f"{place.address}{name}/"
        self.folder = name
        self._base = place.path
        self._bucket = places.bucket(place.root, place.path, place.region)
        self._streams: list[_StoreStream] = []
        self._is_unheard = False  # an upload may have begun whose id was not heard of
        self._has_log = False  # it was asked for, which does not say that it was written
        self._journal = Journal(journals, name)
        self._journal.note(scheme="s3", bucket=place.root, path=place.path, region=place.region, name=name)

    def open(self, name: str) -> Stream:
        """Begin an upload."""
        key = f"{self._base}{self.folder}/{name}"
        self._journal.note(key=key)
        try:
            upload = self._bucket.begin(key)
        except LakeError as error:
            self._is_unheard = self._bucket.reached and not 400 <= getattr(error, "status", 500) < 500
            raise
        self._streams.append(_StoreStream(self._bucket, key, upload))
        return self._streams[-1]

    def commit(self, log_entry: bytes = b"") -> None:
        """Complete every upload."""
        try:
            if log_entry:
                self._journal.note(log=True)
            for stream in self._streams:
                self._bucket.complete(stream.key, stream.upload, stream.tags)
            if log_entry:
                self._add_log(log_entry)
        except LakeError:
            self.abort()
            raise
        self._close()

    def _add_log(self, entry: bytes) -> None:
        key, self._has_log = f"{self._base}{_LOG}", True
        try:
            # The condition makes the first of two writers win, in stores that know it.
            self._bucket.request("PUT", key, headers={"if-none-match": "*"}, body=entry)
        except LakeError as error:
            with suppress(LakeError):
                if self._is_logged():
                    return  # only the store's answer was lost
            told = "there is a Delta table already" if getattr(error, "status", 0) in (409, 412) else error.reason
            raise LakeError(f"{self.prefix} cannot be written: {told}") from None

    def abort(self) -> None:
        """Abort the uploads, and remove those that were completed; what the store does not do now is done later."""
        try:
            if not (self._has_log and self._is_logged()):  # the table is there for all who read it
                _undo(self._bucket, [(stream.key, stream.upload) for stream in self._streams])
                if self._is_unheard:
                    _abort_all(self._bucket, f"{self._base}{self.folder}/")
        except LakeError as error:
            log.warning("the failed export %s cannot be removed now, and will be: %s", self.prefix, error)
            self._bucket.close()
            self._journal.leave()
            return
        self._close()

    def _is_logged(self) -> bool:
        return self.folder.encode() in _log_of(self._bucket, self._base)

    def _close(self) -> None:
        self._bucket.close()
        self._journal.end()


def _undo(bucket: Bucket, uploads: list[tuple[str, str]]) -> None:
    """Remove what uploads have left, of which some may have no id. Raises LakeError when the store does not do it."""
    for key, upload in uploads:
        is_aborted = bool(upload) and _done(bucket.abort, key, upload)
        try:
            _done(bucket.delete, key)
        except LakeError as error:
            if not (is_aborted and getattr(error, "status", 0) == 403):
                raise  # who may not delete has no object there if the upload was not completed


def _done(step: Callable[..., None], *arguments: str) -> bool:
    """Tell whether there was something to do it to. Raises LakeError when it is not done."""
    try:
        step(*arguments)
    except LakeError as error:
        if getattr(error, "status", 0) == 404:
            return False
        raise
    return True


def _abort_all(bucket: Bucket, prefix: str) -> None:
    """Abort the uploads under way below a prefix. Raises LakeError."""
    try:
        for _ in range(_MOST_PAGES):
            uploads = bucket.uploads(prefix)
            if not uploads:
                return
            for key, upload in uploads:
                _done(bucket.abort, key, upload)
    except StoreError as error:
        if error.status != 404:  # the bucket is gone
            raise
        return
    raise LakeError(f"s3://{bucket.name}/{prefix}: the store lists uploads that it has aborted")


def remove_unfinished(places: Places, journals: Path) -> dict[str, str]:
    """Remove what exports have left that could not end; gives why that is not possible now, by the exports' names."""

    def undo(steps: list[dict[str, Any]]) -> None:
        if not steps:
            return
        first, *rest = steps
        has_log = any("log" in step for step in rest)
        if first["scheme"] == "file":
            with suppress(LakeError), places.folders.folder(first["path"]) as (at, _):
                _undo_local(at, first, has_log)
            return
        bucket = places.bucket(first["bucket"], first["path"], first["region"])
        try:
            if has_log and first["name"].encode() in _log_of(bucket, first["path"]):
                return  # the table is there
            _abort_all(bucket, f"{first['path']}{first['name']}/")
            _undo(bucket, [(step["key"], "") for step in rest if "key" in step])
        finally:
            bucket.close()

    return recover(journals, undo)


def _undo_local(at: int, first: dict[str, Any], has_log: bool) -> None:
    names = [first["hidden"]]
    if has_log:
        with suppress(FileNotFoundError), open(os.open(_LOG, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=at), "rb") as file:
            if first["name"].encode() in file.read():
                return
        names.append(first["name"])
    for name in names:
        with suppress(FileNotFoundError):
            inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            for file_name in os.listdir(inside):
                os.unlink(file_name, dir_fd=inside)
            os.close(inside)
            os.rmdir(name, dir_fd=at)


def _log_of(bucket: Bucket, path: str) -> bytes:
    try:
        return bucket.get(f"{path}{_LOG}", 0, 16 << 20)
    except LakeError as error:
        if getattr(error, "status", 0) == 404:
            return b""
        raise
