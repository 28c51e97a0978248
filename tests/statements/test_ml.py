"""Calls of AutoML's routines are taken apart as they are written, and nothing else is taken for one."""

import pytest

from base.errors import BackendError
from statements.ml import _read, may_call, may_use_functions, read_call, read_functions, with_calls


def test_arguments_are_split_where_no_quote_or_parenthesis_is_open() -> None:
    text = """/* a */ CALL `sys` . ml_train ('a.b', "x,y", JSON_OBJECT('t', CONCAT('(', ',')), @`h,1` /* , */ ) ; """
    call = read_call(text)
    assert call is not None
    assert call.routine.name == "ML_TRAIN"
    assert call.arguments == ("'a.b'", '"x,y"', "JSON_OBJECT('t', CONCAT('(', ','))", "@`h,1`")


@pytest.mark.parametrize(
    "text",
    [
        "CALL mine.ML_TRAIN(1, 2, 3, @h)",
        "CALL sys.diagnostics(1, 2, 'current')",
        "CALL sys.ML_TRAIN(1, 2, 3, @h) SELECT 1",
        "CALL sys.ML_TRAIN(1, 2, 3, @h",
        "CALL sys.ML_RAG('q', @o, NULL)",
        "SELECT 'CALL sys.ML_TRAIN(1, 2, 3, @h)'",
    ],
)
def test_what_is_none_of_these_calls_is_left_alone(text: str) -> None:
    assert read_call(text) is None


def test_options_may_be_left_out() -> None:
    call = read_call("CALL sys.ML_SCORE('a.b', 'y', @h, 'r2', @s)")
    assert call is not None
    assert call.arguments[-1] == "NULL"


@pytest.mark.parametrize(
    ("text", "number", "words"),
    [
        ("CALL sys.ML_TRAIN()", 1318, "PROCEDURE sys.ML_TRAIN; expected 4, got 0"),
        ("CALL sys.ML_TRAIN", 1318, "got 0"),
        ("CALL sys.ML_MODEL_LAOD(1, 2)", 1305, "did you mean sys.ML_MODEL_LOAD?"),
        ("CALL sys.ML_PREDICT_TABEL(1, 2, 3)", 1305, "did you mean sys.ML_PREDICT_TABLE?"),
    ],
)
def test_errors_are_the_servers(text: str, number: int, words: str) -> None:
    with pytest.raises(BackendError) as caught:
        read_call(text)
    assert caught.value.number == number
    assert words in str(caught.value)


def test_functions_are_found_with_their_items() -> None:
    text = (
        "SELECT a, `sys`.ML_PREDICT_ROW(f(a, 1), @m) AS p, 'sys.ML_PREDICT_ROW(1,2)', "
        "sys.ml_predict_row(b, @m, c) q FROM t"
    )
    found = read_functions(text)
    assert found is not None
    assert [(text[c.start : c.end], c.item) for c in found.calls] == [
        ("`sys`.ML_PREDICT_ROW(f(a, 1), @m)", 1),
        ("sys.ml_predict_row(b, @m, c)", 3),
    ]
    assert [item.alias for item in found.items] == ["", "p", "", "q"]
    assert [call.arguments for call in found.calls] == [("f(a, 1)", "@m", "NULL"), ("b", "@m", "c")]
    assert (found.has_from, found.plain) == (True, True)


@pytest.mark.parametrize(
    ("text", "item", "has_from", "plain"),
    [
        ("SELECT sys.ML_PREDICT_ROW(1, 2)", 0, False, True),
        ("SELECT JSON_TYPE(sys.ML_PREDICT_ROW(1, 2)) AS x", None, False, True),
        ("SELECT DISTINCT sys.ML_PREDICT_ROW(a, 2) FROM t", 0, True, False),
        ("SELECT sys.ML_PREDICT_ROW(a, 2) FROM t UNION SELECT 1", 0, True, False),
        ("SELECT 1 FROM t WHERE sys.ML_PREDICT_ROW(a, 2) > 1", None, True, True),
        ("SELECT sys.ML_PREDICT_ROW((SELECT a FROM t), 2)", 0, False, True),
        ("SELECT sys.ML_PREDICT_ROW(1, 2), EXTRACT(YEAR FROM '2024-01-01')", 0, False, True),
        ("SELECT (SELECT 1 FROM u), sys.ML_PREDICT_ROW(a, 2) FROM t", 1, True, True),
        ("WITH c AS (SELECT 1, 2) SELECT sys.ML_PREDICT_ROW(a, 2) FROM c", 0, True, False),
        ("(SELECT sys.ML_PREDICT_ROW(a, 2) FROM t)", 0, True, False),
        ("SELECT 1 FROM (SELECT sys.ML_PREDICT_ROW(a, 2) FROM t) d", None, True, True),
    ],
)
def test_where_a_function_stands(text: str, item: int | None, has_from: bool, plain: bool) -> None:
    found = read_functions(text)
    assert found is not None
    assert (found.calls[0].item, found.has_from, found.plain) == (item, has_from, plain)


def test_calls_give_place_and_items_keep_their_names() -> None:
    text = (
        "SELECT JSON_TYPE(sys.ML_PREDICT_ROW(a, @m)), sys.ML_EXPLAIN_ROW(b, @m) AS e, CASE WHEN 1 THEN 2 END c FROM t"
    )
    found = read_functions(text)
    assert found is not None
    assert with_calls(text, found, ["X", "Y"]) == (
        "SELECT JSON_TYPE(X) AS `JSON_TYPE(sys.ML_PREDICT_ROW(a, @m))`, Y AS e, CASE WHEN 1 THEN 2 END c FROM t"
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT sys.ML_PREDICT_ROW(JSON_OBJECT('a', 1.5, 'b', 'it''s', 'c', ''), @m, NULL)",
        "SELECT 1, 'x', sys.ML_PREDICT_ROW(JSON_OBJECT('abc', 12345, 'd', -3.25e7, 'e', .5, 'x', 1.), 'm', NULL), 55",
        "SELECT id, sys.ML_PREDICT_ROW(f(age*100), @m1, g('t', 0.25)) AS 'some text', 5 FROM t2 WHERE b < 100 LIMIT 9",
        "SELECT sys.ML_PREDICT_ROW('{\"a\": 1}', 'a''b', NULL), 'it''s', '--', '/*'",
        "SELECT sys.ML_PREDICT_ROW('{}', 'a', NULL) -- don't\n, 'x', 3",
        "SELECT \"don't\", sys.ML_PREDICT_ROW(1, 2, 'x')",
        "SELECT 'a\\'b', sys.ML_PREDICT_ROW(1, 2, 'x')",
        "SELECT sys.ML_PREDICT_ROW(_utf8mb4'abc', x'4142', 0x4142), `it's`, 'sys.ML_PREDICT_ROW(1)' # don't",
        "SELECT /* don't */ sys.ML_PREDICT_ROW(CONCAT('{', 10), @1), 'sys.ML_PREDICT_ROW(', sys.ML_EXPLAIN_ROW('','')",
    ],
)
def test_statements_that_differ_in_literals_only_are_read_alike(text: str) -> None:
    assert read_functions(text) == _read(text)
    other = text.replace("abc", "x").replace("12345", "7").replace("it''s", "")
    assert read_functions(other) == _read(other)


def test_the_cheap_looks() -> None:
    assert may_call(b"call sys.ml_train(1)")
    assert not may_call(b"call sys.ps_setup_save(10)")
    assert may_use_functions(b"select `sys`.`ML_PREDICT_ROW`(1, 2)")
    assert not may_use_functions(b"select * from html_pages where sys_ml = 1")
