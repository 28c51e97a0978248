"""The engine's machine-learning part, asked over the session's own connection to it."""

import json
from typing import Any

from base.errors import BackendError
from proxy.engine.link import EngineGone
from proxy.engine.told import told
from proxy.reasons import Reason
from proxy.routing.router import Router

_NOTHING = b"DO 0"


async def ask(
    router: Router, act: str, text: bytes = _NOTHING, attributes: dict[str, bytes] | None = None, **asked: Any
) -> list[bytes]:
    """Ask for one act and give its values. Raises BackendError with the engine's error, ModelNotHere.

    While it is under way the end of the client's connection ends it.
    """
    session = router.session
    about = {"act": act, "connection_id": session.thread_id, "statement": router.under_way}
    request = json.dumps({**about, **asked}).encode()
    try:
        link = await router.link()
    except EngineGone:
        raise BackendError(3877, "HY000", Reason.ENGINE_DOWN.value) from None
    session.on_close.append(link.close)
    try:
        answer = await link.ask(text, {**(attributes or {}), "wf_ml": request})
    except EngineGone:
        raise BackendError(3877, "HY000", Reason.ENGINE_DOWN.value) from None
    finally:
        session.on_close.remove(link.close)
    if answer.error:
        raise told(answer.error)
    return [row[0] or b"" for row in answer.rows]


async def ask_json(router: Router, act: str, **asked: Any) -> Any:
    """Ask for one act whose only value is JSON."""
    return json.loads((await ask(router, act, **asked))[0])
