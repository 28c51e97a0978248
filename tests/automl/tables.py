"""Tables to learn from, with what is known of them."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.table.source import Column, Kind, Source

_KINDS = {"i": Kind.NUMBER, "f": Kind.NUMBER, "b": Kind.BOOLEAN, "U": Kind.TEXT, "O": Kind.TEXT, "M": Kind.DATETIME}


def source(table: str = "shop.orders", **columns: object) -> Source:
    """Make a source of numpy arrays or lists; None in a list is NULL."""
    made, kinds = {}, []
    for name, values in columns.items():
        array = pa.array(values, from_pandas=True)
        made[name] = array
        if pa.types.is_string(array.type):
            kind = Kind.TEXT
        elif pa.types.is_timestamp(array.type):
            kind = Kind.DATETIME
        elif pa.types.is_date(array.type):
            kind = Kind.DATE
        elif pa.types.is_boolean(array.type):
            kind = Kind.BOOLEAN
        else:
            kind = Kind.NUMBER
        kinds.append(Column(name, kind))
    return Source(table, tuple(kinds), pa.table(made))


def matrix_source(matrix: NDArray[np.float64], target: NDArray[np.generic], table: str = "shop.orders") -> Source:
    """Make a source of a matrix, columns f0, f1, …, and a target y."""
    return source(table, **{f"f{each}": matrix[:, each] for each in range(matrix.shape[1])}, y=target)


def churn(rows: int = 2000, seed: int = 0) -> Source:
    """Customers who leave: by the plan, the calls (more than four), and the months; with gaps, dates, ids and notes."""
    dice = np.random.default_rng(seed)
    plan = dice.choice(["basic", "plus", "pro"], rows, p=[0.5, 0.3, 0.2])
    calls = dice.poisson(3, rows).astype(float)
    months = dice.uniform(0, 60, rows)
    logit = -2.5 + (plan == "basic") * 1.5 + (calls > 4) * 2.0 - months / 40
    leaves = dice.random(rows) < 1 / (1 + np.exp(-logit))
    calls[dice.random(rows) < 0.1] = np.nan
    start = np.datetime64("2020-01-01T00:00:00", "us") + dice.integers(0, 10**9, rows).astype("timedelta64[s]")
    return source(
        "shop.churn",
        id=np.arange(1, rows + 1),
        plan=plan.tolist(),
        calls=calls,
        months=months,
        since=start,
        constant=np.ones(rows),
        empty=pa.nulls(rows, pa.float64()),
        code=[f"C{each:08d}" for each in range(rows)],
        left_us=np.where(leaves, "yes", "no").tolist(),
    )
