"""The statement that makes a lake table of what was inferred from its files."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def create_statement(
    schema: str, table: str, columns: Sequence[Mapping[str, Any]], attribute: Mapping[str, Any]
) -> str:
    """CREATE TABLE … ENGINE=lakehouse; `columns` have name, type, nullable, options and comment."""
    lines = ",\n  ".join(_column(column) for column in columns)
    return (
        f"CREATE TABLE {_name(schema)}.{_name(table)} (\n  {lines}\n) ENGINE=lakehouse SECONDARY_ENGINE=rapid "
        f"DEFAULT CHARSET=utf8mb4 ENGINE_ATTRIBUTE={_literal(json.dumps(attribute, ensure_ascii=False))}"
    )


def _column(column: Mapping[str, Any]) -> str:
    text = f"{_name(column['name'])} {column['type']}"
    if not column["nullable"]:
        text += " NOT NULL"
    if column["comment"]:
        text += f" COMMENT {_literal(column['comment'])}"
    if column["options"]:
        text += f" ENGINE_ATTRIBUTE={_literal(json.dumps(column['options']))}"
    return text


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
