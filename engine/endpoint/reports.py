"""sys.heatwave_autopilot_report: the last report of each account, kept while the engine lives."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import pyarrow as pa

NAME = "heatwave_autopilot_report"
SCHEMA = "sys"
_ACCOUNTS = 1000
_COLUMNS = pa.schema([("id", pa.int64()), ("type", pa.string()), ("stage", pa.string()), ("log", pa.string())])


class Reports:
    """Reports by account; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, list[tuple[str, str, str]]] = OrderedDict()

    def put(self, account: str, rows: Sequence[Sequence[str]]) -> None:
        """Keep an account's newest report: rows of type, stage and log, a JSON text."""
        with self._lock:
            self._rows.pop(account, None)
            self._rows[account] = [(row[0], row[1], row[2]) for row in rows]
            while len(self._rows) > _ACCOUNTS:
                self._rows.popitem(last=False)

    def table(self, account: str) -> pa.Table:
        """What an account sees."""
        with self._lock:
            rows = self._rows.get(account, [])
        kinds, stages, logs = ([row[place] for row in rows] for place in range(3))
        return pa.table([list(range(1, len(rows) + 1)), kinds, stages, logs], schema=_COLUMNS)
