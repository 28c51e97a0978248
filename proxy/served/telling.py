"""FOUND_ROWS() of an offloaded query, told to the backend before a statement that may keep it or count anew.

Whether CALL or EXECUTE counts depends on what they run, and of several statements any may have been the last that does.
The backend knows afterwards what it would have known, once it has run a query of that many rows.
"""

from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_close, build_prepare, build_query
from proxy.routing.router import Router
from proxy.sessions import kept
from proxy.sessions.state import NO_COUNTS
from wire.constants import Command, Status

_MOST = 1 << 20  # rows, of which a server counts some millions in a second
_SENT = 1 << 10  # rows up to which they are sent, lest MySQL warns of what counts them
_DIGITS = 10


async def tell_found_rows(router: Router, data: bytes) -> None:
    """Let the backend know, and let the command that waits be looked at again."""
    session = router.session
    await look_whether_it_ran(router)
    found = session.state.counts.get(b"found_rows")
    session.state.counts = NO_COUNTS
    # A client that is told what each statement does to its transaction would miss it of this one.
    is_watched = session.state.tracked and bool(session.tracker.status & Status.IN_TRANS)
    if found is not None and found <= _MOST and not is_watched:
        text = counting_query(found, router.is_mariadb).encode()
        await session.ask(build_query(text, session.capabilities), [Command.QUERY])
    session.put_back(data)


async def look_whether_it_ran(router: Router) -> None:
    """Prepare again what failed after a query of ours: MariaDB has counted its rows if it can be prepared."""
    session = router.session
    if not (texts := kept.doubted(session.state)):
        return
    was_run = False
    for text in texts:
        raw = await session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
        if made := AnswerReader(raw, session.capabilities).prepare().prepared:
            session.backend.write(build_close(made.statement_id))
            was_run = True
    kept.resolve(session.state, was_run)


def counting_query(rows: int, is_mariadb: bool) -> str:
    """Write a query behind which FOUND_ROWS() is this number, whatever limits the session has."""
    if rows < 2:
        return "SELECT 1" if rows else "SELECT 1 FROM DUAL WHERE 0"
    tables, terms, unit = [], [], 1
    while unit < rows:
        digits = min(_DIGITS, -(-rows // unit))
        selects = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(digits))
        tables.append(f"({selects}) AS t{unit}")
        terms.append(f"t{unit}.d * {unit}")
        unit *= _DIGITS
    freely = "" if is_mariadb else "/*+ SET_VAR(sql_big_selects = 1) */ "
    counts, limit = ("", rows) if rows <= _SENT else ("SQL_CALC_FOUND_ROWS ", 1)
    query = f"SELECT {freely}{counts}1 FROM {', '.join(tables)} WHERE {' + '.join(terms)} < {rows} LIMIT {limit}"
    return f"SET STATEMENT sql_big_selects = 1 FOR {query}" if is_mariadb else query
