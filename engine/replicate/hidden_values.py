"""What MariaDB's log leaves out with binlog_row_image=MINIMAL or NOBLOB although it has changed.

A REPLACE that meets a row is logged as an update whose after image lacks the columns that took their defaults; an
UPDATE's and an INSERT … ON DUPLICATE KEY UPDATE's lacks those that kept their values. Only the statement tells them
apart. Virtual columns are left out whatever becomes of them. MySQL logs such images whole.
"""

import re

from engine.layout import carried_columns
from statements.schema import Table
from wire.binlog_types import Rows

HIDDEN_DEFAULTS = "MariaDB's log may leave out columns that a REPLACE reset: binlog_row_image must be FULL"
HIDDEN_COLUMN = "MariaDB's log leaves virtual columns out: binlog_row_image must be FULL"

_FIRST_WORD = re.compile(r"(?:\s+|/\*.*?\*/|--\s[^\n]*\n|#[^\n]*\n)*(\w+)", re.DOTALL)


def hidden_values(table: Table, event: Rows, statement: str, several: bool) -> str | None:
    """Tell why a column that an after image lacks may have another value than before; None when it cannot.

    `several` says that the statement writes to more than one table: then triggers may have run statements of their own.
    What was logged of a table of another definition is not judged here: it cannot be decoded.
    """
    if event.columns != len(table.columns):
        return None
    if not event.after or all(_has(event, column.ordinal) for column in table.columns):
        return None
    if any(column.generated == "virtual" and not _has(event, column.ordinal) for column in carried_columns(table)):
        return HIDDEN_COLUMN
    if event.kind != "update":
        return None
    if not all(_has(event, column.ordinal) for column in table.columns if column.name in table.primary_key):
        return None  # a REPLACE always says the whole key
    match = _FIRST_WORD.match(statement)
    known = not several and match is not None and match[1].upper() in ("UPDATE", "INSERT")
    return None if known else HIDDEN_DEFAULTS


def _has(event: Rows, ordinal: int) -> bool:
    return bool(event.after[ordinal >> 3] >> (ordinal & 7) & 1)
