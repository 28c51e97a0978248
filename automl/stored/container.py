"""A model as bytes: a JSON tree, raw arrays and texts, compressed, under a SHA-256. No pickle, nothing that runs.

Layout: magic (8 bytes), SHA-256 of all that follows (32), length of the head (4, little-endian), the head (zlib, JSON:
`tree`, and for each block its name, kind, type, shape and sizes), then the blocks (zlib), one after the other. The sum
only finds damage: whoever can write a model can write its sum too, so what is read is checked piece by piece
(`Parts`, `tree_text`), and sizes are known before anything is unpacked.
"""

import hashlib
import json
import math
import zlib
from typing import Any

import numpy as np

from automl.stored.parts import BadModel, Parts

MAGIC = b"WFMODEL\x01"
_SUM = 32
_START = len(MAGIC) + _SUM + 4
MOST_BYTES = 1 << 30  # unpacked
MOST_HEAD = 64 << 20
_TYPES = frozenset({"<f8", "<f4", "<i8", "<i4", "|u1", "<u4"})


def pack(parts: Parts) -> bytes:
    """Give the bytes of parts."""
    blocks: list[bytes] = []
    table: list[dict[str, Any]] = []

    def add(kind: str, name: str, raw: bytes, **more: Any) -> None:
        packed = zlib.compress(raw, 6)
        table.append({"kind": kind, "name": name, "raw": len(raw), "packed": len(packed), **more})
        blocks.append(packed)

    for name, array in parts.arrays.items():
        flat = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        add("array", name, flat.tobytes(), type=flat.dtype.str, shape=list(array.shape))
    for name, texts in parts.texts.items():
        add("texts", name, json.dumps(texts, ensure_ascii=False).encode(), count=len(texts))
    for name, text in parts.boosters.items():
        add("booster", name, text.encode())
    head = json.dumps({"tree": parts.tree, "blocks": table}, ensure_ascii=False, allow_nan=False).encode()
    packed_head = zlib.compress(head, 6)
    body = len(packed_head).to_bytes(4, "little") + packed_head + b"".join(blocks)
    return MAGIC + hashlib.sha256(body).digest() + body


def _unzip(data: bytes, size: int) -> bytes:
    """Unpack exactly `size` bytes, never more."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, size + 1)
    except zlib.error:
        raise BadModel("it cannot be unpacked") from None
    if len(found) != size or not unpacker.eof or unpacker.unused_data:
        raise BadModel("a part has another size than it says")
    return found


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=lambda name: _no_constant(name))
    except (ValueError, RecursionError):
        raise BadModel("its head is damaged") from None


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _head(data: bytes) -> tuple[dict[str, Any], int]:
    if len(data) < _START or data[: len(MAGIC)] != MAGIC:
        raise BadModel("it does not begin as one of warmfront's")
    if hashlib.sha256(data[len(MAGIC) + _SUM :]).digest() != data[len(MAGIC) : len(MAGIC) + _SUM]:
        raise BadModel("its checksum is wrong")
    length = int.from_bytes(data[_START - 4 : _START], "little")
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data[_START : _START + length], MOST_HEAD)
    except zlib.error:
        raise BadModel("it cannot be unpacked") from None
    if not unpacker.eof:
        raise BadModel("its head is too large")
    head = _json(raw)
    if not isinstance(head, dict) or not isinstance(head.get("tree"), dict) or not isinstance(head.get("blocks"), list):
        raise BadModel("its head is damaged")
    return head, _START + length


def _size(block: dict[str, Any], name: str) -> int:
    found = block.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST_BYTES:
        raise BadModel("a part's size is out of range")
    return found


def _array(block: dict[str, Any], raw: bytes) -> np.ndarray[Any, Any]:
    shape, kind = block.get("shape"), block.get("type")
    if kind not in _TYPES or not isinstance(shape, list) or len(shape) > 4:
        raise BadModel("an array's type is not known")
    if not all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= MOST_BYTES for each in shape):
        raise BadModel("an array's shape is out of range")
    kept = np.dtype(kind)
    if math.prod(shape) * kept.itemsize != len(raw):
        raise BadModel("an array has another size than it says")
    return np.frombuffer(raw, kept).reshape(shape)


def unpack(data: bytes) -> Parts:
    """Read bytes that `pack` made.

    Raises:
        BadModel: they are damaged, too large, or something else.
    """
    head, place = _head(bytes(data))
    parts = Parts(head["tree"])
    total = 0
    for block in head["blocks"]:
        if not isinstance(block, dict) or not isinstance(block.get("name"), str):
            raise BadModel("its head is damaged")
        raw_size, packed_size = _size(block, "raw"), _size(block, "packed")
        total += raw_size
        if total > MOST_BYTES or place + packed_size > len(data):
            raise BadModel("its parts are larger than it is")
        raw = _unzip(data[place : place + packed_size], raw_size)
        place += packed_size
        name, kind = block["name"], block.get("kind")
        if kind == "array":
            parts.arrays[name] = _array(block, raw)
        elif kind == "texts":
            texts = _json(raw)
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise BadModel("a list of texts is damaged")
            parts.texts[name] = texts
        elif kind == "booster":
            parts.boosters[name] = raw.decode("utf-8", "replace")
        else:
            raise BadModel(f"unknown part {kind!r}")
    if place != len(data):
        raise BadModel("something follows its parts")
    return parts
