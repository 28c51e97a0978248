"""Tables whose rows change without an entry in the backend's log: children of foreign keys with actions.

InnoDB runs ON DELETE and ON UPDATE actions below the log in MariaDB and in MySQL before 9.6: only the parent's change
is logged. MySQL 9.6 moved them above it ("innodb_native_foreign_keys" brings the old way back). A table is changed in
this way only through a foreign key of its own, so chains of any length are found one table at a time.

What such an action does is not followed, but when one may have happened is seen: rows of a table that the child depends
on, at any distance, were deleted or updated. Then the child is loaded again (`find_causes`).
"""

import re
from collections.abc import Sequence

from base.errors import BackendError
from engine.backend.connection import Connection

_LOGGED_SINCE = (9, 6, 0)
_NO_SUCH_TABLE = frozenset({1146, 1051, 1049})
_UNKNOWN_VARIABLE = 1193
_RULES = """
SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS
 WHERE CONSTRAINT_SCHEMA = %s {name} ORDER BY TABLE_NAME, CONSTRAINT_NAME
"""
_NO_ACTION = frozenset({"RESTRICT", "NO ACTION"})
# Names and comments may hold any text: what looks like a rule but is none only keeps a table out.
_CLAUSE = re.compile(
    r"CONSTRAINT `((?:[^`]|``)*)` FOREIGN KEY(?:(?!FOREIGN KEY).)*? ON (DELETE|UPDATE) (CASCADE|SET NULL|SET DEFAULT)",
    re.DOTALL,
)


def unlogged_actions(connection: Connection, schema: str, tables: Sequence[str], all_of_schema: bool) -> dict[str, str]:
    """Give, for each of these tables whose rows change outside the log, the reason. Raises BackendError."""
    if logs_actions(connection):
        return {}
    if connection.is_mariadb:
        # Its information schema hides foreign keys from an account that can only read.
        found = {table: _from_definition(connection, schema, table) for table in tables}
        return {table: reason for table, reason in found.items() if reason}
    statement = _RULES.format(name="" if all_of_schema else "AND TABLE_NAME = %s")
    reasons: dict[str, str] = {}
    for table, name, *rules in connection.query(statement, (schema, *([] if all_of_schema else tables))):
        for verb, rule in zip(("DELETE", "UPDATE"), rules, strict=True):
            if rule not in _NO_ACTION:
                reasons.setdefault(table, _reason(name, verb, rule))
    return reasons


def logs_actions(connection: Connection) -> bool:
    """Tell whether the backend's log has what foreign keys do to child rows. Raises BackendError."""
    if connection.is_mariadb or connection.version < _LOGGED_SINCE:
        return False
    try:
        return not int(connection.query("SELECT @@innodb_native_foreign_keys")[0][0])
    except BackendError as error:
        if error.number == _UNKNOWN_VARIABLE:  # a later version, without the old way
            return True
        raise


_NAME = r"`(?:[^`]|``)*`"
_FOREIGN_KEY = re.compile(
    rf"FOREIGN KEY \((?:{_NAME}|[^`)])*\) REFERENCES (?:({_NAME})\.)?({_NAME}) \((?:{_NAME}|[^`)])*\)"
    r"((?: ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT|RESTRICT|NO ACTION))*)"
)
_ACTION = re.compile(r"ON (DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)")


def find_causes(connection: Connection, schema: str, table: str) -> tuple[tuple[str, str, str], ...]:
    """Give the tables whose logged deletes or updates may change this one's rows outside the log, at any distance.

    As `Table.causes`; empty when the definition does not show them. Raises BackendError.
    """
    kinds: dict[tuple[str, str], set[str]] = {}
    seen = set()
    waiting = [(schema, table)]
    while waiting:
        child = waiting.pop()
        if child in seen:
            continue
        seen.add(child)
        for parent, found in _parents(connection, *child):
            kinds.setdefault(parent, set()).update(found)
            waiting.append(parent)
    return tuple(sorted((*parent, " ".join(sorted(found))) for parent, found in kinds.items()))


def _parents(connection: Connection, schema: str, table: str) -> list[tuple[tuple[str, str], set[str]]]:
    """The tables that foreign keys with actions refer to, and what there makes them act."""
    found = []
    for own_schema, name, rules in _FOREIGN_KEY.findall(_definition(connection, schema, table)):
        if kinds := {verb.lower() for verb in _ACTION.findall(rules)}:
            found.append(((_plain(own_schema) if own_schema else schema, _plain(name)), kinds))
    return found


def _plain(quoted: str) -> str:
    return quoted[1:-1].replace("``", "`")


def _from_definition(connection: Connection, schema: str, table: str) -> str:
    match = _CLAUSE.search(_definition(connection, schema, table))
    return _reason(match[1].replace("``", "`"), match[2], match[3]) if match else ""


def _definition(connection: Connection, schema: str, table: str) -> str:
    """The CREATE TABLE of a table; empty when there is none."""
    name = ".".join("`" + part.replace("`", "``") + "`" for part in (schema, table))
    try:
        return str(connection.query_bytes(f"SHOW CREATE TABLE {name}")[0][1].decode("utf-8", "replace"))
    except BackendError as error:
        if error.number in _NO_SUCH_TABLE:
            return ""
        raise


def _reason(name: str, verb: str, rule: str) -> str:
    return f"foreign key {name} has ON {verb} {rule}, which the backend does not log"
