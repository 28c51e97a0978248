"""SELECT with sys.ML_PREDICT_ROW or sys.ML_EXPLAIN_ROW in it: the backend gives what the functions are asked about.

A call that is an item of the select list becomes that item's input: the backend runs the statement with it, all its
rows are answered in one batch, and the answers take the inputs' place. In a SELECT without FROM a call may stand
anywhere: its answer is put there as a literal.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from base.errors import BackendError
from proxy.answers import Answer, AnswerTooLarge, build_result
from proxy.ml import catalog, engine, models
from proxy.ml.arguments import read_options
from proxy.ml.backend import (
    MLError,
    as_unicode,
    attempt_all,
    checked,
    rows_of,
    select,
    selecting,
    text_literal,
    user_name,
)
from proxy.ml.backend import run as run_own
from proxy.ml.catalog import ModelRow
from proxy.preflight import build_query, quote_name
from statements.ml import FunctionCall, Statement, read_functions
from wire.binary_rows import build_binary_row
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType, Status
from wire.responses import ColumnDefinition, build_column_definition, parse_column_definition

if TYPE_CHECKING:
    from proxy.router import Router

_BRING = 8 << 20  # bytes of inputs in one request
_SPLIT = b"\0"  # between JSON texts, in which it cannot be
_LONGEST = 4294967295  # bytes of a JSON column, as MySQL describes it
_LONGEST_ALIAS = 256
_MOST_COLUMNS = 250
_UTF8 = 45
_NO_COLUMN = 1054


async def run(router: "Router", text: str, binary: bool = False) -> bool:
    """Answer a SELECT that calls functions of AutoML, in rows of the text protocol or the binary one.

    False when it calls none. Raises BackendError.
    """
    statement = read_functions(text)
    if statement is None:
        return False
    if statement.plain and all(call.item is not None for call in statement.calls):
        await _answer_items(router, text, statement, binary)
    elif not statement.has_from:
        await _answer_literals(router, text, statement, binary)
    else:
        call = statement.calls[0].routine.name
        raise BackendError(
            1235,
            "42000",
            f"This version of warmfront supports sys.{call} over a table only as an item of the select list of a plain "
            "SELECT: select it by itself, or use ML_PREDICT_TABLE and read its table",
        )
    return True


async def _answer_items(router: "Router", text: str, statement: Statement, binary: bool) -> None:
    session = router.session
    names = [f"wf_ml_{number}" for number in range(len(statement.calls))]
    models_of, answer = await _ask_backend(router, text, statement, names)
    definitions = [parse_column_definition(payload, session.capabilities) for payload in answer.definitions]
    if len(definitions) > _MOST_COLUMNS:
        raise MLError(f"A SELECT with functions of AutoML has at most {_MOST_COLUMNS} columns")
    for name, call, (model, options) in zip(names, statement.calls, models_of, strict=True):
        place = next(number for number, definition in enumerate(definitions) if definition.name == name)
        inputs = [row[place] for row in answer.rows]
        for row, found in zip(answer.rows, await _ask_rows(router, call, model, options, inputs), strict=True):
            row[place] = found
        item = statement.items[call.item or 0]
        shown = item.alias or text[item.start : item.end][:_LONGEST_ALIAS]
        definitions[place] = _json_column(definitions[place], shown, router.is_mariadb)
    _write(router, definitions, answer, binary)


def _write(router: "Router", definitions: list[ColumnDefinition], answer: Answer, binary: bool) -> None:
    payloads = [build_column_definition(definition) for definition in definitions]
    capabilities = router.session.capabilities
    rows = [build_binary_row(row, definitions) for row in answer.rows] if binary else None
    router.session.client.write(build_result(payloads, answer.rows, Status(answer.status), capabilities, packed=rows))


async def _ask_backend(
    router: "Router", text: str, statement: Statement, names: list[str]
) -> tuple[list[tuple[ModelRow, object]], Answer]:
    """Ask for each call's model and options, and run the statement with the inputs in its place: all in one write."""
    asked = text.rstrip("; \t\r\n")
    for name, call in reversed([*zip(names, statement.calls, strict=True)]):
        item = statement.items[call.item or 0]
        asked = f"{asked[: item.start]}{as_unicode(call.arguments[0])} AS {name}{asked[item.last :]}"
    schema = catalog.schema_of(await user_name(router))
    questions = [question for call in statement.calls for question in _questions(call, schema)]
    try:
        *about, answer = await attempt_all(router, [*questions, asked])
    except AnswerTooLarge:
        raise MLError("The rows are more than 16 MiB: use sys.ML_PREDICT_TABLE for so many") from None
    models_of = [
        await _read_model(router, call, schema, constants, row)
        for call, constants, row in zip(statement.calls, about[::2], about[1::2], strict=True)
    ]
    return models_of, checked(answer)


def _questions(call: FunctionCall, schema: str) -> tuple[str, str]:
    """What is asked about a call's model and options, which are the same for all rows."""
    return selecting(call.arguments[1:]), catalog.seeking(schema, call.arguments[1])


async def _read_model(
    router: "Router", call: FunctionCall, schema: str, constants: Answer, row: Answer
) -> tuple[ModelRow, object]:
    """Read the answers; a model that is not among the user's own is looked for elsewhere. Raises BackendError."""
    if constants.error and constants.error.number == _NO_COLUMN:
        said = f"Model and options of sys.{call.routine.name} have to be the same for all rows: "
        raise MLError(said + constants.error.message)
    ((handle, options),) = rows_of(constants)
    if not handle:
        raise MLError("The model's handle must not be NULL")
    found = None
    if row.error is None and handle not in router.session.state.ml_owners:
        found = catalog.read_row(schema, rows_of(row))
    return catalog.usable(found) if found else await catalog.find(router, handle), read_options(options)


async def _model_of(router: "Router", call: FunctionCall) -> tuple[ModelRow, object]:
    schema = catalog.schema_of(await user_name(router))
    return await _read_model(router, call, schema, *await attempt_all(router, _questions(call, schema)))


async def _ask_rows(
    router: "Router", call: FunctionCall, model: ModelRow, options: object, inputs: list[bytes | None]
) -> list[bytes | None]:
    """Ask the engine about all rows; NULL is answered with NULL."""
    function = "explain" if call.routine.name == "ML_EXPLAIN_ROW" else "predict"
    found: list[bytes | None] = []
    for part in _parts([value or b"" for value in inputs]):
        (answers,) = await models.with_model(
            router,
            model,
            lambda part=part: engine.ask(  # type: ignore[misc]
                router,
                "rows",
                attributes={"wf_rows": _SPLIT.join(part)},
                model=model.key,
                function=function,
                options=options,
            ),
        )
        found += [answer or None for answer in answers.split(_SPLIT)]
    return found


def _parts(inputs: list[bytes]) -> list[list[bytes]]:
    """Cut inputs into lists that one command carries."""
    parts: list[list[bytes]] = []
    size = _BRING
    for value in inputs:
        if size + len(value) >= _BRING:
            parts.append([])
            size = 0
        parts[-1].append(value)
        size += len(value) + 1
    return parts


def _json_column(definition: ColumnDefinition, name: str, is_mariadb: bool) -> ColumnDefinition:
    """How the answers are described: JSON, which MariaDB shows as a long text."""
    if is_mariadb:
        return replace(
            definition, name=name, type=FieldType.LONG_BLOB, charset=_UTF8, length=_LONGEST, flags=0, org_name=""
        )
    flags = int(FieldFlag.BLOB | FieldFlag.BINARY)
    return replace(
        definition, name=name, type=FieldType.JSON, charset=BINARY_CHARSET, length=_LONGEST, flags=flags, org_name=""
    )


async def _answer_literals(router: "Router", text: str, statement: Statement, binary: bool) -> None:
    """Put the answers into a statement that reads no table, and let the backend run it."""
    asked = text.rstrip("; \t\r\n")
    named = {number: item for number, item in enumerate(statement.items) if not item.alias}
    literals = []
    for call in statement.calls:
        model, options = await _model_of(router, call)
        ((value,),) = await select(router, call.arguments[:1])
        (answer,) = await _ask_rows(router, call, model, options, [None if value is None else value.encode()])
        shown = text_literal(None if answer is None else answer.decode())
        literals.append(shown if router.is_mariadb else f"CAST({shown} AS JSON)")
    pieces = [(call.start, call.end, literal) for call, literal in zip(statement.calls, literals, strict=True)]
    pieces += [
        (item.last, item.last, f" AS {quote_name(text[item.start : item.end][:_LONGEST_ALIAS])}")
        for item in named.values()
        if any(item.start <= call.start < item.last for call in statement.calls)
    ]
    for start, end, piece in sorted(pieces, reverse=True):
        asked = asked[:start] + piece + asked[end:]
    if not binary:
        router.session.pass_on(build_query(asked.encode(), router.session.capabilities))
        return
    found = await run_own(router, asked)
    capabilities = router.session.capabilities
    _write(router, [parse_column_definition(payload, capabilities) for payload in found.definitions], found, True)
