"""Data, options and rows that AutoML can do nothing with: each is refused with a message that a person can act on."""

from typing import Any

import pytest

from tests.live.ml_kit import error_of, run

pytestmark = pytest.mark.live

ROW = {"age": "30", "city": "'Oslo'", "income": "2500", "since": "'2024-05-11'"}
# What is trained on: task, target, further options, and what is said.
TRAININGS = (
    ("classification", "one", "", "one value only, 'same'"),
    ("classification", "nothing", "", "All values of the target column 'nothing' are NULL"),
    ("classification", "few", "", "'x' (3). Leave these rows out"),
    ("classification", "doc", "", "group its values first"),
    ("classification", "bin", "", "HEX(bin)"),
    ("classification", None, "", "needs a target column"),
    ("classification", "y", "'optimization_metric', 'acuracy'", "Did you mean 'accuracy'?"),
    ("classification", "y", "'optimization_metric', 'r2'", "Unknown metric 'r2' for task classification"),
    ("classification", "y", "'model_list', JSON_ARRAY('LGBMClasifier')", "Did you mean 'LGBMClassifier'?"),
    ("classification", "y", "'max_seconds', 'soon'", "not 'soon'"),
    ("classification", "y", "'users', 'y'", "Option 'users' is for recommendation"),
    ("clasification", "y", "", "Did you mean 'classification'?"),
    ("regression", "y", "", "a regression needs numbers"),
    ("regression", "day", "", "a regression needs numbers"),
    ("forecasting", "num", "", "needs the option 'datetime_index'"),
    ("forecasting", "num", "'datetime_index', 'y', 'endogenous_variables', JSON_ARRAY('num')", "must hold dates"),
    ("forecasting", "num", "'datetime_index', 'day', 'endogenous_variables', JSON_ARRAY('num')", "one row for each"),
    ("anomaly_detection", None, "'contamination', 0.7", "less than 0.5"),
    ("recommendation", "num", "", "needs the option 'users'"),
    ("topic_modeling", None, "", "needs the option 'document_column'"),
)
# Predictions of a row: what is put in the place of a value, and what is said.
ROWS = (
    ({"age": "'many'"}, "Column 'age' must hold a number, not 'many'"),
    ({"age": "JSON_OBJECT('x', 1)"}, "Column 'age' must hold a number"),
    ({"since": "'someday'"}, "must hold a date such as 2026-01-31"),
    ({"age": None}, "lacks columns that the model was trained on: age"),
)
FINE = ({"city": "'nowhere'"}, {"further": "1"}, {"age": "NULL"}, {"income": "1e308"})
OPTIONS = (
    ("JSON_OBJECT('treshold', 1)", "Did you mean 'threshold'?"),
    ("JSON_OBJECT('topk', 3)", "this is a classification model"),
    ("JSON_ARRAY(1)", "have to be a JSON object"),
)


@pytest.fixture(scope="module")
def bad_data(ml_shop: Any, backend: Any) -> None:
    """Columns that something is wrong with, and a view of more of them than can be used."""
    backend.run(
        "CREATE TABLE ml_shop.bad (id INT PRIMARY KEY, y VARCHAR(3), one VARCHAR(4), few VARCHAR(1), nothing INT,"
        " same INT, num DOUBLE, day DATE, doc JSON, bin VARBINARY(4))"
    )
    rows = ",".join(
        f"({row}, '{'yes' if row % 3 else 'no'}', 'same', '{'x' if row < 3 else 'yz'[row % 2]}', NULL, 7, {row * 1.5},"
        f" '2024-01-0{1 + row % 9}', '{{\"k\": {row}}}', x'{row % 250:02x}')"
        for row in range(300)
    )
    backend.run(f"INSERT INTO ml_shop.bad VALUES {rows}")
    names = ", ".join(f"num AS n{number}" for number in range(1017))
    backend.run(f"CREATE VIEW ml_shop.widest AS SELECT y, {names} FROM ml_shop.bad")


def row(changed: dict[str, str | None]) -> str:
    """A row of people with other values; a key whose value is None is left out."""
    members = {**ROW, **changed}
    written = [f"'{key}', {value}" for key, value in members.items() if value is not None]
    return f"JSON_OBJECT({', '.join(written)})"


def test_what_cannot_be_learned_is_said(ml_client: Any, bad_data: None) -> None:
    said = {}
    for task, target, more, words in TRAININGS:
        run(ml_client, "SET @m = NULL")
        options = f"JSON_OBJECT('task', '{task}'{', ' if more else ''}{more})"
        named = "NULL" if target is None else f"'{target}'"
        number, text = error_of(ml_client, f"CALL sys.ML_TRAIN('ml_shop.bad', {named}, {options}, @m)")
        if number != 1644 or words not in text:
            said[task, target, more] = number, text
    assert not said


def test_a_view_of_too_many_columns_is_refused(ml_client: Any, bad_data: None) -> None:
    run(ml_client, "SET @m = NULL")
    number, text = error_of(ml_client, "CALL sys.ML_TRAIN('ml_shop.widest', 'y', NULL, @m)")
    assert number == 1644
    assert "has 1018 columns, and at most 1017 can be used" in text


def test_rows_and_options_that_are_wrong_are_refused(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    asked = [(f"{row(changed)}, @h, NULL", words) for changed, words in ROWS]
    asked += [(f"{row({})}, @h, {options}", words) for options, words in OPTIONS]
    for arguments, words in asked:
        number, text = error_of(ml_client, f"SELECT sys.ML_PREDICT_ROW({arguments})")
        assert (number, words in text) == (1644, True), text
    deep = "CONCAT('{\"age\": ', REPEAT('[', 30000), REPEAT(']', 30000), '}')"
    # Many rows are read by another reader than one; the engine has to be there for the next.
    for rest in ("", " FROM ml_shop.people WHERE id < 9", " FROM ml_shop.people WHERE id < 9 FOR UPDATE"):
        number, text = error_of(ml_client, f"SELECT sys.ML_PREDICT_ROW({deep}, @h, NULL) AS p{rest}")
        assert (number, "nested too deeply" in text) == (1644, True), text
    for changed in FINE:
        ((answer,),) = run(
            ml_client, f"SELECT JSON_EXTRACT(sys.ML_PREDICT_ROW({row(changed)}, @h, NULL), '$.Prediction')"
        )
        assert answer in ('"yes"', '"no"')


def test_scores_and_explanations_that_cannot_be_made_are_refused(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    people = "'ml_shop.people', 'churn', @h"
    for call, words in (
        (f"ML_SCORE({people}, 'acuracy', @s, NULL)", "Did you mean 'accuracy'?"),
        (f"ML_SCORE({people}, 'r2', @s, NULL)", "Unknown metric 'r2'"),
        (f"ML_SCORE({people}, NULL, @s, NULL)", "The metric must not be NULL"),
        ("ML_SCORE('ml_shop.people', 'chrun', @h, 'accuracy', @s, NULL)", "Did you mean 'churn'?"),
        (f"ML_EXPLAIN({people}, JSON_OBJECT('model_explainer', 'shop'))", "Did you mean 'shap'?"),
        (f"ML_EXPLAIN({people}, JSON_OBJECT('model_explainer', 'partial_dependence'))", "needs 'columns_to_explain'"),
        ("ML_PREDICT_TABLE('ml_shop.bad', @h, 'ml_shop.bad_out', NULL)", "lacks columns"),
        ("TRAIN_TEST_SPLIT('ml_shop.people', 'churn', JSON_OBJECT('test_size', 2))", "between 0 and 1"),
    ):
        number, text = error_of(ml_client, f"CALL sys.{call}")
        assert (number, words in text) == (1644, True), text
    assert run(ml_client, "SHOW TABLES FROM ml_shop LIKE 'bad_out'") == []
