"""Two sets of rows of one table, compared as multisets inside the store: exact for every type that is carried.

Everything is held in temporary tables of one connection, which the store spills to disk when they are large.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from engine.layout import arrow_schema, quote
from engine.verify.outcome import Difference
from engine.verify.ranges import Range, shown
from statements.schema import Table

_SOURCE = "_wf_verify_source"  # rows of the backend
_DIFFERENT = "_wf_verify_different"  # values whose counts differ, with both counts
_SUSPECT = "_wf_verify_suspect"  # identities that differed each time, and how often that was no change on its way


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows that differ."""

    missing: int
    extra: int
    changed: int


class Comparison:
    """Compares one piece of a table, several times if need be. Its connection is inside a transaction meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table, store_name: str) -> None:
        self._connection = connection
        self._store_name = store_name
        self.schema = arrow_schema(table)
        self.identity = table.primary_key or tuple(self.schema.names)
        self._keyed = bool(table.primary_key)
        self._names = ", ".join(quote(name) for name in self.schema.names)
        # 0.0 and -0.0 are one group, but not one value.
        floating = [quote(f.name) for f in self.schema if pa.types.is_floating(f.type)]
        self._groups = ", ".join([self._names, *(f"CAST({name} AS VARCHAR)" for name in floating)])

    def read_source(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Take the backend's rows; gives how many. Raises what the reading raises, duckdb.Error."""
        reader = pa.RecordBatchReader.from_batches(self.schema, batches)
        self._connection.register("_wf_verify_rows", reader)
        try:
            self._run(f"CREATE OR REPLACE TEMP TABLE {_SOURCE} AS SELECT * FROM _wf_verify_rows")
        finally:
            self._connection.unregister("_wf_verify_rows")
        return self._number(f"SELECT count(*) FROM {_SOURCE}")

    def compare(self, piece: Range, changed: pa.Table, again: bool) -> None:
        """Find what differs; `changed` are identities that prove nothing now, `again` looks at suspects only."""
        condition = piece.for_store()
        here = f"FROM {self._store_name} t" + (f" WHERE {condition}" if condition else "")
        there = f"FROM {_SOURCE} t"
        if again:
            here, there = f"FROM (SELECT * {here}) t {self._suspected()}", f"{there} {self._suspected()}"
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {_DIFFERENT} AS SELECT {self._names}, sum(_wf_s)::BIGINT AS _wf_source, "
            f"sum(_wf_c)::BIGINT AS _wf_copy FROM (SELECT {self._names}, 1 AS _wf_s, 0 AS _wf_c {there} "
            f"UNION ALL SELECT {self._names}, 0, 1 {here}) GROUP BY {self._groups} HAVING sum(_wf_s) <> sum(_wf_c)"
        )
        self._suspect(changed, again)

    def _suspect(self, changed: pa.Table, again: bool) -> None:
        """Keep the identities that differ now as well; count those that were not changing."""
        names = ", ".join(quote(name) for name in self.identity)
        before = f"(SELECT * FROM {_SUSPECT})" if again else f"(SELECT {names}, 0 AS _wf_times FROM {_DIFFERENT})"
        changed = changed.select(list(self.identity))
        self._connection.register("_wf_verify_changed", changed)
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {_SUSPECT} AS SELECT DISTINCT {self._listed('b')}, "
            f"CASE WHEN {self._in('b', '_wf_verify_changed')} THEN b._wf_times ELSE b._wf_times + 1 END AS _wf_times "
            f"FROM {before} b WHERE {self._in('b', _DIFFERENT)}"
        )
        self._connection.unregister("_wf_verify_changed")

    def suspects(self, sure: int) -> tuple[int, int]:
        """How many identities differ, and how many of them were found so `sure` times."""
        return (
            self._number(f"SELECT count(*) FROM {_SUSPECT}"),
            self._number(f"SELECT count(*) FROM {_SUSPECT} WHERE _wf_times >= {sure}"),
        )

    def suspect_keys(self, most: int) -> list[tuple[Any, ...]]:
        """Up to `most` identities that differ."""
        return self._rows(f"SELECT {self._listed('b')} FROM {_SUSPECT} b LIMIT {most}")

    def drop_unsure(self, sure: int) -> None:
        """Leave out the identities that were changing each time."""
        self._run(f"DELETE FROM {_SUSPECT} WHERE _wf_times < {sure}")

    def counts(self) -> Counts:
        """What the suspects come to."""
        same = ", ".join(quote(name) for name in self.identity)
        row = self._rows(
            f"SELECT coalesce(sum(greatest(s - c, 0)), 0), coalesce(sum(greatest(c - s, 0)), 0), "
            f"coalesce(sum(CASE WHEN {self._keyed} THEN least(s, c) - both_sides ELSE 0 END), 0) FROM ("
            f"SELECT sum(_wf_source) AS s, sum(_wf_copy) AS c, sum(least(_wf_source, _wf_copy)) AS both_sides "
            f"FROM {_DIFFERENT} b WHERE {self._in('b', _SUSPECT)} GROUP BY {same})"
        )[0]
        return Counts(*map(int, row))

    def named(self, most: int) -> list[Difference]:
        """Up to `most` of the suspects by name, with the columns that differ."""
        names = self.schema.names
        chosen = f"(SELECT {self._listed('b')} FROM {_SUSPECT} b ORDER BY ALL LIMIT {most})"
        found: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
        places = [names.index(name) for name in self.identity]
        for *values, source, copy in self._rows(f"SELECT * FROM {_DIFFERENT} b WHERE {self._in('b', chosen)}"):
            key = tuple(values[place] for place in places)
            sides = found.setdefault(key, ([], []))
            if source > copy:
                sides[0].append((values, source - copy))
            else:
                sides[1].append((values, copy - source))
        return [self._difference(key, *sides) for key, sides in found.items()]

    def _difference(self, key: tuple[Any, ...], source: list[Any], copy: list[Any]) -> Difference:
        row = ", ".join(shown(self.identity, key))
        if source and copy:
            pairs = zip(self.schema.names, source[0][0], copy[0][0], strict=True)
            return Difference("changed", row, tuple(name for name, left, right in pairs if left != right))
        kind, (_, times) = ("missing", source[0]) if source else ("extra", copy[0])
        return Difference(kind, f"{row} ({times} times)" if times > 1 else row)

    def rows_to_put(self) -> pa.Table:
        """The backend's rows of the suspects."""
        return self._arrow(f"SELECT t.* FROM {_SOURCE} t {self._suspected()}")

    def keys_to_remove(self) -> pa.Table:
        """The identities of the suspects."""
        return self._arrow(f"SELECT {self._listed('b')} FROM {_SUSPECT} b")

    def images(self, column: str) -> pa.Table:
        """Rows to take (0 in `column`) and to add (1), as often as they are too many or too few; for keyless tables."""
        return self._arrow(
            f"SELECT {self._names}, (_wf_source > _wf_copy)::TINYINT AS {quote(column)} FROM {_DIFFERENT} b, "
            f"range(abs(_wf_source - _wf_copy)) WHERE {self._in('b', _SUSPECT)}"
        )

    def drop_changed(self, changed: pa.Table) -> None:
        """Leave out identities that have changed since."""
        self._connection.register("_wf_verify_changed", changed.select(list(self.identity)))
        self._run(f"DELETE FROM {_SUSPECT} b WHERE {self._in('b', '_wf_verify_changed')}")
        self._connection.unregister("_wf_verify_changed")

    def _suspected(self) -> str:
        return f"SEMI JOIN {_SUSPECT} s ON {self._same('t', 's')}"

    def _in(self, alias: str, other: str) -> str:
        return f"EXISTS (SELECT 1 FROM {other} o WHERE {self._same(alias, 'o')})"

    def _same(self, left: str, right: str) -> str:
        return " AND ".join(
            f"{left}.{quote(name)} IS NOT DISTINCT FROM {right}.{quote(name)}" for name in self.identity
        )

    def _listed(self, alias: str) -> str:
        return ", ".join(f"{alias}.{quote(name)}" for name in self.identity)

    def _run(self, statement: str) -> None:
        self._connection.execute(statement)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement).fetchall()

    def _number(self, statement: str) -> int:
        return int(self._rows(statement)[0][0])

    def _arrow(self, statement: str) -> pa.Table:
        return self._connection.execute(statement).to_arrow_table()
