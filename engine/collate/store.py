"""Weights in files: fetched once per server version and collation, checked when read."""

import hashlib
import io
import os
import re
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.collate import fetch, probe
from engine.collate.fetch import Cursor
from engine.collate.presence import ANYTHING, Presence, is_ascii
from engine.collate.weights import CODE_POINTS, Kind, Weights

_MAGIC = b"warmfront weights 1\n"


class Collations:
    """The collations of one backend, kept in a directory (DIR/store/collations). Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[tuple[str, str, bool], Weights | None] = {}
        self._lock = threading.Lock()

    def get(self, cursor: Cursor, collation: str, presence: Presence = ANYTHING) -> Weights | None:
        """Give a collation's weights from memory, file or server; None when the server has no such collation.

        Weights for an ASCII presence know ASCII only and are there in a moment; the first fetch of all characters
        takes some seconds (bench.weights). Keys of one presence are the same from both.
        """
        collation = collation.lower()
        ascii_only = is_ascii(presence)
        version = fetch.fetch_version(cursor)
        with self._lock:
            key = (version, collation, ascii_only)
            if key not in self._held:
                self._held[key] = self._read(*key) or self._fetch(cursor, *key)
            return self._held[key]

    def peek(self, collation: str, presence: Presence = ANYTHING) -> Weights | None:
        """Give weights that `get` has got before for such a presence; None when it has not."""
        wanted = (collation.lower(), is_ascii(presence))
        held = list(self._held.items())
        return next((weights for (_, *key), weights in reversed(held) if tuple(key) == wanted), None)

    def _path(self, version: str, collation: str, ascii_only: bool) -> Path:
        kind = "ascii" if ascii_only else "all"
        return self._directory / f"{re.sub('[^A-Za-z0-9.-]', '_', version)}.{collation}.{kind}.weights"

    def _read(self, version: str, collation: str, ascii_only: bool) -> Weights | None:
        try:
            content = self._path(version, collation, ascii_only).read_bytes()
        except OSError:
            return None
        return decode(content)

    def _fetch(self, cursor: Cursor, version: str, collation: str, ascii_only: bool) -> Weights | None:
        weights = fetch_weights(cursor, collation, 0x80 if ascii_only else CODE_POINTS)
        if weights is not None:
            _write(self._path(version, collation, ascii_only), encode(weights))
        return weights


def fetch_weights(cursor: Cursor, collation: str, last: int = CODE_POINTS) -> Weights | None:
    """Fetch and probe a collation's code points below `last`, without a cache; None when there is no such collation."""
    facts = fetch.fetch_facts(cursor, collation)
    if facts is None:
        return None
    if facts.kind is not Kind.TABLE:
        return Weights.plain(collation, facts.charset, facts.kind, facts.pad_space)
    weights = fetch.fetch_table(cursor, facts, last)
    if not _is_regular(weights):
        return fetch.refuse_all(weights)
    refused = weights.refused.copy()
    refused[list(probe.refused_points(cursor, facts, weights))] = True
    return replace(weights, refused=refused)


def encode(weights: Weights) -> bytes:
    """Write weights as a file's content: magic, SHA-256, compressed arrays."""
    buffer = io.BytesIO()
    names = np.array([weights.collation, weights.charset, weights.kind.value])
    flags = np.array([weights.pad_space])
    known = np.packbits(~weights.refused)
    np.savez_compressed(buffer, names=names, flags=flags, lengths=weights.lengths, data=weights.data, known=known)
    body = buffer.getvalue()
    return _MAGIC + hashlib.sha256(body).digest() + body


def decode(content: bytes) -> Weights | None:
    """Read what `encode` wrote; None when it is not that, byte for byte."""
    head = len(_MAGIC) + 32
    body = content[head:]
    if content[:head] != _MAGIC + hashlib.sha256(body).digest():
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        collation, charset, kind = (str(name) for name in arrays["names"])
        pad_space = bool(arrays["flags"][0])
        if Kind(kind) is not Kind.TABLE:
            return Weights.plain(collation, charset, Kind(kind), pad_space)
        refused = ~np.unpackbits(arrays["known"]).astype(np.bool_)
        return Weights.of_arrays(collation, charset, pad_space, arrays["lengths"], arrays["data"], refused)


def _is_regular(weights: Weights) -> bool:
    """Tell whether all weights are whole units, and PAD SPACE has a single weight to pad with."""
    if weights.pad_space and any(len(space) != weights.unit for space in weights.space):
        return False
    return not (weights.lengths % weights.unit).any()


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step; a full disk only costs the next start a fetch."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        return
