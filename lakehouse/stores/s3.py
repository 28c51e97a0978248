"""The few requests of the S3 protocol that are needed, signed by AWS Signature Version 4.

Arrow's file system for S3 was tried first: its listings carry no ETag, so that an object written twice within a second
passes for unchanged, and it makes an object visible as soon as its stream is closed, so that an export of many files
cannot become visible as one. Reading for queries is the column store's own business.
"""

import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

from base.errors import LakeError
from lakehouse.stores.local import Missing
from lakehouse.stores.secrets import Access

_PATIENCE = 60.0  # seconds
_TRIES = 4
_EMPTY = hashlib.sha256(b"").hexdigest()
_UNSIGNED = "UNSIGNED-PAYLOAD"  # TLS protects the body
_SAFE = "-_.~"
_PIECE = 1 << 16
_LARGEST = 64 << 20  # bytes of an answer of which nobody said how long it is: a page of a list has some megabytes
_SLOWEST = 10_000  # bytes a second, once an answer has taken longer than the patience
_MOST_LISTED = 5_000_000  # names in one list
_MOST_EMPTY = 100  # pages without a name, one after the other
_TOLD = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "AccessDenied": "access is denied",
    "ExpiredToken": "the keys have expired",
    "TokenRefreshRequired": "the keys have expired",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ too much",
    "InvalidAccessKeyId": "the store does not know the access key",
    "InvalidToken": "the session token is not valid",
    "SignatureDoesNotMatch": "the secret key is not right",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    "SlowDown": "the store asks to slow down",
}
_BY_STATUS = {403: "access is denied", 404: "there is no such object or bucket", 301: "the bucket is in another region"}


@dataclass(frozen=True, slots=True)
class Object:
    """An object: `etag` changes with its content."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StoreError(LakeError):
    """The store refused a request; `code` is its own word for it."""

    def __init__(self, where: str, code: str, status: int, region: str = "") -> None:
        told = _TOLD.get(code) or _BY_STATUS.get(status) or f"the store answers {code or status}"
        super().__init__(f"{where}: {told}" + (f", {region}" if region else ""))
        self.code = code
        self.status = status


class Bucket:
    """One bucket, over one connection: not for several threads at once."""

    def __init__(self, access: Access, name: str) -> None:
        self._access = access
        self.name = name
        parts = urlsplit(access.endpoint or f"https://s3.{access.region}.amazonaws.com")
        # A certificate for *.s3… does not fit a bucket with dots in its name.
        in_path = access.path_style or (not access.endpoint and "." in name)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc if in_path else f"{name}.{parts.netloc}"
        self._base = f"/{name}" if in_path else ""
        self._connection: http.client.HTTPConnection | None = None
        self.reached = False  # whether a request was ever sent

    def close(self) -> None:
        """Close the connection; another request opens a new one."""
        if self._connection:
            self._connection.close()
            self._connection = None

    # --- what is there ---

    def walk(self, prefix: str) -> Iterator[Object]:
        """Give every object whose key begins with `prefix`, in the order of keys.

        Raises StoreError, and LakeError for a list that does not come to an end.
        """
        token, listed, empty = "", 0, 0
        while True:
            query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
            if token:
                query["continuation-token"] = token
            tree = _parsed(self.request("GET", "", query, where=f"s3://{self.name}/{prefix}").body)
            empty += 1
            for found in tree.iter("Contents"):
                listed, empty = listed + 1, 0
                key = unquote((found.findtext("Key") or "").replace("+", " "), errors="surrogateescape")
                etag = (found.findtext("ETag") or "").strip('"')
                yield Object(key, int(found.findtext("Size") or 0), etag)
            token = tree.findtext("NextContinuationToken") or ""
            if tree.findtext("IsTruncated") != "true" or not token:
                return
            if listed > _MOST_LISTED or empty > _MOST_EMPTY:
                raise LakeError(f"s3://{self.name}/{prefix}: the store's list of objects does not come to an end")

    def head(self, key: str) -> Object:
        """Describe one object. Raises Missing and StoreError."""
        try:
            answer = self.request("HEAD", key)
        except StoreError as error:
            if error.status == 404:
                raise Missing(error.reason) from None
            if error.status == 400:  # an answer to HEAD has no body, and so not the reason, as that keys have expired
                self.get(key, 0, 1)
            raise
        size = int(answer.headers.get("content-length", "0"))
        return Object(key, size, answer.headers.get("etag", "").strip('"'))

    def get(self, key: str, offset: int, length: int) -> bytes:
        """Read a part of an object; less than asked for at its end. Raises StoreError and LakeError."""
        if length <= 0:
            return b""
        headers = {"range": f"bytes={offset}-{offset + length - 1}"}
        try:
            answer = self.request("GET", key, headers=headers, most=max(length, _PIECE))
        except StoreError as error:
            if error.status == 416:  # behind the end
                return b""
            raise
        if (answer.status != 206 and offset) or len(answer.body) > length:
            raise LakeError(f"s3://{self.name}/{key}: the store gives another part of the object than was asked for")
        return answer.body

    # --- writing ---

    def begin(self, key: str) -> str:
        """Begin an object of several parts, invisible until it is completed; gives the upload's id."""
        answer = self.request("POST", key, {"uploads": ""})
        return _parsed(answer.body).findtext("UploadId") or ""

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """Send a part, from number 1 on; gives its tag. All but the last need 5 MiB."""
        query = {"partNumber": str(number), "uploadId": upload}
        return self.request("PUT", key, query, body=data).headers.get("etag", "")

    def complete(self, key: str, upload: str, tags: list[str]) -> None:
        """Make an object of its parts."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = self.request("POST", key, {"uploadId": upload}, body=body)
        tree = _parsed(answer.body)
        if tree.tag == "Error":  # the store had said 200 before it knew
            raise StoreError(f"s3://{self.name}/{key}", tree.findtext("Code") or "", 500)

    def abort(self, key: str, upload: str) -> None:
        """Throw the parts of an upload away."""
        self.request("DELETE", key, {"uploadId": upload})

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Give (key, id) of the uploads under way whose keys begin with `prefix`: a thousand at most."""
        tree = _parsed(self.request("GET", "", {"uploads": "", "prefix": prefix}).body)
        found = tree.iter("Upload")
        return [(one.findtext("Key") or "", one.findtext("UploadId") or "") for one in found]

    def put(self, key: str, data: bytes) -> None:
        """Write a small object."""
        self.request("PUT", key, body=data)

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        self.request("DELETE", key)

    # --- requests ---

    def request(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        where: str = "",
        most: int = _LARGEST,
    ) -> Answer:
        """Send a signed request and read the answer, of `most` bytes; what may pass is tried again.

        Raises StoreError, and LakeError for a longer answer and for one that does not come to an end.
        """
        where = where or f"s3://{self.name}/{key}"
        path = f"{self._base}/{quote(key, safe=_SAFE + '/', errors='surrogateescape')}"
        asked = "&".join(f"{quote(k, safe=_SAFE)}={quote(v, safe=_SAFE)}" for k, v in sorted((query or {}).items()))
        for left in reversed(range(_TRIES)):
            try:
                answer = self._send(method, path, asked, headers or {}, body, most)
            except _Endless as error:
                self.close()
                raise LakeError(f"{where}: {error}") from None
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not left:
                    told = "its certificate is not good" if isinstance(error, ssl.SSLError) else "it does not answer"
                    raise LakeError(f"{where}: the store cannot be reached: {told}") from None
            else:
                if answer.status < 300:
                    return answer
                if answer.status not in (429, 500, 502, 503, 504) or not left:
                    raise _refused(where, answer)
            time.sleep(0.1 * 3 ** (_TRIES - 1 - left))
        raise AssertionError  # the last try returns or raises

    def _send(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, most: int) -> Answer:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, timeout=_PATIENCE)
        if self._connection.sock is None:
            self._connection.connect()
        self.reached = True
        signed = sign(self._access, self._host, method, path, query, headers, body, self._secure)
        self._connection.request(method, path + (f"?{query}" if query else ""), body=body or None, headers=signed)
        answer = self._connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, _body(answer, most))


class _Endless(Exception):
    """An answer is longer than what was asked for, or comes too slowly; says which."""


def _body(answer: http.client.HTTPResponse, most: int) -> bytes:
    """Read an answer to its end. Raises _Endless, OSError and http.client.HTTPException."""
    began, parts, size = time.monotonic(), [], 0
    while part := answer.read1(_PIECE):
        parts.append(part)
        size += len(part)
        if size > most:
            raise _Endless("the store's answer is longer than what was asked for")
        if time.monotonic() - began > _PATIENCE + size / _SLOWEST:
            raise _Endless("the store's answer comes too slowly")
    if answer.length:  # read1 does not tell that an answer was cut short
        raise http.client.IncompleteRead(b"".join(parts), answer.length)
    return b"".join(parts)


def sign(
    access: Access,
    host: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    secure: bool,
    now: datetime | None = None,
) -> dict[str, str]:
    """Give the headers of a request with its signature; `path` and `query` are encoded, the query in order."""
    moment = now or datetime.now(UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    digest = _EMPTY if not body else _UNSIGNED if secure else hashlib.sha256(body).hexdigest()
    given = {**headers, "host": host, "x-amz-date": stamp, "x-amz-content-sha256": digest}
    if access.is_anonymous:
        return {**headers, "host": host}
    if access.session_token:
        given["x-amz-security-token"] = access.session_token
    names = ";".join(sorted(given))
    listed = "".join(f"{name}:{given[name]}\n" for name in sorted(given))
    asked = "\n".join((method, path, query, listed, names, digest))
    scope = f"{day}/{access.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = f"AWS4{access.secret_key}".encode()
    for part in (day, access.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={access.access_key}/{scope}"
    return {**given, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}


def _parsed(body: bytes) -> ElementTree.Element:
    try:
        tree = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise LakeError("the store's answer is no XML: is its endpoint right?") from None
    for node in tree.iter():
        node.tag = node.tag.rpartition("}")[2]
    return tree


def _refused(where: str, answer: Answer) -> StoreError:
    code = ""
    if answer.body.lstrip().startswith(b"<"):
        try:
            code = _parsed(answer.body).findtext("Code") or ""
        except LakeError:
            code = ""
    return StoreError(where, code[:60], answer.status, answer.headers.get("x-amz-bucket-region", ""))
