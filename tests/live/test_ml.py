"""AutoML's routines through the whole product: catalogs, privileges, tables, errors."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.ml_kit import INPUT, OLD, OPTIONS, YOUNG, error_of, run
from wire.constants import FieldType

pytestmark = pytest.mark.live

# One bit of it is another, whatever it was.
FLIPPED = "INSERT(model_object, 200, 1, UNHEX(LPAD(HEX(ORD(SUBSTRING(model_object, 200, 1)) ^ 1), 2, '0')))"


def test_training_leaves_a_model_in_ordinary_tables(ml_model: str, backend: Any) -> None:
    assert ml_model.startswith("ml_shop.people_root_")
    ((owner, task, target, table, size, metadata, notes),) = backend.run(
        "SELECT model_owner, task, target_column_name, train_table_name, model_object_size, model_metadata, notes"
        " FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = %s",
        ml_model,
    )
    assert (owner, task, target, table, notes) == ("root", "classification", "churn", "ml_shop.people", "who goes")
    told = json.loads(metadata)
    assert (told["status"], told["n_rows"], told["seed"], told["chunks"]) == ("Ready", 1000, 7, 1)
    assert told["trained_on"]["replication_position"].count(":") == 1
    assert len(told["trained_on"]["schema_fingerprint"]) == 16
    assert "lightgbm" in told["library_versions"]
    ((chunks, length),) = backend.run(
        "SELECT COUNT(*), SUM(LENGTH(model_object)) FROM ML_SCHEMA_root.MODEL_OBJECT_CATALOG WHERE model_handle = %s",
        ml_model,
    )
    assert (chunks, length) == (1, size)


def test_models_are_no_columns_to_analyse(ml_client: Any, ml_model: str, backend: Any) -> None:
    found = run(ml_client, "SELECT NAME FROM performance_schema.rpd_table_id WHERE SCHEMA_NAME LIKE 'ML\\_SCHEMA%'")
    assert found == []
    run(ml_client, f"CALL sys.ML_MODEL_LOAD('{ml_model}', NULL)")
    accessed = "SELECT last_accessed >= build_timestamp FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = %s"
    assert backend.run(accessed, ml_model) == [(1,)]


def test_a_row_is_predicted(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    ((young,), (old,)) = (run(ml_client, f"SELECT sys.ML_PREDICT_ROW({row}, @h, NULL)")[0] for row in (YOUNG, OLD))
    found = json.loads(young)
    assert (found["age"], found["city"], found["Prediction"]) == (20, "Oslo", "yes")
    assert found["ml_results"]["predictions"] == {"churn": "yes"}
    assert json.loads(old)["ml_results"]["predictions"] == {"churn": "no"}
    assert set(json.loads(old)["ml_results"]["probabilities"]) == {"no", "yes"}
    assert run(ml_client, "SELECT sys.ML_PREDICT_ROW(NULL, @h, NULL) AS p, 1 + 1") == [(None, 2)]
    ((part, other),) = run(
        ml_client, f"select json_extract(SYS.ml_predict_row({OLD}, @h), '$.ml_results.predictions.churn') AS p, 3"
    )
    assert (json.loads(part), other) == ("no", 3)


def test_an_input_is_evaluated_once(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}', @n = 0")
    for number, value in enumerate(("NULL", OLD), 1):
        run(ml_client, f"SELECT sys.ML_PREDICT_ROW(IF((@n := @n + 1) > 0, {value}, NULL), @h, NULL)")
        assert run(ml_client, "SELECT @n") == [(number,)]


COUNTED = (
    "IF((@n := @n + 1) > 0, '{}', NULL), IF((@n := @n + 10) > 0, JSON_OBJECT('additional_details', 'false'), NULL)"
)


def test_a_handle_is_evaluated_once(ml_client: Any, ml_model: str) -> None:
    """However a statement comes to its answer; `@n` counts handles by ones and options by tens."""
    counted = COUNTED.format(ml_model)
    for statement in (
        f"SELECT sys.ML_PREDICT_ROW({OLD}, {counted})",
        f"SELECT sys.ML_PREDICT_ROW({OLD}, {counted}) AS p, 1",
        f"SELECT id, sys.ML_PREDICT_ROW({INPUT}, {counted}) AS p FROM ml_shop.people WHERE id < 3",
        f"SELECT id, sys.ML_PREDICT_ROW({INPUT}, {counted}) AS p FROM ml_shop.people WHERE id = 3 FOR UPDATE",
        f"EXPLAIN SELECT id, sys.ML_PREDICT_ROW({INPUT}, {counted}) AS p FROM ml_shop.people",
    ):
        run(ml_client, "SET @n = 0")
        assert run(ml_client, statement)
        assert run(ml_client, "SELECT @n") == [(11,)], statement
    error = error_of(ml_client, f"SELECT sys.ML_PREDICT_ROW({INPUT}, CONCAT(city), NULL) FROM ml_shop.people")
    assert error[0] == 1644
    assert "same for all rows" in error[1]
    assert "must not be NULL" in error_of(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, CONCAT(NULL), NULL)")[1]


def test_rows_of_a_table_are_predicted_in_one_statement(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    with ml_client.cursor() as cursor:
        cursor.execute(
            f"SELECT p.id, sys.ML_PREDICT_ROW({INPUT}, @h, NULL) AS found, churn, sys.ML_PREDICT_ROW(NULL, @h, NULL) "
            "FROM ml_shop.people p WHERE id < 300 ORDER BY id DESC"
        )
        names = [column[0] for column in cursor.description]
        types = [column[1] for column in cursor.description]
        rows = cursor.fetchall()
    assert names == ["id", "found", "churn", "sys.ML_PREDICT_ROW(NULL, @h, NULL)"]
    assert types[1] in (FieldType.JSON, FieldType.LONG_BLOB)
    assert [row[0] for row in rows] == list(range(299, -1, -1))
    assert sum(json.loads(row[1])["Prediction"] == row[2] for row in rows) > 270
    assert {row[3] for row in rows} == {None}
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({INPUT}, @h) FROM ml_shop.people WHERE id < 0") == []
    ((alone,),) = run(ml_client, f"SELECT sys.ML_PREDICT_ROW({INPUT}, @h) FROM ml_shop.people WHERE id = 5")
    assert json.loads(alone) == json.loads(rows[-6][1])


def test_a_table_is_predicted_with_its_key(ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.keyed', NULL)")
    rows = run(ml_client, "SELECT * FROM ml_shop.keyed ORDER BY id")
    source = run(ml_client, "SELECT * FROM ml_shop.people ORDER BY id")
    assert [row[:6] for row in rows] == source
    assert [json.loads(row[7])["predictions"]["churn"] for row in rows] == [row[6] for row in rows]
    keys = backend.run("SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_NAME = 'keyed'")
    assert keys == [("id",)]
    error = error_of(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.keyed', NULL)")
    assert error == (1050, "Table 'ml_shop.keyed' already exists")


def test_a_view_is_predicted_with_a_key_of_its_own(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.adults', '{ml_model}', 'ml_shop.unkeyed', NULL)")
    ((count, least, most),) = run(
        ml_client, "SELECT COUNT(*), MIN(_4aad19ca6e_pk_id), MAX(_4aad19ca6e_pk_id) FROM ml_shop.unkeyed"
    )
    assert [(count,)] == run(ml_client, "SELECT COUNT(*) FROM ml_shop.adults")
    assert most - least == count - 1


def test_a_column_that_the_answer_has_too_is_named(ml_client: Any, backend: Any, ml_model: str) -> None:
    backend.run("CREATE VIEW ml_shop.told AS SELECT age, city, income, since, 'old' AS prediction FROM ml_shop.people")
    number, text = error_of(
        ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.told', '{ml_model}', 'ml_shop.told_out', NULL)"
    )
    assert (number, text) == (
        1644,
        "Table ml_shop.told has a column 'Prediction', which is one of the answers: give it another name in a view.",
    )
    assert backend.run("SELECT * FROM information_schema.TABLES WHERE TABLE_NAME = 'told_out'") == []


def test_what_was_written_a_moment_ago_is_predicted(ml_client: Any, ml_model: str) -> None:
    run(ml_client, "INSERT INTO ml_shop.people VALUES (5000, 20, 'Oslo', 1500, '2020-01-15', NULL)")
    run(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.fresh', NULL)")
    assert run(ml_client, "SELECT Prediction FROM ml_shop.fresh WHERE id = 5000") == [("yes",)]
    run(ml_client, "DELETE FROM ml_shop.people WHERE id = 5000")


def test_every_type_comes_back_as_it_was(ml_client: Any, backend: Any, ml_model: str) -> None:
    backend.run(
        "CREATE TABLE ml_shop.kinds (id BIGINT UNSIGNED PRIMARY KEY, age SMALLINT, city TEXT, income DOUBLE,"
        " since DATE, f FLOAT, t TIME(3), dt DATETIME(6), y YEAR, b VARBINARY(20), e ENUM('a','b''c'), s SET('x','y'),"
        " j JSON)"
    )
    backend.run(
        "INSERT INTO ml_shop.kinds VALUES (18446744073709551615, 20, %s, 1e-300, '2020-01-15', 0.1, '-123:04:05.678',"
        " '2024-02-29 12:13:14.000015', 2024, x'00ff27', 'b''c', 'x,y', '{\"k\": \"v\\'\"}'),"
        " (1, NULL, NULL, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        'O\'Slo\\ \n"ü€😀"',
    )
    run(ml_client, f"CALL sys.ML_PREDICT_TABLE('ml_shop.kinds', '{ml_model}', 'ml_shop.kinds_out', NULL)")
    columns = "id, age, city, income, since, f, t, dt, y, b, e, s, j"
    rows = run(ml_client, f"SELECT {columns} FROM ml_shop.kinds_out ORDER BY id")
    assert rows == run(ml_client, f"SELECT {columns} FROM ml_shop.kinds ORDER BY id")


def test_a_model_is_scored(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_SCORE('ml_shop.people', 'churn', '{ml_model}', 'balanced_accuracy', @score, NULL)")
    ((score,),) = run(ml_client, "SELECT @score")
    assert 0.8 < float(score) <= 1
    number, text = error_of(
        ml_client, f"CALL sys.ML_SCORE('ml_shop.people', 'churn', '{ml_model}', 'acuracy', @s, NULL)"
    )
    assert number == 1644
    assert "accuracy" in text


def test_models_rows_and_tables_are_explained(ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    ((one,),) = run(ml_client, f"SELECT sys.ML_EXPLAIN_ROW({OLD}, @h, JSON_OBJECT('prediction_explainer', 'shap'))")
    assert "age" in json.loads(one)["ml_results"]["attributions"]
    rows = run(ml_client, f"SELECT id, sys.ML_EXPLAIN_ROW({INPUT}, @h, NULL) FROM ml_shop.people WHERE id < 9")
    found = [json.loads(row[1]) for row in rows]
    assert all(each["age"] > 0 and "age_attribution" in each and each["ml_results"]["attributions"] for each in found)
    ((alone,),) = run(ml_client, f"SELECT sys.ML_EXPLAIN_ROW({INPUT}, @h, NULL) FROM ml_shop.people WHERE id = 0")
    assert json.loads(alone) == found[0]
    run(ml_client, "CALL sys.ML_EXPLAIN_TABLE('ml_shop.adults', @h, 'ml_shop.explained', NULL)")
    with ml_client.cursor() as cursor:
        cursor.execute("SELECT * FROM ml_shop.explained")
        names = {column[0] for column in cursor.description}
        assert len(cursor.fetchall()) == run(ml_client, "SELECT COUNT(*) FROM ml_shop.adults")[0][0]
    assert {"_4aad19ca6e_pk_id", "age", "age_attribution", "Prediction", "Notes", "ml_results"} <= names
    explainer = "JSON_OBJECT('model_explainer', 'fast_shap')"
    run(ml_client, f"CALL sys.ML_EXPLAIN('ml_shop.people', 'churn', @h, {explainer})")
    ((explained,),) = backend.run(
        "SELECT model_explanation FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = %s", ml_model
    )
    assert {"permutation_importance", "fast_shap"} <= set(json.loads(explained))
    ((told,),) = backend.run(
        "SELECT JSON_EXTRACT(model_metadata, '$.model_explanation') FROM ML_SCHEMA_root.MODEL_CATALOG"
        " WHERE model_handle = %s",
        ml_model,
    )
    assert json.loads(told) == json.loads(explained)


def test_a_table_is_split(ml_client: Any) -> None:
    run(ml_client, "CALL sys.TRAIN_TEST_SPLIT('ml_shop.people', 'churn', NULL)")
    ((train,),) = run(ml_client, "SELECT COUNT(*) FROM ml_shop.people_train")
    assert 790 <= train <= 810
    both = "SELECT * FROM ml_shop.people_train UNION ALL SELECT * FROM ml_shop.people_test ORDER BY id"
    assert run(ml_client, both) == run(ml_client, "SELECT * FROM ml_shop.people ORDER BY id")
    assert error_of(ml_client, "CALL sys.TRAIN_TEST_SPLIT('ml_shop.people', 'churn', NULL)")[0] == 1050
    run(ml_client, "DROP TABLE ml_shop.people_train, ml_shop.people_test")
    by_time = "JSON_OBJECT('task', 'forecasting', 'datetime_index', 'since')"
    run(ml_client, f"CALL sys.TRAIN_TEST_SPLIT('ml_shop.people', NULL, {by_time})")
    ends = "SELECT (SELECT MAX(since) FROM ml_shop.people_train) <= (SELECT MIN(since) FROM ml_shop.people_test)"
    assert run(ml_client, ends) == [(1,)]


def test_models_are_loaded_listed_and_unloaded(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_MODEL_LOAD('{ml_model}', NULL)")
    run(ml_client, "CALL sys.ML_MODEL_ACTIVE('current', @info)")
    size, found = json.loads(run(ml_client, "SELECT @info")[0][0])
    assert size["total model size(bytes)"] > 0
    assert (found[ml_model]["task"], found[ml_model]["status"]) == ("classification", "Ready")
    run(ml_client, "CALL sys.ML_MODEL_ACTIVE('all', @info)")
    size, users = json.loads(run(ml_client, "SELECT @info")[0][0])
    (brief,) = (each[ml_model] for each in users["root"] if ml_model in each)
    assert brief == {"task": "classification", "format": "HWMLv2.0", "model_size(byte)": brief["model_size(byte)"]}
    assert 0 < brief["model_size(byte)"] <= size["total model size(bytes)"]
    run(ml_client, f"CALL sys.ML_MODEL_UNLOAD('{ml_model}')")
    run(ml_client, "CALL sys.ML_MODEL_ACTIVE(NULL, @info)")
    assert ml_model not in str(run(ml_client, "SELECT @info"))
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)")  # comes back by itself


def test_a_model_is_exported_and_imported(ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_MODEL_EXPORT('{ml_model}', 'ml_shop.exported')")
    run(ml_client, "SET @copy = 'the copy'")
    source = "JSON_OBJECT('schema', 'ml_shop', 'table', 'exported')"
    run(ml_client, f"CALL sys.ML_MODEL_IMPORT(NULL, {source}, @copy)")
    own = run(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)")
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, @copy, NULL)") == own
    run(ml_client, "SET @text = NULL")
    run(ml_client, "SELECT TO_BASE64(model_object) INTO @object FROM ml_shop.exported")
    run(ml_client, "CALL sys.ML_MODEL_IMPORT(@object, NULL, @text)")
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, @text, NULL)") == own
    run(ml_client, "CALL sys.ML_MODEL_IMPORT(FROM_BASE64(@object), NULL, 'of bytes')")
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, 'of bytes', NULL)") == own
    backend.run(f"UPDATE ml_shop.exported SET model_object = {FLIPPED}")
    run(ml_client, "SET @damaged = 'damaged'")
    assert error_of(ml_client, f"CALL sys.ML_MODEL_IMPORT(NULL, {source}, @damaged)")[0] == 1644
    assert backend.run("SELECT * FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'damaged'") == []


def test_an_object_that_was_altered_is_not_used(ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, "SET @h = NULL")
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")
    ((handle,),) = run(ml_client, "SELECT @h")
    run(ml_client, "CALL sys.ML_MODEL_UNLOAD(@h)")
    backend.run(
        f"UPDATE ML_SCHEMA_root.MODEL_OBJECT_CATALOG SET model_object = {FLIPPED} WHERE model_handle = %s",
        handle,
    )
    number, text = error_of(ml_client, f"SELECT sys.ML_PREDICT_ROW({OLD}, @h, NULL)")
    assert (number, "checksum" in text) == (1644, True)


WRONG = (
    ("CALL sys.ML_TRAIN('ml_shop.nowhere', 'churn', NULL, @x)", 1146, "Table 'ml_shop.nowhere' doesn't exist"),
    ("CALL sys.ML_TRAIN('ml_shop.poeple', 'churn', NULL, @x)", 1644, "Did you mean 'ml_shop.people'?"),
    ("CALL sys.ML_TRAIN('ml_shpo.people', 'churn', NULL, @x)", 1644, "Did you mean 'ml_shop.people'?"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'chrun', NULL, @x)", 1644, "Did you mean 'churn'?"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'churn', JSON_OBJECT('taks', 'x'), @x)", 1644, "Did you mean 'task'?"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'churn', '{', @x)", 1644, "not valid JSON"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'churn', NULL)", 1318, "expected 4, got 3"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'churn', NULL, 'x')", 1414, "argument 4 for routine sys.ML_TRAIN"),
    ("CALL sys.ML_TRAIN('people', 'churn', NULL, @x)", 1644, "'schema.table'"),
    ("CALL sys.ML_TRAIN('ml_shop.people', 'churn', nothing, @x)", 1054, "nothing"),
    ("CALL sys.ML_TRAN('ml_shop.people', 'churn', NULL, @x)", 1305, "did you mean sys.ML_TRAIN?"),
    ("CALL sys.ML_SCORE('ml_shop.people', 'churn', 'none', 'accuracy', @s, NULL)", 1644, "no model none"),
    ("CALL sys.ML_MODEL_IMPORT('AAAA', JSON_OBJECT('format', 'ONNXv2.0'), @x)", 1644, "ONNX"),
    ("CALL sys.ML_MODEL_IMPORT(NULL, NULL, @x)", 1644, "JSON_OBJECT('schema'"),
    ("CALL sys.ML_MODEL_ACTIVE('everything', @x)", 1644, "'current', 'all' or NULL"),
    ("SELECT sys.ML_PREDICT_ROW('[1]', @h, NULL)", 1644, "JSON object"),
    ("SELECT sys.ML_PREDICT_ROW('{}', @h, NULL)", 1644, "lacks columns"),
    ("SELECT sys.ML_PREDICT_ROW('{}', NULL, NULL)", 1644, "must not be NULL"),
    ("SELECT sys.ML_PREDICT_RWO('{}', @h, NULL)", 1305, "did you mean sys.ML_PREDICT_ROW?"),
    ("SELECT sys.ML_PREDICT_ROW('{}')", 1318, "FUNCTION sys.ML_PREDICT_ROW; expected 3, got 1"),
    ("SELECT id FROM ml_shop.people WHERE sys.ML_PREDICT_ROW('{}', @h, NULL) > 1", 1235, "JSON_OBJECT"),
    ("SELECT sys.ML_PREDICT_ROW('{}', city, NULL) FROM ml_shop.people", 1644, "same for all rows"),
    ("CALL sys.ML_PREDICT_TABLE('ml_shop.people', @h, 'nowhere.t', NULL)", 1049, "nowhere"),
)


@pytest.mark.parametrize(("statement", "number", "words"), WRONG)
def test_what_is_wrong_is_said(ml_client: Any, ml_model: str, statement: str, number: int, words: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    found, text = error_of(ml_client, statement)
    assert found == number
    assert words in text


def test_a_training_that_fails_is_noted_and_its_name_is_free(ml_client: Any, backend: Any) -> None:
    backend.run("CREATE TABLE ml_shop.one (id INT PRIMARY KEY, v INT, y VARCHAR(5))")
    rows = ",".join(f"({i}, {i % 3}, 'same')" for i in range(50))
    backend.run(f"INSERT INTO ml_shop.one VALUES {rows}")
    run(ml_client, "SET @h = 'tried'")
    number, text = error_of(ml_client, "CALL sys.ML_TRAIN('ml_shop.one', 'y', NULL, @h)")
    assert (number, "one value only" in text) == (1644, True)
    catalog = "SELECT notes, model_metadata FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'tried'"
    ((notes, metadata),) = backend.run(catalog)
    assert (notes, json.loads(metadata)["status"]) == (text, "Error")
    assert "training failed" in error_of(ml_client, "SELECT sys.ML_PREDICT_ROW('{}', @h, NULL)")[1]
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")
    assert json.loads(backend.run(catalog)[0][1])["status"] == "Ready"
    assert "already" in error_of(ml_client, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")[1]


@pytest.fixture
def guest(backend: Any, ml_shop: Any) -> Iterator[Any]:
    """A connection of a user who may do nothing at first."""
    backend.run("DROP USER IF EXISTS ml_guest")
    backend.run("CREATE USER ml_guest IDENTIFIED BY 'pw'")
    with ml_shop.connect(user="ml_guest", password="pw") as connection:
        yield connection
    backend.run("DROP USER ml_guest")
    backend.run("DROP DATABASE IF EXISTS ML_SCHEMA_ml_guest")


def test_privileges_are_those_of_the_user(guest: Any, backend: Any, ml_model: str) -> None:
    assert error_of(guest, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")[0] == 1142
    assert error_of(guest, f"SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)")[0] == 1142
    assert error_of(guest, f"CALL sys.ML_MODEL_LOAD('{ml_model}', 'root')")[0] == 1142
    backend.run("GRANT SELECT ON ml_shop.people TO ml_guest")
    assert error_of(guest, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")[0] == 1044
    backend.run("GRANT SELECT ON ML_SCHEMA_root.* TO ml_guest")
    assert json.loads(run(guest, f"SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)")[0][0])
    run(guest, "SET @n = 0")
    assert json.loads(run(guest, f"SELECT sys.ML_PREDICT_ROW({OLD}, {COUNTED.format(ml_model)})")[0][0])
    assert run(guest, f"SELECT sys.ML_PREDICT_ROW(IF((@n := @n + 1) > 0, {OLD}, NULL), '{ml_model}', NULL)")
    assert run(guest, "SELECT @n") == [(12,)]
    run(guest, f"CALL sys.ML_MODEL_LOAD('{ml_model}', 'root')")
    predict = f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.of_guest', NULL)"
    assert error_of(guest, predict)[0] == 1142
    backend.run("GRANT CREATE, INSERT, DROP ON ml_shop.of_guest TO ml_guest")
    run(guest, predict)
    assert backend.run("SELECT COUNT(*) FROM ml_shop.of_guest") == [(1000,)]
    backend.run("GRANT ALL ON ML_SCHEMA_ml_guest.* TO ml_guest")
    run(guest, "SET @h = 'mine'")
    run(guest, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")
    assert backend.run("SELECT model_owner FROM ML_SCHEMA_ml_guest.MODEL_CATALOG") == [("ml_guest",)]
    backend.run("REVOKE SELECT ON ML_SCHEMA_root.* FROM ml_guest")
    assert error_of(guest, f"SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)")[0] == 1142


def test_the_quick_start_of_heatwaves_manual(ml_client: Any) -> None:
    """Iris: names with spaces, one row in a variable, a table without its target and without a key."""
    measured = ("sepal length", "sepal width", "petal length", "petal width")
    columns = ", ".join(f"`{name}` FLOAT" for name in measured)
    kinds = {"setosa": (5.0, 3.4, 1.5, 0.2), "versicolor": (5.9, 2.8, 4.3, 1.3), "virginica": (6.6, 3.0, 5.5, 2.0)}
    flowers = [
        [*(round(size + (number * 7 + place * 3) % 11 / 20, 2) for place, size in enumerate(sizes)), f"Iris-{kind}"]
        for number in range(20)
        for kind, sizes in kinds.items()
    ]
    run(ml_client, f"CREATE TABLE ml_shop.iris_train ({columns}, class VARCHAR(16))")
    with ml_client.cursor() as cursor:
        cursor.executemany("INSERT INTO ml_shop.iris_train VALUES (%s, %s, %s, %s, %s)", flowers)
    names = ", ".join(f"`{name}`" for name in measured)
    run(ml_client, f"CREATE TABLE ml_shop.iris_test AS SELECT {names} FROM ml_shop.iris_train LIMIT 9")
    run(ml_client, "SET @iris = NULL")
    options = "JSON_OBJECT('task', 'classification', 'max_seconds', 2)"
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.iris_train', 'class', {options}, @iris)")
    run(ml_client, "CALL sys.ML_MODEL_LOAD(@iris, NULL)")
    row = {"sepal length": 7.3, "sepal width": 2.9, "petal length": 6.3, "petal width": 1.8}
    pairs = ", ".join(f'"{name}", {value}' for name, value in row.items())
    run(ml_client, f"SET @row_input = JSON_OBJECT({pairs})")
    ((text,),) = run(ml_client, "SELECT sys.ML_PREDICT_ROW(@row_input, @iris, NULL)")
    predicted = json.loads(text)
    assert set(predicted) == {*row, "Prediction", "ml_results"}
    assert predicted["Prediction"] == "Iris-virginica"
    assert predicted["ml_results"]["predictions"] == {"class": "Iris-virginica"}
    assert set(predicted["ml_results"]["probabilities"]) == {f"Iris-{kind}" for kind in kinds}
    explainer = "JSON_OBJECT('prediction_explainer', 'permutation_importance')"
    ((text,),) = run(ml_client, f"SELECT sys.ML_EXPLAIN_ROW(@row_input, @iris, {explainer})")
    attributions = [f"{name}_attribution" for name in measured]
    assert set(json.loads(text)) == {*row, *attributions, "Prediction", "Notes", "ml_results"}
    run(ml_client, "CALL sys.ML_PREDICT_TABLE('ml_shop.iris_test', @iris, 'ml_shop.iris_predictions', NULL)")
    run(ml_client, f"CALL sys.ML_EXPLAIN_TABLE('ml_shop.iris_test', @iris, 'ml_shop.iris_explained', {explainer})")
    for table, added in (("predictions", ()), ("explained", (*attributions, "Notes"))):
        shown = [name for name, *_ in run(ml_client, f"SHOW COLUMNS FROM ml_shop.iris_{table}")]
        assert shown[:5] == ["_4aad19ca6e_pk_id", *measured]
        assert set(shown[5:]) == {*added, "Prediction", "ml_results"}
    found = run(ml_client, "SELECT Prediction, COUNT(*) FROM ml_shop.iris_predictions GROUP BY Prediction ORDER BY 1")
    assert found == [(f"Iris-{kind}", 3) for kind in kinds]
    ((text,),) = run(ml_client, "SELECT model_explanation FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = @iris")
    assert set(json.loads(text)["permutation_importance"]) == set(measured)
    run(ml_client, "CALL sys.ML_SCORE('ml_shop.iris_train', 'class', @iris, 'balanced_accuracy', @score, NULL)")
    assert float(run(ml_client, "SELECT @score")[0][0]) > 0.9
    run(ml_client, "CALL sys.ML_MODEL_UNLOAD(@iris)")
