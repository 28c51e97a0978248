"""The models that calls of functions name, and their options: constants, which the backend evaluates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.answers import Answer
from proxy.ml import catalog
from proxy.ml.arguments import read_options
from proxy.ml.backend import MLError, attempt_all, rows_of, selecting, user_name
from proxy.ml.catalog import ModelRow
from proxy.router import Router
from statements.context import ModelCall
from statements.ml import FunctionCall

_NO_COLUMN = 1054
_NO_CATALOG = frozenset({1142, 1146, 1049})  # without a catalog of one's own it is denied, or not there


@dataclass(frozen=True, slots=True)
class Found:
    """A call's model and options, and its input where that was asked for."""

    model: ModelRow
    options: object
    given: str | None = None


async def read_models(
    router: Router,
    calls: Sequence[FunctionCall],
    with_inputs: bool = False,
    more: Sequence[str] = (),
    also: Sequence[str] = (),
) -> tuple[list[Found], list[Answer]]:
    """Give each call's model and options, which are the same for all rows, and the answers to `more`: in one write.

    `also` are expressions whose values stand at the end of the first answer, which comes behind those to `more`.
    Raises BackendError.
    """
    schema = catalog.schema_of(await user_name(router))
    further = [also, *[()] * (len(calls) - 1)]
    questions = [_question(call, schema, with_inputs, each) for call, each in zip(calls, further, strict=True)]
    answers = await attempt_all(router, [*questions, *more])
    found = []
    for number, (call, each) in enumerate(zip(calls, further, strict=True)):
        error = answers[number].error
        if error and error.number in _NO_CATALOG:
            (answers[number],) = await attempt_all(router, [_question(call, "", with_inputs, each)])
        found.append(await _read(router, call, schema, answers[number], with_inputs))
    return found, [*answers[len(calls) :], answers[0]]


def _question(call: FunctionCall, schema: str, with_inputs: bool, also: Sequence[str]) -> str:
    """One SELECT of the constants, the input, and what the user's own catalog says of the model."""
    row = catalog.seeking(schema, call.arguments[1]) if schema else "SELECT NULL"
    given = call.arguments[0] if with_inputs else "NULL"
    return selecting([*call.arguments[1:], given, row], also=also)


async def _read(router: Router, call: FunctionCall, schema: str, answer: Answer, with_inputs: bool) -> Found:
    """Read an answer; a model that is not among the user's own is looked for elsewhere. Raises BackendError."""
    if not with_inputs and answer.error and answer.error.number == _NO_COLUMN:
        said = f"Model and options of sys.{call.routine.name} have to be the same for all rows: "
        raise MLError(said + answer.error.message)
    ((handle, options, given, row, *_),) = rows_of(answer)
    if not handle:
        raise MLError("The model's handle must not be NULL")
    found = None if handle in router.session.state.ml_owners else catalog.read_row(schema, row)
    model = catalog.usable(found) if found else await catalog.find(router, handle)
    return Found(model, read_options(options), given)


def function_of(call: FunctionCall) -> str:
    """What the engine calls a function."""
    return "explain" if call.routine.name == "ML_EXPLAIN_ROW" else "predict"


def as_call(call: FunctionCall, found: Found) -> ModelCall:
    """A call as the engine is told of it."""
    model, options = found.model, found.options
    written = "" if options is None else json.dumps(options, ensure_ascii=False, sort_keys=True)
    return ModelCall(model.schema, model.handle, model.checksum, function_of(call), written)
