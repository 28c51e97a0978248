"""AutoML's routines as they run: stopped, watched, prepared, in transactions, from the command lines."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
from typing import Any

import pymysql
import pytest

from automl.progress import STEPS
from tests.live.ml_kit import INPUT, OLD, OPTIONS, SLOW, STATUS, error_of, run, wait_for, workers
from tests.live.packets import call_prepared

pytestmark = pytest.mark.live

THERE = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'ml_shop' AND TABLE_NAME = 'half'"


@pytest.mark.parametrize("how", ["kill query", "disconnect"])
def test_a_training_is_stopped_at_once_and_leaves_nothing(ml_shop: Any, ml_model: str, backend: Any, how: str) -> None:
    before = backend.run("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'ML_SCHEMA_root'")
    models = "SELECT model_handle FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'stopped'"
    connection = ml_shop.connect()
    run(connection, "SET @h = 'stopped'")
    text = f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {SLOW}, @h)"
    seen: list[Any] = []

    def train() -> None:
        try:
            run(connection, text)
        except pymysql.err.MySQLError as error:
            seen.append(error.args[0])

    thread = threading.Thread(target=train)
    thread.start()
    wait_for(20, lambda: workers(ml_shop))
    assert [row[7] for row in ml_shop.run("SHOW FULL PROCESSLIST") if row[0] == connection.thread_id()] == [text]
    breath = time.monotonic()
    ml_shop.run("SELECT 1")
    began = time.monotonic()
    if how == "disconnect":
        connection._sock.shutdown(2)
    else:
        ml_shop.run(f"KILL QUERY {connection.thread_id()}")
    thread.join(30)
    wait_for(30, lambda: not workers(ml_shop))
    assert time.monotonic() - began < 2 + 10 * (began - breath)  # a busy machine takes longer for everything
    if how == "kill query":
        assert seen == [1317]
        assert run(connection, "SELECT @h, 1") == [("stopped", 1)]
    assert backend.run(models) == []
    after = backend.run("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'ML_SCHEMA_root'")
    assert before == after
    connection.close()


def test_progress_is_seen_from_elsewhere_while_others_work(ml_shop: Any) -> None:
    trained = threading.Event()

    def train() -> None:
        with ml_shop.connect() as connection:
            run(connection, "SET @h = NULL")
            run(connection, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")
        trained.set()

    thread = threading.Thread(target=train)
    thread.start()
    seen = []
    while not trained.wait(0.1):
        rows = ml_shop.run(STATUS)
        if rows:
            seen.append(json.loads(rows[0][0]))
        assert ml_shop.run("SELECT COUNT(*) FROM ml_shop.people") == [(1000,)]
    thread.join()
    under_way = [told for told in seen if told["status"] == "In Progress"]
    assert under_way
    assert all(told["totalRunTime"] is None for told in under_way)
    done = json.loads(ml_shop.run(STATUS)[0][0])
    assert (done["status"], done["completionPercentage"]) == ("Completed", 100)
    assert "Preprocessing" in done["completedSteps"]
    assert done["modelHandle"].startswith("ml_shop.people_root_")
    counted = {name: json.loads(value) for name, value in ml_shop.run("SELECT * FROM performance_schema.rpd_ml_stats")}
    assert counted["ML_TRAIN"]["n_cells"] >= 6000


def test_prepared_statements(ml_client: Any, ml_model: str) -> None:
    call = call_prepared(ml_client, "CALL sys.ML_SCORE(?, ?, ?, ?, @of, NULL)")
    assert call(b"ml_shop.people", b"churn", ml_model.encode(), b"accuracy") == ([], [])
    assert float(run(ml_client, "SELECT @of")[0][0]) > 0.9
    select = call_prepared(
        ml_client,
        "SELECT id, income, since, sys.ML_PREDICT_ROW(" + INPUT + ", ?, NULL) AS p FROM ml_shop.people WHERE id < ?",
    )
    names, rows = select(ml_model.encode(), b"20")
    assert names == ["id", "income", "since", "p"]
    assert len(rows) == 20
    number = int.from_bytes(rows[0][2:6], "little")  # behind the header and the bits for NULL
    assert number in range(20)
    single = call_prepared(ml_client, "SELECT sys.ML_PREDICT_ROW(?, ?, NULL)")
    _, (row,) = single(b'{"age": 70, "city": "Rome", "income": 8000, "since": "2020-01-15"}', ml_model.encode())
    assert json.loads(row[3:] if row[2] < 251 else row[5:])["Prediction"] == "no"


def test_inside_a_transaction_its_owner_decides(ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, "BEGIN")
    run(ml_client, "SET @h = 'undone'")
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.people', 'churn', {OPTIONS}, @h)")
    run(ml_client, "ROLLBACK")
    assert backend.run("SELECT 1 FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'undone'") == []


def test_who_was_first_keeps_a_models_name(ml_shop: Any, ml_client: Any, backend: Any, ml_model: str) -> None:
    run(ml_client, f"CALL sys.ML_MODEL_EXPORT('{ml_model}', 'ml_shop.brought')")
    bring = "CALL sys.ML_MODEL_IMPORT(NULL, JSON_OBJECT('schema', 'ml_shop', 'table', 'brought'), 'wanted')"
    row = "SELECT model_id FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'wanted'"
    told: list[str] = []
    with ml_shop.connect() as other:
        session = run(other, "SELECT CONNECTION_ID()")[0][0]
        waits = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {session} AND INFO LIKE 'INSERT%'"
        late = threading.Thread(target=lambda: told.append(error_of(other, bring)[1]))
        run(ml_client, "BEGIN")
        run(ml_client, bring)
        late.start()  # it does not see the model, and then waits for who has written it
        wait_for(30, lambda: backend.run(waits))
        run(ml_client, "COMMIT")
        late.join(60)
    first = backend.run(row)
    assert ["There is a model wanted already" in each for each in told] == [True]
    assert "already" in error_of(ml_client, bring)[1]
    assert backend.run(row) == first
    run(ml_client, "CALL sys.ML_SCORE('ml_shop.people', 'churn', 'wanted', 'accuracy', @s, NULL)")
    assert run(ml_client, "SELECT @s > 0.9") == [(1,)]


def test_modes_that_say_how_texts_are_read(ml_shop: Any, ml_client: Any, ml_model: str, backend: Any) -> None:
    backend.run("CREATE VIEW ml_shop.drawn AS SELECT *, RAND() AS luck FROM ml_shop.people")
    score = "CALL sys.ML_SCORE('ml_shop.{}', 'churn', '" + ml_model + "', 'neg_log_loss', @s, NULL)"
    run(ml_client, score.format("people"))
    (known,) = run(ml_client, "SELECT @s")
    assert "RAND" in error_of(ml_client, score.format("drawn"))[1]
    with ml_shop.connect() as other:
        run(other, "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'")
        run(other, score.format("people"))
        assert run(other, "SELECT @s") == [known]
        assert "SQL mode ANSI_QUOTES" in error_of(other, score.format("adults"))[1]
        table = f"CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.in_ansi', NULL)"
        assert "NO_BACKSLASH_ESCAPES" in error_of(other, table)[1]
        run(other, "SET sql_mode = 'ANSI'")
        run(other, table)
    assert backend.run("SELECT COUNT(ml_results) FROM ml_shop.in_ansi") == [(1000,)]


def test_a_table_that_is_not_loaded_is_loaded_first(running: Any, backend: Any) -> None:
    backend.run("CREATE DATABASE IF NOT EXISTS ml_cold")
    backend.run("CREATE TABLE ml_cold.t (id INT PRIMARY KEY, v INT, y VARCHAR(5))")
    rows = ",".join(f"({i}, {i % 40}, '{'a' if i % 40 < 20 else 'b'}')" for i in range(200))
    backend.run(f"INSERT INTO ml_cold.t VALUES {rows}")
    backend.run("CREATE VIEW ml_cold.view AS SELECT v, y FROM ml_cold.t")
    instance = running(backend, "--autoload", "false")
    backend.run("DROP USER IF EXISTS ml_reader")
    backend.run("CREATE USER ml_reader IDENTIFIED BY 'pw'")
    backend.run("GRANT SELECT ON ml_cold.* TO ml_reader")
    backend.run("GRANT ALL ON ML_SCHEMA_ml_reader.* TO ml_reader")
    try:
        with instance.connect(user="ml_reader", password="pw") as connection:
            number, text = error_of(connection, f"CALL sys.ML_TRAIN('ml_cold.t', 'y', {OPTIONS}, @h)")
            assert (number, "SECONDARY_LOAD" in text) == (1644, True)
        with instance.connect() as connection:
            run(connection, f"CALL sys.ML_TRAIN('ml_cold.view', 'y', {OPTIONS}, @h)")
            run(connection, "CALL sys.ML_SCORE('ml_cold.view', 'y', @h, 'accuracy', @s, NULL)")
            assert float(run(connection, "SELECT @s")[0][0]) > 0.95
    finally:
        backend.run("DROP USER ml_reader")
        backend.run("DROP DATABASE ml_cold")


@pytest.mark.parametrize("program", ["mysql", "mariadb"])
def test_command_lines(ml_shop: Any, backend: Any, ml_model: str, program: str) -> None:
    statements = f"""CALL sys.ML_PREDICT_TABLE('ml_shop.people', '{ml_model}', 'ml_shop.by_{program}', NULL);
        SELECT COUNT(*) FROM ml_shop.by_{program}; SELECT sys.ML_PREDICT_ROW({OLD}, '{ml_model}', NULL) AS p\\G
        CALL sys.ML_SCORE('ml_shop.people', 'churn', '{ml_model}', 'accuracy', @s, NULL); SELECT @s > 0.9 AS good;"""
    command = [program, "--no-defaults", "-h", ml_shop.host, "-P", str(ml_shop.port), "-u", backend.user, "-t", "-vv"]
    ended = subprocess.run(
        [*command, f"-p{backend.password}", "--default-character-set=utf8mb4"],
        input=statements,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "1000" in ended.stdout
    assert '"churn": "no"' in ended.stdout
    assert "good" in ended.stdout


def test_the_command_line_trains_with_progress(ml_shop: Any, backend: Any) -> None:
    command = [sys.executable, "-m", "warmfront", "ml", "train", "--data-dir", str(ml_shop.data_dir)]
    options = ["--option", "max_seconds=3", "--option", "notes=by hand", "--handle", "by hand"]
    ended = subprocess.run(
        [*command, "ml_shop.people", "--target", "churn", *options], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert "handle: by hand" in ended.stdout
    # Which steps are seen depends on how fast they pass.
    steps = re.findall(r"^training on ml_shop\.people: ([A-Z][A-Za-z ]+): \d+ of 100$", ended.stderr, re.MULTILINE)
    assert steps
    assert set(steps) <= {*STEPS, "Storing the model"}
    assert backend.run("SELECT notes FROM ML_SCHEMA_root.MODEL_CATALOG WHERE model_handle = 'by hand'") == [
        ("by hand",)
    ]
    wrong = subprocess.run([*command, "ml_shop.nowhere"], capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, "doesn't exist" in wrong.stderr) == (1, True)


def test_a_table_that_cannot_be_written_to_its_end_is_not_there(ml_shop: Any, ml_client: Any, ml_model: str) -> None:
    rows = ",".join(f"({i}, 30, 'Rome', 2000, '2020-01-15', 'no')" for i in range(10_000, 40_000))
    run(ml_client, "CREATE TABLE ml_shop.many LIKE ml_shop.people")
    run(ml_client, f"INSERT INTO ml_shop.many VALUES {rows}")
    for how in ("kill query", "disconnect"):
        connection = ml_shop.connect()
        thread = threading.Thread(target=_try, args=(connection, ml_model))
        thread.start()
        wait_for(20, lambda: run(ml_client, THERE) == [(1,)])
        if how == "disconnect":
            connection._sock.shutdown(2)
        else:
            run(ml_client, f"KILL QUERY {connection.thread_id()}")
        thread.join(10)
        wait_for(5, lambda: run(ml_client, THERE) == [(0,)])
        connection.close()
    assert run(ml_client, "SELECT COUNT(*) FROM ml_shop.many") == [(30_000,)]


def _try(connection: Any, model: str) -> None:
    with contextlib.suppress(pymysql.err.MySQLError, OSError):
        run(connection, f"CALL sys.ML_PREDICT_TABLE('ml_shop.many', '{model}', 'ml_shop.half', NULL)")


def test_other_tasks_train_and_predict(ml_client: Any) -> None:
    rows = ",".join(f"('2024-01-01' + INTERVAL {i} DAY, {100 + i % 7 * 5 + i * 0.1:.1f})" for i in range(120))
    run(ml_client, "CREATE TABLE ml_shop.series (day DATE PRIMARY KEY, amount DOUBLE)")
    run(ml_client, f"INSERT INTO ml_shop.series VALUES {rows}")
    run(ml_client, "CREATE TABLE ml_shop.ahead (day DATE PRIMARY KEY)")
    run(ml_client, "INSERT INTO ml_shop.ahead VALUES ('2024-04-30'), ('2024-05-01'), ('2024-05-02')")
    options = (
        "JSON_OBJECT('task', 'forecasting', 'datetime_index', 'day', 'endogenous_variables', JSON_ARRAY('amount'),"
    )
    run(ml_client, "SET @h = NULL")
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.series', 'amount', {options} 'max_seconds', 5), @h)")
    run(ml_client, "CALL sys.ML_PREDICT_TABLE('ml_shop.ahead', @h, 'ml_shop.forecast', NULL)")
    found = run(ml_client, "SELECT day, ml_results FROM ml_shop.forecast ORDER BY day")
    assert len(found) == 3
    assert all(100 < json.loads(row[1])["predictions"]["amount"] < 150 for row in found)
    run(ml_client, "CREATE TABLE ml_shop.liked (id INT PRIMARY KEY, user VARCHAR(9), item VARCHAR(9), stars INT)")
    ratings = ",".join(f"({i}, 'u{i % 20}', 'i{i * 7 % 30}', {1 + (i % 20 + i * 7 % 30) % 5})" for i in range(400))
    run(ml_client, f"INSERT INTO ml_shop.liked VALUES {ratings}")
    run(ml_client, "CREATE TABLE ml_shop.items (item VARCHAR(9) PRIMARY KEY, kind INT)")
    items = ",".join(f"('i{i}', {i % 3})" for i in range(30))
    run(ml_client, f"INSERT INTO ml_shop.items VALUES {items}")
    columns = "'users', 'user', 'items', 'item', 'item_metadata', JSON_OBJECT('table_name', 'ml_shop.items')"
    run(ml_client, "SET @r = NULL")
    recommend = f"JSON_OBJECT('task', 'recommendation', {columns}, 'max_seconds', 5)"
    run(ml_client, f"CALL sys.ML_TRAIN('ml_shop.liked', 'stars', {recommend}, @r)")
    ((one,),) = run(ml_client, "SELECT sys.ML_PREDICT_ROW(JSON_OBJECT('user', 'u3', 'item', 'i5'), @r, NULL)")
    assert "rating" in json.loads(one)["ml_results"]["predictions"]
    wrong = recommend.replace("ml_shop.items", "ml_shop.nothing")
    assert error_of(ml_client, f"CALL sys.ML_TRAIN('ml_shop.liked', 'stars', {wrong}, @n)")[0] == 1146


def test_the_session_of_the_documentation_works_when_it_is_pasted(ml_client: Any) -> None:
    page = (pathlib.Path(__file__).parents[2] / "docs" / "ml.md").read_text()
    statements = page.split("```sql\n")[1].split("```")[0].split(";\n")
    run(ml_client, "DROP DATABASE IF EXISTS ml_demo")
    answers = [run(ml_client, statement) for statement in statements if statement.strip()]
    assert float(answers[-1][0][0]) > 0.9
    run(ml_client, "DROP DATABASE ml_demo")
