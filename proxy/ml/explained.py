"""EXPLAIN of a statement that calls functions of AutoML: who would run it, and in what form the backend can plan it."""

from functools import partial

from proxy.engine.link import EngineGone
from proxy.engine.told import TOLD, told
from proxy.ml import models, offloaded
from proxy.ml.asked import read_models
from proxy.place import Place
from proxy.reasons import Reason, Refusal, strip_reason
from proxy.routing.router import Router
from statements.ml import Statement, as_json, with_calls


async def look(router: Router, text: str, statement: Statement, place: Place) -> tuple[bool, str]:
    """Tell whether the engine would run a statement, and give the statement with JSON in the place of each call.

    Raises BackendError with what the statement itself would be told where nobody can run it.
    """
    planned = with_calls(
        text,
        statement,
        [as_json(f"JSON_ARRAY({', '.join(call.arguments)})", router.is_mariadb) for call in statement.calls],
    )
    if not statement.has_from:
        return False, planned
    found = await read_models(router, statement.calls)
    ready = await offloaded.make_ready(router, text, statement, place, found)
    refusal = (
        ready
        if isinstance(ready, Refusal)
        else await models.with_models(router, ready.models, partial(_ask, router, ready))
    )
    if refusal and not (statement.plain and all(call.item is not None for call in statement.calls)):
        raise offloaded.cannot(statement.calls[0], refusal)
    return refusal is None, planned


async def _ask(router: Router, ready: offloaded.Ready) -> Refusal | None:
    """Give what the engine has against a query. Raises ModelNotHere, BackendError for what a model complains of."""
    try:
        link = await router.link()
        answer = await link.ask(ready.text, {**router.attributes(ready.preflight), "wf_explain": b"1"})
    except EngineGone:
        return Refusal(Reason.ENGINE_DOWN)
    if answer.error is None:
        return None
    if answer.error.sqlstate in TOLD:
        raise told(answer.error)
    return Refusal(Reason.ENGINE_REFUSED, strip_reason(answer.error.message))
