"""The weights of one collation: what each code point weighs on each level, as the server itself says."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
import numpy.typing as npt

CODE_POINTS = 0x110000


class Kind(Enum):
    """How a collation compares: `BYTES` of a binary string, `POINTS` by code point, `TABLE` by weights."""

    BYTES = "bytes"
    POINTS = "points"
    TABLE = "table"


@dataclass(frozen=True, eq=False, slots=False)
class Weights:
    """One collation of one server version. Two objects are never equal: caches go by identity.

    `lengths[level][point]` bytes of `data` belong to a code point, level after level, from `starts[point]`. `refused`
    marks the code points whose weights do not simply concatenate (contractions) or that the charset lacks.
    The arrays are empty unless `kind` is TABLE. `pad_space`: strings compare as if followed by endless spaces.
    """

    collation: str
    charset: str
    kind: Kind
    pad_space: bool
    levels: int
    starts: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]
    refused: npt.NDArray[np.bool_]

    @classmethod
    def plain(cls, collation: str, charset: str, kind: Kind, pad_space: bool) -> "Weights":
        """Make the weights of a collation that compares bytes or code points."""
        nothing = np.zeros(0, np.uint8)
        return cls(
            collation,
            charset,
            kind,
            pad_space,
            1,
            nothing.astype(np.uint32),
            np.zeros((1, 0), np.uint8),
            nothing,
            np.zeros(CODE_POINTS if kind is Kind.TABLE else 0, np.bool_),
        )

    @classmethod
    def of_table(
        cls,
        collation: str,
        charset: str,
        pad_space: bool,
        levels: int,
        table: dict[int, tuple[bytes, ...]],
        refused: set[int] | None = None,
    ) -> "Weights":
        """Make weights from a table of code points; points not in the table are refused."""
        lengths = np.zeros((levels, CODE_POINTS), np.uint8)
        known = np.zeros(CODE_POINTS, np.bool_)
        points = sorted(table)
        for point in points:
            known[point] = True
            for level, weight in enumerate(table[point]):
                lengths[level, point] = len(weight)
        data = np.frombuffer(b"".join(b"".join(table[point]) for point in points), np.uint8)
        if refused:
            known[list(refused)] = False
        return cls.of_arrays(collation, charset, pad_space, lengths, data, ~known)

    @classmethod
    def of_arrays(
        cls,
        collation: str,
        charset: str,
        pad_space: bool,
        lengths: npt.NDArray[np.uint8],
        data: npt.NDArray[np.uint8],
        refused: npt.NDArray[np.bool_],
    ) -> "Weights":
        """Make weights whose code points lie in `data` one after the other."""
        totals = lengths.sum(axis=0, dtype=np.uint32)
        starts = np.concatenate((np.zeros(1, np.uint32), np.cumsum(totals, dtype=np.uint32)[:-1]))
        return cls(collation, charset, Kind.TABLE, pad_space, len(lengths), starts, lengths, data, refused)

    def of(self, point: int) -> tuple[bytes, ...] | None:
        """Give a code point's weight on every level; None when it is refused."""
        if self.kind is not Kind.TABLE:
            return (chr(point).encode("utf-8", "surrogatepass"),)  # UTF-8 sorts as code points do
        if self.refused[point]:
            return None
        start = int(self.starts[point])
        parts = []
        for level in range(self.levels):
            end = start + int(self.lengths[level, point])
            parts.append(self.data[start:end].tobytes())
            start = end
        return tuple(parts)

    @cached_property
    def space(self) -> tuple[bytes, ...]:
        """The space's weight on every level: what PAD SPACE pads with."""
        return self.of(0x20) or (b"",) * self.levels

    @cached_property
    def unit(self) -> int:
        """Bytes of one weight: 2, or 1 in single-byte character sets."""
        return len(self.space[0]) or 1

    @cached_property
    def function(self) -> str:
        """Name of the DuckDB function that makes this collation's weight keys: the same name is the same weights."""
        digest = hashlib.sha256(f"{self.kind} {self.pad_space} {self.levels}".encode())
        for array in (self.lengths, self.data, self.refused):
            digest.update(np.ascontiguousarray(array).data)
        return f"weight_key_{self.collation}_{digest.hexdigest()[:12]}"
