"""SELECT … INTO OUTFILE URI: the query is the user's on the backend, its answer goes into files from the engine.

Nothing else could run it, so what cannot be offloaded is an error with the reason, whatever use_secondary_engine says.
"""

from dataclasses import replace
from functools import partial

from base.errors import BackendError, SecondaryEngineError
from lakehouse.descriptions.export_spec import read_spec
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_close, build_prepare
from proxy.engine.link import EngineGone
from proxy.engine.told import TOLD, told
from proxy.lake.privilege import require_export
from proxy.ml.asked import read_models
from proxy.ml.models import with_models
from proxy.ml.offloaded import Ready, make_ready
from proxy.place import Place
from proxy.reasons import Reason, Refusal
from proxy.routing import warnings
from proxy.routing.literals import ask_engine
from proxy.routing.router import Router
from proxy.sessions.state import FORCED, OFF
from statements.export import read_export
from statements.ml import may_use_functions, read_functions
from wire.constants import Command
from wire.framing import build_packets
from wire.responses import Err, Ok, build_err, build_ok

_NO_LIMIT = 18446744073709551615


async def run(router: Router, data: bytes, text: bytes) -> None:
    """Export, or give the error; a statement that is none after all goes on to the backend."""
    try:
        found = read_export(text.decode("utf-8").rstrip("; \t\r\n"))
    except UnicodeDecodeError:
        raise SecondaryEngineError(Reason.NOT_UTF8.value) from None
    if found is None:
        router.pass_on(data)
        return
    query, description = found
    await require_export(router)
    spec = read_spec(description)
    _, use, _ = await router.read(query)
    if use == OFF:
        raise SecondaryEngineError(Reason.OFF.value)
    if not router.session.worker.engine.alive:
        await router.session.worker.engine.refresh()
    ready = await _ready(router, query)
    context = ready.preflight.context
    assert context is not None  # else there is a reason instead
    ready.preflight.context = replace(context, sql_select_limit=_NO_LIMIT)  # it limits answers to clients
    attributes = {**router.attributes(ready.preflight), "wf_export": spec.to_json().encode()}
    answer = await with_models(router, ready.models, partial(_asked, router, ready.text, attributes))
    session = router.session
    if answer.error:
        _answer_err(router, answer.error)
        return
    assert answer.ok
    rows = answer.ok.affected_rows
    session.state.execution_count += 1
    session.state.counts = {b"found_rows": rows, b"row_count": rows}
    await warnings.note(router, ready.preflight)
    ok = Ok(rows, 0, session.tracker.lasting_status, answer.ok.warnings)
    session.client.write(build_packets(build_ok(ok), 1))


async def _ready(router: Router, query: str) -> Ready:
    """Ask the backend about the query and judge; one that calls functions of AutoML has their calls within.

    Raises BackendError with the backend's own error, and SecondaryEngineError with the reason.
    """
    statement = query.encode()
    calling = read_functions(query) if may_use_functions(statement) else None
    if calling:
        asked = await read_models(router, calling.calls)
        ready = await make_ready(router, query, calling, Place.ALONE, asked)
        if isinstance(ready, Refusal):
            raise SecondaryEngineError(ready.sentence)
        return ready
    _, refusal, preflight = await router.weigh(statement, FORCED)
    if refusal or preflight is None or preflight.context is None:
        await _raise_backends_error(router, statement)
        raise SecondaryEngineError((refusal or Refusal(Reason.UNKNOWN_SESSION)).sentence)
    return Ready(statement, preflight, [])


async def _asked(router: Router, statement: bytes, attributes: dict[str, bytes]) -> Answer:
    """Let the engine write. Raises BackendError for what a model complains of, ModelNotHere for one to be brought."""
    try:
        answer = await ask_engine(router, statement, attributes)
    except EngineGone:
        raise SecondaryEngineError(Reason.ENGINE_DOWN.value) from None
    if answer.error and answer.error.sqlstate in TOLD:
        raise told(answer.error)
    return answer


async def _raise_backends_error(router: Router, query: bytes) -> None:
    """What the backend has against the query itself is what the user has to see."""
    raw = await router.session.ask(build_prepare(query), [Command.STMT_PREPARE])
    answer = AnswerReader(raw, router.session.capabilities).prepare()
    if answer.prepared:
        router.session.backend.write(build_close(answer.prepared.statement_id))
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)


def _answer_err(router: Router, error: Err) -> None:
    router.session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))
