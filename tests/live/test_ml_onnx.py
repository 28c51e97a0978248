"""Models in ONNX through the whole product: imported, used, exported, refused; run in a process of their own."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.automl import onnx_kit as kit
from tests.live.ml_kit import error_of, run, wait_for, workers

pytestmark = pytest.mark.live

METADATA = json.dumps(kit.CLASSIFIES)
ROW = "JSON_OBJECT('sepal_length', 6.1, 'sepal_width', 2.8, 'petal_length', 4.7, 'petal_width', 1.2)"
INPUT = f"JSON_OBJECT({', '.join(f'{name!r}, {name}' for name in kit.COLUMNS)})"


@pytest.fixture(scope="module")
def flowers(ml_shop: Any, backend: Any) -> Iterator[Any]:
    matrix, kinds = kit.flowers()
    columns = ", ".join(f"{name} FLOAT" for name in kit.COLUMNS)
    backend.run(f"CREATE TABLE ml_shop.flowers (id INT PRIMARY KEY, {columns}, species VARCHAR(20))")
    rows = [(place, *map(float, row), kit.NAMES[kinds[place]]) for place, row in enumerate(matrix)]
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO ml_shop.flowers VALUES (%s,%s,%s,%s,%s,%s)", rows)
    yield ml_shop
    backend.run("DROP TABLE ml_shop.flowers")


def imported(connection: Any, data: bytes, metadata: str, handle: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET @object = %s, @metadata = %s", (base64.encodebytes(data).decode(), metadata))
        cursor.execute(f"CALL sys.ML_MODEL_IMPORT(@object, @metadata, '{handle}')")


@pytest.fixture(scope="module")
def own(flowers: Any) -> Any:
    """The forest, imported as `flower_model`."""
    model, data = kit.classifier()
    with flowers.connect(charset="utf8mb4") as connection:
        imported(connection, data, METADATA, "flower_model")
    return model


def test_an_imported_model_predicts_scores_and_explains(ml_client: Any, own: Any, backend: Any) -> None:
    answered = own.predict(kit.flowers()[0]).tolist()
    ((one,),) = run(ml_client, f"SELECT sys.ML_PREDICT_ROW({ROW}, 'flower_model', NULL)")
    assert json.loads(one)["ml_results"]["predictions"] == {"species": "versicolor"}
    select = f"SELECT sys.ML_PREDICT_ROW({INPUT}, 'flower_model', NULL) FROM ml_shop.flowers ORDER BY id"
    assert [json.loads(row[0])["Prediction"] for row in run(ml_client, select)] == answered
    run(ml_client, "CALL sys.ML_PREDICT_TABLE('ml_shop.flowers', 'flower_model', 'ml_shop.flowers_out', NULL)")
    assert [row[0] for row in run(ml_client, "SELECT Prediction FROM ml_shop.flowers_out ORDER BY id")] == answered
    run(ml_client, "CALL sys.ML_SCORE('ml_shop.flowers', 'species', 'flower_model', 'accuracy', @score, NULL)")
    assert float(run(ml_client, "SELECT @score")[0][0]) > 0.95
    run(ml_client, "CALL sys.ML_EXPLAIN('ml_shop.flowers', 'species', 'flower_model', NULL)")
    shap = "JSON_OBJECT('prediction_explainer', 'shap')"
    run(ml_client, f"CALL sys.ML_EXPLAIN_TABLE('ml_shop.flowers', 'flower_model', 'ml_shop.flowers_why', {shap})")
    ((told, explained),) = backend.run(
        "SELECT model_metadata, model_explanation FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'flower_model'"
    )
    assert json.loads(told)["format"] == "ONNXv2.0"
    assert set(json.loads(explained)["permutation_importance"]) == set(kit.COLUMNS)
    assert run(ml_client, "SELECT COUNT(petal_width_attribution) FROM ml_shop.flowers_why") == [(150,)]
    assert "ML_EXPLAIN_TABLE" in error_of(ml_client, f"SELECT sys.ML_EXPLAIN_ROW({ROW}, 'flower_model', NULL)")[1]


def test_an_imported_model_goes_to_another_server(ml_client: Any, own: Any, backend: Any) -> None:
    run(ml_client, "CALL sys.ML_MODEL_UNLOAD('flower_model')")
    run(ml_client, "CALL sys.ML_MODEL_EXPORT('flower_model', 'ml_shop.flowers_onnx')")
    ((text, metadata),) = backend.run("SELECT model_object, model_metadata FROM ml_shop.flowers_onnx")
    assert base64.b64decode(text) == kit.classifier()[1]
    assert json.loads(metadata)["onnx_outputs_info"]["predictions_name"] == "output_label"
    # As a file that was loaded in pieces, at any character.
    backend.run("CREATE TABLE ml_shop.flowers_cut LIKE ml_shop.flowers_onnx")
    backend.run(
        "INSERT INTO ml_shop.flowers_cut SELECT 1, LEFT(model_object, 1001), model_metadata FROM ml_shop.flowers_onnx"
    )
    backend.run(
        "INSERT INTO ml_shop.flowers_cut SELECT 2, SUBSTRING(model_object, 1002), NULL FROM ml_shop.flowers_onnx"
    )
    run(ml_client, "SET @again = NULL")
    source = "JSON_OBJECT('schema', 'ml_shop', 'table', 'flowers_cut')"
    run(ml_client, f"CALL sys.ML_MODEL_IMPORT(NULL, {source}, @again)")
    first = run(ml_client, f"SELECT sys.ML_PREDICT_ROW({ROW}, 'flower_model', NULL)")
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({ROW}, @again, NULL)") == first


def test_a_process_that_ends_is_started_again(ml_client: Any, own: Any, ml_shop: Any) -> None:
    ask = f"SELECT sys.ML_PREDICT_ROW({ROW}, 'flower_model', NULL)"
    first = run(ml_client, ask)
    killed = workers(ml_shop, "engine.ml.onnx_worker")
    assert killed
    for each in killed:
        each.kill()
    wait_for(60, lambda: all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in killed))
    assert run(ml_client, ask) == first


_HOSTILE = (
    (b"not a model at all", "no ONNX"),
    (kit.by_hand([kit.product()], [kit.outside()]), "another file"),
    (kit.by_hand([kit.product("MatMul", "my.ops")], [kit.weights()], ("", "my.ops")), "no part of ONNX"),
    (kit.by_hand([kit.product()]), "onnxruntime refuses"),
)


@pytest.mark.parametrize(("data", "words"), _HOSTILE)
def test_a_hostile_file_leaves_nothing(ml_client: Any, own: Any, backend: Any, data: bytes, words: str) -> None:
    with ml_client.cursor() as cursor:
        cursor.execute("SET @object = %s", (base64.b64encode(data).decode(),))
    number, text = error_of(
        ml_client, "CALL sys.ML_MODEL_IMPORT(@object, JSON_OBJECT('task', 'regression'), 'hostile')"
    )
    assert (number, words in text) == (1644, True)
    assert backend.run("SELECT * FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'hostile'") == []
