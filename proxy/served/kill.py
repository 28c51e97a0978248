"""KILL: the backend checks the privilege, then the engine stops what it runs for that connection."""

import asyncio
import re

from proxy.routing.router import Router

_KILL = re.compile(
    r"\s*kill\s+(?:(?:hard|soft)\s+)?(?:(?P<what>connection|query)\s+)?(?P<id>\d+)\s*(?:;\s*)?", re.IGNORECASE
)


def take_kill(router: Router, data: bytes, text: bytes) -> bool:
    """Take over KILL."""
    found = _KILL.fullmatch(text.decode("utf-8", "replace"))
    if not found:
        return False
    router.session.run(kill(router, data, found["what"] or "", int(found["id"])), may_listen=True)
    return True


async def kill(router: Router, data: bytes, what: str, connection_id: int) -> None:
    """Run a KILL command of the client on the backend, and on the engine if the backend agrees."""
    session = router.session
    raw = await session.ask(data, [data[4]])
    if not session.tracker.failed:
        text = f"KILL {what} {connection_id}".encode()
        session.worker.keep(asyncio.get_running_loop().create_task(session.worker.engine.kill(text)))
    session.client.write(raw)
