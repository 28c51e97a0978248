"""SELECT … INTO @variables with its query on the engine: the one row comes back as literals of the columns' types.

A variable takes type and character set from what is put into it, so the backend itself is given a SELECT of the values,
each in its column's type (seen equal in value, metadata, character set and coercibility on both servers). Texts stay on
the backend: which of its collations a text has, its column definition does not say. So does everything but one row.
"""

from base.errors import SecondaryEngineError
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_close, build_prepare, build_query
from proxy.reasons import QUIET, Reason, Refusal
from proxy.routing.literals import Literals, gather
from proxy.routing.router import Router
from proxy.sessions.state import FORCED
from statements.into import read_into
from statements.writes import leaves_rows_open
from wire.constants import Command, FieldFlag, FieldType
from wire.framing import build_packets
from wire.responses import ColumnDefinition, Err, build_err, parse_column_definition

_MOST = 1 << 16  # bytes of one row
_NO_LIMIT = 18446744073709551615
_INTEGERS = (FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR)


async def run(router: Router, text: bytes) -> bool:
    """Set the variables from the engine's row; False when the backend has to run the statement."""
    found = read_into(text.decode("utf-8").rstrip("; \t\r\n"))
    if found is None:
        return False
    refusal = await _try(router, text, *found)
    if refusal is None:
        return True
    _, use, _ = await router.read(found[0])
    if use == FORCED and refusal.reason not in QUIET:
        raise SecondaryEngineError(refusal.sentence)
    return False


async def _try(router: Router, text: bytes, query: str, variables: list[str]) -> Refusal | None:
    session = router.session
    facts, refusal, preflight = await router.weigh(query.encode())
    if refusal or preflight is None or preflight.context is None:
        return refusal or Refusal(Reason.UNKNOWN_SESSION)
    if open_rows := leaves_rows_open(facts):
        return Refusal(Reason.UNSUPPORTED, open_rows)
    if preflight.context.sql_select_limit < _NO_LIMIT:
        return Refusal(Reason.UNSUPPORTED, "sql_select_limit is set")
    columns = [parse_column_definition(payload, session.capabilities) for payload in preflight.definitions]
    if len(columns) != len(variables) or not await _is_accepted(router, text):
        return Refusal(Reason.BACKEND_ERROR)
    empty = [_typed("NULL", column) for column in columns]
    if None in empty:
        return Refusal(Reason.UNSUPPORTED, "a text is not put into a variable")
    gathered = await gather(router, query.encode(), preflight, _MOST, stores=False)
    if isinstance(gathered, Refusal):
        return gathered
    if isinstance(gathered, Err):
        session.client.write(build_packets(build_err(gathered.number, gathered.sqlstate, gathered.message), 1))
        return None
    if gathered.rows != 1:
        return Refusal(Reason.BACKEND_ERROR)  # a warning, or an error
    await _set(router, gathered, columns, variables)
    return None


async def _is_accepted(router: Router, text: bytes) -> bool:
    """Tell whether the backend takes the statement as it is, and without a warning: MariaDB has one for a late INTO."""
    raw = await router.session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
    answer = AnswerReader(raw, router.session.capabilities).prepare()
    if answer.prepared:
        router.session.backend.write(build_close(answer.prepared.statement_id))
    return answer.error is None and not answer.warnings


async def _set(router: Router, row: Literals, columns: list[ColumnDefinition], variables: list[str]) -> None:
    session = router.session
    cells = row.text.decode()[1:-1].split(",")  # no literal of these types has a comma
    values = [_typed(cell, column) or "" for cell, column in zip(cells, columns, strict=True)]
    text = f"SELECT {', '.join(values)} INTO {', '.join(variables)}"
    raw = await session.ask(build_query(text.encode(), session.capabilities), [Command.QUERY])
    if not session.tracker.failed:
        session.state.execution_count += 1
        session.state.counts = {b"found_rows": row.found}
    session.client.write(raw)


def _typed(literal: str, column: ColumnDefinition) -> str | None:
    """Give a literal the type of its column; None for types that stay on the backend."""
    if column.type in _INTEGERS:
        unsigned = column.flags & FieldFlag.UNSIGNED or column.type == FieldType.YEAR
        return f"CAST({literal} AS {'UNSIGNED' if unsigned else 'SIGNED'})"
    names = {
        FieldType.NEWDECIMAL: f"DECIMAL(65,{column.decimals})",
        FieldType.DOUBLE: "DOUBLE",
        FieldType.DATE: "DATE",
        FieldType.DATETIME: f"DATETIME({column.decimals})",
        FieldType.TIMESTAMP: f"DATETIME({column.decimals})",
    }
    name = names.get(FieldType(column.type)) if column.type in names else None
    if name is None:
        return None
    return f"CAST(NULL AS {name})" if literal == "NULL" else literal
