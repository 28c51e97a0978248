"""Boosted trees as flat arrays, and the kernel that walks them: LightGBM's sums to the last bit, several times faster.

Many rows go down one tree at once, level by level and without branches, so that the processor has other rows' work to
do while it waits for one row's value. A leaf leads to itself. Decisions are those of LightGBM's tree.h: NaN goes the
way a split says, categories by a set of bits.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from automl.learners.sharing import share

Floats = NDArray[np.float64]
_TOGETHER = 32  # rows that go down a tree at once
_ZERO = 1e-35  # what LightGBM takes for zero
_INFINITE = 1e308  # as which LightGBM reads inf
_CATEGORY, _ZERO_MISSING = 1, 1  # a bit of decision_type, and a value of its missing type


@dataclass(frozen=True)
class Forest:
    """Trees: for each its first node, its depth, whether all its splits are plain; and the nodes of all.

    `children` has four for each node: left, right, and, third, none; the last is for NaN. `values` are of leaves.
    `kinds` tells nodes of categories (1) and of numbers where zero is a gap (2) from the others; `bits` are the sets,
    `sets` where a node's begins and how many words it has.
    """

    starts: NDArray[np.uint64]
    depths: NDArray[np.uint64]
    plain: NDArray[np.bool_]
    features: NDArray[np.uint32]
    thresholds: Floats
    children: NDArray[np.uint32]
    values: Floats
    kinds: NDArray[np.uint8]
    sets: NDArray[np.uint32]
    bits: NDArray[np.uint32]
    outputs: int

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the sums of rows: rows x outputs."""
        rows = len(matrix)
        out = np.zeros((rows, self.outputs))
        block = np.ascontiguousarray(matrix, np.float64)
        share(rows, threads, lambda first, last: self._walk(block, first, last, out))
        return out

    def _walk(self, block: Floats, first: int, last: int, out: Floats) -> None:
        nodes = (self.features, self.thresholds, self.children, self.values, self.kinds, self.sets, self.bits)
        walk(block, first, last, self.starts, self.depths, self.plain, *nodes, out)


@numba.njit(
    types.void(
        types.Array(types.float64, 2, "C", readonly=True),
        types.int64,
        types.int64,
        types.uint64[::1],
        types.uint64[::1],
        types.boolean[::1],
        types.uint32[::1],
        types.float64[::1],
        types.uint32[::1],
        types.float64[::1],
        types.uint8[::1],
        types.uint32[::1],
        types.uint32[::1],
        types.float64[:, ::1],
    ),
    nogil=True,
    cache=True,
)
def walk(
    matrix: Any,
    first: Any,
    last: Any,
    starts: Any,
    depths: Any,
    plain: Any,
    features: Any,
    thresholds: Any,
    children: Any,
    values: Any,
    kinds: Any,
    sets: Any,
    bits: Any,
    out: Any,
) -> None:  # pragma: no cover - compiled
    """Add what the trees say of the rows from `first` up to `last`. Unsigned places spare a check of their sign."""
    at = np.empty(_TOGETHER, np.uint64)
    two, three = np.uint64(2), np.uint64(3)
    outputs = np.uint64(out.shape[1])
    for begin in range(np.uint64(first), np.uint64(last), np.uint64(_TOGETHER)):
        rows = min(np.uint64(_TOGETHER), np.uint64(last) - begin)
        for tree in range(np.uint64(len(starts))):
            for row in range(rows):
                at[row] = starts[tree]
            if plain[tree]:
                for _ in range(depths[tree]):
                    for row in range(rows):
                        node = at[row]
                        value = matrix[begin + row, np.uint64(features[node])]
                        turn = np.uint64(not (value <= thresholds[node])) | (np.uint64(value != value) << np.uint64(1))
                        at[row] = np.uint64(children[(node << two) | turn])
            else:
                for _ in range(depths[tree]):
                    for row in range(rows):
                        node = at[row]
                        value = matrix[begin + row, np.uint64(features[node])]
                        turn = np.uint64(not (value <= thresholds[node])) | (np.uint64(value != value) << np.uint64(1))
                        if kinds[node] == 1:
                            turn = np.uint64(1)
                            if value == value and value > -1.0 and value < 4294967296.0:
                                code = np.uint64(value)
                                word = code >> np.uint64(5)
                                if word < np.uint64(sets[np.uint64(2) * node + np.uint64(1)]):
                                    place = np.uint64(sets[np.uint64(2) * node]) + word
                                    if (np.uint64(bits[place]) >> (code & np.uint64(31))) & np.uint64(1):
                                        turn = np.uint64(0)
                        elif kinds[node] == 2 and (value != value or abs(value) <= _ZERO):
                            turn = three
                        at[row] = np.uint64(children[(node << two) | turn])
            output = tree % outputs
            for row in range(rows):
                out[begin + row, output] += values[at[row]]


def forest_of(text: str, outputs: int) -> Forest:
    """Read LightGBM's text, which was checked (`tree_text`) or is LightGBM's own."""
    _, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    trees, base, words = [], 0, 0
    for block in blocks:
        tree = _tree(block, base, words)
        base, words = base + len(tree["values"]), words + len(tree["bits"])
        trees.append(tree)

    def whole(name: str, kind: Any) -> Any:
        return np.ascontiguousarray(np.concatenate([tree[name] for tree in trees]), kind).ravel()

    return Forest(
        np.array([tree["start"] for tree in trees], np.uint64),
        np.array([tree["depth"] for tree in trees], np.uint64),
        np.array([not tree["kinds"].any() for tree in trees], np.bool_),
        whole("features", np.uint32),
        whole("thresholds", np.float64),
        whole("children", np.uint32),
        whole("values", np.float64),
        whole("kinds", np.uint8),
        whole("sets", np.uint32),
        whole("bits", np.uint32),
        outputs,
    )


def _tree(block: str, base: int, words: int) -> dict[str, Any]:
    """Give one tree's nodes, whose places count from `base`; splits first, then leaves."""
    lines = dict(line.partition("=")[::2] for line in block.splitlines())

    def numbers(name: str, kind: Any = np.int64) -> NDArray[Any]:
        return np.array(lines[name].split(), np.float64).astype(kind)

    leaves = int(lines["num_leaves"])
    splits = leaves - 1
    size = splits + leaves
    own = np.arange(size)
    features, thresholds = np.zeros(size, np.int64), np.zeros(size)
    children = np.tile(own[:, None], (1, 4))
    kinds, sets, bits = np.zeros(size, np.uint8), np.zeros((size, 2), np.int64), np.zeros(0, np.int64)
    depth = 0
    if splits:
        decision = numbers("decision_type")
        missing, category = decision >> 2 & 3, decision & _CATEGORY
        thresholds[:splits] = np.minimum(numbers("threshold", np.float64), _INFINITE)
        features[:splits] = numbers("split_feature")
        left, right = (
            np.where(side >= 0, side, splits + ~side) for side in (numbers("left_child"), numbers("right_child"))
        )
        by_default = np.where(decision & 2, left, right)
        as_zero = np.where(thresholds[:splits] >= 0.0, left, right)  # NaN is zero where no value stands for a gap
        for_nan = np.where(missing == 0, as_zero, by_default)
        children[:splits] = np.column_stack([left, right, right, for_nan])
        kinds[:splits] = np.where(category, 1, np.where(missing == _ZERO_MISSING, 2, 0))
        depth = _depth(left, right, splits)
        if int(lines["num_cat"]):
            bounds, bits = numbers("cat_boundaries"), numbers("cat_threshold")
            which = np.flatnonzero(category)
            chosen = thresholds[which].astype(np.int64)
            sets[which] = np.column_stack([bounds[chosen] + words, bounds[chosen + 1] - bounds[chosen]])
    values = np.zeros(size)
    values[splits:] = numbers("leaf_value", np.float64)
    return {
        "start": base,
        "depth": depth,
        "features": features,
        "thresholds": thresholds,
        "children": children + base,
        "values": values,
        "kinds": kinds,
        "sets": sets,
        "bits": bits,
    }


def _depth(left: NDArray[np.int64], right: NDArray[np.int64], splits: int) -> int:
    """Give the number of splits on the longest way down, level by level."""
    depth, level = 0, np.zeros(1, np.int64)
    while len(level):
        depth += 1
        below = np.concatenate([left[level], right[level]])
        level = below[below < splits]
    return depth
