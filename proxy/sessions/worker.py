"""What the sessions of one proxy process share."""

import asyncio

from base.settings import Settings
from proxy.decisions import StayCache
from proxy.engine.watch import EngineWatch
from proxy.line.login import Doors
from proxy.line.origin import Trusted
from proxy.line.tls import backend_context, client_context, key_pair
from proxy.sessions.apart import Apart


class Worker:
    """A proxy process: its settings, its view of the engine, what it knows of statements."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.doors = Doors(
            settings,
            client_context(settings),
            backend_context(settings),
            key_pair(settings),
            Trusted.parse(settings.proxy_protocol_networks),
        )
        self.stays = StayCache()
        self.engine = EngineWatch(settings, self.stays)
        self.apart = Apart()
        self._kept: set[asyncio.Task[None]] = set()

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task that outlives its session until it has ended."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)
