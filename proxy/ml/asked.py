"""The models that calls of functions name, and their options: constants, which the backend evaluates."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proxy.answers import Answer
from proxy.ml import catalog
from proxy.ml.arguments import read_options
from proxy.ml.backend import MLError, Row, attempt_all, rows_of, selecting, user_name
from proxy.ml.catalog import ModelRow
from statements.context import ModelCall
from statements.ml import FunctionCall

if TYPE_CHECKING:
    from proxy.router import Router

_NO_COLUMN = 1054
_EACH = 2  # questions about a call


async def read_models(
    router: "Router", calls: Sequence[FunctionCall], more: Sequence[str] = ()
) -> tuple[list[tuple[ModelRow, object]], list[Answer]]:
    """Give each call's model and options, which are the same for all rows, and the answers to `more`: in one write.

    Raises BackendError.
    """
    schema = catalog.schema_of(await user_name(router))
    questions = [question for call in calls for question in _questions(call, schema)]
    answers = await attempt_all(router, [*questions, *more])
    about = answers[: len(questions)]
    found = [
        await _read(router, call, schema, constants, row)
        for call, constants, row in zip(calls, about[::_EACH], about[1::_EACH], strict=True)
    ]
    return found, answers[len(questions) :]


def _questions(call: FunctionCall, schema: str) -> tuple[str, str]:
    return selecting(call.arguments[1:]), catalog.seeking(schema, call.arguments[1])


async def _read(
    router: "Router", call: FunctionCall, schema: str, constants: Answer, row: Answer
) -> tuple[ModelRow, object]:
    """Read the answers; a model that is not among the user's own is looked for elsewhere. Raises BackendError."""
    if constants.error and constants.error.number == _NO_COLUMN:
        said = f"Model and options of sys.{call.routine.name} have to be the same for all rows: "
        raise MLError(said + constants.error.message)
    handle, options = _only(rows_of(constants))
    if not handle:
        raise MLError("The model's handle must not be NULL")
    found = None
    if row.error is None and handle not in router.session.state.ml_owners:
        found = catalog.read_row(schema, rows_of(row))
    return catalog.usable(found) if found else await catalog.find(router, handle), read_options(options)


def _only(rows: list[Row]) -> Row:
    (row,) = rows
    return row


def function_of(call: FunctionCall) -> str:
    """What the engine calls a function."""
    return "explain" if call.routine.name == "ML_EXPLAIN_ROW" else "predict"


def as_call(call: FunctionCall, model: ModelRow, options: object) -> ModelCall:
    """A call as the engine is told of it."""
    written = "" if options is None else json.dumps(options, ensure_ascii=False, sort_keys=True)
    return ModelCall(model.schema, model.handle, model.checksum, function_of(call), written)
