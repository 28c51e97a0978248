"""SELECT with sys.ML_PREDICT_ROW or sys.ML_EXPLAIN_ROW in it.

Over tables the engine runs it, calls and all. What it cannot, for example what an open transaction has written, the
backend runs with each call's input in the call's place, where the calls are items of the select list: all inputs are
answered in one batch. Without tables a call's answer is put into the statement as a literal.
"""

import re
from dataclasses import replace
from functools import partial
from typing import Any

from proxy.backend.answers import Answer, AnswerTooLarge, build_result
from proxy.backend.preflight import build_query
from proxy.ml import cells, engine, models, offloaded
from proxy.ml.asked import Found, Straight, function_of, read_models, read_straight, settled
from proxy.ml.backend import MLError, as_unicode, result_as_it_came, text_literal
from proxy.ml.backend import run as run_own
from proxy.place import Place
from proxy.routing.router import Router
from statements.ml import SCHEMA, FunctionCall, Statement, as_json, read_functions, with_calls
from wire.binary_rows import build_binary_row
from wire.cells import widths_of
from wire.constants import BINARY_CHARSET, Capability, FieldFlag, FieldType, Status
from wire.framing import build_packets
from wire.integers import build_lenenc
from wire.responses import ColumnDefinition, build_column_definition, build_eof, parse_column_definition

# A comment before it may be one that is run: /*!50003 CREATE */.
_KEPT = re.compile(
    r"(?:\s|/\*M?!\d*|/\*(?!M?!).*?\*/|--\s.*?\n|\#.*?\n)*(?:CREATE|ALTER)\b"
    r"(?!\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?TABLE\b)",
    re.IGNORECASE | re.DOTALL,
)
_BRING = 8 << 20  # bytes of inputs in one request
_SPLIT = b"\0"  # between JSON texts, in which it cannot be
_LONGEST = 4294967295  # bytes of a JSON column, as MySQL describes it
_LONGEST_ALIAS = 256
_UTF8 = 45
_LONGEST_TEXT = 16383  # characters of a text that MariaDB describes as VARCHAR
_WIDTH = 4  # bytes of a character, as descriptions count


async def run(router: Router, text: str, place: Place, binary: bool = False) -> bool:
    """Answer a SELECT that calls functions of AutoML, in rows of the text protocol or the binary one.

    False when it calls none. Raises BackendError.
    """
    statement = read_functions(text)
    if statement is None:
        return False
    router.under_way = text if statement.has_from else ""  # one row is answered before anybody looks
    if not statement.has_from:
        await _answer_literals(router, text, statement, binary)
        return True
    found = await read_models(router, statement.calls)  # once: what names a model may set variables
    refusal = await offloaded.run(router, text, statement, binary, place, found)
    if refusal is None:
        return True
    if not (statement.plain and all(call.item is not None for call in statement.calls)):
        raise offloaded.cannot(statement.calls[0], refusal)
    await _answer_items(router, text, statement, binary, found)
    return True


def keeps_its_text(statement: str) -> bool:
    """Tell whether a statement makes something that the backend runs later, of the text as it stands."""
    return _KEPT.match(statement) is not None


async def _answer_items(
    router: Router, text: str, statement: Statement, binary: bool, models_found: list[Found]
) -> None:
    """Run the statement with each call's input in its place, and put the answers there, in the packets as they came."""
    session = router.session
    names = [f"wf_ml_{number}" for number in range(len(statement.calls))]
    asked = text.rstrip("; \t\r\n")
    for name, call in reversed([*zip(names, statement.calls, strict=True)]):
        item = statement.items[call.item or 0]
        asked = f"{asked[: item.start]}{as_unicode(call.arguments[0])} AS {name}{asked[item.last :]}"
    try:
        payloads, packets = await result_as_it_came(router, asked, binary)
    except AnswerTooLarge:
        raise MLError("The rows are more than 16 MiB: use sys.ML_PREDICT_TABLE for so many") from None
    definitions = [parse_column_definition(payload, session.capabilities) for payload in payloads]
    rows = cells.Rows(packets, widths_of([each.type for each in definitions], binary), binary)
    has_eof = not session.capabilities & Capability.DEPRECATE_EOF  # behind the definitions
    first = 2 + len(definitions) + has_eof  # the number of the first row's packet
    for name, call, found in zip(names, statement.calls, models_found, strict=True):
        place = next(number for number, definition in enumerate(definitions) if definition.name == name)
        taken = await cells.column(rows, place)
        answers = await _ask_texts(router, call, found, taken.texts) if taken.rows else b""
        rows = await cells.replaced(rows, taken, answers, first)
        item = statement.items[call.item or 0]
        shown = item.alias or text[item.start : item.end][:_LONGEST_ALIAS]
        definitions[place] = _json_column(definitions[place], shown, router.is_mariadb)
    head = [build_lenenc(len(definitions)), *map(build_column_definition, definitions)]
    head += [build_eof(Status(session.tracker.status))] if has_eof else []
    session.client.write(b"".join(build_packets(part, number) for number, part in enumerate(head, 1)))
    session.client.write(rows.packets)


def _write(router: Router, definitions: list[ColumnDefinition], answer: Answer, binary: bool) -> None:
    payloads = [build_column_definition(definition) for definition in definitions]
    capabilities = router.session.capabilities
    rows = [build_binary_row(row, definitions) for row in answer.rows] if binary else None
    router.session.client.write(build_result(payloads, answer.rows, Status(answer.status), capabilities, packed=rows))


async def _ask_texts(router: Router, call: FunctionCall, asked: Found, texts: bytes) -> bytes:
    """Ask the engine about inputs with NUL between them; the answers come alike. NULL, which is nothing, gives NULL.

    Raises BackendError.
    """
    found: list[bytes] = []
    start = 0
    while start <= len(texts):
        end = _part_end(texts, start)
        (answers,) = await models.with_model(router, asked.model, partial(_ask, router, call, asked, texts[start:end]))
        found.append(answers)
        start = end + 1
    return _SPLIT.join(found)


async def _ask(router: Router, call: FunctionCall, asked: Found, texts: bytes) -> list[bytes]:
    about: dict[str, Any] = {"model": asked.model.key, "function": function_of(call), "options": asked.options}
    return await engine.ask(router, "rows", attributes={"wf_rows": texts}, **about)


def _part_end(texts: bytes, start: int) -> int:
    """Give where the inputs end that one command carries: at least one."""
    if len(texts) - start <= _BRING:
        return len(texts)
    end = texts.rfind(_SPLIT, start, start + _BRING)
    end = end if end >= 0 else texts.find(_SPLIT, start)
    return end if end >= 0 else len(texts)


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


async def _answer_literals(router: Router, text: str, statement: Statement, binary: bool) -> None:
    """Answer a statement that reads no table: by ourselves when it is nothing but calls, else by the backend."""
    whole = text.rstrip("; \t\r\n")
    found = None
    if _is_calls(whole, statement):
        statement = replace(statement, calls=await settled(router, statement.calls, with_inputs=True))
        straight = await read_straight(router, statement.calls, _literal(router, b"null"))
        if straight and await _answer_calls(router, whole, statement, straight, binary):
            return None
        found = straight.found if straight else None  # arguments are evaluated once: they may set variables
    asked = await with_answers(router, text, statement, found)
    if not binary:
        return relay(router, asked)
    answered = await run_own(router, asked)
    capabilities = router.session.capabilities
    _write(router, [parse_column_definition(payload, capabilities) for payload in answered.definitions], answered, True)
    return None


def _is_calls(text: str, statement: Statement) -> bool:
    """Tell whether a statement is SELECT, calls as the whole of its items, and nothing more."""
    items = [call.item for call in statement.calls]
    if not statement.plain or items != list(range(len(statement.items))):
        return False
    around = text[: statement.items[0].start].strip(), text[statement.items[-1].last :]
    return around[0].casefold() == "select" and not around[1]


async def _answer_calls(router: Router, text: str, statement: Statement, asked: Straight, binary: bool) -> bool:
    """Answer with one row of the calls' values, described as the backend describes such: it is asked for nothing more.

    False where it has to be asked for more: for NULL, or in a session that is answered in another character set.
    """
    if asked.charset != "utf8mb4" or any(each.given is None for each in asked.found):
        return False
    shown = parse_column_definition(asked.told.definitions[-1], router.session.capabilities)
    row = [await _ask_one(router, call, each) for call, each in zip(statement.calls, asked.found, strict=True)]
    names = (item.alias or text[item.start : item.end][:_LONGEST_ALIAS] for item in statement.items)
    # MariaDB has texts, whose descriptions tell their lengths.
    lengths = [_WIDTH * len(value.decode()) if value and router.is_mariadb else shown.length for value in row]
    if router.is_mariadb and max(lengths) > _WIDTH * _LONGEST_TEXT:
        return False
    definitions = [replace(shown, name=name, length=length) for name, length in zip(names, lengths, strict=True)]
    _write(router, definitions, Answer(rows=[row] if asked.limit else [], status=asked.told.status), binary)
    return True


def _literal(router: Router, answer: bytes | None) -> str:
    """An answer as an expression of the statement that the backend runs."""
    literal = text_literal(None if answer is None else answer.decode())
    return literal if router.is_mariadb else as_json(literal, is_mariadb=False)


def relay(router: Router, text: str) -> None:
    """Let the backend run a statement and answer the client."""
    router.session.pass_on(build_query(text.encode(), router.session.capabilities))


async def with_answers(router: Router, text: str, statement: Statement, found: list[Found] | None = None) -> str:
    """Give a statement with the answers in the place of its calls, whose models and inputs may have been read before.

    Raises BackendError, also for what the backend keeps: it would have the answer of now for ever.
    """
    if keeps_its_text(text):
        raise MLError(
            f"{SCHEMA}.{statement.calls[0].routine.name} cannot be called in a view, trigger, event or stored program: "
            "call it in a statement that reads the view or calls the program"
        )
    found = found or await read_models(router, statement.calls, with_inputs=True)
    literals = [
        _literal(router, await _ask_one(router, call, each)) for call, each in zip(statement.calls, found, strict=True)
    ]
    return with_calls(text.rstrip("; \t\r\n"), statement, literals)


async def _ask_one(router: Router, call: FunctionCall, asked: Found) -> bytes | None:
    return await _ask_texts(router, call, asked, (asked.given or "").encode()) or None
