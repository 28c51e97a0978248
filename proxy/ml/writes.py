"""Statements other than queries that call functions of AutoML.

A query's rows come from the engine as literals, in pieces; the user's own connection writes them, all or none. In an
open transaction that is refused: what it has written would not be read. Where no table is read, a call's answer is put
into the statement as a literal.
"""

import json
from dataclasses import replace

from base.errors import BackendError
from proxy.backend.preflight import quote_name
from proxy.ml import changes, engine, offloaded, rows
from proxy.ml.asked import read_models
from proxy.ml.backend import attempt, prepare
from proxy.ml.backend import run as run_own
from proxy.ml.models import with_models
from proxy.ml.offloaded import Ready
from proxy.ml.outputs import next_piece, piece_size, write_pieces
from proxy.place import Place
from proxy.reasons import Refusal
from proxy.routing.router import Router
from statements.into import may_set_variables, read_into
from statements.ml import Statement, clauses_of, may_use_functions, read_functions
from statements.ml_changes import Change, read_change
from statements.ml_writes import QueryWrite, read_assignment, read_write
from statements.scan import first_word
from wire.framing import build_packets
from wire.responses import build_ok, parse_column_definition

WORDS = frozenset({b"insert", b"replace", b"create", b"set", b"do", b"update", b"delete"})
_NO_COLUMN = frozenset({1054, 1109})  # a column, or the table that is named before one
_LONGEST = 1 << 20  # bytes of a statement that is looked at
_ROW = 8 << 20  # bytes of a row for variables


def take_write(router: Router, text: bytes) -> bool:
    """Take over a statement that calls a function of AutoML."""
    if len(text) > _LONGEST or not may_use_functions(text):
        return False
    try:
        statement = text.decode("utf-8").rstrip("; \t\r\n")
    except UnicodeDecodeError:
        return False
    router.session.run(run(router, statement))
    return True


async def run(router: Router, text: str) -> None:
    """Run a statement that is no query and answer the client. Raises BackendError."""
    router.under_way = text
    found = read_functions(text)
    if found is None:
        rows.relay(router, text)
    elif (change := read_change(text)) and _asks_of_rows(text, found):
        await _change(router, text, found, change)
    elif not found.has_from:
        try:
            answered = await rows.with_answers(router, text, found)
        except BackendError as error:
            if error.number in _NO_COLUMN and first_word(text.encode()) == b"update":
                raise changes.cannot(found) from None
            raise
        rows.relay(router, answered)
    elif (assigned := read_assignment(text)) and (inner := read_functions(f"SELECT {assigned[1]}")):
        row = await _row_of(router, f"SELECT {assigned[1]}", inner)
        rows.relay(router, f"SET {assigned[0]} = {row or 'NULL'}")
    elif (write := read_write(text)) and (inner := read_functions(write.query)):
        if len(inner.calls) != len(found.calls):
            raise changes.cannot(found)
        await _write(router, write, inner)
    else:
        raise changes.cannot(found)


def _asks_of_rows(text: str, found: Statement) -> bool:
    """Tell whether inputs of calls may be columns: a DELETE has FROM for its table, other FROMs are of queries."""
    return sum(not _is_inside(found, place) for place in clauses_of(text)) == (first_word(text.encode()) == b"delete")


def _is_inside(found: Statement, place: int) -> bool:
    return any(call.start < place < call.end for call in found.calls)


async def _change(router: Router, text: str, found: Statement, change: Change) -> None:
    try:
        return rows.relay(router, await rows.with_answers(router, text, found))  # inputs that are the same for all rows
    except BackendError as error:
        if error.number not in _NO_COLUMN:
            raise
    answer = await changes.change(router, text, found, change)
    session = router.session
    if answer.ok:
        session.state.counts = {b"row_count": answer.ok.affected_rows}
    if not session.client_gone and answer.ok:
        session.client.write(build_packets(build_ok(replace(answer.ok, status=session.tracker.lasting_status)), 1))
    return None


async def into_variables(router: Router, text: str) -> bool:
    """Run SELECT … INTO @variables over tables; False when it is something else."""
    found = read_into(text.rstrip("; \t\r\n")) if may_set_variables(text.encode()) else None
    if found is None or (inner := read_functions(found[0])) is None or not inner.has_from:
        return False
    row = await _row_of(router, found[0], inner)
    # Without a row no variable changes, and there is a warning.
    nothing = f"{', '.join(['NULL'] * len(found[1]))} FROM (SELECT 1) AS wf WHERE FALSE"
    rows.relay(router, f"SELECT {row or nothing} INTO {', '.join(found[1])}")
    return True


async def _row_of(router: Router, query: str, found: Statement) -> str:
    """Give a query's one row as literals, "" when there is none. Raises BackendError."""
    token = await _begin(router, await _ready(router, query, found), _ROW)
    rows_, text = 0, b""
    while True:
        head, piece = await next_piece(router, token)
        rows_ += json.loads(head)["rows"]
        if rows_ > 1:
            await engine.ask(router, "stop", token=token)
            raise BackendError(1172, "42000", "Result consisted of more than one row")
        if not piece:
            return text.decode()[1:-1]
        text = piece


async def _ready(router: Router, query: str, found: Statement) -> Ready:
    models = await read_models(router, found.calls)
    ready = await offloaded.make_ready(router, query, found, Place.ALONE, models)
    if isinstance(ready, Refusal):
        raise offloaded.cannot(found.calls[0], ready)
    return ready


async def _write(router: Router, write: QueryWrite, found: Statement) -> None:
    """Write the rows of a query: all, or none. Raises BackendError."""
    most = await piece_size(router)
    shown = offloaded.stand_in(write.query, found, router.is_mariadb)
    await prepare(
        router, f"{write.head} {shown} {write.tail}"
    )  # names, columns and grants, before anything is computed
    ready = await _ready(router, write.query, found)
    token = await _begin(router, ready, most)
    head = write.head
    if write.created:
        await run_own(router, f"{write.head} AS SELECT * FROM ({shown}) AS wf LIMIT 0")
        head = f"INSERT INTO {write.created} ({_names(router, ready)})"
    session = router.session
    session.finishes = True  # what is written is undone on this connection, whoever has gone
    try:
        await run_own(router, "START TRANSACTION")
        answer = await write_pieces(router, token, f"{head} VALUES ", write.tail)
        await run_own(router, "COMMIT")
    except BaseException:
        if not session.closed:
            for _ in range(2):  # what a KILL has interrupted is said once more
                if (await attempt(router, "ROLLBACK")).error is None:
                    break
            if write.created:
                await attempt(router, f"DROP TABLE {write.created}")
        raise
    finally:
        session.finishes = False
    if not session.client_gone:
        status = session.tracker.lasting_status
        session.client.write(build_packets(build_ok(replace(answer, status=status)), 1))


async def _begin(router: Router, ready: Ready, most: int) -> str:
    """Begin the query in the engine; gives the token of its pieces. Raises BackendError."""
    attributes = router.attributes(ready.preflight, freshness="strict")
    asked = {"text": ready.text, "attributes": attributes, "function": "query", "most": most}
    head = await with_models(router, ready.models, lambda: engine.ask_json(router, "table", **asked))
    return str(head["token"])


def _names(router: Router, ready: Ready) -> str:
    capabilities = router.session.capabilities
    columns = [parse_column_definition(payload, capabilities).name for payload in ready.preflight.definitions]
    return ", ".join(map(quote_name, columns))
