"""A query's whole answer from the engine as literals, for a statement of the user's own that takes them."""

import asyncio
import json
import re
from dataclasses import dataclass, replace

from proxy.backend.answers import Answer
from proxy.backend.preflight import Preflight
from proxy.engine.link import EngineGone
from proxy.reasons import Reason, Refusal
from proxy.routing.offload import INTERRUPTED
from proxy.routing.router import Router
from wire.responses import Err

_NO_LIMIT = 18446744073709551615
# Bytes of rows in UTF-8 that a text in a client's character set cannot have, or means otherwise.
_BEYOND = {
    "utf8mb4": re.compile(rb"(?!)"),
    "utf8mb3": re.compile(rb"[\xf0-\xff]"),
    "utf8": re.compile(rb"[\xf0-\xff]"),
    "latin1": re.compile(rb"[\x80-\xff]"),
    "ascii": re.compile(rb"[\x80-\xff]"),
}
_PREFIX = "Secondary engine operation failed. "


@dataclass(frozen=True, slots=True)
class Literals:
    """`text` is "(…),(…)", empty without rows; `read` is the engine's token of what it read, `found` what FOUND_ROWS()
    tells."""

    rows: int
    found: int
    read: str
    text: bytes


async def gather(
    router: Router, text: bytes, preflight: Preflight, most: int, stores: bool = True
) -> Literals | Refusal | Err:
    """Run a query on the engine for what is written, into a table when it `stores`; an Err is for the client.

    The rows are as fresh as strict makes them, and what limits only answers to clients does not limit them.
    """
    context = preflight.context
    if context is None or context.character_set_client not in _BEYOND:
        return Refusal(Reason.NOT_UTF8)
    limit = 0 if context.backend == "mysql" else context.max_execution_time
    preflight.context = replace(context, sql_select_limit=_NO_LIMIT, max_execution_time=limit, stores=stores)
    attributes = {**router.attributes(preflight, freshness="strict"), "wf_literals": str(most).encode()}
    try:
        answer = await ask_engine(router, text, attributes)
    except EngineGone:
        return Refusal(Reason.ENGINE_DOWN)
    if answer.error:
        if answer.error.number in INTERRUPTED:
            return answer.error
        return Refusal(Reason.ENGINE_REFUSED, answer.error.message.removeprefix(_PREFIX).rstrip("."))
    head, *rows = (row[0] or b"" for row in answer.rows)
    known = json.loads(head)
    made = b"".join(rows)[:-1]
    if _BEYOND[context.character_set_client].search(made):
        return Refusal(Reason.NOT_UTF8)
    return Literals(known["rows"], known["found"], known["read"], made)


async def ask_engine(router: Router, text: bytes, attributes: dict[str, bytes]) -> Answer:
    """Run a statement on the engine whose whole answer is wanted here; KILL and a client that leaves end it.

    Raises EngineGone.
    """
    session = router.session
    link = await router.link()
    session.on_close.append(link.close)
    try:
        return await link.ask(text, attributes)
    finally:
        session.on_close.remove(link.close)
        if session.closed:
            kill = session.worker.engine.kill(f"KILL QUERY {session.thread_id}".encode())
            session.worker.keep(asyncio.get_running_loop().create_task(kill))


async def is_unchanged(router: Router, read: str) -> bool:
    """Tell whether nothing committed until now has changed what a token names; False when that is not known."""
    try:
        answer = await (await router.link()).ask(b"SHOW WARMFRONT CHANGES SINCE " + read.encode())
    except EngineGone:
        return False
    return answer.error is None
