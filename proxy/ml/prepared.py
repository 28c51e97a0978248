"""Prepared statements that call AutoML: the backend prepares a statement of the same markers in their place.

What it prepares fails when it is executed, so that an execution which passes unseen cannot look like the real one.
"""

from base.errors import BackendError, MalformedPacket
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_prepare
from proxy.ml import calls, offloaded, rows, writes
from proxy.ml.backend import MLError
from proxy.routing import reading
from proxy.routing.router import Router
from proxy.sessions.remembered import MLStatement
from statements.ml import may_call, may_use_functions, read_call, read_functions
from statements.scan import first_word
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import NotALiteral, build_literals, parse_execute
from wire.placeholders import fill_placeholders
from wire.responses import build_err

_FAILS = "(SELECT 1 UNION ALL SELECT 2)"  # error 1242 when it is executed


def take_prepare(router: Router, data: bytes) -> bool:
    """Take over the PREPARE of a statement that calls AutoML."""
    text = data[5:]
    if not (may_call(text) and first_word(text) == b"call") and not may_use_functions(text):
        return False
    try:
        statement = text.decode("utf-8")
        other = stand_in(statement, router.is_mariadb)
    except UnicodeDecodeError:
        return False
    except BackendError as error:
        router.session.client.write(build_packets(build_err(error.number, error.sqlstate, str(error)), 1))
        return True
    if other is None:
        return False
    router.session.run(_prepare(router, statement, other))
    return True


def stand_in(statement: str, is_mariadb: bool) -> str | None:
    """Give what the backend can prepare in a statement's place; None when it calls nothing of AutoML.

    Raises BackendError for a wrong number of arguments, or a name that is nearly one.
    """
    if call := read_call(statement):
        return f"SET @warmfront_ml = CONCAT_WS('', {', '.join((_FAILS, *call.arguments))})"
    found = read_functions(statement)
    return None if found is None else offloaded.stand_in(statement, found, is_mariadb)


async def _prepare(router: Router, statement: str, other: str) -> None:
    session = router.session
    raw = await session.ask(build_prepare(other.encode()), [Command.STMT_PREPARE])
    prepared = AnswerReader(raw, session.capabilities).prepare().prepared
    session.state.last_prepared = prepared.statement_id if prepared else None
    if prepared:
        session.state.ml_statements[prepared.statement_id] = MLStatement(statement, prepared.parameters)
    session.client.write(raw)


def take_execute(router: Router, data: bytes) -> bool:
    """Take over the execution of a statement that `take_prepare` has seen."""
    known = router.session.state.ml_statements.get(int.from_bytes(data[5:9], "little"))
    if known is None:
        return False
    router.session.run(_execute(router, data, known))
    return True


async def _execute(router: Router, data: bytes, known: MLStatement) -> None:
    with_attributes = bool(router.session.capabilities & Capability.QUERY_ATTRIBUTES)
    try:
        execute = parse_execute(data[4:], known.parameters, with_attributes)
        known.types = known.types if execute.types is None else execute.types
        if execute.cursor:
            raise NotALiteral("cursor")
        literals = build_literals(execute, known.types, backslash_escapes=True) if known.parameters else []
    except (MalformedPacket, NotALiteral) as problem:
        raise MLError(f"The parameters of a prepared statement with AutoML cannot be read: {problem}") from None
    text = fill_placeholders(known.text, literals) if literals else known.text
    await perform(router, text, binary=True)


async def perform(router: Router, text: str, binary: bool = False) -> None:
    """Run a statement that calls AutoML and answer the client. Raises BackendError."""
    router.under_way = text
    if call := read_call(text):
        await calls.perform(router, call)
    elif first_word(text.encode()) in writes.WORDS:
        await writes.run(router, text)
    elif not await writes.into_variables(router, text):
        await rows.run(router, text, reading.place_of(router.session), binary)
