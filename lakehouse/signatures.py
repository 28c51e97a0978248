"""What gives access in the addresses of lake tables, kept in a file of this machine: the backend gets a reference.

The definition of a lake table lies in a table of the backend, whose text, log and dumps others may read; the query of a
signed URL and the token of a pre-authenticated request do not belong there.
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from base.errors import LakeError

_TOKEN = re.compile(r"(?<=/p/)[^/]+(?=/n/)")
_REFERENCE = re.compile(r"secret-[0-9a-f]{24}")
_KEYS = ("uri", "par")


class Signatures:
    """The file, mode 0600: a JSON object a line, of a reference and what it stands for. Safe for several processes."""

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

    def _append(self, new: dict[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with closing(os.fdopen(number, "wb")) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write("".join(json.dumps(pair) + "\n" for pair in new.items()).encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> dict[str, str]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        return dict(json.loads(line) for line in text.splitlines() if line.endswith("]"))


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
