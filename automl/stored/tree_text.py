"""LightGBM's text form of trees, read and checked before LightGBM's own reader sees it.

That reader is C++ and trusts what it reads: a child or a feature out of range is a read out of bounds. So the text is
taken apart, every index is checked, and a new text is made of nothing but what was checked.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from automl.stored.parts import BadModel

MOST_TREES = 100_000
MOST_LEAVES = 65_536
MOST_DEPTH = 512  # LightGBM walks trees recursively
MOST_NODES = 20_000_000
_PER_SPLIT = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_INNER = ("internal_value", "internal_weight", "internal_count")
_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_KNOWN = frozenset(
    {
        *_PER_SPLIT,
        *_INNER,
        *_PER_LEAF,
        "num_leaves",
        "num_cat",
        "cat_boundaries",
        "cat_threshold",
        "is_linear",
        "shrinkage",
    }
)
_OBJECTIVES = {
    "binary": "binary sigmoid:1",
    "multiclass": "multiclass num_class:{outputs}",
    "regression": "regression",
    "regression_l1": "regression_l1",
    "quantile": "quantile alpha:0.5",
    "poisson": "poisson",
}


def _lines(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in block.splitlines():
        if not line:
            continue
        name, equals, value = line.partition("=")
        if name in found:
            raise BadModel(f"'{name[:40]}' comes twice in a tree")
        found[name] = value if equals else ""
    return found


def _numbers(lines: Mapping[str, str], name: str, count: int, whole: bool = False) -> NDArray[np.float64]:
    text = lines.get(name)
    if text is None:
        raise BadModel(f"a tree lacks '{name}'")
    try:
        found = np.array(text.split(), dtype=np.float64)
    except ValueError:
        raise BadModel(f"'{name}' of a tree has something else than numbers") from None
    # A split that only tells gaps from numbers has the threshold inf.
    if len(found) != count or not (np.isfinite(found) | ((name == "threshold") & np.isposinf(found))).all():
        raise BadModel(f"'{name}' of a tree has a wrong count or size")
    if whole and ((found != np.floor(found)).any() or (np.abs(found) > 2**32).any()):
        raise BadModel(f"'{name}' of a tree has something else than whole numbers")
    return found


def _whole(lines: Mapping[str, str], name: str, low: int, high: int) -> int:
    found = int(_numbers(lines, name, 1, whole=True)[0])
    if not low <= found <= high:
        raise BadModel(f"'{name}' of a tree is out of range")
    return found


def _between(values: NDArray[np.float64] | NDArray[np.int64], low: int, high: int, name: str) -> None:
    if len(values) and (values.min() < low or values.max() > high):
        raise BadModel(f"'{name}' of a tree points outside")


def _check_shape(left: NDArray[np.int64], right: NDArray[np.int64], leaves: int) -> None:
    """Check that every node but the first has one parent, which is before it, and that no path is too long."""
    splits = leaves - 1
    children = np.concatenate([left, right])
    parents = np.concatenate([np.arange(splits), np.arange(splits)])
    inner = children >= 0
    if (children[inner] <= parents[inner]).any():
        raise BadModel("a tree runs in a circle")
    reached = np.concatenate([children[inner], splits + (-children[~inner] - 1)])
    if len(np.unique(reached)) != len(reached) or len(reached) != splits + leaves - 1:
        raise BadModel("a tree's nodes do not hang together")
    if splits < MOST_DEPTH:
        return
    depth = np.zeros(splits, np.int64)
    for node in range(splits):  # parents come before children
        for child in (left[node], right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    if depth.max() >= MOST_DEPTH:
        raise BadModel("a tree is too deep")


def _tree(block: str, features: int) -> tuple[str, int]:
    """Check one tree and give its text again and its number of leaves."""
    lines = _lines(block)
    unknown = set(lines) - _KNOWN
    if unknown:
        raise BadModel(f"a tree has the unknown part '{min(unknown)[:40]}'")
    leaves = _whole(lines, "num_leaves", 1, MOST_LEAVES)
    cats = _whole(lines, "num_cat", 0, MOST_LEAVES)
    if lines.get("is_linear", "0") != "0":
        raise BadModel("trees with linear leaves are not read")
    _numbers(lines, "shrinkage", 1)
    splits = leaves - 1
    kept = ["num_leaves", "num_cat"]
    if splits:
        real = ("split_gain", "threshold")
        found = {name: _numbers(lines, name, splits, whole=name not in real) for name in _PER_SPLIT}
        kept += _PER_SPLIT
        _between(found["split_feature"], 0, features - 1, "split_feature")
        left, right = (found[name].astype(np.int64) for name in ("left_child", "right_child"))
        for name, side in (("left_child", left), ("right_child", right)):
            _between(side, -leaves, splits - 1, name)
        _check_shape(left, right, leaves)
        decision = found["decision_type"]
        _between(decision, 0, 15, "decision_type")
        chosen = found["threshold"][decision.astype(np.int64) % 2 == 1]
        if (chosen != np.floor(chosen)).any():
            raise BadModel("a split of categories points outside")
        _between(chosen, 0, cats - 1, "threshold")
    values = ["leaf_value"] if not splits else list(_PER_LEAF)
    for name in values:
        _numbers(lines, name, leaves)
    kept += values
    if splits:
        for name in _INNER:
            _numbers(lines, name, splits)
        kept += _INNER
    if cats:
        bounds = _numbers(lines, "cat_boundaries", cats + 1, whole=True)
        words = len(lines.get("cat_threshold", "").split())
        if bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != words:
            raise BadModel("a tree's categories do not fit")
        _between(_numbers(lines, "cat_threshold", words, whole=True), 0, 2**32 - 1, "cat_threshold")
        kept += ["cat_boundaries", "cat_threshold"]
    body = "".join(f"{name}={lines[name]}\n" for name in kept)
    return f"{body}is_linear=0\nshrinkage={lines['shrinkage']}\n\n\n", leaves


def checked(text: str, features: int, outputs: int) -> tuple[str, int]:
    """Give the text made anew of what was checked, and the number of trees.

    Raises:
        BadModel: the text is damaged, too large, or of another shape.
    """
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    lines = _lines(head)
    name = lines.get("objective", "").split(" ")[0]
    if "tree" not in lines or name not in _OBJECTIVES or not blocks:
        raise BadModel("its trees are not in LightGBM's form")
    if len(blocks) > MOST_TREES or len(blocks) % outputs:
        raise BadModel(f"it has {len(blocks)} trees")
    if lines.get("num_tree_per_iteration") != str(outputs) or lines.get("max_feature_idx") != str(features - 1):
        raise BadModel("its trees have another number of features or classes")
    trees, nodes = [], 0
    for number, block in enumerate(blocks):
        index, _, body = block.partition("\n")
        if index != str(number):
            raise BadModel("its trees are out of order")
        tree, leaves = _tree(body, features)
        nodes += leaves
        if nodes > MOST_NODES:
            raise BadModel("it has too many nodes")
        trees.append(f"Tree={number}\n{tree}")
    classes = outputs if name == "multiclass" else 1
    if classes != outputs:
        raise BadModel("its trees have another number of classes")
    average = "average_output\n" if "average_output" in lines else ""
    made = (
        f"tree\nversion=v4\nnum_class={classes}\nnum_tree_per_iteration={outputs}\nlabel_index=0\n"
        f"max_feature_idx={features - 1}\nobjective={_OBJECTIVES[name].format(outputs=outputs)}\n{average}"
        f"feature_names={' '.join(f'Column_{each}' for each in range(features))}\n"
        f"feature_infos={' '.join(['none'] * features)}\n"
        f"tree_sizes={' '.join(str(len(tree)) for tree in trees)}\n\n"
    )
    return f"{made}{''.join(trees)}end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n", len(trees)


def shortened(text: str) -> str:
    """Leave out what LightGBM writes behind the trees."""
    return text.partition("\nfeature_importances")[0] + "\n"
