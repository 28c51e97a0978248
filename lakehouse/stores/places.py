"""Where the files of a table are: entries resolved to files, and parts of files read, wherever they lie."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from base.errors import LakeError
from base.settings import Settings
from lakehouse.descriptions.entries import Entry, Scheme, address, shown
from lakehouse.stores.guard import Guard
from lakehouse.stores.local import Folders, LocalFile, Missing, version_of
from lakehouse.stores.match import fixed_part, glob_as_regex, matching
from lakehouse.stores.s3 import Bucket, Object
from lakehouse.stores.secrets import Access, Secrets

_File = TypeVar("_File", LocalFile, Object)

_FEW = 16  # objects that are asked for one by one
MOST_FILES = 1_000_000  # of one table
_MARKS = frozenset("?*[]#")  # what DuckDB reads as something else than a part of an object's name


@dataclass(frozen=True, slots=True)
class Found:
    """One file. Equal `version`s mean equal content; `size` is in bytes.

    `root` and `path` are its entry's, the path that of this file; `real` is what is opened on this machine. Folders
    behind the first `base` characters of `path` may be partitions.
    """

    scheme: Scheme
    root: str
    path: str
    size: int
    version: str
    base: int = 0
    region: str = ""
    real: str = ""

    @property
    def uri(self) -> str:
        """The whole address. It may hold a signature: `shown` is for people."""
        return address(self.scheme, self.root, self.path)

    @property
    def shown(self) -> str:
        """The address without what gives access."""
        return shown(self.uri)

    @property
    def etag(self) -> str:
        """What a store said of an object's state."""
        return self.version.rpartition("-")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders between the entry's own and the file."""
        return tuple(self.path[self.base :].partition("?")[0].split("/")[:-1])


class Places:
    """Everything that the settings let users read. Safe for several threads."""

    def __init__(self, settings: Settings) -> None:
        self.guard = Guard(settings.lakehouse_private_addresses)
        self.folders = Folders(settings.lakehouse_paths)
        self._secrets = Secrets(settings.lakehouse_secrets)

    def resolve(self, entries: Iterable[Entry], allow_missing: bool = False) -> list[Found]:
        """Give the files of entries in their order, inside an entry by name; a file named twice is there twice.

        Raises Missing for an entry without a file, unless `allow_missing` or the entry itself allows it, and LakeError,
        also for more files than a table may have.
        """
        found: list[Found] = []
        for entry in entries:
            allowed = allow_missing if entry.allow_missing is None else entry.allow_missing
            try:
                files = _RESOLVERS[entry.scheme](self, entry)
                if not files:
                    raise Missing(f"{entry.shown} has no file")
            except Missing:
                if not allowed:
                    raise
                files = []
            found += sorted(files, key=lambda file: file.path)
            if len(found) > MOST_FILES:
                raise LakeError(f"{entry.shown} and what is named before it have more than {MOST_FILES} files")
        return found

    def access(self, found: Found) -> Access:
        """How an object of S3 is reached. Raises LakeError."""
        return self._secrets.access(found.root, found.path, found.region)

    def bucket(self, name: str, path: str, region: str = "") -> Bucket:
        """A connection to the bucket with the access that holds for a path in it; the caller closes it."""
        return Bucket(self._secrets.access(name, path, region), name)

    def open(self, found: Found) -> int:
        """Open a file of this machine and give its descriptor: of the file that was found, or LakeError."""
        number, _ = self.folders.open_file(found.real)
        if version_of(os.fstat(number)) != found.version:
            os.close(number)
            raise LakeError(f"{found.shown} has changed since it was looked up")
        return number

    def read(self, found: Found, offset: int, length: int) -> bytes:
        """Read a part of a file, less than asked for at its end. Raises LakeError, also when it has changed."""
        return _READERS[found.scheme](self, found, offset, length)

    def changed(self, found: Sequence[Found]) -> Found | None:
        """Give the first object or file of a web server that is not any more what it was. Raises LakeError."""
        objects: dict[tuple[str, str], list[Found]] = {}
        for file in found:
            if file.scheme == "s3":
                objects.setdefault((file.root, file.region), []).append(file)
            elif file.scheme == "https":
                now = self._resolve_https(Entry("name", "https", file.root, file.path))
                if now[0].version != file.version:
                    return file
        for files in objects.values():
            versions = self._versions(files)
            for file in files:
                if versions.get(file.path) != file.version:
                    return file
        return None

    def _versions(self, files: Sequence[Found]) -> dict[str, str]:
        """What some objects of one bucket are now: asked one by one when they are few, else from a listing."""
        first, last = min(file.path for file in files), max(file.path for file in files)
        common = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        bucket = self.bucket(files[0].root, first, files[0].region)
        try:
            if len(files) > _FEW:
                return {one.key: _version(one) for one in bucket.walk(first[:common])}
            return {file.path: _version(bucket.head(file.path)) for file in files}
        except Missing:
            return {}
        finally:
            bucket.close()

    # --- this machine ---

    def _resolve_local(self, entry: Entry) -> list[Found]:
        self.folders.check(entry.path)
        if entry.kind == "name":
            return [_local(self.folders.file(entry.path), entry, _folder(entry.path))]
        start = fixed_part(entry.path) if entry.kind == "glob" else _folder(entry.path)
        files = self.folders.walk(start, entry.path[len(start) :] if entry.kind == "prefix" else "")
        return [_local(file, entry, start) for file in _chosen(files, entry, lambda file: file.path)]

    def _read_local(self, found: Found, offset: int, length: int) -> bytes:
        number = self.open(found)
        try:
            parts, at = [], offset
            while at < offset + length and (part := os.pread(number, offset + length - at, at)):
                parts.append(part)
                at += len(part)
            return b"".join(parts)
        except OSError as error:
            raise LakeError(f"{found.shown} cannot be read: {error.strerror}") from None
        finally:
            os.close(number)

    # --- S3 ---

    def _resolve_s3(self, entry: Entry) -> list[Found]:
        bucket = self.bucket(entry.root, "" if entry.kind == "pattern" else fixed_part(entry.path), entry.region)
        if entry.kind == "name":
            bucket = self.bucket(entry.root, entry.path, entry.region)
        try:
            if entry.kind == "name":
                return [_object(bucket.head(entry.path), entry, _folder(entry.path))]
            start = {"prefix": entry.path, "glob": fixed_part(entry.path), "pattern": ""}[entry.kind]
            base = _folder(start)
            walk = (
                one for one in bucket.walk(start) if not one.key.endswith("/") and not _is_hidden(one.key[len(base) :])
            )
            objects = list(islice(walk, MOST_FILES + 1))  # a list may be endless
            if len(objects) > MOST_FILES:
                raise LakeError(f"{entry.shown} has more than {MOST_FILES} files")
            return [_object(one, entry, base) for one in _chosen(objects, entry, lambda one: one.key)]
        finally:
            bucket.close()

    def _read_s3(self, found: Found, offset: int, length: int) -> bytes:
        bucket = self.bucket(found.root, found.path, found.region)
        try:
            return bucket.get(found.path, offset, length)
        finally:
            bucket.close()

    # --- https ---

    def _resolve_https(self, entry: Entry) -> list[Found]:
        if entry.kind != "name":
            raise LakeError(f"{entry.shown}: a web server lists no files, so an https:// address is that of one file")
        # A GET of one byte: a signed URL is signed for GET, and HEAD would be refused.
        answer, connection = self.guard.get(entry.address, {"Range": "bytes=0-0", "Accept-Encoding": "identity"})
        with closing(connection):
            total = (answer.getheader("Content-Range") or "").rpartition("/")[2]
            if answer.status != 206 or not total.isdigit():
                # An empty file has no first byte; a server without ranges cannot be read in place.
                total = answer.getheader("Content-Length") or ""
                if total != "0":
                    raise LakeError(f"{entry.shown}: the server does not give parts of the file (HTTP ranges)")
            tags = [answer.getheader(name) or "" for name in ("ETag", "Last-Modified")]
        if not any(tags):
            raise LakeError(
                f"{entry.shown}: the server gives neither ETag nor Last-Modified, so a change would not be seen"
            )
        version = "-".join([*tags, total])
        return [Found("https", entry.root, entry.path, int(total), version, _folder_length(entry.path))]

    def _read_https(self, found: Found, offset: int, length: int) -> bytes:
        if length <= 0 or offset >= found.size:
            return b""
        last = min(offset + length, found.size) - 1
        headers = {"Range": f"bytes={offset}-{last}", "Accept-Encoding": "identity"}
        answer, connection = self.guard.get(found.uri, headers)
        with closing(connection):
            data = answer.read(last - offset + 1) if answer.status == 206 else b""
        if len(data) != last - offset + 1:
            raise LakeError(f"{found.shown} has changed, or its server gives no parts of it")
        return data


def _chosen(files: Sequence[_File], entry: Entry, name: Callable[[_File], str]) -> list[_File]:
    if entry.kind == "prefix":
        return list(files)
    regex = glob_as_regex(entry.path) if entry.kind == "glob" else entry.path
    try:
        wanted = matching([name(file) for file in files], regex)
    except UnicodeEncodeError:
        raise LakeError(f"{entry.shown} has files whose names are not UTF-8") from None
    return [file for file, is_wanted in zip(files, wanted, strict=True) if is_wanted]


def _folder(path: str) -> str:
    """A path up to its last slash."""
    return path[: path.rfind("/") + 1]


def _folder_length(path: str) -> int:
    return len(_folder(path.partition("?")[0]))


def _is_hidden(key: str) -> bool:
    """Tell whether a name below a prefix is passed over: those of logs and of files being written begin like this."""
    return any(part.startswith((".", "_")) for part in key.split("/"))


def _local(file: LocalFile, entry: Entry, base: str) -> Found:
    return Found("file", "", file.path, file.size, file.version, len(base), real=file.real)


def _object(found: Object, entry: Entry, base: str) -> Found:
    if _MARKS & set(found.key) or "//" in found.key or found.key.startswith("/"):
        raise LakeError(f"s3://{entry.root}/{found.key}: a name with one of ? * [ ] # or // cannot be read")
    return Found("s3", entry.root, found.key, found.size, _version(found), len(base), entry.region)


def _version(found: Object) -> str:
    return f"{found.etag}-{found.size}"


_RESOLVERS: dict[Scheme, Callable[[Places, Entry], list[Found]]] = {
    "file": Places._resolve_local,
    "s3": Places._resolve_s3,
    "https": Places._resolve_https,
}
_READERS: dict[Scheme, Callable[[Places, Found, int, int], bytes]] = {
    "file": Places._read_local,
    "s3": Places._read_s3,
    "https": Places._read_https,
}
