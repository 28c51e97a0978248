"""What changes in one table while it is compared with its source: a row that is on its way proves nothing."""

import pyarrow as pa

_MOST = 2_000_000  # rows remembered; a table that changes faster cannot be looked at now


class Watch:
    """The identities of rows changed since the watch was begun: their keys, or the whole rows without a key.

    The applier adds to it inside its transactions, so what a snapshot holds has been added before it was taken.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = list(names)
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self.disturbed = ""  # why nothing can be said about any row

    def add(self, rows: pa.RecordBatch) -> None:
        """Note the images of changed rows."""
        if self.disturbed:
            return
        self._rows += rows.num_rows
        if self._rows > _MOST:
            self.disturb("its rows change too fast")
            self._batches.clear()
        else:
            self._batches.append(rows.select(self._names))

    def disturb(self, reason: str) -> None:
        """Note something that is not a change of single rows."""
        self.disturbed = self.disturbed or reason

    def restart(self) -> None:
        """Begin anew; call while the store cannot be written."""
        self._batches = []
        self._rows = 0
        self.disturbed = ""

    def changed(self, schema: pa.Schema) -> pa.Table:
        """The identities noted until now, as columns of `schema`."""
        return pa.Table.from_batches(list(self._batches), schema)
