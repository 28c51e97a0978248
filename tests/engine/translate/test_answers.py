"""Calls of models in DuckDB's SQL: with the document that was asked only where it is looked at."""

from dataclasses import replace

import pytest

from engine.catalog import CatalogView
from engine.translate.bind.answers import Asked
from engine.translate.translator import Translation, translate
from statements.context import ModelCall, SessionContext
from tests.engine.translate.conftest import MODE
from wire.constants import FieldType
from wire.responses import ColumnDefinition

CALL = "WARMFRONT_ML_0(JSON_OBJECT('i', i, 'Notes', id))"
MODEL = ModelCall("ML_SCHEMA_root", "m", "sum", "predict", "")


def asked(view: CatalogView, shown: str, rest: str = "") -> tuple[Asked, ...]:
    """Give what a statement over one table asks its model."""
    context = SessionContext(1, schema="s", sql_mode=MODE, models=(MODEL,))
    definitions = [ColumnDefinition("a", FieldType.VAR_STRING)] * (shown.count("WARMFRONT") or 1)
    found = translate(f"SELECT {shown} FROM t {rest}", context, view, definitions, lambda *_: None)
    assert isinstance(found, Translation), found
    assert all(each.token in found.sql for each in found.asked)
    return found.asked


@pytest.mark.parametrize(
    ("shown", "alone"),
    [
        (f"JSON_EXTRACT({CALL}, '$.Prediction')", True),
        (f"JSON_UNQUOTE(JSON_EXTRACT({CALL}, '$.ml_results.predictions.y'))", True),
        (CALL, False),
        (f"JSON_EXTRACT({CALL}, '$.i')", False),
        (f"JSON_EXTRACT({CALL}, '$.Notes')", False),  # the document may have it
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), {CALL}", False),
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), JSON_EXTRACT({CALL}, '$.ml_results')", True),
        (f"JSON_EXTRACT({CALL}, '$.Prediction'), JSON_EXTRACT({CALL}, '$.i')", False),
    ],
)
def test_the_document_comes_where_it_is_looked_at(view: CatalogView, shown: str, alone: bool) -> None:
    assert [each.alone for each in asked(view, shown)] == [alone]


def test_a_condition_on_the_whole_answer_asks_for_it(view: CatalogView) -> None:
    part = f"JSON_EXTRACT({CALL}, '$.Prediction')"
    (whole,) = asked(view, part, f"WHERE {CALL} IS NOT NULL")
    (alone,) = asked(view, part, f"WHERE {part} > 1 ORDER BY {part}")
    assert alone == replace(whole, alone=True)
    assert alone.token != whole.token
