"""AutoML's functions in statements over tables, wherever an expression may stand: the engine's, not row by row."""

import json
import statistics
import threading
import time
from typing import Any

import pytest

from tests.live.ml_kit import INPUT, OLD, YOUNG, error_of, run, wait_for
from tests.live.packets import server_rows

pytestmark = pytest.mark.live

ASKED = f"sys.ML_PREDICT_ROW({INPUT}, @h, NULL)"
ANSWER = f"JSON_UNQUOTE(JSON_EXTRACT({ASKED}, '$.Prediction'))"
CHANCE = f"JSON_EXTRACT({ASKED}, '$.ml_results.probabilities.yes')"


@pytest.fixture(scope="module")
def predicted(ml_shop: Any, ml_model: str) -> dict[int, tuple[str, float]]:
    """Answer and probability of each row, as ML_PREDICT_TABLE gives them."""
    with ml_shop.connect(charset="utf8mb4") as connection:
        run(connection, f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.known', NULL)")
        rows = run(connection, "SELECT id, Prediction, ml_results FROM ml_shop.known")
    return {key: (answer, json.loads(text)["probabilities"]["yes"]) for key, answer, text in rows}


@pytest.fixture
def asking(ml_client: Any, ml_model: str) -> Any:
    run(ml_client, f"SET @h = '{ml_model}'")
    return ml_client


def _yes(predicted: dict[int, tuple[str, float]]) -> list[int]:
    return sorted(key for key, (answer, _) in predicted.items() if answer == "yes")


def test_in_conditions_keys_and_aggregates(asking: Any, predicted: dict[int, tuple[str, float]]) -> None:
    people = "FROM ml_shop.people"
    yes = _yes(predicted)
    for answer in (ANSWER, f"JSON_EXTRACT({ASKED}, '$.Prediction')"):
        assert run(asking, f"SELECT id {people} WHERE {answer} = 'yes' ORDER BY id") == [(key,) for key in yes]
    counted = run(asking, f"SELECT {ANSWER} AS a, COUNT(*) {people} GROUP BY a ORDER BY a")
    assert counted == [("no", len(predicted) - len(yes)), ("yes", len(yes))]
    likely = sorted((key for key, (_, chance) in predicted.items() if chance > 0.9), reverse=True)
    assert run(asking, f"SELECT id {people} WHERE {CHANCE} > 0.9 ORDER BY id DESC") == [(key,) for key in likely]
    top = run(asking, f"SELECT id {people} ORDER BY {CHANCE} DESC, id LIMIT 5")
    assert [key for (key,) in top] == sorted(predicted, key=lambda key: (-predicted[key][1], key))[:5]
    distinct = run(asking, f"SELECT DISTINCT JSON_VALUE({ASKED}, '$.Prediction') AS a {people} ORDER BY a")
    assert distinct == [("no",), ("yes",)]
    chances = [chance for _, chance in predicted.values()]
    mean = statistics.fmean(chances)
    ((average, total, spread),) = run(
        asking, f"SELECT AVG({CHANCE}), SUM({CHANCE} * 2), SQRT(AVG(POW({CHANCE} - {mean!r}, 2))) {people}"
    )
    assert average == pytest.approx(mean, rel=1e-12)
    assert total == pytest.approx(2 * sum(chances), rel=1e-12)
    assert spread == pytest.approx(statistics.pstdev(chances), rel=1e-9)
    ((spread,),) = run(asking, f"SELECT STDDEV({CHANCE}) {people}")
    assert spread == pytest.approx(statistics.pstdev(chances), rel=1e-9)


def test_explain_tells_who_would_answer(asking: Any) -> None:
    whole = f"EXPLAIN SELECT id, {ASKED} AS p FROM ml_shop.people"
    run(asking, "CALL sys.ML_MODEL_UNLOAD(@h)")  # it is brought again
    assert "secondary engine RAPID" in str(run(asking, whole))
    run(asking, "SET use_secondary_engine = OFF")
    plan = str(run(asking, whole))
    assert "people" in plan
    assert "RAPID" not in plan
    assert error_of(asking, f"EXPLAIN SELECT id FROM ml_shop.people WHERE {ANSWER} = 'yes'")[0] == 1235
    run(asking, "SET use_secondary_engine = ON")
    assert run(asking, f"EXPLAIN SELECT sys.ML_PREDICT_ROW({OLD}, @h, NULL)")
    assert error_of(asking, f"EXPLAIN SELECT id, sys.ML_PREDICT_ROW({INPUT}, 'none') FROM ml_shop.people")[0] == 1644


def test_in_derived_tables_unions_joins_and_views(asking: Any, predicted: dict[int, tuple[str, float]]) -> None:
    yes = len(_yes(predicted))
    inner = f"SELECT id, {ASKED} AS p FROM ml_shop.people"
    answer = "JSON_UNQUOTE(JSON_EXTRACT(p, '$.Prediction'))"
    assert run(asking, f"WITH w AS ({inner}) SELECT COUNT(*) FROM w WHERE {answer} = 'yes'") == [(yes,)]
    joined = f"SELECT COUNT(*) FROM ({inner}) w JOIN ml_shop.people q ON q.id = w.id WHERE {answer} = q.churn"
    ((right,),) = run(asking, joined)
    assert right > 900
    union = f"SELECT {ANSWER} AS a FROM ml_shop.people UNION SELECT churn FROM ml_shop.people ORDER BY a"
    assert error_of(asking, union)[0] == 1235  # a collation of more than bytes decides
    whole = run(asking, f"SELECT {ASKED} AS p FROM ml_shop.people WHERE id < 3 UNION ALL SELECT NULL ORDER BY p")
    assert whole[0] == (None,)
    assert len(whole) == 4
    view = run(asking, f"SELECT COUNT(*) FROM ml_shop.adults WHERE {ANSWER} = 'yes'")
    adults = run(asking, "SELECT id FROM ml_shop.people WHERE age > 20")
    assert view == [(sum(predicted[key][0] == "yes" for (key,) in adults),)]


def test_an_open_transaction_is_seen_where_the_backend_has_to_answer(asking: Any) -> None:
    statement = f"SELECT id, {ASKED} AS p FROM ml_shop.people WHERE id = 1"
    run(asking, "BEGIN")
    run(asking, "UPDATE ml_shop.people SET age = 99 WHERE id = 1")
    ((_, text),) = run(asking, statement)
    assert json.loads(text)["age"] == 99
    assert error_of(asking, f"SELECT id FROM ml_shop.people WHERE {ANSWER} = 'yes'")[0] == 1235
    run(asking, "ROLLBACK")
    ((_, text),) = run(asking, statement)
    assert json.loads(text)["age"] != 99


def test_many_rows_of_an_open_transaction_in_both_protocols(
    asking: Any, predicted: dict[int, tuple[str, float]]
) -> None:
    maybe = f"sys.ML_PREDICT_ROW(IF(id % 5, {INPUT}, NULL), @h, NULL)"
    run(asking, "BEGIN")
    run(asking, "UPDATE ml_shop.people SET age = 99 WHERE id = 1")
    rows = run(asking, f"SELECT {maybe} AS p, id, {ASKED} q, since FROM ml_shop.people ORDER BY id")
    assert [key for _, key, _, _ in rows] == sorted(predicted)
    assert all((p is None) if key % 5 == 0 else (p == q) for p, key, q, _ in rows)
    answered = {key: json.loads(q) for _, key, q, _ in rows}
    assert answered.pop(1)["age"] == 99
    assert {key: each["Prediction"] for key, each in answered.items()} == {
        key: answer for key, (answer, _) in predicted.items() if key != 1
    }
    for many in ("id < 0", "id < 3", "TRUE"):
        texts, binary = (
            server_rows(asking, f"SELECT {maybe} AS p FROM ml_shop.people WHERE {many} ORDER BY id", protocol)[1]
            for protocol in ("text", "binary")
        )
        assert binary == [b"\0\4" if text == b"\xfb" else b"\0\0" + text for text in texts]
    run(asking, "ROLLBACK")


def test_every_type_is_asked_about_as_its_document_would_be(asking: Any, backend: Any, ml_shop: Any) -> None:
    backend.run(
        "CREATE TABLE ml_shop.types (id INT PRIMARY KEY, f FLOAT, d DOUBLE, n DECIMAL(12,3), u BIGINT UNSIGNED,"
        " t TIME(2), m DATETIME(3), y YEAR, e ENUM('a', 'b'), c VARCHAR(40), age INT, city VARCHAR(9), income DOUBLE,"
        " since DATE)"
    )
    nulls = ", ".join(["NULL"] * 13)
    backend.run(
        "INSERT INTO ml_shop.types VALUES (1, 0.5, 2, 1.5, 18446744073709551615, '-12:00:01.25',"
        " '2024-02-03 04:05:06.789', 2024, 'b', %s, 20, 'Oslo', 1500, '2020-01-15'),"
        f" (2, {nulls})",
        'a"b\\c\n\t\x01é😀',
    )
    names = ("f", "d", "n", "u", "t", "m", "y", "e", "c", "age", "city", "income", "since")
    document = f"JSON_OBJECT({', '.join(repr(name) + ', ' + name for name in names)})"
    ml_shop.wait_until_loaded("ml_shop", "types")
    asked = run(asking, f"SELECT sys.ML_PREDICT_ROW({document}, @h, NULL) AS p FROM ml_shop.types ORDER BY id")
    documents = run(asking, f"SELECT {document} FROM ml_shop.types ORDER BY id")
    for (found,), (wanted,) in zip(asked, documents, strict=True):
        said = json.loads(found)
        assert said.pop("Prediction") in ("yes", "no")
        assert said.pop("ml_results")
        assert said == json.loads(wanted)
        assert list(said) == list(json.loads(wanted))


def test_what_a_model_complains_of_is_said(asking: Any) -> None:
    short = "JSON_OBJECT('age', age, 'city', city)"
    number, text = error_of(asking, f"SELECT sys.ML_PREDICT_ROW({short}, @h, NULL) FROM ml_shop.people WHERE id < 5")
    assert (number, "income, since" in text) == (1644, True)
    number, text = error_of(asking, "SELECT sys.ML_PREDICT_ROW(nothing, @h, NULL) FROM ml_shop.people")
    assert (number, "nothing" in text) == (1054, True)


def test_an_input_may_come_from_anywhere(asking: Any) -> None:
    one = f"(SELECT {INPUT} FROM ml_shop.people WHERE id = 7)"
    wanted = json.loads(run(asking, f"SELECT {ASKED} FROM ml_shop.people WHERE id = 7")[0][0])["Prediction"]
    asked = f"JSON_EXTRACT(sys.ML_PREDICT_ROW({one}, @h, NULL), '$.Prediction')"
    ((found, year),) = run(asking, f"SELECT {asked} AS p, EXTRACT(YEAR FROM '2024-01-01') AS y")
    assert (json.loads(found), year) == (wanted, 2024)


def test_a_model_that_was_unloaded_is_brought_again(asking: Any, ml_model: str) -> None:
    run(asking, "CALL sys.ML_MODEL_UNLOAD(@h)")
    assert len(run(asking, f"SELECT {ASKED} FROM ml_shop.people WHERE id < 5")) == 5


def test_rows_are_written_all_or_none(asking: Any, predicted: dict[int, tuple[str, float]]) -> None:
    query = f"SELECT id, churn, {ASKED} AS p FROM ml_shop.people"
    run(asking, f"CREATE TABLE ml_shop.made (PRIMARY KEY (id)) AS {query}")
    answers = "SELECT id, JSON_UNQUOTE(JSON_EXTRACT(p, '$.Prediction')) FROM ml_shop.made ORDER BY id"
    assert run(asking, answers) == sorted((key, answer) for key, (answer, _) in predicted.items())
    number, _ = error_of(asking, f"INSERT INTO ml_shop.made SELECT id + 999, churn, p FROM ({query}) q WHERE id < 5")
    assert number == 1062
    with asking.cursor() as cursor:
        assert cursor.execute(f"INSERT INTO ml_shop.made (id, p) SELECT id + 2000, {ASKED} FROM ml_shop.people") == 1000
        again = f"SELECT id, {ASKED} FROM ml_shop.people WHERE id < 3"
        assert cursor.execute(f"REPLACE INTO ml_shop.made (id, p) {again}") == 6
        cursor.execute(f"INSERT INTO ml_shop.made (id, p) {again} ON DUPLICATE KEY UPDATE churn = 'was'")
    assert run(asking, "SELECT id FROM ml_shop.made WHERE churn = 'was' ORDER BY id") == [(0,), (1,), (2,)]
    run(asking, "BEGIN")  # what it has written would not be seen
    assert (
        error_of(asking, f"INSERT INTO ml_shop.made (id, p) SELECT id + 9000, {ASKED} FROM ml_shop.people")[0] == 1235
    )
    run(asking, "ROLLBACK")
    assert run(asking, "SELECT COUNT(*) FROM ml_shop.made") == [(2000,)]
    short = "sys.ML_PREDICT_ROW(JSON_OBJECT('age', age), @h, NULL)"
    assert error_of(asking, f"CREATE TABLE ml_shop.half SELECT {short} AS p FROM ml_shop.people")[0] == 1644
    assert run(asking, "SHOW TABLES IN ml_shop LIKE 'half'") == []
    assert error_of(asking, f"UPDATE ml_shop.made SET p = {short}")[0] == 1054
    assert error_of(asking, f"CREATE VIEW ml_shop.half AS {query}")[0] == 1235


def test_rows_are_changed_and_deleted_by_answers(asking: Any, predicted: dict[int, tuple[str, float]]) -> None:
    columns = "id, age, city, income, since, CAST('' AS CHAR(9)) AS p, 0 AS n"
    run(asking, f"CREATE TABLE ml_shop.changed (PRIMARY KEY (id)) AS SELECT {columns} FROM ml_shop.people")
    wanted = {key: answer for key, (answer, _) in predicted.items()}
    with asking.cursor() as cursor:
        assert cursor.execute(f"UPDATE ml_shop.changed c SET n = n + 1, p = {ANSWER} WHERE c.id < 500") == 500
        assert cursor.execute(f"UPDATE ml_shop.changed SET p = 'rest' WHERE id >= 990 AND {ANSWER} = 'no'") == sum(
            wanted[key] == "no" for key in range(990, 1000)
        )
    rows = run(asking, "SELECT id, p, n FROM ml_shop.changed")
    assert all(
        p == (wanted[key] if key < 500 else "rest" if key >= 990 and wanted[key] == "no" else "") for key, p, _ in rows
    )
    assert sum(n for _, _, n in rows) == 500
    run(asking, "BEGIN")
    run(asking, "UPDATE ml_shop.changed SET age = 90 WHERE id = 3")
    gone = "sys.ML_PREDICT_ROW(JSON_OBJECT('age', nothing), @h, NULL)"
    assert error_of(asking, f"UPDATE ml_shop.changed SET p = {gone}")[0] == 1054
    few = "sys.ML_PREDICT_ROW(JSON_OBJECT('age', age), @h, NULL)"
    assert error_of(asking, f"UPDATE ml_shop.changed SET p = {few}")[0] == 1644
    run(asking, f"UPDATE ml_shop.changed SET p = {ANSWER}, n = {CHANCE} < 0.5 WHERE id = 3")  # of what is not committed
    aged = INPUT.replace("'age', age", "'age', 90")
    asked = f"JSON_UNQUOTE(JSON_EXTRACT(sys.ML_PREDICT_ROW({aged}, @h), '$.Prediction'))"
    old = f"SELECT {asked} FROM ml_shop.people WHERE id = 3"
    run(asking, "COMMIT")
    assert run(asking, "SELECT p, n FROM ml_shop.changed WHERE id = 3") == [(run(asking, old)[0][0], 1)]
    assigned = f"UPDATE ml_shop.changed SET age = age + 1, p = {ANSWER} WHERE id < 100"
    assert "assigned before" in error_of(asking, assigned)[1]
    assert run(asking, "SELECT age FROM ml_shop.changed WHERE id = 3") == [(90,)]
    named = ANSWER.replace("'age', age", "'age', changed.age")
    run(asking, f"UPDATE ml_shop.changed SET p = {named}, age = age + 1 WHERE id = 3")
    assert run(asking, "SELECT age, p FROM ml_shop.changed WHERE id = 3") == [(91, run(asking, old)[0][0])]
    with asking.cursor() as cursor:
        assert cursor.execute(f"DELETE FROM ml_shop.changed WHERE {ANSWER} = 'yes' AND id > 10 LIMIT 7") == 7
    assert run(asking, "SELECT COUNT(*) FROM ml_shop.changed") == [(993,)]
    run(asking, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    run(asking, f"DELETE FROM ml_shop.changed WHERE {CHANCE} >= 0")
    assert run(asking, "SELECT COUNT(*) FROM ml_shop.changed") == [(0,)]
    run(asking, "BEGIN")
    assert "REPEATABLE READ" in error_of(asking, f"DELETE FROM ml_shop.changed WHERE {CHANCE} >= 0")[1]
    run(asking, "ROLLBACK")
    several = "UPDATE ml_shop.changed c JOIN ml_shop.people q ON q.id = c.id"
    assert error_of(asking, f"{several} SET c.p = sys.ML_PREDICT_ROW(JSON_OBJECT('age', c.age), @h)")[0] == 1235


def test_variables_take_answers(asking: Any, predicted: dict[int, tuple[str, float]]) -> None:
    one = f"SELECT {ANSWER} FROM ml_shop.people WHERE id = 7"
    run(asking, f"SET @one = ({one})")
    run(asking, f"SELECT id, {ASKED} FROM ml_shop.people WHERE id = 7 INTO @id, @whole")
    run(asking, f"SET @row = sys.ML_PREDICT_ROW({YOUNG}, @h, NULL)")
    ((one, key, whole, row),) = run(asking, "SELECT @one, @id, @whole, @row")
    assert (one, key) == (predicted[7][0], 7)
    assert json.loads(whole)["Prediction"] == predicted[7][0]
    assert json.loads(row)["Prediction"] == "yes"
    assert error_of(asking, f"SET @one = (SELECT {ANSWER} FROM ml_shop.people)")[0] == 3889  # more than one row


def test_prepared_in_sql(asking: Any) -> None:
    run(asking, "SET @most = 3")
    text = f"SELECT id, sys.ML_PREDICT_ROW({INPUT}, ?, NULL) AS p FROM ml_shop.people WHERE id < ?".replace("'", "''")
    run(asking, f"PREPARE s FROM '{text}'")
    assert len(run(asking, "EXECUTE s USING @h, @most")) == 3
    assert error_of(asking, "EXECUTE s USING @h")[0] == 1210
    run(asking, "DEALLOCATE PREPARE s")
    assert error_of(asking, "EXECUTE s USING @h, @most")[0] == 1243
    run(asking, "SET @text = 'CALL sys.ML_SCORE(''ml_shop.people'', ''churn'', ?, ''accuracy'', @of, NULL)'")
    run(asking, "PREPARE s FROM @text")
    run(asking, "EXECUTE s USING @h")
    assert float(run(asking, "SELECT @of")[0][0]) > 0.9
    run(asking, "PREPARE s FROM 'SELECT 1 + ?'")
    assert run(asking, "EXECUTE s USING @most") == [(4,)]


def test_functions_and_procedures_are_called_in_their_own_ways(asking: Any) -> None:
    assert "it is called in an expression" in error_of(asking, "CALL sys.ML_EXPLAIN_ROW(1, 2, 3)")[1]
    assert "it is called with CALL" in error_of(asking, "SELECT sys.ML_MODEL_UNLOAD(@h)")[1]


def test_a_table_of_many_columns(asking: Any, backend: Any) -> None:
    names = [f"c{number}" for number in range(600)]
    columns = ", ".join(f"{name} FLOAT" for name in names)
    backend.run(f"CREATE TABLE ml_shop.wide (id INT PRIMARY KEY, y VARCHAR(3), {columns})")
    values = [[row, row % 7 > 3, *((row * 31 + at * 7) % 11 + row % 7 for at in range(600))] for row in range(60)]
    rows = ",".join(f"({key}, IF({yes}, 'yes', 'no'), {', '.join(map(str, rest))})" for key, yes, *rest in values)
    backend.run(f"INSERT INTO ml_shop.wide VALUES {rows}")
    run(asking, "SET @w = 'wide'")
    run(asking, "CALL sys.ML_TRAIN('ml_shop.wide', 'y', JSON_OBJECT('max_seconds', 2), @w)")
    run(asking, "CALL sys.ML_PREDICT_TABLE('ml_shop.wide', @w, 'ml_shop.wide_out', NULL)")
    told = dict(run(asking, "SELECT id, Prediction FROM ml_shop.wide_out"))
    document = ", ".join(f"'{name}', {name}" for name in names)
    asked = f"JSON_VALUE(sys.ML_PREDICT_ROW(JSON_OBJECT({document}), @w, NULL), '$.Prediction')"
    assert dict(run(asking, f"SELECT id, {asked} FROM ml_shop.wide")) == told


def shown(instance: Any) -> list[tuple[Any, ...]]:
    """The sessions that SHOW PROCESSLIST has, each with what it does and its statement without SELECT."""
    rows = instance.run("SHOW PROCESSLIST")
    return [(row[0], row[4], str(row[7]).removeprefix("SELECT ")[:24]) for row in rows]


def test_an_explanation_of_many_rows_is_stopped_at_once(asking: Any, ml_shop: Any) -> None:
    pairs = "FROM ml_shop.people p JOIN ml_shop.people q ON q.id < 500"
    given = "JSON_OBJECT('age', p.age, 'city', p.city, 'income', p.income, 'since', p.since)"
    ((number,),) = run(asking, "SELECT CONNECTION_ID()")
    ended: list[tuple[float, int]] = []

    def explain() -> None:
        error, _ = error_of(asking, f"SELECT COUNT(sys.ML_EXPLAIN_ROW({given}, @h, NULL)) {pairs}")
        ended.append((time.monotonic(), error))

    working = threading.Thread(target=explain)
    working.start()
    wait_for(30, lambda: (number, "Query", "COUNT(sys.ML_EXPLAIN_ROW") in shown(ml_shop))
    time.sleep(1)
    breath = time.monotonic()
    ml_shop.run("SELECT 1")
    began = time.monotonic()
    ml_shop.run(f"KILL QUERY {number}")
    working.join(30)
    ((at, error),) = ended
    assert error == 1317
    assert at - began < 1 + 10 * (began - breath)  # a busy machine takes longer for everything
    assert run(asking, "SELECT 1") == [(1,)]


def test_a_call_alone_is_described_as_the_backend_does(ml_client: Any, ml_model: str) -> None:
    run(ml_client, f"SET @h = '{ml_model}'")
    calls = f"sys.ML_PREDICT_ROW({YOUNG}, @h, NULL), sys.ML_PREDICT_ROW({OLD}, @h), sys.ML_PREDICT_ROW(NULL, @h) AS `n`"
    seen = []
    for rest in ("", " LIMIT 1"):  # the backend runs the second
        with ml_client.cursor() as cursor:
            cursor.execute(f"SELECT {calls}{rest}")
            fields = [(f.name, f.type_code, f.length, f.charsetnr, f.flags, f.scale) for f in cursor._result.fields]
            seen.append((fields, [json.loads(each) if each else each for each in cursor.fetchone()]))
    assert seen[0] == seen[1]
    run(ml_client, "SET sql_select_limit = 0")
    assert run(ml_client, f"SELECT sys.ML_PREDICT_ROW({YOUNG}, @h, NULL)") == []
    run(ml_client, "SET sql_select_limit = DEFAULT")


@pytest.mark.parametrize(
    "made",
    [
        "VIEW ml_shop.kept AS SELECT {} AS p",
        "PROCEDURE ml_shop.kept() SELECT {}",
        "EVENT ml_shop.kept ON SCHEDULE EVERY 1 DAY DO SET @p = {}",
        "TRIGGER ml_shop.kept BEFORE INSERT ON ml_shop.people FOR EACH ROW SET @p = {}",
    ],
)
def test_nothing_keeps_the_answer_of_now(asking: Any, ml_model: str, made: str) -> None:
    call = f"sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL)"
    number, text = error_of(asking, f"CREATE {made.format(call)}")
    assert (number, "cannot be called in a view, trigger, event or stored program" in text) == (1644, True)
