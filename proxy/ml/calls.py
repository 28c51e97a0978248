"""CALL sys.ML_…: recognised by its text, its arguments evaluated by the backend, run, answered with OK."""

from base.errors import BackendError
from proxy.ml.arguments import evaluate
from proxy.ml.procedures import PROCEDURES
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from statements.ml import SCHEMA, Call, may_call, read_call
from wire.framing import build_packets
from wire.responses import Ok, build_err, build_ok


def take_call(router: Router, data: bytes, text: bytes) -> bool:
    """Take over a CALL of a procedure of AutoML."""
    if not may_call(text):
        return False
    router.under_way = text.decode("utf-8", "replace")
    try:
        call = read_call(text.decode("utf-8", "surrogateescape"))
    except BackendError as error:
        router.session.client.write(build_packets(build_err(error.number, error.sqlstate, str(error)), 1))
        return True
    if call is None:
        return False
    router.session.run(_run(router, data, call))
    return True


async def _run(router: Router, data: bytes, call: Call) -> None:
    if not call.schema and (await current_schema(router.session)).casefold() != SCHEMA:
        return router.pass_on(data)
    return await perform(router, call)


async def perform(router: Router, call: Call) -> None:
    """Run a procedure and answer the client. Raises BackendError."""
    given = await evaluate(router, call)
    await PROCEDURES[call.routine.name](router, given)
    session = router.session
    if not session.client_gone:
        session.client.write(build_packets(build_ok(Ok(status=session.tracker.lasting_status)), 1))
