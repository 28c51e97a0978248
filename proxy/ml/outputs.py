"""Tables that routines write: made like their source, filled in bulk with literals as one transaction, or not there.

A table has the source's columns with their types, the model's columns behind them, and the source's primary key, or
else a number of its own. When anything fails it is dropped again; a client that goes away meanwhile is seen off first.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from base.errors import BackendError
from proxy.backend.preflight import quote_name
from proxy.ml import engine
from proxy.ml.backend import MLError, attempt, run, select, text_literal
from proxy.ml.names import TableName
from proxy.ml.source import SourceSelect
from proxy.routing.router import Router
from wire.constants import Status
from wire.responses import Ok

PIECE = 4 << 20  # bytes of rows in one statement
KEY = "_4aad19ca6e_pk_id"  # HeatWave's name for the key of a table whose source has none
_MARGIN = 1 << 16  # bytes of a statement around its rows
_DENIED = 1142


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a source as they are written in CREATE TABLE, and its primary key so far as it is among them."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


async def piece_size(router: Router) -> int:
    """Bytes of rows that one statement can write. Raises MLError under NO_BACKSLASH_ESCAPES."""
    if router.session.tracker.status & Status.NO_BACKSLASH_ESCAPES:
        raise MLError("Tables of predictions are not written under NO_BACKSLASH_ESCAPES: take it out of sql_mode")
    packet = int((await select(router, ["@@max_allowed_packet"]))[0][0] or 0)
    return max(1 << 12, min(PIECE, packet - _MARGIN))


async def shape_of(router: Router, source: SourceSelect) -> Shape:
    """Ask for the types of a source's columns and for its key. Raises BackendError."""
    is_it = f"TABLE_SCHEMA = {text_literal(source.name.schema)} AND TABLE_NAME = {text_literal(source.name.table)}"
    asked = ["COLUMN_NAME", "COLUMN_TYPE", "CHARACTER_SET_NAME", "COLLATION_NAME", "IS_NULLABLE"]
    rows = await select(router, asked, f"FROM information_schema.COLUMNS WHERE {is_it}")
    known = {(name or "").casefold(): rest for name, *rest in rows}
    columns = []
    for name in source.columns:
        if name.casefold() not in known:
            raise MLError(f"The type of column {name} of {source.name.shown} cannot be read")
        kind, charset, collation, nullable = known[name.casefold()]
        text = f" CHARACTER SET {charset} COLLATE {collation}" if charset and kind and "json" not in kind else ""
        columns.append(f"{quote_name(name)} {kind}{text}{'' if nullable == 'YES' else ' NOT NULL'}")
    keys = await select(
        router,
        ["COLUMN_NAME", "SUB_PART"],
        f"FROM information_schema.STATISTICS WHERE {is_it} AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
    )
    read = {name.casefold() for name in source.columns}
    whole = all(name and name.casefold() in read for name, _ in keys)
    parts = [quote_name(name or "") + (f"({part})" if part else "") for name, part in keys]
    return Shape(tuple(columns), tuple(parts) if whole else ())


class Output:
    """One table that is being written."""

    def __init__(
        self,
        name: TableName,
        source: SourceSelect,
        added: Sequence[Sequence[str]],
        shape: Shape,
        temporary: bool = False,
    ) -> None:
        self.name = name
        self._kind = "TEMPORARY TABLE" if temporary else "TABLE"
        self.rows = 0
        self._shape = shape
        self._added = [(column, kind) for column, kind in added]
        names = [*source.columns, *(column for column, _ in self._added)]
        self._head = f"INSERT INTO {name.quoted} ({', '.join(map(quote_name, names))}) VALUES ".encode()

    async def create(self, router: Router) -> None:
        """Make it, as the user. Raises BackendError."""
        parts = [*self._shape.columns, *(f"{quote_name(column)} {kind}" for column, kind in self._added)]
        if not self._shape.key:
            parts.insert(0, f"{quote_name(KEY)} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT")
        key = ", ".join(self._shape.key) or quote_name(KEY)
        await run(
            router, f"CREATE {self._kind} {self.name.quoted} ({', '.join(parts)}, PRIMARY KEY ({key})) ENGINE=InnoDB"
        )

    async def write(self, router: Router, text: bytes, rows: int) -> None:
        """Write some rows. Raises BackendError."""
        await run(router, self._head + text)
        self.rows += rows


async def write_outputs(router: Router, outputs: Sequence[Output], token: str) -> None:
    """Make the tables and write what the engine gives under `token`: all of it, or none. Raises BackendError."""
    session = router.session
    made: list[Output] = []
    session.finishes = True  # what is written is undone on this connection, whoever has gone
    following: asyncio.Task[list[bytes]] | None = None
    try:
        for output in outputs:
            await output.create(router)
            made.append(output)
        await run(router, "START TRANSACTION")
        following = next_piece(router, token)
        while True:
            head, text = await following
            if not text:
                break
            following = next_piece(router, token)  # made while this one is written
            told = json.loads(head)
            await outputs[told["into"]].write(router, text, told["rows"])
        await run(router, "COMMIT")
    except BaseException as problem:
        if following is not None:
            following.cancel()
        await _undo(router, made, problem)
        raise
    finally:
        session.finishes = False


def next_piece(router: Router, token: str) -> "asyncio.Task[list[bytes]]":
    """Ask for the next rows of what was begun under a token: a head, which is JSON, and literals; "" at the end."""
    return asyncio.get_running_loop().create_task(engine.ask(router, "next", token=token))


async def write_pieces(router: Router, token: str, head: str, tail: str = "") -> Ok:
    """Write what was begun under a token, rows between `head` and `tail`; gives what the statements count."""
    affected, first = 0, 0
    following = next_piece(router, token)
    try:
        while text := (await following)[1]:
            following = next_piece(router, token)  # made while this one is written
            answer = await run(router, head.encode() + text + b" " + tail.encode())
            if answer.ok:
                affected += answer.ok.affected_rows
                first = first or answer.ok.last_insert_id
    finally:
        following.cancel()
    return Ok(affected, first)


async def _undo(router: Router, made: Sequence[Output], problem: BaseException) -> None:
    """Take back what was written; what a KILL has interrupted is said once more."""
    if router.session.closed:
        return
    for statement in ("ROLLBACK", *(f"DROP TABLE {output.name.quoted}" for output in made)):
        for _ in range(2):
            ended = await attempt(router, statement)
            if ended.error is None:
                break
        if ended.error and ended.error.number == _DENIED and isinstance(problem, BackendError):
            raise BackendError(
                problem.number,
                problem.sqlstate,
                f"{problem} (the empty table stays: without DROP it cannot be removed)",
            )
