"""The sets that AutoML is measured on: public ones that packages carry, and made ones. Runs in both environments.

python bench/automl_sets.py FOLDER writes each as NAME.parquet (columns, the last is the target) and sets.json.
"""

import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

Made = tuple[dict[str, Any], Any, str]


def _plain(matrix: Any, target: Any, task: str) -> Made:
    return {f"f{each}": matrix[:, each] for each in range(matrix.shape[1])}, target, task


def _sklearn(name: str, task: str) -> Callable[[], Made]:
    def load() -> Made:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return _plain(found.data, found.target, task)

    return load


def _statsmodels(name: str, target: str, task: str, change: Callable[[Any], Any]) -> Callable[[], Made]:
    def load() -> Made:
        import statsmodels.api

        frame = getattr(statsmodels.api.datasets, name).load_pandas().data
        columns = {each: frame[each].to_numpy(float) for each in frame.columns if each != target}
        return columns, change(frame[target].to_numpy(float)), task

    return load


def imbal() -> Made:
    """100,000 rows, about 6 % positive, 3 % of labels wrong."""
    from sklearn.datasets import make_classification

    matrix, target = make_classification(
        100_000, 30, n_informative=12, n_redundant=6, weights=[0.96], flip_y=0.03, class_sep=0.8, random_state=0
    )
    return _plain(matrix, target, "classification")


def census() -> Made:
    """50,000 rows of numbers with gaps and categories of 15 and 300 values, which work together."""
    dice = np.random.default_rng(0)
    rows = 50_000
    numbers = dice.normal(size=(rows, 9))
    small, large = dice.integers(0, 15, rows), dice.integers(0, 300, rows)
    level = dice.normal(0, 0.7, 300)[large] + dice.normal(0, 0.7, 15)[small]
    logit = -2.4 + level + numbers[:, 0] * (small % 3 == 0) + 0.8 * numbers[:, 1] * numbers[:, 2] + 0.5 * numbers[:, 3]
    target = (dice.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    numbers[dice.random(numbers.shape) < 0.08] = np.nan
    columns: dict[str, Any] = {f"n{each}": numbers[:, each] for each in range(9)}
    columns["small"] = [f"s{each}" for each in small]
    columns["large"] = [f"l{each:03d}" for each in large]
    return columns, target, "classification"


def multi() -> Made:
    """20,000 rows, 50 columns, six classes."""
    from sklearn.datasets import make_classification

    matrix, target = make_classification(
        20_000, 50, n_informative=20, n_redundant=10, n_classes=6, n_clusters_per_class=3, class_sep=0.9, random_state=0
    )
    return _plain(matrix, target, "classification")


def hastie() -> Made:
    """12,000 rows: whether a sum of ten squares is large."""
    from sklearn.datasets import make_hastie_10_2

    matrix, target = make_hastie_10_2(12_000, random_state=0)
    return _plain(matrix, (target > 0).astype(int), "classification")


def friedman() -> Made:
    """100,000 rows of Friedman's first function, with a category of 40 values and columns that mean nothing."""
    from sklearn.datasets import make_friedman1

    matrix, target = make_friedman1(100_000, 20, noise=1.0, random_state=0)
    dice = np.random.default_rng(0)
    codes = dice.integers(0, 40, len(target))
    columns, _, task = _plain(matrix, target, "regression")
    columns["kind"] = [f"k{each}" for each in codes]
    return columns, target + dice.normal(0, 2, 40)[codes], task


def waves() -> Made:
    """5,000 rows of a function that trees find hard: sums of waves, and a line."""
    dice = np.random.default_rng(0)
    matrix = dice.uniform(-3, 3, (5000, 8))
    target = (
        np.sin(matrix[:, 0] * 2) * 2 + matrix[:, 1] * 3 + np.abs(matrix[:, 2]) * matrix[:, 3] + dice.normal(0, 1, 5000)
    )
    return _plain(matrix, target, "regression")


SETS: dict[str, Callable[[], Made]] = {
    "breast_cancer": _sklearn("breast_cancer", "classification"),
    "wine": _sklearn("wine", "classification"),
    "digits": _sklearn("digits", "classification"),
    "diabetes": _sklearn("diabetes", "regression"),
    "fair": _statsmodels("fair", "affairs", "classification", lambda values: (values > 0).astype(int)),
    "anes96": _statsmodels("anes96", "vote", "classification", lambda values: values.astype(int)),
    "randhie": _statsmodels("randhie", "mdvis", "regression", np.log1p),
    "imbal": imbal,
    "census": census,
    "multi": multi,
    "hastie": hastie,
    "friedman": friedman,
    "waves": waves,
}


def parted(target: Any, task: str, seed: int) -> tuple[Any, Any]:
    """Give the rows that train (70 %) and those that test, classes in proportion."""
    dice = np.random.default_rng(seed)
    order = dice.permutation(len(target))
    if task == "classification":
        order = order[np.argsort(np.asarray(target)[order], kind="stable")]
    chosen = np.arange(len(order)) % 10 < 7
    return np.sort(order[chosen]), np.sort(order[~chosen])


def main() -> None:
    """Write the sets."""
    folder = pathlib.Path(sys.argv[1])
    tasks = {}
    for name, make in SETS.items():
        columns, target, tasks[name] = make()
        pyarrow.parquet.write_table(pa.table({**columns, "target": target}), folder / f"{name}.parquet")
    (folder / "sets.json").write_text(json.dumps(tasks))


if __name__ == "__main__":
    main()
