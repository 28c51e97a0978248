"""The SELECT that reads a table's carried columns from the backend, in the forms that `reader` takes."""

from engine.layout import carried_columns
from statements.schema import NUMBERED_TYPES, Column, Table


def mysql_quote(name: str) -> str:
    """Quote an identifier for the backend."""
    return "`" + name.replace("`", "``") + "`"


def mysql_name(table: Table) -> str:
    """The full quoted name of a table on the backend."""
    return f"{mysql_quote(table.schema)}.{mysql_quote(table.name)}"


def select_value(column: Column) -> str:
    """What to select for a carried column: members as numbers, because '' may be a member or the error value."""
    name = mysql_quote(column.name)
    return f"CAST({name} AS UNSIGNED)" if column.type in NUMBERED_TYPES else name


def select_rows(table: Table, condition: str = "") -> str:
    """Read the carried columns of the rows that meet a condition; all rows without one."""
    values = ", ".join(select_value(c) for c in carried_columns(table))
    return f"SELECT {values} FROM {mysql_name(table)}" + (f" WHERE {condition}" if condition else "")
