"""Models that are decoded and ready: an LRU by owner, handle and checksum, bounded by the bytes of their containers.

A key is put in only with bytes that were read from the catalog of the schema in it, by a user who may read it; who asks
for a key has read the row with this checksum there. So nobody gets at a model by naming its checksum elsewhere.
"""

import base64
import binascii
import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from base.errors import WarmfrontError

MOST_BYTES = 1 << 30


class ModelNotHere(WarmfrontError):
    """The proxy is to bring the model's bytes; no client sees this."""

    sqlstate = "WFM01"


class Damaged(WarmfrontError):
    """The bytes are not those that the catalog's row was made for."""

    number = 1644  # ER_SIGNAL_EXCEPTION
    sqlstate = "45000"

    def __init__(self, handle: str) -> None:
        super().__init__(f"The object of model {handle} is damaged: its checksum is not the one in its metadata.")


@dataclass(frozen=True, slots=True)
class ModelKey:
    """`schema` is ML_SCHEMA_<owner>, `checksum` the SHA-256 of the container in hex."""

    schema: str
    handle: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded model and the size of its container in bytes."""

    model: Any
    size: int


def checksum(data: bytes) -> str:
    """The checksum that the catalog keeps of a container."""
    return hashlib.sha256(data).hexdigest()


def as_bytes(brought: bytes) -> bytes:
    """Give a model that may have been brought as Base64 text, which no model is itself."""
    packed = brought.translate(None, b" \t\r\n")
    try:
        return base64.b64decode(packed, validate=True) if packed else brought
    except binascii.Error:
        return brought


class Models:
    """The models in memory. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._loaded: OrderedDict[ModelKey, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: ModelKey) -> Loaded:
        """Give a model. Raises ModelNotHere."""
        with self._lock:
            found = self._loaded.get(key)
            if found is None:
                raise ModelNotHere(f"model {key.handle} is not in memory")
            self._loaded.move_to_end(key)
            return found

    def put(self, key: ModelKey, model: Any, size: int) -> None:
        """Keep a model; the ones unused for longest give way."""
        with self._lock:
            for other in [k for k in self._loaded if (k.schema, k.handle) == (key.schema, key.handle)]:
                del self._loaded[other]
            self._loaded[key] = Loaded(model, size)
            while len(self._loaded) > 1 and sum(each.size for each in self._loaded.values()) > self._most:
                self._loaded.popitem(last=False)

    def drop(self, schema: str, handle: str) -> bool:
        """Forget a model; False when it was not there."""
        with self._lock:
            found = [k for k in self._loaded if (k.schema, k.handle) == (schema, handle)]
            for key in found:
                del self._loaded[key]
            return bool(found)

    def listed(self) -> list[tuple[ModelKey, Loaded]]:
        """Everything in memory, the least recently used first."""
        with self._lock:
            return list(self._loaded.items())
