"""Statements of our own on the user's connection: their values as Unicode whatever the session's character sets are."""

from collections.abc import Sequence

from base.errors import BackendError
from proxy.backend.answers import Answer, AnswerReader, find_rows, read_definitions
from proxy.backend.preflight import build_execute, build_prepare, build_query
from proxy.routing.router import Router
from wire.constants import Command, Status
from wire.framing import PacketReader
from wire.responses import parse_err

Row = list[str | None]
_ALL = 18446744073709551615
# The name of the account, which may have an @ in it.
_USER = "LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1)"


class MLError(BackendError):
    """What a user has done wrong with a routine, as SIGNAL shows it."""

    def __init__(self, message: str) -> None:
        super().__init__(1644, "45000", message)  # ER_SIGNAL_EXCEPTION


def text_literal(value: str | None) -> str:
    """A text for any session: neither its character sets nor NO_BACKSLASH_ESCAPES change what it means."""
    if value is None:
        return "NULL"
    return f"_utf8mb4 x'{value.encode('utf-8', 'surrogateescape').hex()}'" if value else "_utf8mb4''"


def as_unicode(expression: str) -> str:
    """An expression whose text comes as UTF-8 bytes, which no character_set_results changes."""
    return f"CAST(CONVERT(({expression}) USING utf8mb4) AS BINARY)"


def as_bytes(expression: str) -> str:
    """An expression whose bytes come as they are."""
    return f"CAST(({expression}) AS BINARY)"


async def run(router: Router, statement: str | bytes) -> Answer:
    """Run a statement on the user's connection. Raises BackendError with the server's own error."""
    return checked(await attempt(router, statement))


def checked(answer: Answer) -> Answer:
    """Give an answer that is no error. Raises BackendError with the server's own."""
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)
    return answer


async def attempt(router: Router, statement: str | bytes) -> Answer:
    """Run a statement on the user's connection; its error is in the answer."""
    text = statement.encode("utf-8", "surrogateescape") if isinstance(statement, str) else statement
    session = router.session
    raw = await session.ask(build_query(text, session.capabilities), [Command.QUERY])
    return AnswerReader(raw, session.capabilities).result()


async def rows_as_they_came(router: Router, statement: str) -> bytes:
    """Run a SELECT and give the packets behind its column definitions, unread. Raises BackendError, AnswerTooLarge."""
    return (await result_as_it_came(router, statement))[1]


async def result_as_it_came(router: Router, statement: str, binary: bool = False) -> tuple[list[bytes], bytes]:
    """Run a SELECT and give its column definitions, and the packets behind them unread, in one of the protocols.

    Raises BackendError, AnswerTooLarge.
    """
    session = router.session
    capabilities = session.capabilities
    if binary:
        prepared = (await prepare(router, statement, keep=True)).prepared
        assert prepared is not None
        try:
            raw = await session.ask(build_execute(prepared.statement_id), [Command.STMT_EXECUTE])
        finally:
            if not session.closed:
                router.close_prepared(prepared.statement_id)
    else:
        raw = await session.ask(build_query(statement.encode(), capabilities), [Command.QUERY])
    start, error = find_rows(raw, capabilities)
    if error is None and session.tracker.failed:  # behind rows
        packets = PacketReader()
        packets.feed(raw)
        last = b""
        while (payload := packets.next_payload()) is not None:
            last = payload
        error = parse_err(last)
    if error:
        raise BackendError(error.number, error.sqlstate, error.message)
    return read_definitions(raw, capabilities), raw[start:]


async def attempt_all(router: Router, statements: Sequence[str]) -> list[Answer]:
    """Run statements in one write on the user's connection; their errors are in the answers."""
    session = router.session
    parts = [build_query(each.encode("utf-8", "surrogateescape"), session.capabilities) for each in statements]
    raw = await session.ask(b"".join(parts), [int(Command.QUERY)] * len(parts))
    answers = AnswerReader(raw, session.capabilities)
    return [answers.result() for _ in parts]


async def select(router: Router, expressions: Sequence[str], rest: str = "") -> list[Row]:
    """Give the values of expressions, as text. Raises BackendError."""
    return rows_of(await run(router, selecting(expressions, rest)))


def selecting(expressions: Sequence[str], rest: str = "", also: Sequence[str] = ()) -> str:
    """A SELECT whose values come as UTF-8; sql_select_limit of the session, which may be 0, does not cut it.

    `also` are further expressions, which come as the session has them. Names are short and the same each time: what is
    before the rows of the last answer is known by its bytes (`wire.phase`).
    """
    return selecting_as([*map(as_unicode, expressions), *also], rest)


def selecting_as(expressions: Sequence[str], rest: str = "") -> str:
    """The same for expressions that are written as they come: see `as_unicode` and `as_bytes`."""
    return f"SELECT {', '.join(f'{expression} AS a' for expression in expressions)} {rest} LIMIT {_ALL}"


def rows_of(answer: Answer) -> list[Row]:
    """The rows that `selecting` gives, bytes that are no text as surrogates. Raises BackendError with the server's own
    error."""
    return [
        [None if value is None else value.decode("utf-8", "surrogateescape") for value in row]
        for row in checked(answer).rows
    ]


async def prepare(router: Router, statement: str, keep: bool = False) -> Answer:
    """Prepare a statement and close it again, or keep it. Raises BackendError with the server's own error."""
    session = router.session
    raw = await session.ask(build_prepare(statement.encode()), [Command.STMT_PREPARE])
    answer = AnswerReader(raw, session.capabilities).prepare()
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)
    if answer.prepared and not keep:
        router.close_prepared(answer.prepared.statement_id)
    return answer


async def user_name(router: Router) -> str:
    """The name of the account that the session has; kept until the session changes its user."""
    state = router.session.state
    if state.ml_user is None:
        state.ml_user = (await select(router, [_USER]))[0][0] or ""
    return state.ml_user


def in_transaction(router: Router) -> bool:
    """Tell whether what is written now is committed by somebody else later."""
    status = router.session.tracker.status
    return bool(status & Status.IN_TRANS) or not status & Status.AUTOCOMMIT
