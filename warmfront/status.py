"""`warmfront status`: the instance, its copies and how far they are behind, for people and as JSON."""

from typing import Any

from rich.console import Console
from rich.table import Table

from base.settings import Settings
from engine.running.quarantine import read_shapes
from warmfront import instance
from warmfront.copies import CopyError, ask

_FIELDS = {
    "schema": "SCHEMA_NAME",
    "table": "TABLE_NAME",
    "state": "LOAD_STATUS",
    "rows": "NROWS",
    "bytes": "SIZE_BYTES",
    "reason": "REASON",
    "left_out": "LEFT_OUT_COLUMNS",
    "verified": "VERIFY_STATUS",
    "last_verified": "LAST_VERIFIED",
}
_TABLES = f"SELECT {', '.join(_FIELDS.values())} FROM performance_schema.warmfront_tables ORDER BY 1, 2"
_SHORT = "_RPDGSTABSTATE"


def collect(settings: Settings) -> dict[str, Any]:
    """Everything that is known, ready for JSON; `engine` is the reason why the engine does not answer, if so.

    Raises InstanceError when nobody answers at all.
    """
    server = settings.server
    found: dict[str, Any] = {
        "address": f"{settings.host}:{settings.port}",
        "data_dir": str(settings.data_dir),
        "backend": {
            "kind": server.kind,
            "version": server.version,
            "address": server.socket or f"{server.host}:{server.port}",
        },
        "engine": None,
        "tables": [],
        "status": {},
        "quarantine": [
            {"statement": s.key, "difference": s.difference} for s in read_shapes(settings.paths.quarantine)
        ],
    }
    with instance.connect(settings) as connection:
        try:
            rows = ask(connection, _TABLES)
            found["tables"] = [dict(zip(_FIELDS, map(_plain, row), strict=True)) for row in rows]
            for pattern in ("rapid%", "warmfront%"):
                for name, value in ask(connection, f"SHOW GLOBAL STATUS LIKE '{pattern}'"):
                    found["status"][str(name)] = str(value)
        except CopyError as error:
            found["engine"] = str(error)
    return found


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def show(found: dict[str, Any], console: Console) -> None:
    """Print what `collect` gave."""
    backend = found["backend"]
    console.print(f"listening on {found['address']}, data dir {found['data_dir']}", highlight=False, markup=False)
    console.print(f"backend {backend['kind']} {backend['version']} at {backend['address']}", highlight=False)
    if found["engine"] is not None:
        console.print(f"the engine does not answer, so the backend does: {found['engine']}", markup=False)
    else:
        console.print(_tables(found["tables"]))
        console.print(_behind(found["status"]), highlight=False)
        for name, value in found["status"].items():
            console.print(f"{name} = {value}", highlight=False, markup=False)
    for shape in found["quarantine"]:
        console.print(f"in quarantine: {shape['statement']}\n  {shape['difference']}", highlight=False, markup=False)


def _tables(tables: list[dict[str, Any]]) -> Table:
    shown = Table("table", "state", "rows", "bytes", "verified", "reason")
    for table in tables:
        shown.add_row(
            f"{table['schema']}.{table['table']}",
            table["state"].removesuffix(_SHORT),
            f"{table['rows']:,}",
            f"{table['bytes']:,}",
            _verified(table),
            table["reason"] or (f"left out: {table['left_out']}" if table["left_out"] else ""),
        )
    return shown


def _verified(table: dict[str, Any]) -> str:
    if not table["verified"]:
        return ""
    return f"{table['verified'].lower()} {(table['last_verified'] or '')[:19]}".strip()


def _behind(status: dict[str, str]) -> str:
    seconds, transactions = float(status["warmfront_lag_seconds"]), int(status["warmfront_lag_transactions"])
    if not seconds and not transactions:
        return "the copy has everything that is committed"
    return f"the copy is {seconds:.1f} s and {transactions:,} transactions behind"
