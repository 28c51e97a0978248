"""SELECT with sys.ML_PREDICT_ROW or sys.ML_EXPLAIN_ROW in it.

Over tables the engine runs it, calls and all. What it cannot, for example what an open transaction has written, the
backend runs with each call's input in the call's place, where the calls are items of the select list: all inputs are
answered in one batch. Without tables a call's answer is put into the statement as a literal.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.answers import Answer, AnswerTooLarge, build_result
from proxy.ml import engine, models, offloaded
from proxy.ml.asked import Found, function_of, read_models
from proxy.ml.backend import MLError, as_unicode, checked, text_literal
from proxy.ml.backend import run as run_own
from proxy.preflight import build_query
from proxy.reading import Place
from statements.ml import FunctionCall, Statement, as_json, read_functions, with_calls
from wire.binary_rows import build_binary_row
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType, Status
from wire.responses import ColumnDefinition, build_column_definition, parse_column_definition

if TYPE_CHECKING:
    from proxy.router import Router

_BRING = 8 << 20  # bytes of inputs in one request
_SPLIT = b"\0"  # between JSON texts, in which it cannot be
_LONGEST = 4294967295  # bytes of a JSON column, as MySQL describes it
_LONGEST_ALIAS = 256
_UTF8 = 45


async def run(router: "Router", text: str, place: Place, binary: bool = False) -> bool:
    """Answer a SELECT that calls functions of AutoML, in rows of the text protocol or the binary one.

    False when it calls none. Raises BackendError.
    """
    statement = read_functions(text)
    if statement is None:
        return False
    if not statement.has_from:
        await _answer_literals(router, text, statement, binary)
        return True
    refusal = await offloaded.run(router, text, statement, binary, place)
    if refusal is None:
        return True
    if not (statement.plain and all(call.item is not None for call in statement.calls)):
        raise offloaded.cannot(statement.calls[0], refusal)
    await _answer_items(router, text, statement, binary)
    return True


async def _answer_items(router: "Router", text: str, statement: Statement, binary: bool) -> None:
    session = router.session
    names = [f"wf_ml_{number}" for number in range(len(statement.calls))]
    found_of, answer = await _ask_backend(router, text, statement, names)
    definitions = [parse_column_definition(payload, session.capabilities) for payload in answer.definitions]
    for name, call, asked in zip(names, statement.calls, found_of, strict=True):
        place = next(number for number, definition in enumerate(definitions) if definition.name == name)
        inputs = [row[place] for row in answer.rows]
        for row, found in zip(answer.rows, await _ask_rows(router, call, asked, inputs), strict=True):
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
) -> tuple[list[Found], Answer]:
    """Ask for each call's model and options, and run the statement with the inputs in its place: all in one write."""
    asked = text.rstrip("; \t\r\n")
    for name, call in reversed([*zip(names, statement.calls, strict=True)]):
        item = statement.items[call.item or 0]
        asked = f"{asked[: item.start]}{as_unicode(call.arguments[0])} AS {name}{asked[item.last :]}"
    try:
        found, (answer,) = await read_models(router, statement.calls, more=[asked])
    except AnswerTooLarge:
        raise MLError("The rows are more than 16 MiB: use sys.ML_PREDICT_TABLE for so many") from None
    return found, checked(answer)


async def _ask_rows(
    router: "Router", call: FunctionCall, asked: Found, inputs: list[bytes | None]
) -> list[bytes | None]:
    """Ask the engine about all rows; NULL is answered with NULL."""
    found: list[bytes | None] = []
    for part in _parts([value or b"" for value in inputs]):
        (answers,) = await models.with_model(
            router,
            asked.model,
            lambda part=part: engine.ask(  # type: ignore[misc]
                router,
                "rows",
                attributes={"wf_rows": _SPLIT.join(part)},
                model=asked.model.key,
                function=function_of(call),
                options=asked.options,
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
    asked = await with_answers(router, text, statement)
    if not binary:
        return relay(router, asked)
    answered = await run_own(router, asked)
    capabilities = router.session.capabilities
    _write(router, [parse_column_definition(payload, capabilities) for payload in answered.definitions], answered, True)
    return None


def relay(router: "Router", text: str) -> None:
    """Let the backend run a statement and answer the client."""
    router.session.pass_on(build_query(text.encode(), router.session.capabilities))


async def with_answers(router: "Router", text: str, statement: Statement) -> str:
    """Give a statement with the answers in the place of its calls. Raises BackendError."""
    found, _ = await read_models(router, statement.calls, with_inputs=True)
    literals = []
    for call, each in zip(statement.calls, found, strict=True):
        given = None if each.given is None else each.given.encode()
        (answer,) = await _ask_rows(router, call, each, [given])
        literal = text_literal(None if answer is None else answer.decode())
        literals.append(literal if router.is_mariadb else as_json(literal, is_mariadb=False))
    return with_calls(text.rstrip("; \t\r\n"), statement, literals)
