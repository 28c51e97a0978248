"""A real endpoint on a unix socket over a real column store, with a translator that passes the store's SQL through."""

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pymysql
import pytest

from base.errors import SecondaryEngineError
from base.settings import Settings
from engine.catalog import LoadedTable, State
from engine.endpoint.dispatch import Dispatcher
from engine.endpoint.information import Facts, Follower, Information
from engine.endpoint.server import listen
from engine.lake.definitions import Definitions
from engine.lake.reach import Reach
from engine.lake.tables import LakeTables
from engine.layout import store_name
from engine.ml.service import MachineLearning
from engine.ml.source import Sources
from engine.replicate.lag import Lag
from engine.replicate.progress import Progress
from engine.running.execute import Executor
from engine.running.history import History
from engine.running.quarantine import Quarantine
from engine.running.unchanged import Unchanged
from engine.store.copies import Copies
from engine.store.database import Store
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation
from engine.translating.failed import OVERFLOW, Failed
from engine.verify.outcome import Outcome, as_answer
from engine.verify.verifier import Verifications
from lakehouse.stores.places import Places
from statements.context import SessionContext
from statements.schema import Column, Table
from wire.constants import Capability
from wire.integers import build_lenenc_bytes
from wire.responses import build_column_definition, build_query_attributes

SECRET = b"5ec2e7"


class WithAttributes(bytes):
    """A COM_QUERY's text behind its attributes."""


@dataclass
class Endpoint:
    """A running endpoint. `fence` is how the wait for freshness ends: an exception to raise, or seconds to take."""

    path: Path
    store: Store
    executor: Executor
    history: History
    loop: asyncio.AbstractEventLoop
    fence: Exception | float = 0.0
    actions: list = field(default_factory=list)

    def connect(self, **options):
        defaults = {"user": "warmfront", "password": SECRET.decode(), "unix_socket": str(self.path), "autocommit": None}
        return pymysql.connect(**{**defaults, **options})

    def run(self, statement):
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def offload(self, connection, statement, definitions, **context):
        """Send an offloaded statement on a PyMySQL connection; gives all its rows."""
        self.send_offload(connection, statement, definitions, **context)
        result = connection._read_query_result()
        assert result is not None
        return connection._result.rows

    def send_offload(self, connection, statement, definitions, **context):
        payloads = b"".join(build_lenenc_bytes(build_column_definition(d)) for d in definitions)
        session = SessionContext(**{"connection_id": 7, "capabilities": connection.client_flag, **context})
        attributes = {"wf_context": session.to_json().encode(), "wf_columns": payloads}
        connection._execute_command(3, WithAttributes(build_query_attributes(attributes) + statement.encode()))


class PassThrough:
    """A translator that takes the statement for the store's SQL. NARROW in it is 18, or 38 once it is widened."""

    def __init__(self):
        self.widened = Failed(OVERFLOW)

    def widen(self, statement, error):
        return self.widened.note(statement, error)

    def translate(self, statement, context, view, definitions, rows=None):
        if statement.startswith("REFUSE"):
            return Refusal("function frobnicate is not supported")
        if statement.startswith("BREAK"):
            raise KeyError("broken")
        statement = statement.replace("NARROW", "38" if self.widened.has(statement) else "18")
        found = view.table("shop", "item")
        sql = statement if isinstance(found, str) else statement.replace("FROM item", f"FROM {found.store_name}")
        tables = (("shop", "item"),) if sql != statement else ()
        return Translation(sql, tuple(definitions), tables=tables, guarded=sql.endswith("-- guarded"))

    def is_asking(self):
        return False

    def prepare(self, translation):
        return False


def add_table(store, schema="shop", name="item"):
    """An available table of two columns, ten rows."""
    columns = (
        Column("id", 0, "int", "int", nullable=False),
        Column("name", 1, "varchar", "varchar(20)", charset="utf8mb4", collation="utf8mb4_0900_ai_ci", length=20),
    )
    table = Table(schema, name, columns, ("id",))
    number = store.new_id()
    entry = LoadedTable(number, table, store_name(number), State.AVAILABLE, rows=10, load_ended=1.7e9)
    with store.write() as transaction:
        transaction.create_data(entry)
        transaction.connection.execute(f"INSERT INTO {entry.store_name} SELECT i, 'n' || i FROM range(10) r(i)")
        transaction.put(entry)
    return entry


@pytest.fixture
def endpoint(tmp_path, query_attributes):
    store = Store(tmp_path / "store.duckdb", memory_limit=1 << 30, threads=2)
    ready, stop = threading.Event(), None
    made = {}

    async def serve():
        nonlocal stop
        stop = asyncio.Event()
        history = History()

        async def fresh(timeout, server):
            fence = made["endpoint"].fence
            if isinstance(fence, Exception):
                raise fence
            await asyncio.sleep(fence() if callable(fence) else fence)

        async def log_end():
            return store.position

        async def load(schema, name):
            made["endpoint"].actions.append(("load", schema, name))
            if name == "bad":
                raise SecondaryEngineError("No secondary engine defined")

        async def unload(schema, name):
            made["endpoint"].actions.append(("unload", schema, name))

        def check(schema, name, repair, stopped):
            made["endpoint"].actions.append(("check", schema, name, repair))
            return as_answer(Outcome(schema, name, rows=10, missing=1, action="reloaded"))

        places = Places(Settings())
        lake = LakeTables(Definitions(Settings()), places, Reach(places, store.cursor()), store.cursor(), tmp_path)
        quarantine = Quarantine(tmp_path / "quarantine.json")
        unchanged = Unchanged(Copies(store).changed, store.view, fresh, 1.0, log_end)
        executor = Executor(store, PassThrough(), fresh, history, quarantine, lake, unchanged)
        follower = Follower(True, "binlog.000007", 1234)
        facts = Facts(
            store.view, store.sizes, history, lambda: follower, lambda: Lag(0.25, 3), Progress(), Verifications()
        )
        path = tmp_path / "engine.sock"
        ml = MachineLearning(Sources(store, PassThrough(), fresh, lake), executor.running, history, 0)
        own = Information(facts)

        def infer(description):
            made["endpoint"].actions.append(("infer", description))
            return "{}"

        dispatcher = Dispatcher(executor, own, load, unload, check, unchanged, ml, "9.7.0-test", lake, infer)
        server = await listen(path, dispatcher, SECRET)
        made["endpoint"] = Endpoint(path, store, executor, history, asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        server.close()
        await executor.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    add_table(store)
    try:
        yield made["endpoint"]
    finally:
        made["endpoint"].loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        store.close()


@pytest.fixture
def query_attributes():
    """PyMySQL knows no query attributes; this adds the flag to the connections of these tests, and an empty block."""
    flag = int(Capability.QUERY_ATTRIBUTES)
    original = pymysql.connections.Connection._execute_command

    def execute(self, command, sql):
        if command == 3 and not isinstance(sql, WithAttributes):
            sql = build_query_attributes({}) + (sql.encode() if isinstance(sql, str) else sql)
        return original(self, command, sql)

    original_init = pymysql.connections.Connection.__init__

    def init(self, *args, **kwargs):
        kwargs["client_flag"] = kwargs.get("client_flag", 0) | flag
        original_init(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pymysql.connections.Connection, "_execute_command", execute)
        patch.setattr(pymysql.connections.Connection, "__init__", init)
        yield
