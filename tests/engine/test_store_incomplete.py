"""Images that lack columns, put aside while their table is loaded: what they do not say is what the rows read have."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.changes.changes import ABSENT, VALUE, Changes, Missing
from statements.schema import Column, Table
from tests.engine.store_kit import Kit, at, batch, changes

TABLE = Table(
    "shop",
    "stock",
    (
        Column("id", 0, "int", "int", nullable=False),
        Column("a", 1, "int", "int"),
        Column("b", 2, "varchar", "varchar(9)", charset="utf8mb4"),
    ),
    ("id",),
)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "a", "b", "drop"]), st.integers(0, 2), st.sampled_from([None, 1, 2])), max_size=12
)
Model = dict[int, list[Any]]


def minimal(model: Model, steps: list[Any]) -> tuple[Changes | None, list[Model]]:
    """What binlog_row_image=MINIMAL logs of these steps, and the rows after each; the model takes them on."""
    kinds, rows, known, states = [], [], [], []
    for what, key, value in steps:
        text = None if value is None else str(value)
        there = key in model
        if what == "put" and not there:
            model[key] = [value, text]
            images = [(1, (key, value, text), (1, 1, 1))]
        elif what == "drop" and there:
            del model[key]
            images = [(0, (key, None, None), (1, 0, 0))]
        elif what in ("a", "b") and there:
            model[key]["ab".index(what)] = value if what == "a" else text
            row = (None, value, None) if what == "a" else (None, None, text)
            images = [(0, (key, None, None), (1, 0, 0)), (1, row, (0, what == "a", what == "b"))]
        else:
            continue
        for kind, row, has in images:
            kinds.append(kind)
            rows.append(row)
            known.append([VALUE if one else ABSENT for one in has])
        states.append({key: list(row) for key, row in model.items()})
    if not kinds:
        return None, states
    made = changes(TABLE, list(zip(kinds, rows, strict=True)))
    missing = Missing(np.array(known, np.uint8).T.copy())
    return Changes(made.schema, made.name, made.kinds, made.rows, missing), states


@settings(max_examples=40, deadline=None)
@given(_STEPS, st.lists(_STEPS, min_size=1, max_size=3), st.integers(0, 40))
def test_a_load_among_incomplete_images(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], groups: list[list[Any]], read_at: int
) -> None:
    kit = Kit(tmp_path_factory.mktemp("store") / "store.duckdb")
    model: Model = {}
    minimal(model, [("put", 0, 1), ("put", 1, 2), *before])
    states = [{key: list(row) for key, row in model.items()}]
    with kit.store.write() as transaction:
        transaction.set_position(at(0))
    copying = kit.copies.begin(TABLE, "USER")
    kit.copies.set_since(copying, at(0))
    for number, steps in enumerate(groups):
        images, after = minimal(model, steps)
        states += after
        if images is not None:
            kit.applier.apply(batch(number + 1, images))
    # The rows are read at some moment while these changes happen.
    cursor = kit.store.cursor()
    for key, (a, b) in states[min(read_at, len(states) - 1)].items():
        cursor.execute(f"INSERT INTO {copying.entry.store_name} VALUES (?, ?, ?)", [key, a, b])
    cursor.close()
    kit.copies.finish(copying, at(len(groups) + 1))
    kit.applier.apply(batch(len(groups) + 1))
    assert kit.rows(TABLE) == sorted(((key, *row) for key, row in model.items()), key=repr)
    kit.store.close()
