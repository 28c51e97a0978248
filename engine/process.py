"""The engine process: its parts put together, started and stopped in order."""

import asyncio
import contextlib
import functools
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

import duckdb
import pyarrow as pa
import uvloop

from base.errors import SecondaryEngineError, WarmfrontError
from base.settings import Settings
from engine.endpoint import server
from engine.endpoint.dispatch import Dispatcher
from engine.endpoint.information import Facts, Follower, Information
from engine.lake.definitions import Definitions
from engine.lake.export import Exporter
from engine.lake.infer import infer
from engine.lake.polling import Poller
from engine.lake.reach import Reach
from engine.lake.remains import Remains
from engine.lake.tables import LakeTables
from engine.ml.service import MachineLearning
from engine.ml.source import Sources
from engine.replica import Replica
from engine.replicate.fence import NotFresh
from engine.running.execute import Executor
from engine.running.history import History
from engine.running.quarantine import Quarantine
from engine.running.shadow import Shadow
from engine.running.unchanged import Unchanged
from engine.translating.translation import Translator
from engine.verify.outcome import as_answer
from lakehouse.stores.places import Places

log = logging.getLogger("engine")

# Seconds a thread that decodes may keep another from going on; a batch or an answer is handed over many times.
_SWITCH = 0.0005
_PATIENCE = 2.0  # seconds between tries to reach the backend at start
_DISCOVERY = 3.0  # seconds that lake tables may take to be found before the endpoint opens without them


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises OSError when the endpoint cannot be opened."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = loop.create_task(_end_with_parent(os.getppid(), stop))
    replica = await _open(settings, stop)
    if replica is None:
        return
    translator = Translator(settings, replica.store.cursor)
    executor, shadow, ml, endpoint = await _begin(settings, replica, translator)
    log.info("the engine serves %s", settings.paths.engine_socket)
    await stop.wait()
    parent.cancel()
    endpoint.close()
    settings.paths.engine_socket.unlink(missing_ok=True)
    await executor.stop()
    await ml.stop()
    await asyncio.to_thread(shadow.stop)
    translator.stop()
    await asyncio.to_thread(replica.stop)


async def _open(settings: Settings, stop: asyncio.Event) -> Replica | None:
    """Open the copy; a backend that is not there yet is waited for. None when told to stop before."""
    while not stop.is_set():
        try:
            return await asyncio.to_thread(Replica, settings)
        except WarmfrontError as error:
            log.warning("the copy cannot be opened: %s; tried again", error)
        except duckdb.Error as error:
            log.error("the column store cannot be opened: %s; tried again", error)
        await _sleep(stop, _PATIENCE)
    return None


async def _begin(
    settings: Settings, replica: Replica, translator: Translator
) -> tuple[Executor, Shadow, MachineLearning, asyncio.AbstractServer]:
    history = History()
    quarantine = Quarantine(settings.paths.quarantine)
    places = Places(settings)
    root = replica.store.cursor()
    reach = Reach(places, root)
    lake = LakeTables(Definitions(settings), places, reach, root.cursor(), settings.paths.store_file.parent)
    discovering = threading.Thread(target=lake.definitions.discover, name="lake", daemon=True)
    discovering.start()
    wait = functools.partial(_wait_until_fresh, replica)
    unchanged = Unchanged(
        replica.copies.changed, replica.store.view, wait, settings.freshness_timeout, replica.fence.log_end
    )
    executor = Executor(replica.store, translator, wait, history, quarantine, lake, unchanged)
    executor.exporter = Exporter(places, settings.paths.exports, settings.lakehouse_export_chunk)
    Remains(places, settings.paths.exports).start()
    shadow = Shadow(settings, replica.store, translator, quarantine, lambda: not len(executor.running))
    executor.on_answered = shadow.offer
    shadow.start()
    replica.idle = lambda: not len(executor.running)
    sources = Sources(replica.store, translator, wait, lake)
    ml = MachineLearning(sources, executor.running, history, settings.ml_memory_limit)
    ml.called.register(root)
    executor.held = sources.held = ml.called.held
    Poller(lake, settings.lakehouse_refresh_interval).start()
    replica.start()
    facts = Facts(
        lambda: lake.shown(replica.loader.view()),
        replica.store.sizes,
        history,
        functools.partial(_follower, replica),
        replica.lag.measure,
        replica.follower.progress,
        replica.verifier.seen,
        shadow.counters,
        ml.statistics.rows,
    )

    async def load(schema: str, name: str) -> None:
        if await asyncio.to_thread(_lake_done, lake.load, schema, name):  # which asks the backend for the table itself
            return
        # A table that was dropped or changed a moment ago must not pass for loaded.
        with contextlib.suppress(SecondaryEngineError):
            await replica.fence.wait("strict")
        await asyncio.wrap_future(replica.loader.load(schema, name))
        await asyncio.to_thread(replica.keep)

    async def unload(schema: str, name: str) -> None:
        if not await asyncio.to_thread(_lake_done, lake.unload, schema, name):
            await asyncio.to_thread(replica.loader.unload, schema, name)
            await asyncio.to_thread(replica.keep)

    def check(schema: str, name: str, repair: bool, stopped: Callable[[], bool]) -> pa.Table:
        return as_answer(replica.verifier.verify_now(schema, name, repair, stopped))

    def infer_from(description: str) -> str:
        return infer(json.loads(description), places, reach, replica.store.cursor(), lake.scratch).to_json()

    version = f"{'.'.join(map(str, settings.server.version_number))}-warmfront"
    secret = settings.paths.engine_secret.read_bytes().strip()
    own = Information(facts)
    dispatcher = Dispatcher(executor, own, load, unload, check, unchanged, ml, version, lake, infer_from)
    # What is not known as a lake table when the first statement comes would be the backend's to answer, which cannot.
    await asyncio.to_thread(discovering.join, _DISCOVERY)
    return executor, shadow, ml, await server.listen(settings.paths.engine_socket, dispatcher, secret)


def _lake_done(action: Callable[[tuple[str, str]], bool], schema: str, name: str) -> bool:
    """Do something with a lake table; False when it is none. Raises SecondaryEngineError."""
    try:
        return action((schema, name))
    except duckdb.Error as error:
        raise SecondaryEngineError(f"the column store failed: {str(error).splitlines()[0]}") from error


async def _wait_until_fresh(replica: Replica, timeout: float, server: str) -> None:
    """Wait for the fence; a session on another server, as behind an address that moves, may have seen more."""
    position = await replica.fence.wait("strict", timeout)
    if server and position.server != server:
        raise NotFresh("the session is on another server than the one whose log is followed")


def _follower(replica: Replica) -> Follower:
    position = replica.store.position
    return Follower(
        running=replica.follower.connected,
        file=position.file,
        offset=position.offset,
        gtids=position.gtids,
        reason=replica.store.broken,
    )


async def _end_with_parent(parent: int, stop: asyncio.Event) -> None:
    """A supervisor that was killed leaves nobody to stop this process."""
    while os.getppid() == parent:
        await asyncio.sleep(1.0)
    log.warning("the supervisor has gone")
    stop.set()


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def run(settings: Settings) -> None:
    """Serve until a signal ends it. Raises OSError when the endpoint cannot be opened."""
    sys.setswitchinterval(_SWITCH)
    uvloop.run(serve(settings))
