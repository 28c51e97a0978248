"""Models in ONNX for tests: made by scikit-learn and its converter, or by hand where they are to be wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
NAMES = ["setosa", "versicolor", "virginica"]
OUTPUTS = {"predictions_name": "output_label", "prediction_probabilities_name": "output_probability"}
CLASSIFIES = {
    "task": "classification",
    "target_column_name": "species",
    "column_names": COLUMNS,
    "onnx_outputs_info": OUTPUTS,
}


def flowers() -> tuple[Any, Any]:
    """Measures of flowers, and their kinds by number."""
    matrix, kinds = load_iris(return_X_y=True)
    return matrix.astype(np.float32), kinds


def classifier(labels: Sequence[Any] = NAMES, **options: Any) -> tuple[Any, bytes]:
    """A forest and its file; ZipMap at the end unless `zipmap` is False."""
    matrix, kinds = flowers()
    model = RandomForestClassifier(10, random_state=0).fit(matrix, np.array(labels)[kinds])
    made = to_onnx(model, matrix[:1], options={id(model): options} if options else None)
    return model, made.SerializeToString()


def regressor() -> tuple[Any, bytes]:
    """The last measure from the three others."""
    matrix, _ = flowers()
    model = GradientBoostingRegressor(random_state=0).fit(matrix[:, :3], matrix[:, 3])
    return model, to_onnx(model, matrix[:1, :3]).SerializeToString()


def mixed() -> tuple[Any, Any, bytes]:
    """A pipeline of a text and a number, an input for each; gives rows, the pipeline and its file."""
    dice = np.random.default_rng(0)
    city, age = dice.choice(["Rome", "Oslo", "Köln"], 300), dice.integers(18, 80, 300).astype(np.float32)
    rows = np.array(list(zip(city, age, strict=True)), dtype=object)
    leaves = ((city == "Oslo") | (age < 30)).astype(int)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0]), ("passthrough", [1]))
    model = make_pipeline(encode, LogisticRegression()).fit(rows, leaves)
    types = [("city", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))]
    return rows, model, to_onnx(model, initial_types=types).SerializeToString()


def by_hand(nodes: Sequence[Any], initializers: Sequence[Any] = (), domains: Sequence[str] = ("",)) -> bytes:
    """A model of matrix x with two columns to matrix y."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(list(nodes), "g", [x], [y], list(initializers))
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in domains]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def weights(name: str = "w") -> Any:
    """An initializer of two rows and a column."""
    return numpy_helper.from_array(np.array([[1.0], [2.0]], np.float32), name)


def outside() -> Any:
    """An initializer whose numbers are in another file."""
    tensor = weights()
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def product(op: str = "MatMul", domain: str = "", **attributes: Any) -> Any:
    """A node that multiplies x with w."""
    return helper.make_node(op, ["x", "w"], ["y"], domain=domain, **attributes)
