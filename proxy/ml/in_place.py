"""Answers in the table that they are about: the table to read and the table to write may be the same.

HeatWave has it from 9.4.1 for tables without a primary key (mys-hwaml-predictions-ml-predict-table); its conditions are
ours. Rows have to have names: the table is given the key `_4aad19ca6e_pk_id` and the columns of the answers, it is
loaded again, the answers go into a temporary table, and one UPDATE of the user's takes them from there. So nobody who
writes meanwhile loses anything: a row that comes later has no answer. When anything fails the columns are taken out.
"""

from typing import Any

from base.errors import BackendError
from proxy.backend.preflight import quote_name
from proxy.copies.alter import load_table
from proxy.ml import catalog, engine
from proxy.ml.backend import MLError, attempt, run, select, text_literal
from proxy.ml.catalog import ModelRow
from proxy.ml.models import with_model
from proxy.ml.names import TableName
from proxy.ml.outputs import KEY, Output, shape_of, write_outputs
from proxy.ml.source import SourceSelect, read_source
from proxy.routing.router import Router

_ANSWERS = "warmfront_ml_answers"  # the temporary table


async def answer_in_place(router: Router, source: SourceSelect, model: ModelRow, asked: dict[str, Any]) -> None:
    """Put the answers that the engine is asked for into the source. Raises BackendError, MLError when it cannot be."""
    await _check(router, source, model)
    # Its columns, and what the model complains of, before anything is changed.
    head = await with_model(router, model, lambda: engine.ask_json(router, "table", **source.asked, **asked))
    await engine.ask(router, "stop", token=head["token"])
    name, session = source.name, router.session
    columns = [column for column, _ in head["columns"]]
    added = [f"{quote_name(column)} {kind}" for column, kind in head["columns"]]
    key = f"{quote_name(KEY)} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST"
    await run(router, f"ALTER TABLE {name.quoted} {', '.join(f'ADD COLUMN {each}' for each in (key, *added))}")
    session.finishes = True  # what is changed is undone on this connection, whoever has gone
    answers = TableName(name.schema, _ANSWERS)
    try:
        await load_table(router, name.schema, name.table)
        keyed = await read_source(router, name, without=columns)
        shape = await shape_of(router, keyed)
        begun = await with_model(router, model, lambda: engine.ask_json(router, "table", **keyed.asked, **asked))
        await write_outputs(router, [Output(answers, keyed, begun["columns"], shape, temporary=True)], begun["token"])
        session.finishes = True
        taken = ", ".join(f"wf.{column} = answered.{column}" for column in map(quote_name, columns))
        for statement in (
            "START TRANSACTION",
            f"UPDATE {name.quoted} AS wf JOIN {answers.quoted} AS answered USING ({quote_name(KEY)}) SET {taken}",
            "COMMIT",
        ):
            await run(router, statement)
    except BaseException:
        if not session.closed:
            gone = ", ".join(f"DROP COLUMN {quote_name(column)}" for column in (KEY, *columns))
            for statement in ("ROLLBACK", f"ALTER TABLE {name.quoted} {gone}"):
                for _ in range(2):  # what a KILL has interrupted is said once more
                    if (await attempt(router, statement)).error is None:
                        break
        raise
    finally:
        if not session.closed:
            await attempt(router, f"DROP TEMPORARY TABLE IF EXISTS {answers.quoted}")
        session.finishes = False


async def _check(router: Router, source: SourceSelect, model: ModelRow) -> None:
    name = source.name
    of_it = f"WHERE TABLE_SCHEMA = {text_literal(name.schema)} AND TABLE_NAME = {text_literal(name.table)}"
    ((kind,),) = await select(router, ["TABLE_TYPE"], f"FROM information_schema.TABLES {of_it}") or [[None]]
    keys = f"FROM information_schema.STATISTICS {of_it} AND INDEX_NAME = 'PRIMARY'"
    if kind != "BASE TABLE" or router.session.worker.engine.loaded.is_lake(name.schema, name.table):
        raise _exists(name.shown, "it is no table of the backend's own")
    if await select(router, ["COLUMN_NAME"], keys):
        raise _exists(name.shown, "it has a primary key")
    if KEY.casefold() in {column.casefold() for column in source.columns}:
        raise _exists(name.shown, f"it has a column {KEY}")
    if (await catalog.metadata(router, model)).get("task") == "log_anomaly_detection":
        raise MLError("The answers of log_anomaly_detection are about windows: write them into another table")


def _exists(shown: str, why: str) -> BackendError:
    """The server's error for a table that is there, with the reason why it cannot take its own answers."""
    return BackendError(1050, "42S01", f"Table '{shown}' already exists, and takes no answers about itself: {why}")
