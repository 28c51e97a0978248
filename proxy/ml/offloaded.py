"""Statements over tables that call functions of AutoML, in the engine: the calls are part of its query.

The backend prepares the statement with JSON in the place of each call, so names, grants and columns are its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from base.errors import BackendError
from proxy.backend.preflight import Preflight
from proxy.ml.asked import Found, as_call
from proxy.ml.backend import prepare
from proxy.ml.catalog import ModelRow
from proxy.ml.models import with_models
from proxy.place import Place
from proxy.reasons import Reason, Refusal
from proxy.routing import reading, running
from proxy.routing.router import Router
from proxy.sessions.state import FORCED, OFF
from statements.ml import ASKED, FunctionCall, Statement, as_json, with_calls

_FAILS = "(SELECT 1 UNION ALL SELECT 2)"  # error 1242 when it is executed


@dataclass(slots=True)
class Ready:
    """A query that the engine may be given: its `text` there, the backend's answers, the models that it asks."""

    text: bytes
    preflight: Preflight
    models: list[ModelRow]


def stand_in(text: str, statement: Statement, is_mariadb: bool) -> str:
    """The statement with JSON in the place of each call; it can be prepared, and fails when it is executed."""
    return with_calls(text, statement, [_value(call, is_mariadb) for call in statement.calls])


def _value(call: FunctionCall, is_mariadb: bool) -> str:
    joined = f"CONCAT({', '.join((_FAILS, *call.arguments))})"
    return as_json(joined if is_mariadb else f"CONVERT({joined} USING utf8mb4)", is_mariadb)


async def make_ready(
    router: Router, text: str, statement: Statement, place: Place, found: Sequence[Found]
) -> Ready | Refusal:
    """Ask the backend about a query, and judge. Raises BackendError with its own error for what it does not accept.

    Args:
        found: the models of its calls.
    """
    text = text.rstrip("; \t\r\n")
    if ASKED in text.upper():  # somebody's own function of this name would pass for a call
        return Refusal(Reason.UNSUPPORTED, f"a name begins with {ASKED}")
    asked = with_calls(text, statement, [f"{ASKED}{n}({c.arguments[0]})" for n, c in enumerate(statement.calls)])
    prepared = stand_in(text, statement, router.is_mariadb)
    _, use, _ = await router.read(asked)
    _, refusal, preflight = await router.weigh(asked.encode(), OFF if use == OFF else FORCED, prepared.encode(), place)
    if refusal and refusal.reason is Reason.BACKEND_ERROR:
        await prepare(router, prepared)
    if refusal or preflight is None or preflight.context is None:
        return refusal or Refusal(Reason.UNKNOWN_SESSION)
    if any(ASKED in view.body.upper() for view in preflight.context.views):
        return Refusal(Reason.UNSUPPORTED, f"a name in a view begins with {ASKED}")
    calls = tuple(as_call(call, each) for call, each in zip(statement.calls, found, strict=True))
    preflight.context = replace(preflight.context, models=calls, given=text)
    return Ready(asked.encode(), preflight, [each.model for each in found])


async def run(
    router: Router, text: str, statement: Statement, binary: bool, place: Place, found: Sequence[Found]
) -> Refusal | None:
    """Answer a SELECT; gives the reason when the engine cannot. Raises BackendError."""
    ready = await make_ready(router, text, statement, place, found)
    if isinstance(ready, Refusal):
        return ready
    if place is Place.BEGINS and not ready.preflight.only_lake and (refusal := await reading.begin(router)):
        return refusal
    protocol = "binary" if binary else "text"
    act = partial(running.run, router, ready.text, ready.preflight, protocol, place)
    return await with_models(router, ready.models, act)


def cannot(call: FunctionCall, refusal: Refusal) -> BackendError:
    """What is said where nobody can run a statement."""
    return BackendError(
        1235,
        "42000",
        f"sys.{call.routine.name} over a table runs in the secondary engine, which cannot run this statement: "
        f"{refusal.sentence}",
    )
