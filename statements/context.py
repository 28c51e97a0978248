"""The session's state that gives a statement its meaning, carried from the proxy to the engine as JSON."""

import json
from dataclasses import asdict, dataclass, fields

from statements.derived_columns import DerivedColumn
from statements.reads import Read
from statements.session_values import SessionValue

# The engine's reason against a statement whose transaction began its snapshot before a table's latest change.
SNAPSHOT_PASSED = "A table was changed after the transaction's snapshot had begun"


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """A view that a statement names, as SHOW CREATE VIEW shows it.

    `schema` is "" for the session's own; the body's tables without one are in the view's. `columns` is empty when the
    body names them. `collation` is the collation_connection that the view was made with.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    body: str
    collation: str


@dataclass(frozen=True, slots=True)
class LakeName:
    """A lake table that a statement reads, its schema written out.

    `mark` is of the text that SHOW CREATE TABLE gave of it; "" when the user may not see that.
    """

    schema: str
    name: str
    mark: str


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model that a statement asks, by its owner's schema, its handle and the checksum of its container.

    `function` is "predict" or "explain", `options` JSON text, "" for NULL.
    """

    schema: str
    handle: str
    checksum: str
    function: str
    options: str = ""


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What the backend said of the user's session when the statement was prepared.

    `connection_id` is the backend's thread id, by which users KILL. `max_execution_time` is in
    milliseconds, 0 for none. `protocol` is "text" or "binary". `freshness` is "strict" or "relaxed".
    `any_spelling` says that of texts that are equal in different spellings any one may be shown.
    `capabilities` are the client's capability flags (`wire.constants.Capability`): they shape OK, EOF and
    column packets. `backend` is "mysql" or "mariadb". `now` and `utc_now` are NOW(6) and UTC_TIMESTAMP(6) as the
    backend gave them, "" when it was not asked: the time at which the statement begins.
    `default_collation` is the collation of utf8mb4 where none is named, "" when it was not asked.
    `recursion_limit` is cte_max_recursion_depth, on MariaDB max_recursive_iterations. `views` are the definitions of
    the views that the statement names, and of those under them. `values` are the user variables and the like that it
    reads. `server` names the server that the session is on, "" when it was not asked. `extras` says that the statement
    uses what HeatWave adds to MySQL, and that the backend has prepared it in another form. `lake` are the tables of it
    whose rows are files. `status` are the session's flags (`wire.constants.Status`) that the answer tells: drivers keep
    autocommit by them. `since` is the engine's token of a moment before the transaction's snapshot, "" without one.
    `stores` says that the rows are written into a table.
    `cursor` says that the rows are told as those of a cursor. `alone` says that nobody but the engine may answer.
    `models` are what the statement's calls of `statements.ml.ASKED` and a number stand for; `given` is the statement as
    the user wrote it then. `warned` is how many warnings the statement has before it runs. `plan` are the stages of the
    backend's plan of it (`statements.plans`), () where that is not known, `reads` the tables in whose order it reads,
    `derived` what is known of columns whose MIN or MAX it shows.
    """

    connection_id: int
    backend: str = "mysql"
    schema: str = ""
    sql_mode: str = ""
    time_zone: str = "SYSTEM"
    system_time_zone: str = "UTC"
    collation_connection: str = "utf8mb4_0900_ai_ci"
    default_collation: str = ""
    character_set_client: str = "utf8mb4"
    character_set_results: str = "utf8mb4"
    div_precision_increment: int = 4
    group_concat_max_len: int = 1024
    sql_select_limit: int = 18446744073709551615
    max_execution_time: int = 0
    max_error_count: int = 64
    recursion_limit: int = 1000
    lower_case_table_names: int = 0
    default_week_format: int = 0
    lc_time_names: str = "en_US"
    now: str = ""
    utc_now: str = ""
    freshness: str = "strict"
    freshness_timeout: float = 2.0  # seconds to wait for the fence before the statement goes to MySQL
    any_spelling: bool = False
    protocol: str = "text"
    capabilities: int = 0
    views: tuple[ViewDefinition, ...] = ()
    extras: bool = False
    values: tuple[SessionValue, ...] = ()
    server: str = ""
    lake: tuple[LakeName, ...] = ()
    status: int = 2  # SERVER_STATUS_AUTOCOMMIT
    since: str = ""
    stores: bool = False
    models: tuple[ModelCall, ...] = ()
    cursor: bool = False
    alone: bool = False
    given: str = ""
    warned: int = 0
    plan: tuple[str, ...] = ()
    reads: tuple[Read, ...] = ()
    derived: tuple[DerivedColumn, ...] = ()

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "SessionContext":
        """Read what `to_json` wrote; unknown keys raise ValueError."""
        state = json.loads(text)
        known = {f.name for f in fields(cls)}
        if unknown := set(state) - known:
            raise ValueError(f"unknown keys in session context: {sorted(unknown)}")
        views = tuple(ViewDefinition(**{**v, "columns": tuple(v["columns"])}) for v in state.pop("views", ()))
        values = tuple(SessionValue(**value) for value in state.pop("values", ()))
        lake = tuple(LakeName(**name) for name in state.pop("lake", ()))
        models = tuple(ModelCall(**model) for model in state.pop("models", ()))
        plan = tuple(state.pop("plan", ()))
        reads = tuple(Read(**read) for read in state.pop("reads", ()))
        derived = tuple(DerivedColumn(**column) for column in state.pop("derived", ()))
        return cls(
            views=views, values=values, lake=lake, models=models, plan=plan, reads=reads, derived=derived, **state
        )
