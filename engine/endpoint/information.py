"""What the engine tells about itself: performance_schema.rpd_* tables and the rapid_* status variables."""

import datetime
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import psutil
import pyarrow as pa
import sqlglot
from sqlglot import TokenType, exp

from base.errors import SecondaryEngineError
from engine.catalog import CatalogView, Key, State
from engine.endpoint import reports
from engine.endpoint.announce import Announcer
from engine.layout import carried_columns
from engine.replicate.lag import Lag
from engine.replicate.progress import Progress
from engine.running.cancel import Running
from engine.running.history import History
from engine.store.optimizers import DISABLED
from engine.verify.verifier import Verifications
from statements.schema import STRING_TYPES

SCHEMA = "performance_schema"
_SIZES_KEPT = 10.0  # seconds
_MEMORY = "256MB"  # for all statements at once: the tables are small, but who may read them may join them endlessly
_TIME = pa.timestamp("us")
_BIG, _TEXT = pa.uint64(), pa.string()

_COLUMNS: dict[str, list[tuple[str, pa.DataType]]] = {
    "rpd_tables": [
        ("ID", _BIG),
        ("SNAPSHOT_SCN", _BIG),
        ("PERSISTED_SCN", _BIG),
        ("POOL_TYPE", _TEXT),
        ("DATA_PLACEMENT_TYPE", _TEXT),
        ("NROWS", _BIG),
        ("LOAD_STATUS", _TEXT),
        ("LOAD_PROGRESS", pa.float64()),
        ("SIZE_BYTES", _BIG),
        ("TRANSFORMATION_BYTES", _BIG),
        ("QUERY_COUNT", _BIG),
        ("LAST_QUERIED", _TIME),
        ("LOAD_START_TIMESTAMP", _TIME),
        ("LOAD_END_TIMESTAMP", _TIME),
        ("RECOVERY_SOURCE", _TEXT),
        ("RECOVERY_START_TIMESTAMP", _TIME),
        ("RECOVERY_END_TIMESTAMP", _TIME),
        ("LOAD_TYPE", _TEXT),
        ("REASON", _TEXT),
    ],
    "rpd_table_id": [("ID", _BIG), ("NAME", _TEXT), ("SCHEMA_NAME", _TEXT), ("TABLE_NAME", _TEXT)],
    "rpd_columns": [
        ("TABLE_ID", _BIG),
        ("COLUMN_ID", _BIG),
        ("NDV", _BIG),
        ("ENCODING", _TEXT),
        ("DATA_PLACEMENT_INDEX", _BIG),
        ("DICT_SIZE_BTYES", _BIG),  # misspelt in HeatWave too
    ],
    "rpd_column_id": [("ID", _BIG), ("TABLE_ID", _BIG), ("COLUMN_NAME", _TEXT)],
    "rpd_query_stats": [
        ("QUERY_ID", _BIG),
        ("STATEMENT_ID", _BIG),
        ("CONNECTION_ID", _BIG),
        ("QUERY_TEXT", _TEXT),
        ("QEXEC_TEXT", _TEXT),
        ("QKRN_TEXT", _TEXT),
        ("QEP_TEXT", _TEXT),
        ("OFFLOAD_FAIL_TEXT", _TEXT),
        ("EXPORT_FILE_PREFIX", _TEXT),
    ],
    "rpd_ml_stats": [("STATUS_NAME", _TEXT), ("STATUS_VALUE", _TEXT)],
    # Ours: what HeatWave's rpd_tables has no column for.
    "warmfront_tables": [
        ("ID", _BIG),
        ("SCHEMA_NAME", _TEXT),
        ("TABLE_NAME", _TEXT),
        ("LOAD_STATUS", _TEXT),
        ("REASON", _TEXT),
        ("NROWS", _BIG),
        ("SIZE_BYTES", _BIG),
        ("LEFT_OUT_COLUMNS", _TEXT),
        ("VERIFY_STATUS", _TEXT),
        ("VERIFY_ROWS", _BIG),
        ("VERIFY_DIFFERENCES", _BIG),
        ("VERIFY_POSITION", _TEXT),
        ("LAST_VERIFIED", _TIME),
    ],
    "rpd_nodes": [
        ("ID", _BIG),
        ("CORES", _BIG),
        ("MEMORY_USAGE", _BIG),
        ("MEMORY_TOTAL", _BIG),
        ("BASEREL_MEMORY_USAGE", _BIG),
        ("STATUS", _TEXT),
        ("IP", _TEXT),
        ("PORT", _BIG),
        ("CLUSTER_EVENT_NUM", _BIG),
        ("ML_STATUS", _TEXT),
    ],
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the information comes from.

    `sizes` gives bytes on disk per table, `follower` what replication says, `progress` what it has done; `lag` may ask
    the backend and is called from a worker thread.
    """

    view: Callable[[], CatalogView]
    sizes: Callable[[], dict[Key, int]]
    history: History
    follower: Callable[[], "Follower"]
    lag: Callable[[], Lag]
    progress: Progress
    verifications: Verifications
    counters: Callable[[], dict[str, int]] = dict  # further status variables, by name
    ml: Callable[[], list[tuple[str, str]]] = list  # rows of rpd_ml_stats


@dataclass(frozen=True, slots=True)
class Follower:
    """Where replication is; `offset` orders positions of one log file, `reason` says why no reader is served."""

    running: bool
    file: str = ""
    offset: int = 0
    gtids: str = ""
    reason: str = ""


def _moment(seconds: float) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None) if seconds else None


def _tables(facts: Facts) -> Iterable[tuple[Any, ...]]:
    sizes = facts.sizes()
    offset = facts.follower().offset
    uses = facts.history.uses()
    for entry in facts.view():
        key = (entry.table.schema, entry.table.name)
        use = uses.get(key)
        recovering = entry.state in (State.RECOVERING, State.STALE)
        yield (
            *(entry.id, offset, offset, "TRANSACTIONAL", "PrimaryKey" if entry.table.primary_key else None),
            *(entry.rows, str(entry.state), 100.0 if entry.state is State.AVAILABLE else entry.progress),
            *(sizes.get(key, entry.size_bytes), 0, use.count if use else 0, _moment(use.last if use else 0)),
            *(_moment(entry.load_started), _moment(entry.load_ended), "MYSQL" if recovering else None, None, None),
            *(entry.load_type, entry.reason or None),
        )


def _own_tables(facts: Facts) -> Iterable[tuple[Any, ...]]:
    sizes = facts.sizes()
    for entry in facts.view():
        key = (entry.table.schema, entry.table.name)
        yield (
            *(entry.id, *key, str(entry.state), entry.reason or None, entry.rows, sizes.get(key, 0)),
            ", ".join(f"{name}: {reason}" for name, reason in entry.left_out.items()) or None,
            *_verification(facts.verifications, entry.id),
        )


def _verification(seen: Verifications, number: int) -> tuple[Any, ...]:
    """The columns about the verification of one copy."""
    last = seen.last.get(number)
    verified = _moment(last.began) if last is not None and not last.error else None
    if running := seen.under_way.get(number):
        return "RUNNING", running.rows, running.wrong, running.position or None, verified
    if last is None:
        return None, None, None, None, None
    status = ("REPAIRED" if last.action == "repaired" else "DIFFERENT") if last.wrong else "EQUAL"
    return status, last.rows, last.wrong, last.position, verified


def _table_ids(facts: Facts) -> Iterable[tuple[Any, ...]]:
    for entry in facts.view():
        yield entry.id, f"{entry.table.schema}.{entry.table.name}", entry.table.schema, entry.table.name


def _columns(facts: Facts) -> Iterable[tuple[Any, ...]]:
    for entry in facts.view():
        for column in carried_columns(entry.table):
            encoding = "VARLEN" if column.type in STRING_TYPES else None
            yield entry.id, column.ordinal, None, encoding, None, 0


def _column_ids(facts: Facts) -> Iterable[tuple[Any, ...]]:
    for entry in facts.view():
        for column in carried_columns(entry.table):
            yield column.ordinal, entry.id, column.name


def _query_stats(facts: Facts) -> Iterable[tuple[Any, ...]]:
    for r in facts.history.records():
        yield (
            *(r.query_id, r.query_id, r.connection_id, r.text),
            *(r.execution_json(), "{}", r.sql or None, r.failure or None),
            r.export_prefix or None,
        )


def _nodes(facts: Facts) -> Iterable[tuple[Any, ...]]:
    used = psutil.Process().memory_info().rss
    yield (
        *(0, os.cpu_count() or 1, used, psutil.virtual_memory().total, sum(facts.sizes().values())),
        *("AVAIL_RNSTATE", None, None, 0, "AVAIL_MLSTATE"),
    )


_ROWS: dict[str, Callable[[Facts], Iterable[tuple[Any, ...]]]] = {
    "rpd_tables": _tables,
    "rpd_table_id": _table_ids,
    "rpd_columns": _columns,
    "rpd_column_id": _column_ids,
    "rpd_query_stats": _query_stats,
    "rpd_nodes": _nodes,
    "rpd_ml_stats": lambda facts: facts.ml(),
    "warmfront_tables": _own_tables,
}


def make_table(name: str, facts: Facts) -> pa.Table:
    """One of the rpd_ tables as it is now."""
    schema = pa.schema(_COLUMNS[name])
    rows = list(_ROWS[name](facts))
    columns = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=schema)


class Information:
    """Answers statements over the rpd_ tables, and SHOW STATUS. Safe to use from several threads."""

    def __init__(self, facts: Facts) -> None:
        self._sizes: tuple[float, dict[Key, int]] = (0.0, {})
        self._facts = replace(facts, sizes=self._recent_sizes)
        self.announcer = Announcer(facts.view)
        self.reports = reports.Reports()
        self._measure = facts.sizes
        self._database = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": False,
                "threads": 1,
                "python_enable_replacements": False,
                "memory_limit": _MEMORY,
                "temp_directory": "",
                "disabled_optimizers": DISABLED,
            },
        )
        self._database.execute("SET GLOBAL default_collation = 'NOCASE'")
        self._database.execute("SET lock_configuration = true")

    def select(self, statement: str, account: str, running: Running) -> pa.Table:
        """Answer a SELECT over the rpd_ tables, and over the report of an account, until it is stopped.

        Raises SecondaryEngineError for anything else, and the error that it was stopped with.
        """
        try:
            tree = sqlglot.parse_one(statement, read="mysql")
        except sqlglot.ParseError as error:
            raise SecondaryEngineError("The statement cannot be read") from error
        names = _claim_tables(tree)
        connection = self._database.cursor()
        try:
            running.attach(connection)
            for name in names:
                # Tables of the connection's own: those of a statement beside it are others.
                made = self.reports.table(account) if name == reports.NAME else make_table(name, self._facts)
                connection.register(f"source_{name}", made)
                connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM source_{name}")
            found = connection.execute(tree.sql(dialect="duckdb")).to_arrow_table()
            return found.rename_columns(_shown_names(statement, tree, found.column_names))
        except duckdb.Error as error:
            running.check()
            raise SecondaryEngineError(f"Information query failed: {str(error).splitlines()[0][:200]}") from error
        finally:
            running.detach()
            connection.close()

    def show_status(self, statement: str) -> pa.Table | None:
        """Answer SHOW STATUS; None when the statement is none that is known."""
        found = _SHOW.fullmatch(statement)
        if found is None:
            return None
        pattern = found["like"] if found["like"] is not None else found["where"]
        wanted = like_pattern("%" if pattern is None else pattern)
        chosen = {k: v for k, v in status_variables(self._facts).items() if wanted.fullmatch(k)}
        return pa.table({"Variable_name": pa.array(chosen, _TEXT), "Value": pa.array(chosen.values(), _TEXT)})

    def _recent_sizes(self) -> dict[Key, int]:
        # Proxies ask for the tables all the time, and measuring reads the storage of every column.
        measured, sizes = self._sizes
        there = {(e.table.schema, e.table.name) for e in self._facts.view() if e.state is State.AVAILABLE}
        if time.monotonic() - measured > _SIZES_KEPT or not there <= sizes.keys():
            sizes = self._measure()
            self._sizes = (time.monotonic(), sizes)
        return sizes


def _claim_tables(tree: exp.Expr) -> set[str]:
    """Names of the rpd_ tables read, whose schema is taken off. Raises SecondaryEngineError for other tables."""
    common = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    names = set()
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if name in common and not table.db:
            continue
        schema = reports.SCHEMA if name == reports.NAME else SCHEMA
        if (name not in _ROWS and name != reports.NAME) or table.db.lower() not in ("", schema):
            raise SecondaryEngineError(f"The engine has no information table {table.db or SCHEMA}.{table.name}")
        table.set("db", None)
        table.set("catalog", None)
        names.add(name)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
    return names


def _shown_names(statement: str, tree: exp.Expr, names: list[str]) -> list[str]:
    """Column names as MySQL shows them: aliases, and the text as it was written of what has none."""
    selects = tree.selects if isinstance(tree, exp.Query) else []
    written = _select_list(statement)
    if not len(selects) == len(written) == len(names) or any(s.is_star for s in selects):
        return names
    shown = []
    for select, text in zip(selects, written, strict=True):
        named = select.alias or (select.name if isinstance(select, exp.Column) else "")
        shown.append(named or text)
    return shown


def _select_list(statement: str) -> list[str]:
    """The texts between the commas of a statement's first select list; empty when they cannot be told apart."""
    tokens = sqlglot.tokenize(statement, read="mysql")
    if not tokens or tokens[0].token_type is not TokenType.SELECT:
        return []
    parts, depth, start = [], 0, None
    for token in tokens[1:]:
        if token.token_type in (TokenType.L_PAREN, TokenType.R_PAREN):
            depth += 1 if token.token_type is TokenType.L_PAREN else -1
        elif depth == 0 and token.token_type in (TokenType.COMMA, TokenType.FROM):
            parts.append(statement[start : token.start].strip())
            start = None
            if token.token_type is TokenType.FROM:
                return parts
            continue
        start = token.start if start is None else start
    return []


def status_variables(facts: Facts) -> dict[str, str]:
    """Every status variable and its value as text."""
    follower = facts.follower()
    entries = list(facts.view())
    verified = facts.verifications.counters
    lag, applied, rate = facts.lag(), facts.progress.total, facts.progress.per_second()
    wanted = [e for e in entries if e.state is not State.UNAVAILABLE]
    progress = sum(100.0 if e.state is State.AVAILABLE else e.progress for e in wanted) / len(wanted) if wanted else 100
    return {
        "hw_data_scanned": "0",
        "rapid_change_propagation_status": "ON" if follower.running else "OFF",
        "rapid_cluster_status": "ON",
        "rapid_core_count": str(os.cpu_count() or 1),
        "rapid_heap_usage": str(psutil.Process().memory_info().rss),
        "rapid_load_progress": f"{progress:.6f}",
        "rapid_ml_status": "ON",
        "rapid_plugin_bootstrapped": "YES",
        "rapid_query_offload_count": str(facts.history.offloaded),
        "rapid_service_status": "ONLINE",
        "Secondary_engine_execution_count": str(facts.history.offloaded),
        "warmfront_applied_position": f"{follower.file}:{follower.offset}" if follower.file else "",
        "warmfront_applied_gtid": follower.gtids,
        "warmfront_change_propagation_error": follower.reason,
        "warmfront_applied_log_bytes": str(applied.log_bytes),
        "warmfront_applied_row_images": str(applied.images),
        "warmfront_applied_transactions": str(applied.transactions),
        "warmfront_apply_log_bytes_per_second": f"{rate.log_bytes:.0f}",
        "warmfront_apply_row_images_per_second": f"{rate.images:.1f}",
        "warmfront_apply_transactions_per_second": f"{rate.transactions:.1f}",
        "warmfront_lag_seconds": f"{lag.seconds:.3f}",
        "warmfront_lag_transactions": str(lag.transactions),
        "warmfront_refused_count": str(facts.history.refused),
        "warmfront_tables_available": str(sum(e.state is State.AVAILABLE for e in entries)),
        "warmfront_tables_known": str(len(entries)),
        "warmfront_verify_tables": str(verified.tables),
        "warmfront_verify_rows": str(verified.rows),
        "warmfront_verify_differences": str(verified.differences),
        "warmfront_verify_repaired": str(verified.repaired),
        "warmfront_verify_reloaded": str(verified.reloaded),
        "warmfront_uptime_seconds": str(int(time.time() - psutil.Process().create_time())),
        **{name: str(count) for name, count in facts.counters().items()},
    }


_SHOW = re.compile(
    r"\s*SHOW\s+(?:(?:GLOBAL|SESSION|LOCAL)\s+)?STATUS(?:\s+LIKE\s+(?P<q>['\"])(?P<like>(?:(?!(?P=q)).)*)(?P=q)"
    r"|\s+WHERE\s+`?Variable_name`?\s+(?:=|LIKE)\s+(?P<p>['\"])(?P<where>(?:(?!(?P=p)).)*)(?P=p))?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


def like_pattern(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression, without case."""
    parts = []
    for found in re.finditer(r"\\(.)|(%)|(_)|(.)", pattern, re.DOTALL):
        escaped, many, one, other = found.groups()
        parts.append(".*" if many else "." if one else re.escape(escaped or other))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
