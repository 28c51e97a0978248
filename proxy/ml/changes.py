"""UPDATE and DELETE that ask models about the rows of their table.

In one transaction: the rows are locked and their inputs read, each different input is answered once, the answers go
into a temporary table, and the statement runs as it was written with a look into that table in each call's place. What
is locked cannot change meanwhile, so every row that the statement comes to has its answer there.

The engine reads the inputs out of the backend's own packets and gives the lines of that table as literals.
"""

from base.errors import BackendError
from proxy.backend.answers import Answer, AnswerTooLarge
from proxy.ml import engine
from proxy.ml.asked import Found, function_of, read_models
from proxy.ml.backend import (
    MLError,
    as_unicode,
    attempt,
    checked,
    in_transaction,
    prepare,
    rows_as_they_came,
    run,
    select,
)
from proxy.ml.models import with_model
from proxy.ml.outputs import piece_size, write_pieces
from proxy.routing.router import Router
from statements.ml import FunctionCall, Statement, as_json, with_calls
from statements.ml_changes import Change

_SAVED = "warmfront_ml_change"
# What fails for a row, and only when it is reached: no JSON, and a subquery of two rows, which MySQL does not take in
# an UPDATE when no schema is chosen.
_FAILING = {"mysql": "CAST(CONCAT('!', HEX({})) AS JSON)", "mariadb": "(SELECT {} UNION ALL SELECT 1)"}
_NOT_ASKED = frozenset({3141, 1242})
_LOOSE = frozenset({"READ-COMMITTED", "READ-UNCOMMITTED"})


async def change(router: Router, text: str, found: Statement, what: Change) -> Answer:
    """Run an UPDATE or DELETE; gives the answer of the statement. Raises BackendError."""
    await prepare(router, with_calls(text, found, [_stand_in(call, router.is_mariadb) for call in found.calls]))
    models = await read_models(router, found.calls)
    inside = in_transaction(router)
    if inside and (await _isolation(router)) in _LOOSE:
        raise MLError(
            "In a transaction that reads what others commit meanwhile, models are not asked about rows that change: "
            "use REPEATABLE READ"
        )
    names = [f"{what.schema}warmfront_ml_answers_{number}" for number in range(len(found.calls))]
    session = router.session
    session.finishes = True  # what is locked and made is undone on this connection, whoever has gone
    try:
        for statement in (
            (f"SAVEPOINT {_SAVED}",)
            if inside
            else (
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "START TRANSACTION",
            )
        ):
            await run(router, statement)
        for name, call, each in zip(names, found.calls, models, strict=True):
            await _fill(router, name, call, each, _rows_of(found, what))
        answers = [_answer(call, name, router.is_mariadb) for name, call in zip(names, found.calls, strict=True)]
        done = await attempt(router, with_calls(text, found, answers))
        if done.error and done.error.number in _NOT_ASKED:
            raise MLError(
                "A model is asked about a column that the same statement has assigned before: assign it behind the call"
            )
        checked(done)
        await run(router, f"RELEASE SAVEPOINT {_SAVED}" if inside else "COMMIT")
        return done
    except BaseException:
        if not session.closed:
            for _ in range(2):  # what a KILL has interrupted is said once more
                if (await attempt(router, f"ROLLBACK TO {_SAVED}" if inside else "ROLLBACK")).error is None:
                    break
        raise
    finally:
        if not session.closed:
            await attempt(router, f"DROP TEMPORARY TABLE IF EXISTS {', '.join(names)}")
        session.finishes = False


async def _isolation(router: Router) -> str:
    """The isolation level of the session; MariaDB before 11.1 has the variable under its old name."""
    names = ["@@tx_isolation"] if router.is_mariadb else ["@@transaction_isolation"]
    return (await select(router, names))[0][0] or ""


def _rows_of(found: Statement, what: Change) -> str:
    """The rows that the statement may come to; all, when its condition asks a model."""
    asks = any(call.start > what.at for call in found.calls)
    return what.table if asks or not what.where else f"{what.table} WHERE {what.where}"


async def _fill(router: Router, name: str, call: FunctionCall, asked: Found, source: str) -> None:
    """Lock the rows, and make the table of a call's answers by the sums of its inputs."""
    try:
        locked = await rows_as_they_came(router, f"SELECT {as_unicode(call.arguments[0])} FROM {source} FOR UPDATE")
    except AnswerTooLarge:
        raise MLError("The rows are more than 16 MiB: change fewer at once, with a condition") from None
    about = {"function": function_of(call), "options": asked.options, "most": await piece_size(router)}
    head = await with_model(
        router,
        asked.model,
        lambda: engine.ask_json(router, "change", attributes={"wf_rows": locked}, model=asked.model.key, **about),
    )
    kind = "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if router.is_mariadb else "JSON"
    await run(
        router, f"CREATE TEMPORARY TABLE {name} (warmfront_input BINARY(32) PRIMARY KEY, warmfront_answer {kind})"
    )
    await write_pieces(router, str(head["token"]), f"INSERT INTO {name} VALUES ")


def _stand_in(call: FunctionCall, is_mariadb: bool) -> str:
    """What is prepared in a call's place, for names, columns and grants; without a UNION, which MySQL does not take in
    an UPDATE when no schema is chosen."""
    joined = f"CONCAT({', '.join(('1', *call.arguments))})"
    return as_json(joined if is_mariadb else f"CONVERT({joined} USING utf8mb4)", is_mariadb)


def _answer(call: FunctionCall, name: str, is_mariadb: bool) -> str:
    """A look at the answer of a row, by the sum of its input; it fails for an input that was not asked about.

    There is none for NULL. A row has another input than it had where SET assigns a column that a later call of the
    statement reads: both servers evaluate assignments from left to right.
    """
    summed = f"UNHEX(SHA2({as_unicode(call.arguments[0])}, 256))"  # SHA1 is no function of MySQL 9.6 any more
    failing = (_FAILING["mariadb"] if is_mariadb else _FAILING["mysql"]).format(summed)
    found = f"SELECT warmfront_answer FROM {name} WHERE warmfront_input = {summed}"
    return f"IFNULL(({found}), IF({summed} IS NULL, NULL, {failing}))"


def cannot(found: Statement) -> BackendError:
    """What is said of another form."""
    name = found.calls[0].routine.name
    return BackendError(
        1235,
        "42000",
        f"sys.{name} over a table is not supported in this statement: it may stand in UPDATE … SET and DELETE FROM of "
        "one table, and in INSERT, REPLACE and CREATE TABLE … SELECT. For others put the answers into a table first",
    )
