"""Binary strings in columns: what the server writes in hexadecimal is read, divided and compared without a loop."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BETWEEN, NULL = ",", "!"

_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Binaries:
    """Strings on one or several levels: `lengths[level, n]` bytes of `data` are the n-th, level after level."""

    lengths: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    null: _Bools

    @classmethod
    def read(cls, texts: list[str]) -> "Binaries":
        """Read lists of HEX() with `BETWEEN` between them and `NULL` for what is none. Raises ValueError."""
        whole = BETWEEN.join(texts)
        at = np.flatnonzero(np.frombuffer(whole.encode(), np.uint8) == ord(BETWEEN))
        digits = np.diff(at, prepend=-1, append=len(whole)) - 1
        null = digits == len(NULL)  # hexadecimal digits come in pairs
        data = bytes.fromhex(whole.replace(BETWEEN, "").replace(NULL, ""))
        return cls(np.where(null, 0, digits // 2)[None, :], np.frombuffer(data, np.uint8), null)

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """Which string each byte belongs to."""
        totals = self.lengths.sum(axis=0)
        return np.repeat(np.arange(len(totals)), totals)


def joined(levels: list[Binaries], whole: Binaries) -> tuple[Binaries, _Bools]:
    """Make one of several levels, and tell which strings are those of `whole` when their levels are concatenated."""
    lengths = np.concatenate([each.lengths for each in levels])
    null = np.logical_or.reduce([each.null for each in levels])
    owners = np.concatenate([each.owners for each in levels])
    # A stable sort by owner puts the levels of each string one after the other.
    data = np.concatenate([each.data for each in levels])[np.argsort(owners, kind="stable")]
    made = Binaries(lengths, data, null)
    alike = ~null & ~whole.null & (lengths.sum(axis=0) == whole.lengths[0])
    mine, other = made.owners, whole.owners
    differs = made.data[alike[mine]] != whole.data[alike[other]]
    agrees = alike.copy()
    agrees[mine[alike[mine]][differs]] = False
    return made, agrees


def divided(whole: Binaries, wanted: _Bools) -> tuple[Binaries, _Bools]:
    """Divide strings of 16-bit units at their zero units into levels, and tell which have as many as any `wanted`."""
    even = whole.lengths[0] % 2 == 0
    kept = even[whole.owners]
    units = whole.data[kept].reshape(-1, 2)
    owners = whole.owners[kept][::2]
    zero = ~units.any(axis=1)
    count = len(even)
    zeros = np.bincount(owners[zero], minlength=count)
    most = int(zeros[wanted & even].max(initial=0))
    before = np.cumsum(zeros) - zeros
    level = np.minimum(np.cumsum(zero) - before[owners], most)
    lengths = np.zeros((most + 1, count), np.int64)
    np.add.at(lengths, (level[~zero], owners[~zero]), 2)
    return Binaries(lengths, units[~zero].ravel(), whole.null), even & (zeros == most)
