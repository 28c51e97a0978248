"""What a model is made of when it is at rest: a JSON tree, named arrays, and texts of boosted trees.

Reading checks everything it takes: parts come from a catalog table that users can write.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from automl.errors import AutoMLError

T = TypeVar("T")


class BadModel(AutoMLError):
    """Bytes that are no model, or one that was altered."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This is no model that can be loaded: {what}. Train or import it again.")


def _within(table: Mapping[str, T], start: str) -> dict[str, T]:
    return {name[len(start) :]: value for name, value in table.items() if name.startswith(start)}


@dataclass
class Parts:
    """Named parts. `trees` are LightGBM's text form."""

    tree: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    boosters: dict[str, str] = field(default_factory=dict)

    def under(self, prefix: str) -> "Parts":
        """Give the parts whose names begin with `prefix/`, without it."""
        start = f"{prefix}/"
        inner = self.tree.get(prefix)
        if not isinstance(inner, dict):
            raise BadModel(f"part '{prefix}' is missing")
        return Parts(inner, _within(self.arrays, start), _within(self.texts, start), _within(self.boosters, start))

    def put(self, prefix: str, inner: "Parts") -> None:
        """Add other parts under `prefix/`."""
        self.tree[prefix] = inner.tree
        self.arrays |= {f"{prefix}/{name}": value for name, value in inner.arrays.items()}
        self.texts |= {f"{prefix}/{name}": value for name, value in inner.texts.items()}
        self.boosters |= {f"{prefix}/{name}": value for name, value in inner.boosters.items()}

    def array(self, name: str, *shape: int | None, kind: str = "f", gaps: bool = False) -> NDArray[Any]:
        """Give an array of these extents (None: any) and of floats ("f") or integers ("i"); NaN only where `gaps`.

        Raises:
            BadModel: it is missing or another.
        """
        found = self.arrays.get(name)
        if found is None or found.ndim != len(shape) or found.dtype.kind not in {"f": "f", "i": "iu"}[kind]:
            raise BadModel(f"array '{name}' is missing or of another kind")
        if any(wanted is not None and wanted != real for wanted, real in zip(shape, found.shape, strict=True)):
            raise BadModel(f"array '{name}' has another size than the rest")
        if kind == "f" and not (np.isfinite(found) | (gaps & np.isnan(found))).all():
            raise BadModel(f"array '{name}' has something else than numbers")
        return found

    def indexes(self, name: str, below: int) -> NDArray[Any]:
        """Give a one-dimensional array of whole numbers from 0 to `below` - 1."""
        found = self.array(name, None, kind="i")
        if len(found) and (int(found.min()) < 0 or int(found.max()) >= below):
            raise BadModel(f"array '{name}' points outside")
        return found

    def words(self, name: str) -> list[str]:
        """Give a list of texts."""
        found = self.texts.get(name)
        if found is None:
            raise BadModel(f"texts '{name}' are missing")
        return found

    def value(self, name: str, *kinds: type) -> Any:
        """Give a value of the tree that is of one of these types."""
        found = self.tree.get(name)
        if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
            raise BadModel(f"value '{name}' is missing or of another type")
        return found

    def listed(self, name: str, kind: type) -> list[Any]:
        """Give a list of the tree whose members all are of a type."""
        found = self.value(name, list)
        if not all(isinstance(each, kind) for each in found):
            raise BadModel(f"list '{name}' has members of another type")
        return list(found)

    def whole(self, name: str, low: int = 0, high: int = 2**31) -> int:
        """Give a whole number of the tree in a range."""
        found: int = self.value(name, int)
        if not low <= found <= high:
            raise BadModel(f"value '{name}' is out of range")
        return found

    def real(self, name: str) -> float:
        """Give a finite number of the tree."""
        found = float(self.value(name, int, float))
        if not np.isfinite(found):
            raise BadModel(f"value '{name}' is not finite")
        return found


def pick(table: Mapping[str, Callable[..., T]], name: object) -> Callable[..., T]:
    """Give what a name of the tree stands for."""
    if not isinstance(name, str) or name not in table:
        raise BadModel(f"unknown part {name!r}")
    return table[name]
