"""The rows that a model is made from or asked about: an offloaded SELECT, read from one fresh snapshot into Arrow."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass

import pyarrow as pa

from automl.table.source import Column, Kind, Source
from engine.lake.tables import AccessIsNew, LakeTables, wanted_of
from engine.running.cancel import Running
from engine.running.execute import Hold, Offload, SnapshotTarget, Translates, translated
from engine.store.database import Snapshot, Store
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType
from wire.responses import ColumnDefinition

_NUMBERS = frozenset(
    {
        *(FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR),
        *(FieldType.DECIMAL, FieldType.NEWDECIMAL, FieldType.FLOAT, FieldType.DOUBLE, FieldType.BIT),
    }
)
_MOMENTS = {
    FieldType.DATE: Kind.DATE,
    FieldType.NEWDATE: Kind.DATE,
    FieldType.DATETIME: Kind.DATETIME,
    FieldType.TIMESTAMP: Kind.DATETIME,
    FieldType.TIME: Kind.TIME,
    FieldType.JSON: Kind.JSON,
}


def kind_of(definition: ColumnDefinition) -> Kind:
    """What a column holds, by how the backend describes it; TINYINT(1) is MySQL's BOOLEAN."""
    if definition.type == FieldType.TINY and definition.length == 1:
        return Kind.BOOLEAN
    if definition.type in _NUMBERS:
        return Kind.NUMBER
    if definition.type in _MOMENTS:
        return _MOMENTS[FieldType(definition.type)]
    is_text = definition.charset != BINARY_CHARSET or definition.flags & (FieldFlag.ENUM | FieldFlag.SET)
    return Kind.TEXT if is_text else Kind.BINARY


def fingerprint(definitions: list[ColumnDefinition]) -> str:
    """A short name of the columns' names, types and order: another one means that the table was altered since."""
    described = [(d.name, d.type, d.charset, d.length, d.flags & FieldFlag.UNSIGNED, d.decimals) for d in definitions]
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A SELECT on its snapshot, not read yet. `facts` say where the rows come from."""

    table: str
    columns: tuple[Column, ...]
    definitions: list[ColumnDefinition]
    facts: dict[str, str]
    snapshot: Snapshot
    sql: str

    def batches(self, rows: int) -> pa.RecordBatchReader:
        """Read the rows in batches of at most so many."""
        return self.snapshot.connection.execute(self.sql).to_arrow_reader(rows)

    def source(self, rows: pa.Table) -> Source:
        """Rows of it as the library takes them."""
        return Source(self.table, self.columns, rows.rename_columns([c.name for c in self.columns]), self.facts)

    def whole(self) -> Source:
        """Read everything."""
        return self.source(self.snapshot.connection.execute(self.sql).to_arrow_table())


class Sources:
    """Opens sources."""

    def __init__(
        self,
        store: Store,
        translator: Translates,
        wait_until_fresh: Callable[[float, str], Awaitable[None]],
        lake: LakeTables,
    ) -> None:
        self._store = store
        self._translator = translator
        self._wait = wait_until_fresh
        self._lake = lake
        self.held: Hold = lambda asked, sql, connection, stopped: nullcontext(sql)

    async def wait(self, offload: Offload, running: Running) -> None:
        """Wait until the copy has every commit made until now. Raises SecondaryEngineError."""
        context = offload.context

        async def fresh() -> None:
            await self._wait(context.freshness_timeout, context.server)

        await running.wait_for(fresh())

    @contextmanager
    def open(self, offload: Offload, table: str, running: Running) -> Iterator[OpenSource]:
        """Translate and take a snapshot, which is held meanwhile. Raises SecondaryEngineError."""
        wanted = wanted_of(offload.text, offload.context)

        def stopped() -> bool:
            return running.error is not None

        while True:
            with self._store.snapshot() as snapshot, closing(self._store.cursor()) as looking:
                running.attach(SnapshotTarget(snapshot, looking))
                try:
                    with self._lake.seen(snapshot.connection, looking, snapshot.view, wanted) as view:
                        translation = translated(self._translator, offload, view, running)
                        if translation is not None:
                            held = self.held(translation.asked, translation.sql, snapshot.connection, stopped)
                            with held as sql:
                                yield self._opened(offload, table, snapshot, sql)
                            return
                except AccessIsNew:
                    continue  # a snapshot taken now sees it
                finally:
                    running.detach()

    def _opened(self, offload: Offload, table: str, snapshot: Snapshot, sql: str) -> OpenSource:
        position = snapshot.position
        facts = {
            "replication_position": f"{position.file}:{position.offset}",
            "gtid_executed": position.gtids,
            "schema_fingerprint": fingerprint(offload.definitions),
        }
        columns = tuple(Column(d.name, kind_of(d)) for d in offload.definitions)
        return OpenSource(table, columns, offload.definitions, facts, snapshot, sql)
