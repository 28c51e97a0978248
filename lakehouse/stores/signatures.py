"""What gives access in the addresses of lake tables, kept in a file of this machine: the backend gets a reference.

The definition of a lake table lies in a table of the backend, whose text, log and dumps others may read; the query of a
signed URL and the token of a pre-authenticated request do not belong there.
"""

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from base.errors import LakeError

_TOKEN = re.compile(r"(?<=/p/)[^/]+(?=/n/)")
_REFERENCE = re.compile(r"secret-[0-9a-f]{24}")
_KEYS = ("uri", "par")
_YOUNG = 600.0  # seconds in which the statement that an entry was written for may not have reached the backend


class Signatures:
    """The file, mode 0600: a JSON list a line, of a reference, what it stands for, and when it was written (Unix time).

    Safe for several processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def put_away(self, attribute: Mapping[str, Any]) -> dict[str, Any]:
        """A table's attribute with references in place of what gives access, which is written down."""
        new: dict[str, str] = {}

        def away(secret: str) -> str:
            if _REFERENCE.fullmatch(secret):
                return secret  # a definition that was read where it is kept
            reference = f"secret-{secrets.token_hex(12)}"
            new[reference] = secret
            return reference

        made = _changed(attribute, away)
        if new:
            self._append(new)
        return made

    def put_back(self, attribute: Mapping[str, Any]) -> dict[str, Any]:
        """The attribute as it was given. Raises LakeError when what a reference stands for is not here."""
        known: dict[str, str] | None = None

        def back(found: str) -> str:
            nonlocal known
            if not _REFERENCE.fullmatch(found):
                return found
            known = self._read() if known is None else known
            if found not in known:
                raise LakeError(
                    "the signature of an address is kept by another installation, or was lost: ALTER TABLE … "
                    "ENGINE_ATTRIBUTE gives it again"
                )
            return known[found]

        return _changed(attribute, back)

    def keep(self, texts: str, asked: float) -> int:
        """Forget what no definition refers to, unless it is new; gives the number of entries that are left.

        `texts` has all definitions as they were after the moment `asked`, in Unix time.
        """
        if not self._path.exists():
            return 0
        used = set(_REFERENCE.findall(texts))
        with self._locked() as file:
            before = _lines(file)
            left = [one for one in before if one[0] in used or (len(one) > 2 and one[2] > asked - _YOUNG)]
            if len(left) < len(before):
                made = self._path.with_suffix(".new")
                with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:
                    _write(out, left)
                os.replace(made, self._path)
        return len(left)

    def _append(self, new: dict[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as file:
            _write(file, [[*pair, int(time.time())] for pair in new.items()])

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, for nobody else; not one that another process has put another in place of meanwhile."""
        while True:
            number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with closing(os.fdopen(number, "r+b")) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(number), os.stat(self._path)):
                        yield file
                        return

    def _read(self) -> dict[str, str]:
        try:
            with open(self._path, "rb") as file:
                return {one[0]: one[1] for one in _lines(file)}
        except FileNotFoundError:
            return {}


def _lines(file: BinaryIO) -> list[list[Any]]:
    """The entries of the file, without one that was not written to its end."""
    return [json.loads(line) for line in file.read().decode().splitlines() if line.endswith("]")]


def _write(file: BinaryIO, entries: list[list[Any]]) -> None:
    file.write("".join(json.dumps(one) + "\n" for one in entries).encode())
    file.flush()
    os.fsync(file.fileno())


def _changed(attribute: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    files = attribute.get("file")
    if not isinstance(files, list):
        return dict(attribute)
    return {**attribute, "file": [_entry(one, change) for one in files]}


def _entry(given: Any, change: Callable[[str], str]) -> Any:
    if not isinstance(given, dict):
        return given
    return {key: _address(value, change) if key in _KEYS else value for key, value in given.items()}


def _address(value: Any, change: Callable[[str], str]) -> Any:
    if not isinstance(value, str) or not value.lower().startswith("https://"):
        return value
    bare, mark, query = value.partition("?")
    return _TOKEN.sub(lambda found: change(found[0]), bare) + mark + (change(query) if query else "")
