"""SHOW CREATE TABLE of a lake table: the definition as it was written, in place of the shadow's."""

import json
import re
from collections.abc import Callable
from typing import Any

from statements.lake import MARK, quoted, stored_attribute

_COLUMN = re.compile(r"  (`(?:[^`]|``)+`) .*?(,?)")
# Options of the shadow that are none of the table's: MySQL writes some of them into comments of a version.
_SHADOWS = re.compile(
    r"\s*(?:/\*!\d+ )?(?:SECONDARY_ENGINE_ATTRIBUTE|CONNECTION)='(?:[^'\\]|\\.|'')*'(?: ?\*/)?"
    r"|\s*WITH SYSTEM VERSIONING"
)
_ENGINE = re.compile(r"ENGINE=InnoDB")


def shown_definition(shown: str, hide: Callable[[Any], Any]) -> str | None:
    """Rewrite what the backend gives; None for a table that is no lake table.

    `hide` takes what gives access to files out of an attribute.
    """
    held = stored_attribute(shown) if MARK in shown else None
    if held is None:
        return None
    attribute, columns = held
    lines = shown.split("\n")
    close = max(at for at, line in enumerate(lines) if line.startswith(")"))
    options = _SHADOWS.sub("", "\n".join(lines[close:]))
    named = {quoted(name).casefold(): given for name, given in columns.items()}
    body = [_with_attribute(line, named) for line in lines[:close]]
    made = f"ENGINE=Lakehouse SECONDARY_ENGINE=RAPID ENGINE_ATTRIBUTE={_literal(hide(attribute))}"
    return "\n".join([*body, _ENGINE.sub(lambda _: made, options, count=1)])


def twin_definition(shown: str, name: str) -> str | None:
    """The statement that makes an empty temporary table of the shadow's columns; None for one that is no lake table."""
    if MARK not in shown or stored_attribute(shown) is None:
        return None
    lines = shown.split("\n")
    close = max(at for at, line in enumerate(lines) if line.startswith(")"))
    options = _SHADOWS.sub("", "\n".join(lines[close:]))
    return "\n".join([f"CREATE TEMPORARY TABLE {name} (", *lines[1:close], options])


def _with_attribute(line: str, named: dict[str, dict[str, Any]]) -> str:
    found = _COLUMN.fullmatch(line)
    given = named.get(found[1].casefold()) if found else None
    if not found or not given:
        return line
    return f"{line.removesuffix(',')} ENGINE_ATTRIBUTE={_literal(given)}{found[2]}"


def _literal(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
