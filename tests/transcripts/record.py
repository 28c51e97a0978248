"""Record what real servers send a replica: python -m tests.transcripts.record [mysql|mariadb [NAME]].

For each scenario: the events, byte for byte, and beside them what the server itself shows of the table afterwards.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.backend.describe import describe_table
from engine.changes.position import Position
from engine.layout import pack_columns, table_to_json
from engine.replicate.dump import request_dump
from engine.replicate.source import _Packets
from statements.schema import DATE_TYPES
from tests.live.compare import source_rows
from tests.live.servers import KINDS, Backend, program_of, start_backend
from tests.transcripts.replay import FOLDER, SCHEMA, batches_of, outcome, shown, split, table_of
from tests.transcripts.scenarios import Scenario, scenarios
from wire.binlog_events import EventParser
from wire.binlog_types import Heartbeat, Rotate

_WAIT = "{wait}"  # for a heartbeat
_RESTART = "{restart}"  # of the server
_KEYS = "1;" + "0123456789abcdef" * 4 + "\n"  # of an encrypted log


def _run(backend: Backend, session: Any, statement: str, folder: Path) -> None:
    if statement == _WAIT:
        return
    if statement == _RESTART:
        backend.server.stop()
        backend.server.start()
        session.connect()
        return
    may_fail = statement.startswith("?")
    text = statement.removeprefix("?").replace("{file}", str(folder / "rows"))
    try:
        with session.cursor() as cursor:
            cursor.execute(text)
    except Exception:
        if not may_fail:
            raise


def _events(settings: Settings, start: Position, end: Position, beat: bool) -> bytes:
    """All that a server sends from one place to another; no heartbeat, or one at the end."""
    connection = Connection(settings)
    stream = connection.raw._sock
    name = "00000000-0000-4000-8000-000000000001"
    request_dump(connection, stream, start, 4294901760, name, by_place=True)
    packets, parser, found, reached = _Packets(stream), EventParser(), [], start
    while True:
        for raw in packets.receive():
            header, event = parser.parse(raw)
            if isinstance(event, Heartbeat):
                if reached >= end:
                    connection.raw._force_close()
                    return b"".join([*found, raw] if beat else found)
                continue
            found.append(raw)
            if isinstance(event, Rotate):
                reached = Position(start.server, event.file, event.offset)
            elif not header.artificial:
                reached = Position(start.server, reached.file, header.next_position)


def record(backend: Backend, name: str, scenario: Scenario, folder: Path) -> None:
    """Do what a scenario says, and write down what the server logs and shows."""
    settings = Settings(upstream=backend.upstream)
    (folder / "rows").write_text("8\n9\n")
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    with backend.connect(database=SCHEMA, charset="utf8mb4", init_command="SET time_zone = '+00:00'") as session:
        for statement in scenario.before:
            _run(backend, session, statement, folder)
        with Connection(settings) as connection:
            table = describe_table(connection, SCHEMA, "t")
            start = read_position(connection)
        before = _shown(session, table) if table else []
        for statement in scenario.during:
            _run(backend, session, statement, folder)
        time.sleep(0.1)
        with Connection(settings) as connection:
            end = read_position(connection)
            after = _packed(describe_table(connection, SCHEMA, "t")) if table else None
        note = {
            "server": backend.version,
            "start": [start.server, start.file, start.offset, start.gtids],
            "table": table_to_json(after) if after else "",
            "before": before,
            "rows": _shown(session, after) if after else [],
        }
    data = _events(settings, start, end, _WAIT in scenario.during)
    note["outcome"] = outcome(batches_of(split(data), table_of(note), start, backend.is_mariadb))
    (FOLDER / f"{backend.kind}-{name}.binlog").write_bytes(data)
    text = json.dumps(note, ensure_ascii=False, indent=1)
    (FOLDER / f"{backend.kind}-{name}.json").write_text(text + "\n")
    print(backend.kind, name, len(data), "bytes", note["outcome"]["failures"])


def _packed(table: Any) -> Any:
    """Dates that may be none are kept packed."""
    return pack_columns(table, frozenset(c.name for c in table.columns if c.type in DATE_TYPES))


def _shown(session: Any, table: Any) -> list[list[Any]]:
    rows = source_rows(session, _packed(table)).elements()
    return sorted(([shown(value) for value in row] for row in rows), key=lambda row: row[0])


def _options(scenario: Scenario, folder: Path) -> tuple[str, ...]:
    """A server's options; WARMFRONT_TEST_PLUGINS is where plugins lie that are not installed beside it."""
    (folder / "keys").write_text(_KEYS)
    plugins = os.environ.get("WARMFRONT_TEST_PLUGINS")
    own = (f"--plugin-dir={plugins}",) if plugins else ()
    return (*own, *(option.replace("{keys}", str(folder / "keys")) for option in scenario.options))


def main() -> None:
    """Record everything, one kind of server, or one scenario."""
    FOLDER.mkdir(exist_ok=True)
    for kind in sys.argv[1:2] or KINDS:
        wanted = {name: s for name, s in scenarios(kind).items() if name in sys.argv[2:3] or not sys.argv[2:3]}
        for name, scenario in wanted.items():
            with tempfile.TemporaryDirectory(prefix="wf-record-") as folder:
                server = start_backend(program_of(kind), Path(folder) / "server", _options(scenario, Path(folder)))
                try:
                    record(server, name, scenario, Path(folder))
                finally:
                    server.server.stop()


if __name__ == "__main__":
    main()
