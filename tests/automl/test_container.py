"""Stored models are hostile: what is not one is refused with BadModel, and never anything else happens."""

import contextlib
import hashlib
import json
import pickle
import random
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl.api import Model, load_model, predict
from automl.stored.container import MAGIC, pack, unpack
from automl.stored.parts import BadModel, Parts
from automl.stored.tree_text import checked
from automl.supervised.model import Supervised
from tests.automl.tables import churn

Change = Callable[[Parts], None]


def sealed(body: bytes) -> bytes:
    """Give bytes with a right checksum."""
    return MAGIC + hashlib.sha256(body).digest() + body


def test_parts_come_back(churn_model: Model) -> None:
    parts = Parts(
        {"a": {"b": [1, 2.5, "x", None]}}, {"x": np.arange(6.0).reshape(2, 3)}, {"t": ["ä", ""]}, {"m": "tree"}
    )
    again = unpack(pack(parts))
    assert again.tree == parts.tree
    assert np.array_equal(again.arrays["x"], parts.arrays["x"])
    assert (again.texts, again.boosters) == (parts.texts, parts.boosters)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"WFMODEL\x01",
        pickle.dumps({"task": "classification"}),
        sealed(b""),
        sealed(b"\xff\xff\xff\xff"),
        sealed((5).to_bytes(4, "little") + b"xxxxx"),
        sealed(len(zlib.compress(b"[]")).to_bytes(4, "little") + zlib.compress(b"[]")),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadModel):
        load_model(data)


def test_an_altered_byte_is_found(churn_model: Model) -> None:
    data = bytearray(churn_model.to_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(BadModel, match="checksum is wrong"):
        load_model(bytes(data))


def test_a_bomb_is_not_unpacked() -> None:
    head = {
        "tree": {},
        "blocks": [{"kind": "array", "name": "x", "raw": 1000, "packed": 0, "type": "<f8", "shape": [125]}],
    }
    bomb = zlib.compress(bytes(200 << 20), 9)
    head["blocks"][0]["packed"] = len(bomb)  # type: ignore[index]
    packed = zlib.compress(json.dumps(head).encode())
    with pytest.raises(BadModel, match="another size than it says"):
        load_model(sealed(len(packed).to_bytes(4, "little") + packed + bomb))
    huge = zlib.compress(b'{"tree": {"a": "' + b" " * (65 << 20) + b'"}, "blocks": []}', 9)
    with pytest.raises(BadModel, match="head is too large"):
        load_model(sealed(len(huge).to_bytes(4, "little") + huge))


def test_a_deep_head_is_refused() -> None:
    packed = zlib.compress(b"[" * 200_000)
    with pytest.raises(BadModel):
        load_model(sealed(len(packed).to_bytes(4, "little") + packed))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_resealed_damage_is_refused_or_harmless(churn_model: Model, data: st.DataObject) -> None:
    """Bytes of the body are changed and the checksum made right again: what is taken says what it said before."""
    whole = load_model(churn_model.to_bytes()).to_bytes()  # what LightGBM notes of a training is left out when read
    body = bytearray(whole[len(MAGIC) + 32 :])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([0, 0, 1, 100]))
    with contextlib.suppress(BadModel):
        # zlib's own sums are inside: only bits that mean nothing may differ
        assert load_model(sealed(bytes(body[: len(body) - cut]))).to_bytes() == whole


def _texts(model: Model) -> str:
    fitted = model.fitted
    assert isinstance(fitted, Supervised)
    found = fitted.parts().boosters
    assert found, "the model has trees"
    return next(iter(found.values()))


@pytest.fixture(scope="module")
def tree_model() -> Model:
    """A model of trees, small enough to be damaged many times."""
    from automl.api import read_options, train

    return train(churn(400), "left_us", read_options({"model_list": ["LGBMClassifier"], "max_seconds": 1}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left_child=", "left_child=999999 "),
        ("split_feature=", "split_feature=-1 "),
        ("num_leaves=", "num_leaves=999999999"),
        ("leaf_value=", "leaf_value=nan "),
        ("is_linear=0", "is_linear=1"),
        ("num_cat=", "num_cat=5"),
        ("Tree=0", "Tree=7"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=1000000"),
        ("max_feature_idx=", "max_feature_idx=1"),
        ("objective=binary", "objective=custom"),
        ("threshold=", "threshold=x "),
        ("shrinkage=", "evil=1\nshrinkage="),
    ],
)
def test_damaged_trees_are_refused(tree_model: Model, old: str, new: str) -> None:
    text = _texts(tree_model)
    assert old in text
    features = int(text.partition("max_feature_idx=")[2].split("\n")[0]) + 1
    checked(text, features, 1)
    with pytest.raises(BadModel):
        checked(text.replace(old, new, 1), features, 1)


def test_a_circle_of_nodes_is_refused(tree_model: Model) -> None:
    text = _texts(tree_model)
    features = int(text.partition("max_feature_idx=")[2].split("\n")[0]) + 1
    head, name, rest = text.partition("left_child=")
    line, end, tail = rest.partition("\n")
    numbers = line.split()
    for place in range(len(numbers)):
        changed = [*numbers[:place], "0", *numbers[place + 1 :]]
        with pytest.raises(BadModel):
            checked(head + name + " ".join(changed) + end + tail, features, 1)


def test_random_damage_to_trees_is_refused_or_harmless(tree_model: Model) -> None:
    """What passes the check is given to LightGBM and predicted with: the process must live on."""
    dice = random.Random(5)
    text = _texts(tree_model)
    parts = tree_model.fitted.parts()
    name = next(iter(parts.boosters))
    rows = churn(50, 2)
    passed = 0
    for _ in range(300):
        letters = list(text)
        for _ in range(dice.randint(1, 3)):
            letters[dice.randrange(len(letters))] = dice.choice("0123456789-. \n=e")
        parts.boosters[name] = "".join(letters)
        try:
            fitted = Supervised.restore(tree_model.task, parts)
        except BadModel:
            continue
        predict(Model(fitted, {}), rows)
        passed += 1
    assert passed > 20  # most changes of a digit of a threshold do no harm


def _with(change: Change) -> Callable[[Model], bytes]:
    def make(model: Model) -> bytes:
        parts = unpack(model.to_bytes())
        parts.arrays = dict(parts.arrays)
        change(parts)
        return pack(parts)

    return make


def _set(table: str, key: str, value: Any) -> Change:
    def change(parts: Parts) -> None:
        names = [name for name in getattr(parts, table) if name.endswith(key)]
        assert names, key
        getattr(parts, table)[names[0]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("arrays", "factors", np.array([1.0, -1.0])),
        _set("arrays", "factors", np.array([1.0, np.nan])),
        _set("arrays", "factors", np.ones(3)),
        _set("arrays", "background", np.zeros((5, 99))),
        _set("arrays", "drift/sizes", np.array([-1, 2, 3, 4])),
        _set("arrays", "drift/gaps", np.zeros(1)),
        _set("texts", "labels/values", ["a", "a"]),
        _set("texts", "labels/values", ["a"]),
        _set("boosters", "model", ""),
        _set("tree", "task", "magic"),
        _set("tree", "task", "forecasting"),
        _set("tree", "model", []),
        _set("tree", "about", 3),
    ],
)
def test_parts_that_do_not_fit_are_refused(tree_model: Model, change: Change) -> None:
    with pytest.raises(BadModel):
        load_model(_with(change)(tree_model))


def test_a_chain_of_nodes_is_refused() -> None:
    """LightGBM goes down recursively: a tree of one long path would take its stack."""
    splits = 600
    lines: dict[str, list[Any]] = {
        "num_leaves": [splits + 1],
        "num_cat": [0],
        "split_feature": [0] * splits,
        "split_gain": [1] * splits,
        "threshold": [0.5] * splits,
        "decision_type": [2] * splits,
        "left_child": [-each - 1 for each in range(splits)],
        "right_child": [*range(1, splits), -splits - 1],
        "leaf_value": [0] * (splits + 1),
        "leaf_weight": [1] * (splits + 1),
        "leaf_count": [1] * (splits + 1),
        "internal_value": [0] * splits,
        "internal_weight": [1] * splits,
        "internal_count": [1] * splits,
        "is_linear": [0],
        "shrinkage": [1],
    }
    body = "".join(f"{name}={' '.join(str(each) for each in values)}\n" for name, values in lines.items())
    head = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\n"
    with pytest.raises(BadModel, match="too deep"):
        checked(f"{head}\nTree=0\n{body}\nend of trees\n", 1, 1)
