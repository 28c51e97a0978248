"""Calls of models in DuckDB's SQL: with the document that was asked only where it is looked at."""

from dataclasses import replace

import pytest

from engine.catalog import CatalogView
from engine.translate.bind.values.answers import Asked
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from statements.context import ModelCall, SessionContext
from tests.engine.translate.conftest import MODE, Run
from wire.constants import FieldType
from wire.responses import ColumnDefinition

CALL = "WARMFRONT_ML_0(JSON_OBJECT('i', i, 'Notes', id))"
MODEL = ModelCall("ML_SCHEMA_root", "m", "sum", "predict", "")


def asked(
    view: CatalogView, shown: str, rest: str = "", model: ModelCall = MODEL, kind: FieldType = FieldType.VAR_STRING
) -> tuple[Asked, ...]:
    """Give what a statement over one table asks its model."""
    context = SessionContext(1, schema="s", sql_mode=MODE, models=(model,))
    definitions = [ColumnDefinition("a", kind, charset=63 if kind != FieldType.VAR_STRING else 255)] * (
        shown.count("WARMFRONT") or 1
    )
    found = translate(f"SELECT {shown} FROM t {rest}", context, view, definitions, lambda *_: None)
    assert isinstance(found, Translation), found
    assert all(each.token in found.sql for each in found.asked)
    return found.asked


@pytest.mark.parametrize(
    ("shown", "columns"),
    [
        (f"JSON_EXTRACT({CALL}, '$.Prediction')", ("Prediction",)),
        (f"JSON_UNQUOTE(JSON_EXTRACT({CALL}, '$.ml_results.predictions.y'))", ("ml_results",)),
        (CALL, ()),
        (f"JSON_EXTRACT({CALL}, '$.i')", ()),
        (f"JSON_EXTRACT({CALL}, '$.Notes')", ()),  # the document may have it
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), {CALL}", ()),
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), JSON_EXTRACT({CALL}, '$.ml_results')", ("Prediction", "ml_results")),
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), JSON_EXTRACT({CALL}, '$.i')", ()),
    ],
)
def test_what_is_looked_at_comes(view: CatalogView, shown: str, columns: tuple[str, ...]) -> None:
    assert [each.columns for each in asked(view, shown)] == [columns]


@pytest.mark.parametrize(
    ("shown", "rest", "number"),
    [
        (f"JSON_EXTRACT({CALL}, '$.Prediction') + 0", "", True),
        (f"AVG(JSON_EXTRACT({CALL}, '$.Prediction'))", "", True),
        ("COUNT(*)", f"WHERE JSON_EXTRACT({CALL}, '$.Prediction') > 1", True),
        (f"JSON_EXTRACT({CALL}, '$.Prediction') + 0", f"ORDER BY JSON_EXTRACT({CALL}, '$.Prediction') * 2", True),
        (f"JSON_EXTRACT({CALL}, '$.Prediction')", "", False),
        (f"JSON_UNQUOTE(JSON_EXTRACT({CALL}, '$.Prediction'))", "", False),
        (f"JSON_EXTRACT({CALL}, '$.Prediction[0]') + 0", "", False),
        (f"JSON_EXTRACT({CALL}, '$.ml_results') + 0", "", False),
        (f"JSON_EXTRACT({CALL}, '$.Prediction')", f"WHERE JSON_EXTRACT({CALL}, '$.Prediction') > 1", False),
    ],
)
def test_a_number_comes_where_nothing_else_is_looked_at(view: CatalogView, shown: str, rest: str, number: bool) -> None:
    kind = (
        FieldType.LONGLONG
        if "COUNT" in shown
        else FieldType.DOUBLE
        if shown[-1] != ")" or "AVG" in shown
        else FieldType.VAR_STRING
    )
    (found,) = asked(view, shown, rest, kind=kind)
    assert found.number is number


def test_an_explanation_is_no_number(view: CatalogView) -> None:
    (found,) = asked(
        view,
        f"JSON_EXTRACT({CALL}, '$.Prediction') + 0",
        model=replace(MODEL, function="explain"),
        kind=FieldType.DOUBLE,
    )
    assert not found.number


def test_a_condition_on_the_whole_answer_asks_for_it(view: CatalogView) -> None:
    part = f"JSON_EXTRACT({CALL}, '$.Prediction')"
    (whole,) = asked(view, part, f"WHERE {CALL} IS NOT NULL")
    (alone,) = asked(view, part, f"WHERE {part} > 1 ORDER BY {part}")
    assert alone == replace(whole, columns=("Prediction",))
    assert alone.token != whole.token


PART = f"JSON_EXTRACT({CALL}, '$.Prediction')"


@pytest.mark.parametrize(
    ("condition", "unquoted"),
    [
        *((f"{PART} {operator} 'yes'", True) for operator in ("=", "<>", "<=>", "<", ">=")),
        (f"'yes' = {PART}", True),
        (f"{PART} IN ('yes')", True),
        (f"{PART} NOT IN ('yes')", True),
        (f"NULLIF({PART}, 'yes') IS NULL", True),
        (f"{PART} IN ('yes', 'no')", False),
        (f"{PART} BETWEEN 'a' AND 'z'", False),
        (f"CASE {PART} WHEN 'yes' THEN 1 ELSE 0 END", False),
        (f"JSON_UNQUOTE({PART}) = 'yes'", False),
        (f"{PART} > 1", False),
        (f"{PART} = {PART}", None),
    ],
)
def test_mariadb_takes_quotes_off_in_comparisons(run: Run, condition: str, unquoted: bool | None) -> None:
    """As its server does with JSON_EXTRACT of a text that a function gives."""
    found = run(f"SELECT COUNT(*) FROM t WHERE {condition}", models=(MODEL,), backend="mariadb")
    if unquoted is None:
        assert isinstance(found, Refusal)
        return
    assert isinstance(found, Translation), found
    assert ("json_extract_string(a, '$')" in found.sql) is unquoted
    assert [each.columns for each in found.asked] == [("Prediction",)]


@pytest.mark.parametrize(
    ("condition", "compared"),
    [
        (f"{PART} = 'yes'", True),
        (f"{PART} <> a", True),
        (f"{PART} IN ('yes', 'no')", True),
        (f"JSON_UNQUOTE({PART}) = 'yes'", False),
        (f"{PART} > 1", False),
        (f"CASE {PART} WHEN 'yes' THEN 1 ELSE 0 END", None),
    ],
)
def test_mysql_compares_strings_of_json(run: Run, condition: str, compared: bool | None) -> None:
    """By their bytes, whatever a column's collation; in CASE it has them in their quotes."""
    found = run(f"SELECT COUNT(*) FROM t WHERE {condition}", models=(MODEL,))
    if compared is None:
        assert isinstance(found, Refusal)
        assert "JSON_UNQUOTE" in found.reason
        return
    assert isinstance(found, Translation), found
    assert ("that is no string" in found.sql) is compared
