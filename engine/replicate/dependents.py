"""Copies whose rows may change outside the log when logged changes are made to other tables (`backend/cascades.py`)."""

from collections.abc import Callable

from wire.binlog_table_map import TableMap

Key = tuple[str, str]
# Gives the tables that depend on one, each with what there may change it: "delete", "update" or both.
Dependents = Callable[[str, str], tuple[tuple[Key, str], ...]]


def disturbed(dependents: tuple[tuple[Key, str], ...], *verbs: str) -> list[Key]:
    """Give the tables that events of these kinds may have changed, on the table that they depend on."""
    found = {"update" if verb == "partial" else verb for verb in verbs}
    return [key for key, causes in dependents if found & set(causes.split())]


def disturbance(shape: TableMap) -> str:
    """Say why a dependent table cannot be trusted after such an event on the table of this map."""
    return f"rows of {shape.schema}.{shape.name}, which it refers to, changed"
