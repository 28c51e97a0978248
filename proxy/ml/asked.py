"""The models that calls of functions name, and their options: constants, which the backend evaluates."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.backend.answers import Answer
from proxy.ml import catalog
from proxy.ml.arguments import read_options
from proxy.ml.backend import MLError, Row, attempt_all, rows_of, select, selecting, text_literal, user_name
from proxy.ml.catalog import ModelRow
from proxy.routing.router import Router
from statements.context import ModelCall
from statements.ml import FunctionCall

_NO_COLUMN = 1054
# A variable, a literal or a parameter of a prepared statement: as a handle is written nearly always.
_SAME = re.compile(
    r"@(?:[\w$.\u0080-\uffff]+|`[^`]+`)|(?:_\w+\s*)?(?:[xX]?'(?:[^'\\]|'')*'|\"[^\"\\]*\")|null", re.IGNORECASE
)
_NO_HANDLE = "The model's handle must not be NULL"
_NO_CATALOG = frozenset({1142, 1146, 1049})  # without a catalog of one's own it is denied, or not there


@dataclass(frozen=True, slots=True)
class Found:
    """A call's model and options, and its input where that was asked for."""

    model: ModelRow
    options: object
    given: str | None = None


async def read_models(router: Router, calls: Sequence[FunctionCall], with_inputs: bool = False) -> list[Found]:
    """Give each call's model and options, which are the same for all rows. Raises BackendError."""
    calls = await settled(router, calls, with_inputs)
    schema = catalog.schema_of(await user_name(router))
    answers = await attempt_all(router, [_question(call, schema, with_inputs) for call in calls])
    found = []
    for call, answer in zip(calls, answers, strict=True):
        if answer.error and answer.error.number in _NO_CATALOG:
            (answer,) = await attempt_all(router, [_question(call, "", with_inputs)])
        found.append(await _read(router, call, schema, answer, with_inputs))
    return found


def _question(call: FunctionCall, schema: str, with_inputs: bool) -> str:
    """One SELECT of the constants, the input, and what the user's own catalog says of the model.

    It names the handle twice, and may be asked once more without the catalog: see `settled`.
    """
    row = catalog.seeking(schema, call.arguments[1]) if schema else "SELECT NULL"
    given = call.arguments[0] if with_inputs else "NULL"
    return selecting([*call.arguments[1:], given, row])


@dataclass(frozen=True, slots=True)
class Straight:
    """Calls that are asked one row. `told` describes the answer in its last column."""

    found: list[Found]
    told: Answer
    charset: str | None  # character_set_results
    limit: int  # sql_select_limit


async def read_straight(router: Router, calls: Sequence[FunctionCall], shown: str) -> Straight | None:
    """Read the same for calls that are asked one row, in as few columns as can be: each costs at every hop.

    None where there is an error to be told, which `read_models` does.

    Args:
        calls: as `settled` gives them, for after None they are read again.
        shown: an expression that is described as the answer is.
    """
    schema = catalog.schema_of(await user_name(router))
    asked = [_straight(call, schema) for call in calls]
    answers = await attempt_all(router, [selecting(asked[0], also=[shown]), *map(selecting, asked[1:])])
    found: list[Found] = []
    charset: str | None = None
    limit = 0
    for call, each, answer in zip(calls, asked, answers, strict=True):
        if answer.error:
            return None
        values = [None if value is None else value.decode("utf-8", "replace") for value in answer.rows[0]]
        told, given, options = (*values[: len(each)], None)[:3]
        charset, limit, row = json.loads(told or "[null, 0, null]")
        # MariaDB takes what a subquery gives for a text.
        own = catalog.read_row(schema, row if row is None or isinstance(row, str) else json.dumps(row))
        found.append(Found(await _model(router, call, own), read_options(options), given))
    return Straight(found, answers[0], charset, limit)


def _straight(call: FunctionCall, schema: str) -> list[str]:
    given, handle, options = call.arguments
    row = catalog.seeking(schema, handle)
    told = f"JSON_ARRAY(@@character_set_results, @@sql_select_limit, ({row}))"
    return [told, given] if options.casefold() == "null" else [told, given, options]


async def _model(router: Router, call: FunctionCall, own: ModelRow | None) -> ModelRow:
    """Give the model of a call: the user's own unless another was loaded under its handle."""
    if own is not None and own.handle not in router.session.state.ml_owners:
        return catalog.usable(own)
    ((handle,),) = await select(router, [call.arguments[1]])
    if not handle:
        raise MLError(_NO_HANDLE)
    return await catalog.find(router, handle)


async def _read(router: Router, call: FunctionCall, schema: str, answer: Answer, with_inputs: bool) -> Found:
    """Read an answer; a model that is not among the user's own is looked for elsewhere. Raises BackendError."""
    ((handle, options, given, row, *_),) = _constants(call, answer, with_inputs)
    if not handle:
        raise MLError(_NO_HANDLE)
    found = None if handle in router.session.state.ml_owners else catalog.read_row(schema, row)
    model = catalog.usable(found) if found else await catalog.find(router, handle)
    return Found(model, read_options(options), given)


async def settled(router: Router, calls: Sequence[FunctionCall], with_inputs: bool) -> tuple[FunctionCall, ...]:
    """Give calls whose arguments may be evaluated twice: of others, whose handle is an expression, with their values.

    An expression may set variables or call a function that counts, so it is evaluated once. Raises BackendError.
    """
    return tuple([await _settled(router, call, with_inputs) for call in calls])


async def _settled(router: Router, call: FunctionCall, with_input: bool) -> FunctionCall:
    given, handle, *rest = call.arguments
    if _SAME.fullmatch(handle):
        return call
    (answer,) = await attempt_all(router, [selecting([handle, *rest, given if with_input else "NULL"])])
    ((handle_value, *values, value),) = _constants(call, answer, with_input)
    given = text_literal(value) if with_input else given
    return replace(call, arguments=(given, *map(text_literal, (handle_value, *values))))


def _constants(call: FunctionCall, answer: Answer, with_inputs: bool) -> list[Row]:
    """The values of a call's constants. Raises BackendError, for what is no constant with an explanation."""
    if not with_inputs and answer.error and answer.error.number == _NO_COLUMN:
        said = f"Model and options of sys.{call.routine.name} have to be the same for all rows: "
        raise MLError(said + answer.error.message)
    return rows_of(answer)


def function_of(call: FunctionCall) -> str:
    """What the engine calls a function."""
    return "explain" if call.routine.name == "ML_EXPLAIN_ROW" else "predict"


def as_call(call: FunctionCall, found: Found) -> ModelCall:
    """A call as the engine is told of it."""
    model, options = found.model, found.options
    written = "" if options is None else json.dumps(options, ensure_ascii=False, sort_keys=True)
    return ModelCall(model.schema, model.handle, model.checksum, function_of(call), written)
