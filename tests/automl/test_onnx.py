"""Models in ONNX: answers as the library gives that made them, and files that are refused before they are run."""

import contextlib
import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper

from automl.api import (
    AutoMLError,
    Source,
    explain,
    explain_rows,
    imported,
    load_model,
    predict,
    predict_row,
    rows_from_json,
    score,
)
from automl.onnx.checked import read
from automl.stored.parts import BadModel
from tests.automl import onnx_kit as kit
from tests.automl.tables import source


@pytest.fixture(scope="module")
def flowers() -> Source:
    matrix, kinds = kit.flowers()
    columns = {name: matrix[:, place] for place, name in enumerate(kit.COLUMNS)}
    return source(**columns, species=[kit.NAMES[kind] for kind in kinds])


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_answers_as_its_maker(flowers: Source, zipmap: bool) -> None:
    own, data = kit.classifier(**({} if zipmap else {"zipmap": False}))
    given = kit.CLASSIFIES
    if not zipmap:
        labels = {str(place): name for place, name in enumerate(kit.NAMES)}
        outputs = {"predictions_name": "label", "prediction_probabilities_name": "probabilities", "labels_map": labels}
        given = {**given, "onnx_outputs_info": outputs}
    model = imported(data, given)
    found = predict(model, flowers)
    matrix, _ = kit.flowers()
    assert found["Prediction"].to_pylist() == own.predict(matrix).tolist()
    told = [json.loads(text) for text in found["ml_results"].to_pylist()]
    chances = np.array([[each["probabilities"][name] for name in kit.NAMES] for each in told])
    assert np.abs(chances - own.predict_proba(matrix)).max() < 1e-4
    assert told[0]["predictions"] == {"species": "setosa"}
    assert score(model, flowers, "species", "accuracy") == pytest.approx(own.score(matrix, flowers.rows["species"]))
    assert score(model, flowers, None, "neg_log_loss") == pytest.approx(-0.03, abs=0.03)
    one = predict_row(model, {name: float(matrix[3, place]) for place, name in enumerate(kit.COLUMNS)})
    assert one["ml_results"] == told[3]
    again = load_model(model.to_bytes())
    assert predict(again, flowers).equals(found)
    assert again.metadata() == model.metadata()


def test_labels_of_numbers_are_named_or_counted(flowers: Source) -> None:
    own, data = kit.classifier([0, 1, 2])
    plain = imported(data, kit.CLASSIFIES)
    matrix, _ = kit.flowers()
    assert predict(plain, flowers)["Prediction"].to_pylist() == own.predict(matrix).tolist()
    for labels in (
        kit.NAMES,
        {"0": "setosa", "1": "versicolor", "2": "virginica"},
        dict(zip(kit.NAMES, range(3), strict=True)),
    ):
        for outputs in (
            kit.OUTPUTS,
            {"prediction_probabilities_name": "output_probability"},
            {"predictions_name": "output_label"},
        ):
            given = {**kit.CLASSIFIES, "onnx_outputs_info": {**outputs, "labels_map": labels}}
            named = predict(imported(data, given), flowers)
            assert named["Prediction"].to_pylist() == [kit.NAMES[each] for each in own.predict(matrix)]
            assert ("probabilities" in named["ml_results"][0].as_py()) == ("prediction_probabilities_name" in outputs)


def test_a_regression_needs_no_names(flowers: Source) -> None:
    own, data = kit.regressor()
    model = imported(data, {"task": "regression", "column_names": kit.COLUMNS[:3], "target_column_name": "petal_width"})
    matrix, _ = kit.flowers()
    found = predict(model, flowers)["Prediction"].to_numpy()
    assert np.abs(found - own.predict(matrix[:, :3])).max() < 1e-4
    assert score(model, flowers, "petal_width", "r2") == pytest.approx(own.score(matrix[:, :3], matrix[:, 3]), abs=1e-4)


def test_inputs_for_each_column_take_texts_and_gaps() -> None:
    rows, own, data = kit.mixed()
    outputs = {"onnx_outputs_info": kit.OUTPUTS}
    model = imported(data, {**outputs, "target_column_name": "leaves"})
    ages = [float(age) for age in rows[:, 1]]
    table = source(age=ages, city=rows[:, 0].tolist(), other=["x"] * len(rows))
    found = predict(model, table)
    assert found["Prediction"].to_pylist() == own.predict(rows).tolist()
    asked = pa.array(['{"AGE": 20, "city": "Rome"}', '{"city": null, "AGE": 70}'])
    many = predict(model, rows_from_json(model, asked))["ml_results"].to_pylist()
    assert [json.loads(each)["predictions"]["leaves"] for each in many] == [1, 0]
    assert predict_row(model, {"age": "20", "city": "Rome"})["ml_results"] == json.loads(many[0])
    with pytest.raises(AutoMLError, match="no probabilities for rows with NULL"):
        predict_row(model, {"age": None, "city": "Rome"})
    with pytest.raises(AutoMLError, match="lacks columns that the model takes: city"):
        predict_row(model, {"age": 20})


def test_columns_without_names_go_by_their_order(flowers: Source) -> None:
    _, data = kit.classifier()
    given = {key: value for key, value in kit.CLASSIFIES.items() if key != "column_names"}
    model = imported(data, given)
    assert score(model, flowers, "species", "accuracy") > 0.98
    with pytest.raises(AutoMLError, match="column_names"):
        predict_row(model, dict.fromkeys(kit.COLUMNS, 1.0))
    with pytest.raises(AutoMLError, match="column_names"):
        rows_from_json(model, pa.array(["{}"]))
    with pytest.raises(AutoMLError, match=r"takes 4 columns in one input, and shop\.orders has 3"):
        predict(model, flowers.keep([*kit.COLUMNS[:3], "species"]))


def test_explanations_ask_the_model(flowers: Source) -> None:
    _, data = kit.classifier()
    model = imported(data, kit.CLASSIFIES)
    ranks = list(explain(model, flowers, "species")["permutation_importance"])
    assert set(ranks[:2]) == {"petal_length", "petal_width"}
    asked = {"model_explainer": "partial_dependence", "columns_to_explain": ["petal_length"], "target_value": "setosa"}
    told = explain(model, flowers, "species", asked)["partial_dependence"]
    assert told["average"][0] > told["average"][-1]
    table = explain_rows(model, flowers)
    assert np.abs(table["petal_length_attribution"].to_numpy()).mean() > np.abs(table["sepal_width_attribution"]).mean()
    with pytest.raises(AutoMLError, match="trained here"):
        explain(model, flowers, "species", {"model_explainer": "fast_shap"})


def test_shapley_values_are_those_of_the_model() -> None:
    own, data = kit.regressor()
    model = imported(data, {"task": "regression", "onnx_outputs_info": {"predictions_name": "variable"}})
    matrix = kit.flowers()[0][:, :3]
    rows = source(**{f"c{each}": matrix[:, each] for each in range(3)})
    table = explain_rows(model, rows, {"prediction_explainer": "shap"})
    found = np.column_stack([table[f"c{each}_attribution"].to_numpy() for each in range(3)])
    # What they add up to is the answer less the mean of the twenty rows that each was made from.
    others = own.predict(matrix[np.linspace(0, 149, 20).astype(int)]).mean()
    np.testing.assert_allclose(found.sum(axis=1), own.predict(matrix) - others, atol=1e-4)
    ranks = explain(model, rows, None, {"model_explainer": "shap"})["shap"]
    assert next(iter(ranks)) == "c2"
    assert list(ranks.values()) == sorted(ranks.values(), reverse=True)


_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"task": "forecasting"}, "for classification or regression"),
    ({"task": "clasification"}, "Did you mean 'classification'"),
    ({"onnx_outputs_info": {}}, "needs 'predictions_name'"),
    ({"onnx_outputs_info": {"predictions_name": "label"}}, "no output 'label'.*output_label"),
    ({"onnx_outputs_info": {"prediction_name": "output_label"}}, "Did you mean 'predictions_name'"),
    ({"task": "regression"}, "prediction_probabilities_name.*task is regression"),
    ({"column_names": ["a"]}, "takes 4 columns"),
    ({"onnx_inputs_info": {"data_types_map": {"tensor(flot)": "float32"}}}, r"Did you mean 'tensor\(float\)'"),
    ({"onnx_inputs_info": {"data_types_map": {"tensor(float)": "complex64"}}}, "unknown type 'complex64'"),
    ({"onnx_outputs_info": {**kit.OUTPUTS, "labels_map": {"0": "a", "1": "a"}}}, "one name"),
]


@pytest.mark.parametrize(("change", "words"), _WRONG)
def test_metadata_that_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    _, data = kit.classifier()
    with pytest.raises(AutoMLError, match=words):
        imported(data, {**kit.CLASSIFIES, **change})


def test_values_that_do_not_fit_are_refused(flowers: Source) -> None:
    _, data = kit.classifier()
    model = imported(data, kit.CLASSIFIES)
    row: dict[str, Any] = dict.fromkeys(kit.COLUMNS, 1.0)
    with pytest.raises(AutoMLError, match="sepal_width"):
        predict_row(model, {**row, "sepal_width": "wide"})
    with pytest.raises(AutoMLError, match="training rows"):
        predict(model, flowers, {"additional_details": True})
    only = imported(data, {**kit.CLASSIFIES, "onnx_outputs_info": {"predictions_name": "output_label"}})
    with pytest.raises(AutoMLError, match="needs probabilities"):
        score(only, flowers, "species", "roc_auc")


def test_a_batch_of_fixed_size_is_filled_up() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 1])
    graph = helper.make_graph([kit.product()], "g", [x], [y], [kit.weights()])
    opset = [helper.make_opsetid("", 17)]
    data = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    model = imported(data, {"task": "regression", "column_names": ["a", "b"]})
    table = source(a=np.arange(10.0), b=np.ones(10))
    assert predict(model, table)["Prediction"].to_pylist() == [each + 2.0 for each in range(10)]
    assert predict_row(model, {"a": 3, "b": 4})["Prediction"] == 11.0


def _nested(depth: int) -> Any:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "g",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["z"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)])
    return helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)


def _huge() -> Any:
    tensor = kit.weights()
    tensor.dims[0] = 1 << 40
    return tensor


def _short() -> Any:
    tensor = kit.weights()
    tensor.raw_data = b"\0\0"
    return tensor


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "from one byte"),
        (b"\x80\x05K\x01.", "no ONNX"),
        (b"PK\x03\x04" + bytes(100), "no ONNX"),
        (kit.by_hand([kit.product()], [kit.outside()]), "another file"),
        (kit.by_hand([kit.product("Product", value=kit.outside())], [kit.weights()]), "another file"),
        (kit.by_hand([kit.product("MatMul", "my.ops")], [kit.weights()], ("", "my.ops")), "no part of ONNX"),
        (kit.by_hand([kit.product("NoSuchOp")], [kit.weights()]), "NoSuchOp"),
        (kit.by_hand([kit.product()], [_huge()]), "out of range"),
        (kit.by_hand([kit.product()], [_short()]), "another size"),
        (kit.by_hand([kit.product()]), "onnxruntime refuses it"),
        (kit.by_hand([_nested(4)]), "onnxruntime refuses it"),
    ],
)
def test_hostile_files_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadModel, match=words):
        imported(data, {"task": "regression"})


def test_graphs_inside_graphs_end() -> None:
    deep = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [])
    for _ in range(20):
        deep = helper.make_graph([helper.make_node("Loop", ["c"], ["y"], body=deep)], "g", [], [])
    with pytest.raises(BadModel, match="graphs inside graphs"):
        read(kit.by_hand([helper.make_node("Loop", ["c"], ["y"], body=deep)]))


@pytest.mark.parametrize("seed", range(4))
def test_altered_files_are_read_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    data = [kit.classifier()[1], kit.by_hand([kit.product()], [kit.weights()]), kit.mixed()[2]][seed % 3]
    for _ in range(500):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(changed))
            match dice.randrange(3):
                case 0:
                    changed[place] = dice.randrange(256)
                case 1:
                    del changed[place : place + dice.randint(1, 9)]
                case _:
                    changed[place:place] = dice.randbytes(dice.randint(1, 9))
        with contextlib.suppress(BadModel):
            read(bytes(changed))
