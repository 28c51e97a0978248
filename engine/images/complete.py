"""Row images that lack columns, made whole: from the image before, from earlier images of the row, from the stored row.

With binlog_row_image=MINIMAL or NOBLOB, and with partial JSON updates, an image says only what it needs to. Where each
missing cell's value comes from is found in one compiled pass over the batch; the cells are then taken column by column.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.changes.changes import ABSENT, DELETED, DIFFERENCE, INSERTED, VALUE, Missing
from engine.images.json_diff import Rejected, apply_differences
from engine.images.kernels import Bytes, Places, compiled
from statements.schema import Table

Kinds = npt.NDArray[np.int8]
# Looks rows up: keys and columns wanted, to the places among the keys of those that are there, and their columns.
Fetch = Callable[[pa.Table, list[str]], tuple[Places, pa.Table]]

_GONE = -2


class Incomplete(Exception):
    """What an image lacks cannot be told; the text is the reason for the table to be loaded again."""


@compiled
def _trace(kinds: Kinds, keys: Places, known: Bytes, last: Places, sources: Places) -> None:
    """Note per cell where its value stands: a row of the batch, or rows + key for the stored row, or -2 for nowhere.

    A cell that is a difference is its own source. `last` has a key's newest image: -1 before the first one.
    """
    rows = kinds.shape[0]
    for row in range(rows):
        key = keys[row]
        before = last[key]
        for column in range(known.shape[0]):
            has = known[column, row]
            if has != ABSENT:
                sources[column, row] = row
            elif kinds[row] == INSERTED:
                sources[column, row] = sources[column, row - 1]
            elif before >= 0:
                sources[column, row] = sources[column, before]
            else:
                sources[column, row] = rows + key if before == -1 else _GONE
        last[key] = row if kinds[row] == INSERTED else _GONE


def complete(
    table: Table, kinds: Kinds, rows: pa.RecordBatch, missing: Missing, fetch: Fetch | None, idempotent: bool
) -> tuple[pa.RecordBatch, Bytes | None]:
    """Give the rows with every after image whole, and what is known when that is not all. Raises Incomplete.

    Before images keep what they have, which is the key. `idempotent` says that the stored rows may be newer than the
    images: what is read from them may be NULL for a row that is gone by the end, and must not move to another key.
    Without `fetch` there are no stored rows yet: what would come from them stays ABSENT.
    """
    known, names = missing.known, rows.schema.names
    _check_before_images(table, kinds, known, names)
    distinct, firsts, keys = np.unique(_key_codes(table, kinds, rows, known), return_index=True, return_inverse=True)
    sources = np.empty(known.shape, np.int64)
    _trace(kinds, keys, known, np.full(len(distinct), -1, np.int64), sources)
    after = kinds == INSERTED
    wanted = [index for index in range(len(names)) if not bool((known[index][after] == VALUE).all())]
    if not wanted:
        return rows, None
    stored = _Stored(table, kinds, rows, sources, keys, firsts, wanted, known, fetch, idempotent)
    arrays = list(rows.columns)
    for index in wanted:
        arrays[index] = _fill(index, kinds, rows, missing, sources[index], stored)
    absent = (sources >= len(kinds)) & after
    left = None
    if fetch is None and bool(absent.any()):
        # What a before image lacks it lacks from then on too: taken for a value, it would hide the stored row's.
        left = np.where(absent, np.uint8(ABSENT), np.where(after, np.uint8(VALUE), known))
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema), left


def _check_before_images(table: Table, kinds: Kinds, known: Bytes, names: list[str]) -> None:
    needed = [names.index(name) for name in table.primary_key] or list(range(len(names)))
    for index in needed:
        if not bool((known[index][kinds == DELETED] == VALUE).all()):
            what = "key column" if table.primary_key else "column"
            raise Incomplete(f"row image without {what} {names[index]} (binlog_row_image)")


def _key_codes(table: Table, kinds: Kinds, rows: pa.RecordBatch, known: Bytes) -> Places:
    """One number per distinct key; an after image that does not say its key has that of the image before."""
    codes = np.zeros(len(kinds), np.int64)
    if not table.primary_key:
        return np.arange(len(kinds), dtype=np.int64)
    here = np.arange(len(kinds), dtype=np.int64)
    for name in table.primary_key:
        index = rows.schema.names.index(name)
        column = rows.column(index).take(pa.array(np.where(known[index] == ABSENT, here - 1, here)))
        part = pc.dictionary_encode(column).indices.to_numpy().astype(np.int64)
        _, codes = np.unique(codes * (int(part.max(initial=0)) + 1) + part, return_inverse=True)
    return codes.astype(np.int64)


class _Stored:
    """The stored rows that cells of the batch come from."""

    def __init__(
        self,
        table: Table,
        kinds: Kinds,
        rows: pa.RecordBatch,
        sources: Places,
        keys: Places,
        firsts: Places,
        wanted: list[int],
        known: Bytes,
        fetch: Fetch | None,
        idempotent: bool,
    ) -> None:
        count = len(kinds)
        self.idempotent = idempotent
        after = np.flatnonzero(kinds == INSERTED)
        parts = [sources[index][after] for index in wanted]
        parts += [sources[index][after[known[index][after] == DIFFERENCE] - 1] for index in wanted]
        needed = np.unique(np.concatenate(parts))
        if len(needed) and needed[0] < 0:
            raise Incomplete("row image of a row that was deleted before")
        needed = needed[needed >= count] - count
        self.place = np.full(len(firsts), -1, np.int64)  # of a key among the stored rows
        self.rows: pa.Table | None = None
        if not len(needed):
            return
        if idempotent:
            self._refuse_moves(kinds, keys, sources, wanted, count)
        if fetch is None:
            return
        names = [rows.schema.names[index] for index in wanted if bool((sources[index] >= count).any())]
        # A key's first image is a before image here, and has it whole.
        distinct = pa.Table.from_batches([rows]).select(list(table.primary_key)).take(pa.array(firsts[needed]))
        places, self.rows = fetch(distinct, names)
        self.place[needed[places]] = np.arange(len(places), dtype=np.int64)
        if len(places) < len(needed) and not idempotent:
            raise Incomplete("a row that the log changes is not in the copy")

    def _refuse_moves(self, kinds: Kinds, keys: Places, sources: Places, wanted: list[int], count: int) -> None:
        moved = np.zeros(len(kinds), bool)
        moved[1:] = (kinds[1:] == INSERTED) & (kinds[:-1] == DELETED) & (keys[1:] != keys[:-1])
        for index in wanted:
            if bool((sources[index][moved] >= count).any()):
                raise Incomplete("a row without all columns moved to another key while the table was loaded")


def _fill(
    index: int, kinds: Kinds, rows: pa.RecordBatch, missing: Missing, sources: Places, stored: _Stored
) -> pa.Array:
    """One column with the values of after images that lack it."""
    count = len(kinds)
    own = rows.column(index)
    pieces = [own]
    name = rows.schema.names[index]
    if stored.rows is not None and name in stored.rows.column_names:
        pieces.append(stored.rows.column(name).combine_chunks())
    values = pa.concat_arrays([piece.cast(own.type) for piece in pieces])

    def places(cells: Places) -> Places:
        """Where cells stand among `values`: -1 for a stored row that is not there."""
        at = np.where(cells >= count, stored.place[np.clip(cells - count, 0, len(stored.place) - 1)], cells)
        return np.where((cells >= count) & (at >= 0), at + count, at)

    differing = np.flatnonzero(missing.known[index] == DIFFERENCE)
    target = np.where(kinds == INSERTED, sources, np.arange(count, dtype=np.int64))
    final = places(target)
    if len(differing):
        number = np.full(count, -1, np.int64)  # of a row among those with differences
        number[differing] = np.arange(len(differing), dtype=np.int64)
        origin = sources[differing - 1]
        if stored.idempotent and bool((origin >= count).any()):
            raise Incomplete(f"a partial update of JSON column {name} while the table was loaded")
        earlier = np.where(origin < count, number[np.clip(origin, 0, count - 1)], -1)
        try:
            changed = apply_differences(
                missing.differences[name].take(pa.array(differing)), values, places(origin), earlier
            )
        except Rejected as error:
            raise Incomplete(f"column {name}: {error}") from None
        total = len(values)
        values = pa.concat_arrays([values, changed])
        of_batch = target < count
        numbers = number[np.where(of_batch, target, 0)]
        final = np.where(of_batch & (numbers >= 0), total + numbers, final)
    if bool((final >= 0).all()):
        return values.take(pa.array(final))
    return values.take(pa.array(final, mask=final < 0))
