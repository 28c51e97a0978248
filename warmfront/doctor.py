"""Check what a backend must have to be followed, and say what to change, ready to paste."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from base.settings import Upstream
from warmfront.servers import OLDEST

_ONE_DAY = 86400  # seconds
_SYSTEM_SCHEMAS = "('mysql','information_schema','performance_schema','sys')"
_NOT_CARRIED = (
    "('json','bit','enum','set','vector','geometry','point','linestring','polygon','multipoint','multilinestring',"
    "'multipolygon','geomcollection','geometrycollection','uuid','inet4','inet6')"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` is SQL to paste, `option` a line for the server's option file."""

    name: str
    seen: str
    wanted: str
    ok: bool
    mandatory: bool = True
    fix: str = ""
    option: str = ""

    @property
    def blocks(self) -> bool:
        """Tell whether the backend cannot be used as it is."""
        return self.mandatory and not self.ok


@dataclass(frozen=True, slots=True)
class _Wanted:
    variable: str
    value: str
    settable: bool  # by SET PERSIST / SET GLOBAL while the server runs
    mandatory: bool = True


_WANTED = {
    "mysql": (
        _Wanted("log_bin", "ON", settable=False),
        _Wanted("binlog_format", "ROW", settable=True),
        _Wanted("binlog_row_image", "FULL", settable=True, mandatory=False),
        _Wanted("binlog_row_metadata", "FULL", settable=True),
        _Wanted("enforce_gtid_consistency", "ON", settable=True, mandatory=False),
        _Wanted("gtid_mode", "ON", settable=True, mandatory=False),
        _Wanted("binlog_row_value_options", "", settable=True, mandatory=False),
        _Wanted("local_infile", "ON", settable=True, mandatory=False),
        _Wanted("skip_networking", "OFF", settable=False),  # clients are brought to the server by TCP
    ),
    "mariadb": (
        _Wanted("log_bin", "ON", settable=False),
        _Wanted("binlog_format", "ROW", settable=True),
        _Wanted("binlog_row_image", "FULL", settable=True, mandatory=False),
        _Wanted("binlog_row_metadata", "FULL", settable=True),
        _Wanted("local_infile", "ON", settable=True, mandatory=False),
        _Wanted("skip_networking", "OFF", settable=False),  # clients are brought to the server by TCP
    ),
}
# Privileges on *.* by the name SHOW GRANTS gives them; any one of a group will do.
_GRANTS = (
    (("REPLICATION SLAVE",), "REPLICATION SLAVE", True),
    (("REPLICATION CLIENT", "BINLOG MONITOR", "SUPER"), "REPLICATION CLIENT", True),
    (("SELECT",), "SELECT", True),
    (("LOCK TABLES",), "LOCK TABLES", False),
)

_LOCAL_ACCOUNTS = (
    "SELECT user FROM mysql.user GROUP BY user HAVING MIN(host = 'localhost') = 1 "
    "AND user NOT IN ('mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys', 'mysql') ORDER BY 1"
)


def examine(connection: Any, upstream: Upstream) -> list[Finding]:
    """Look at everything; `connection` is PyMySQL's, as the user that warmfront will use."""
    variables = _variables(connection)
    return [
        _version(upstream),
        *_settings(upstream, variables),
        _server_id(variables),
        _retention(upstream, variables),
        *_filters(connection, variables),
        *_grants(connection),
        *_accounts(connection, variables),
        *_tables(connection),
    ]


def _rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _variables(connection: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in _rows(connection, "SHOW GLOBAL VARIABLES")}


def _version(upstream: Upstream) -> Finding:
    oldest = OLDEST[upstream.kind]
    wanted = f"{'MariaDB' if upstream.is_mariadb else 'MySQL'} {oldest[0]}.{oldest[1]} or newer"
    return Finding("version", upstream.version, wanted, upstream.version_number >= oldest)


def _settings(upstream: Upstream, variables: dict[str, str]) -> Iterable[Finding]:
    for wanted in _WANTED[upstream.kind]:
        seen = variables.get(wanted.variable, "missing")
        ok = seen.upper() in _spellings(wanted.value)
        fix = option = ""
        if not ok and wanted.settable:
            fix = _set_statement(upstream, wanted, seen)
        if not ok and (upstream.is_mariadb or not wanted.settable):
            option = wanted.variable if wanted.variable == "log_bin" else f"{wanted.variable} = {wanted.value}"
        yield Finding(wanted.variable, seen or "empty", wanted.value or "empty", ok, wanted.mandatory, fix, option)


def _spellings(value: str) -> tuple[str, ...]:
    return {"ON": ("ON", "1"), "OFF": ("OFF", "0")}.get(value, (value,))


def _set_statement(upstream: Upstream, wanted: _Wanted, seen: str) -> str:
    if wanted.variable == "gtid_mode":  # the server allows one step at a time
        steps = ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")
        begin = steps.index(seen.upper()) if seen.upper() in steps else 0
        return "\n".join(f"SET PERSIST gtid_mode = {step};" for step in steps[begin + 1 :])
    value = f"'{wanted.value}'" if not wanted.value else wanted.value
    return f"SET {_scope(upstream)} {wanted.variable} = {value};"


def _scope(upstream: Upstream) -> str:
    return "GLOBAL" if upstream.is_mariadb else "PERSIST"


def _server_id(variables: dict[str, str]) -> Finding:
    seen = variables.get("server_id", "0")
    return Finding("server_id", seen, "not 0", seen != "0", fix="" if seen != "0" else "SET GLOBAL server_id = 1;")


def _retention(upstream: Upstream, variables: dict[str, str]) -> Finding:
    seconds = float(variables.get("binlog_expire_logs_seconds") or 0)
    if not seconds:
        seconds = float(variables.get("expire_logs_days") or 0) * _ONE_DAY
    ok = seconds == 0 or seconds >= _ONE_DAY
    seen = "for ever" if seconds == 0 else f"{seconds / 3600:.0f} hours"
    fix = "" if ok else f"SET {_scope(upstream)} binlog_expire_logs_seconds = {3 * _ONE_DAY};"
    return Finding("binlog retention", seen, "a day or more", ok, mandatory=False, fix=fix)


def _filters(connection: Any, variables: dict[str, str]) -> Iterable[Finding]:
    """A binlog that leaves schemas out cannot be followed for those: everything or nothing."""
    if variables.get("log_bin", "OFF").upper() not in ("ON", "1"):
        return
    try:
        rows = _rows(connection, "SHOW MASTER STATUS")
    except Exception:  # the statement's name in MySQL 8.4 and newer; a missing grant is found below
        try:
            rows = _rows(connection, "SHOW BINARY LOG STATUS")
        except Exception:
            return
    seen = " ".join(str(text) for row in rows for text in row[2:4] if text)
    yield Finding(
        "binlog filters", seen or "none", "none", not seen, option="" if not seen else "# remove binlog-do-db"
    )


def _grants(connection: Any) -> Iterable[Finding]:
    account = str(_rows(connection, "SELECT CURRENT_USER()")[0][0])
    user, _, host = account.rpartition("@")
    held: set[str] = set()
    for (line,) in _rows(connection, "SHOW GRANTS"):
        found = re.match(r"GRANT (.*) ON \*\.\* TO ", str(line))
        if found:
            held.update(part.strip().upper() for part in found[1].split(","))
    for group, name, mandatory in _GRANTS:
        ok = bool(held & {*group, "ALL PRIVILEGES"})
        fix = "" if ok else f"GRANT {name} ON *.* TO {_quoted(user)}@{_quoted(host)};"
        yield Finding(f"grant {name}", "held" if ok else "missing", "held on *.*", ok, mandatory, fix)


def _accounts(connection: Any, variables: dict[str, str]) -> Iterable[Finding]:
    """Accounts of localhost alone: who comes by TCP is from 127.0.0.1, which is that only where names are resolved."""
    if variables.get("skip_name_resolve", "OFF").upper() not in _spellings("ON"):
        return
    try:
        rows = _rows(connection, _LOCAL_ACCOUNTS)
    except Exception:  # who may not read mysql.user is not told
        return
    yield _advice("accounts of localhost alone", rows, "none while skip_name_resolve is ON: clients come by TCP")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _tables(connection: Any) -> Iterable[Finding]:
    base = f"table_type = 'BASE TABLE' AND t.table_schema NOT IN {_SYSTEM_SCHEMAS}"
    without_key = _rows(
        connection,
        "SELECT t.table_schema, t.table_name FROM information_schema.tables t "
        "LEFT JOIN information_schema.table_constraints c ON c.table_schema = t.table_schema "
        f"AND c.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY' WHERE {base} "
        "AND c.constraint_name IS NULL ORDER BY 1, 2",
    )
    yield _advice("tables without a primary key", without_key, "none: they are slower to load and to follow")
    others = _rows(
        connection,
        f"SELECT t.table_schema, t.table_name FROM information_schema.tables t WHERE {base} "
        "AND t.engine <> 'InnoDB' ORDER BY 1, 2",
    )
    yield _advice("tables not in InnoDB", others, "none: they are not copied")
    columns = _rows(
        connection,
        "SELECT t.table_schema, t.table_name, t.column_name FROM information_schema.columns t "
        f"WHERE t.table_schema NOT IN {_SYSTEM_SCHEMAS} AND t.data_type IN {_NOT_CARRIED} ORDER BY 1, 2, 3",
    )
    yield _advice("columns that are not copied", columns, "none: queries that read them stay on the backend")


def _advice(name: str, rows: list[tuple[Any, ...]], wanted: str) -> Finding:
    shown = ", ".join(".".join(map(str, row)) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return Finding(name, shown + more or "none", wanted, not rows, mandatory=False)


def blocked(findings: Iterable[Finding]) -> bool:
    """Tell whether something mandatory is missing."""
    return any(finding.blocks for finding in findings)


def report(findings: list[Finding], console: Console) -> None:
    """Print the table, then what to paste."""
    table = Table("", "check", "seen", "wanted")
    for finding in findings:
        mark = "[green]ok" if finding.ok else "[red]MISSING" if finding.mandatory else "[yellow]note"
        table.add_row(mark, finding.name, finding.seen, finding.wanted)
    console.print(table)
    # soft_wrap: what is meant to be pasted must not be broken into lines
    statements = [finding.fix for finding in findings if finding.fix]
    if statements:
        console.print("Run on the backend, as an administrator:\n")
        console.print("\n".join(statements) + "\n", soft_wrap=True, highlight=False, markup=False)
    options = [finding.option for finding in findings if finding.option]
    if options:
        console.print("Put into the server's option file, then restart it where SQL alone is not enough:\n")
        console.print("\n".join(["[mysqld]", *options]) + "\n", soft_wrap=True, highlight=False, markup=False)
    if not blocked(findings):
        console.print("The backend has everything that warmfront needs.")
