"""How the column store gets at files outside: the only door, and it opens on what was found and checked.

A file of this machine is opened here and read by its descriptor's path: it is the file that was checked, whatever
happens to its name. Objects are read by DuckDB's httpfs with secrets in memory, each for a scope; it connects to nobody
itself: for https:// the guard does, for objects the proxy of stores, after a redirect too. No path that a user wrote is
ever put into SQL.
"""

import importlib.util
import itertools
import os
import re
import resource
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import pyarrow as pa

from base.errors import LakeError
from base.log import redact
from engine.lake.bytes_read import ByteCounter, Watched
from engine.lake.environment import leading_by
from lakehouse.descriptions.entries import shown
from lakehouse.stores.guard import GuardProxy
from lakehouse.stores.local import version_of
from lakehouse.stores.places import Found, Places
from lakehouse.stores.secrets import Access
from lakehouse.stores.socks import StoreProxy, endpoint_of

_SPARE = 256  # descriptors that are not for files of scans
_ANONYMOUS = Access("", "s3://")
_GUARD = "wf_guard"


class Opened(list[str]):
    """The column store's paths of files that are open."""

    def __init__(self, paths: Sequence[str], check: Callable[[], None]) -> None:
        super().__init__(paths)
        self._check = check
        self.confirmed = False

    def confirm(self) -> None:
        """Raise LakeError when a file has become another one since it was opened; it is not asked again in the end."""
        self._check()
        self.confirmed = True


class Reach:
    """Access of one column store to the files of `places`."""

    def __init__(self, places: Places, root: duckdb.DuckDBPyConnection) -> None:
        """Nothing is loaded and no port is open until something that is not on this machine is asked for.

        The process's environment is changed at once, while it has few threads: see `leading_by`.
        """
        self._places = places
        self._root = root
        self._stores = StoreProxy(places.guard)
        self._closed = weakref.finalize(self, _close, self._stores, leading_by(self._stores.url))
        self._closed.atexit = False  # the end of the process closes them anyway, and does not wait
        self.bytes = ByteCounter(root)
        self._lock = threading.Lock()
        self._guard: GuardProxy | None = None
        self._loaded = False
        self._numbers = itertools.count(1)
        self._made: dict[str, tuple[str, Access]] = {}  # by scope: the secret's name, and what is in it
        self._limit = _raise_limit()

    def close(self) -> None:
        """Close the ports. Nothing that is not on this machine can be read any more."""
        self._closed()
        if self._guard:
            self._guard.close()

    def prepare(self, connection: duckdb.DuckDBPyConnection, found: Sequence[Found]) -> bool:
        """Make what reading the files needs; True when that is new to `connection`'s transaction, which must end first.

        Secrets are transactional in DuckDB: a transaction sees those that were there when it began. Raises LakeError.
        """
        names = set()
        with self._lock:
            for file in found:
                if file.scheme != "file":
                    self._load()
                    names.add(self._guard_https() if file.scheme == "https" else self._give_keys(file))
        return not names <= _seen_by(connection) if names else False

    @contextmanager
    def files(
        self,
        connection: duckdb.DuckDBPyConnection,
        found: Sequence[Found],
        readers: Sequence[duckdb.DuckDBPyConnection] = (),
    ) -> Iterator[Opened]:
        """Give the column store's path of each file, in order; they hold inside the `with`.

        `readers` are all connections that read them: what the store answers to these tells which state of an object
        was read. Without them it is asked once more.

        Raises LakeError; in the end as well, when a file has become another one meanwhile: what was read is then of
        neither the one nor the other. Who makes something of it that lasts has that confirmed before.
        """
        opened: list[int] = []
        paths: list[str] = []
        try:
            if self.prepare(connection, found):
                raise LakeError("the access to the files has changed: run the statement again")
            paths += [self._path(file, opened) for file in found]
            watching = readers and any(file.scheme == "s3" for file in found)
            with self.bytes.watching(readers) if watching else nullcontext() as watched:
                made = Opened(paths, lambda: self._require_unchanged(found, opened, watched))
                yield made
                if not made.confirmed:
                    made.confirm()
        except (duckdb.Error, pa.ArrowException) as error:
            text = _by_address(str(error), found)
            if isinstance(error, duckdb.InterruptException) or not any(path in text for path in paths):
                raise
            raise LakeError(explained(error, found, paths)) from None
        finally:
            for number in opened:
                os.close(number)

    def _require_unchanged(self, found: Sequence[Found], opened: Sequence[int], watched: Watched | None = None) -> None:
        local = (file for file in found if file.scheme == "file")
        changed = next((f for f, n in zip(local, opened, strict=True) if version_of(os.fstat(n)) != f.version), None)
        if not changed:
            tags = watched.tags() if watched else {}
            told = {file: tags.get((file.root, file.path)) for file in found if file.scheme == "s3"}
            changed = next((file for file, seen in told.items() if seen and seen != {file.etag}), None)
            changed = changed or self._places.changed([file for file in found if not told.get(file)])
        if changed:
            raise LakeError(f"{changed.shown} has changed while it was read: run the statement again")

    def _path(self, file: Found, opened: list[int]) -> str:
        if file.scheme != "file":
            return file.uri
        if len(opened) >= self._limit - _SPARE:
            raise LakeError(f"a scan may open {self._limit - _SPARE} files here: raise ulimit -n")
        opened.append(self._places.open(file))
        return f"/proc/self/fd/{opened[-1]}"

    def _load(self) -> None:
        if self._loaded:
            return
        cursor = self._root.cursor()
        authorities = ssl.get_default_verify_paths()
        cursor.execute("SET GLOBAL allow_persistent_secrets = false")
        cursor.execute(f"LOAD {quoted(str(extension('httpfs')))}")
        # An object's address is not to be sent by way of the guard, nor a name with a star to be searched for.
        cursor.execute("SET GLOBAL merge_http_secret_into_s3_request = false")
        cursor.execute("SET GLOBAL allow_asterisks_in_http_paths = false")
        # Of its two clients curl alone takes the proxy of stores from the environment, unless it was given another.
        cursor.execute("SET GLOBAL httpfs_client_implementation = 'curl'")
        cursor.execute("SET GLOBAL http_proxy = ''")
        if file := authorities.cafile or (os.path.exists(authorities.openssl_cafile) and authorities.openssl_cafile):
            cursor.execute(f"SET GLOBAL ca_cert_file = {quoted(file)}")
        # httpfs takes keys from the environment for every address: what no secret covers is anonymous instead.
        self._create(_ANONYMOUS)
        self._stores.begin()
        self._loaded = True

    def _guard_https(self) -> str:
        if self._guard is None:
            self._guard = GuardProxy(self._places.guard)
            self._root.cursor().execute(
                f"CREATE SECRET {_GUARD} (TYPE http, SCOPE 'https://', HTTP_PROXY {quoted(self._guard.url)}, "
                f"HTTP_PROXY_USERNAME 'guard', HTTP_PROXY_PASSWORD '{self._guard.password}')"
            )
        return _GUARD

    def _give_keys(self, file: Found) -> str:
        access = self._places.access(file)
        name, known = self._made.get(access.scope, ("", None))
        return name if known == access else self._create(access)

    def _create(self, access: Access) -> str:
        """Put an access into the column store's memory, in place of another for its scope; gives the secret's name."""
        host = access.endpoint.partition("://")[2]
        options = {
            "TYPE": "s3",
            "SCOPE": quoted(access.scope),
            "REGION": quoted(access.region),
            "URL_STYLE": quoted("path" if access.path_style else "vhost"),
            "USE_SSL": "false" if access.endpoint.startswith("http://") else "true",
        }
        if host:
            options["ENDPOINT"] = quoted(host)
        if not access.is_anonymous:
            options |= {"KEY_ID": quoted(access.access_key), "SECRET": quoted(access.secret_key)}
        if access.session_token:
            options["SESSION_TOKEN"] = quoted(access.session_token)
        name = f"wf_{next(self._numbers)}"
        given = ", ".join(f"{key} {value}" for key, value in options.items())
        before, _ = self._made.get(access.scope, ("", None))
        cursor = self._root.cursor()
        try:
            cursor.execute("BEGIN")
            if before:
                cursor.execute(f"DROP SECRET {before}")
            cursor.execute(f"CREATE SECRET {name} ({given})")
            cursor.execute("COMMIT")
        except duckdb.Error:  # whose text has the statement, and so the keys
            cursor.close()
            raise LakeError(f"the column store does not take the access to {access.scope}") from None
        self._made[access.scope] = name, access
        self._stores.trusted = frozenset(endpoint_of(known) for _, known in self._made.values())
        return name


def _close(stores: StoreProxy, led: ExitStack) -> None:
    stores.close()
    led.close()


def explained(error: Exception, found: Sequence[Found], paths: Sequence[str]) -> str:
    """An error of a scan in one line: with the files' own names, and without what gives access."""
    text = _by_address(str(error).partition("\nLINE ")[0], found)
    if found and not any(path in text for path in paths):
        text = f"{found[0].shown if len(found) == 1 else f'one of {len(found)} files, as {found[0].shown}'}: {text}"
    for file, path in sorted(zip(found, paths, strict=True), key=lambda pair: -len(pair[1])):
        text = text.replace(path, file.shown)
    text = " ".join(shown_in(word) for word in text.split())
    return redact(_plainly(text))[:400]


def _by_address(text: str, found: Sequence[Found]) -> str:
    """An error of the column store's, in which an object goes by its address instead of what its store was asked."""
    if not (asked := _ASKED.search(text)):
        return text
    parts = urlsplit(asked["url"])
    path = unquote(parts.path).removeprefix("/")
    names = path, f"{parts.netloc.partition('.')[0]}/{path}"  # the bucket in the path, or in the host's name
    file = next((file for file in found if file.scheme == "s3" and f"{file.root}/{file.path}" in names), None)
    return text.replace(asked["url"], file.uri) if file else text


_ASKED = re.compile(r"\bHTTP (?:HEAD|GET) to '(?P<url>[^']*)'")

# What DuckDB says of a file, with hints at options of its own, and what there is to do here. "file" is in its words.
_WORDS = (
    (
        re.compile(r".*proxy handshake error.* to '(?P<file>s3://.*)'.*"),
        "{file}: its store does not answer, or leads to an address that is not on the open internet: see the setting "
        "lakehouse_private_addresses",
    ),
    (
        re.compile(r".*CSV Error on Line: (?P<line>\d+).*Invalid unicode.*\bfile = (?P<file>.+?) delimiter =.*"),
        '{file}, line {line}: bytes that are no UTF-8; "encoding" names another character set',
    ),
    (
        re.compile(r".*state machine reached an invalid state.*\bfile = (?P<file>.+?) delimiter =.*"),
        "{file}: its lines end in different ways, or a quote stands where none may",
    ),
    (
        # Of what is no JSON the number of lines that were begun is given, and the next one is counted already.
        re.compile(r'.*Malformed JSON in file "(?P<file>.+?)", at byte \d+ in line (?P<next>\d+): (?P<what>[^.]*)\..*'),
        "{file}, line {line}: {what}; objects are one a line, or in an array",
    ),
    (
        re.compile(r'.*Malformed JSON in file "(?P<file>.+?)", at byte \d+ in record/value \d+: (?P<what>[^.]*)\..*'),
        "{file}: its array of JSON is not in order: {what}",
    ),
    (
        re.compile(r".*\b(?P<file>file://\S+|s3://\S+|https://\S+): .*File is not latin-1 encoded.*"),
        "{file}: bytes 80 to 9F, which are characters in MySQL's latin1, are not read from CSV: write it in UTF-8",
    ),
    (
        re.compile(
            r'.*JSON transform error in file "(?P<file>.+?)", in line (?P<line>\d+): (?P<what>.*?) Try setting.*'
        ),
        "{file}, line {line}: {what}",
    ),
)


def _plainly(text: str) -> str:
    """An error of DuckDB in words that are of use to who has a lake table, if it is one that files often give."""
    for pattern, words in _WORDS:
        if found := pattern.fullmatch(text):
            told = found.groupdict()
            return words.format(**{"line": int(told.get("next") or 1) - 1} | told)
    return text


def shown_in(word: str) -> str:
    """A word of a message, without the signature of an address in it."""
    at = word.find("https://")
    return word if at < 0 else word[:at] + shown(word[at:])


def extension(name: str) -> Path:
    """The file of a DuckDB extension that was installed as a package. Raises LakeError."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folder = Path(spec.origin).parent / "extensions" if spec and spec.origin else Path()
    path = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise LakeError(f"DuckDB's extension {name} is not installed for version {duckdb.__version__}")
    return path


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _seen_by(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM duckdb_secrets()").fetchall()}


def _raise_limit() -> int:
    """Let this process open as many files as it may: a scan holds one descriptor for each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard if hard != resource.RLIM_INFINITY else 1 << 20, 1 << 20)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
