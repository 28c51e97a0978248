"""One entry of a table's `file` list, or of an export's, as a value: what is meant by it, not yet whether it is there.

The address forms are HeatWave's (`par`, `uri`, `bucket` with `name`, `prefix` or `pattern`), and paths of this machine.
A URI that ends in "/" is a prefix, one with ?, * or [ a glob, any other the name of one file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from base.errors import LakeError

Kind = Literal["name", "prefix", "glob", "pattern"]
Scheme = Literal["file", "s3", "https"]

_SELECTORS = ("name", "prefix", "pattern")
_FORMS = {
    "uri": frozenset({"uri"}),
    "par": frozenset({"par", *_SELECTORS}),
    "bucket": frozenset({"bucket", "namespace", "region", *_SELECTORS}),
}
_FLAGS = ("is_strict_mode", "allow_missing_files")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # Amazon's rules; no other store is laxer in what we need
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PAR_TOKEN = re.compile(r"(/p/)[^/]+(?=/n/)")


@dataclass(frozen=True, slots=True)
class Entry:
    """An address: `root` is "" for this machine, a bucket, or https://host; `path` what `kind` says, below it."""

    kind: Kind
    scheme: Scheme
    root: str
    path: str
    region: str = ""
    strict: bool | None = None
    allow_missing: bool | None = None

    @property
    def address(self) -> str:
        """The whole address. It may hold a signature: `shown` is for people."""
        return address(self.scheme, self.root, self.path)

    @property
    def shown(self) -> str:
        """The address without what gives access."""
        return shown(self.address)


def address(scheme: Scheme, root: str, path: str) -> str:
    """Put an address together."""
    return {"file": f"file://{path}", "s3": f"s3://{root}/{path}", "https": f"{root}/{path}"}[scheme]


def shown(address: str) -> str:
    """Hide what gives access in an address: the query of a signed URL, the token of a pre-authenticated request."""
    if not address.startswith("https://"):
        return address
    bare, mark, _ = address.partition("?")
    return _PAR_TOKEN.sub(r"\1***", bare) + ("?***" if mark else "")


def read_entries(files: object) -> tuple[Entry, ...]:
    """Read a `file` list. Raises LakeError, which names the entry and the key that is wrong."""
    if not isinstance(files, Sequence) or isinstance(files, str) or not files:
        raise LakeError('"file" is not a list of at least one object')
    found: list[Entry] = []
    for number, raw in enumerate(files, 1):
        try:
            found.append(read_entry(raw))
        except LakeError as error:
            raise LakeError(f"File entry {number}: {error.reason}") from None
    return tuple(found)


def read_entry(raw: object) -> Entry:
    """Read one entry. Raises LakeError."""
    if not isinstance(raw, Mapping):
        raise LakeError("it is not an object")
    forms = [form for form in _FORMS if form in raw]
    if len(forms) != 1:
        raise LakeError('it needs one of "uri", "par" and "bucket"')
    form = forms[0]
    for key, value in raw.items():
        if key in _FLAGS:
            if not isinstance(value, bool):
                raise LakeError(f'"{key}" is not true or false')
        elif key not in _FORMS[form]:
            raise LakeError(f'key "{key}" is not known beside "{form}"')
        elif not isinstance(value, str) or not value or _CONTROL.search(value):
            raise LakeError(f'"{key}" is not a text, is empty or has control characters')
    flags = {"strict": raw.get("is_strict_mode"), "allow_missing": raw.get("allow_missing_files")}
    return {"uri": _from_uri, "par": _from_par, "bucket": _from_bucket}[form](raw, flags)


def _from_uri(raw: Mapping[str, Any], flags: dict[str, Any]) -> Entry:
    uri = raw["uri"]
    scheme, mark, rest = uri.partition("://")
    if not mark:
        if not uri.startswith("/"):
            raise LakeError("a path must begin with /")
        return Entry(_kind_of(uri), "file", "", uri, **flags)
    match scheme.lower():
        case "file":
            return _from_file_url(rest, flags)
        case "s3" | "s3a":
            bucket, _, key = rest.partition("/")
            return Entry(_kind_of(key or "/"), "s3", _bucket(bucket), key, **flags)
        case "https":
            root, path = _split_https(uri)
            # A star or a bracket in a URL is no glob: a plain web server lists nothing.
            return Entry("prefix" if path.endswith("/") or not path else "name", "https", root, path, **flags)
        case "oci":
            raise LakeError("oci:// is not supported: give a pre-authenticated request, or the S3 address of the store")
    raise LakeError(f"addresses of kind {scheme[:20]}:// are not supported: s3://, https://, file:// and paths are")


def _from_file_url(rest: str, flags: dict[str, Any]) -> Entry:
    host, mark, path = rest.partition("/")
    if host.lower() not in ("", "localhost") or not mark:
        raise LakeError("a file:// address names a path of this machine: file:///folder/file")
    if "?" in path or "#" in path:
        raise LakeError("a file:// address has no ? and #: give the path itself")
    path = "/" + unquote(path, errors="surrogateescape")
    if _CONTROL.search(path):
        raise LakeError('"uri" has control characters')
    return Entry(_kind_of(path), "file", "", path, **flags)


def _from_par(raw: Mapping[str, Any], flags: dict[str, Any]) -> Entry:
    root, path = _split_https(raw["par"])
    kind, chosen = _selector(raw)
    if kind is None:
        return Entry("prefix" if path.endswith("/") else "name", "https", root, path, **flags)
    if kind == "name" and path.endswith("/"):
        return Entry("name", "https", root, path + chosen, **flags)
    if kind == "name":
        raise LakeError('"name" goes with a "par" that ends in /')
    return Entry(kind, "https", root, path + chosen, **flags)


def _from_bucket(raw: Mapping[str, Any], flags: dict[str, Any]) -> Entry:
    region = raw.get("region", "")
    if region and not _REGION.fullmatch(region):
        raise LakeError('"region" is not the name of a region')
    kind, chosen = _selector(raw)
    return Entry(kind or "prefix", "s3", _bucket(raw["bucket"]), chosen, region, **flags)


def _selector(raw: Mapping[str, Any]) -> tuple[Kind | None, str]:
    given = [key for key in _SELECTORS if key in raw]
    if len(given) > 1:
        raise LakeError(f'"{given[0]}" and "{given[1]}" exclude each other')
    if not given:
        return None, ""
    kinds: dict[str, Kind] = {"name": "name", "prefix": "prefix", "pattern": "pattern"}
    return kinds[given[0]], raw[given[0]].lstrip("/") if given[0] != "pattern" else raw[given[0]]


def _kind_of(path: str) -> Kind:
    if any(mark in path for mark in "?*["):
        return "glob"
    return "prefix" if path.endswith("/") else "name"


def _bucket(name: str) -> str:
    if not _BUCKET.fullmatch(name):
        raise LakeError(f"{name[:70]!r} is not the name of a bucket")
    return name


def _split_https(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise LakeError("it is not an https:// address") from None
    if parts.scheme.lower() != "https" or not parts.hostname:
        raise LakeError("it is not an https:// address")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise LakeError("an https:// address with a user in it is not supported")
    if parts.fragment or not _HOST.fullmatch(parts.netloc) or not url.isascii() or re.search(r"[\s\"'\\^`{|}<>]", url):
        raise LakeError("it is not an https:// address as servers take it: escape special characters with %")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    root = f"https://{host}" + (f":{port}" if port not in (None, 443) else "")
    return root, parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
