"""Who may write query results to files: accounts that a setting names, and the role EXPORT_QUERY_RESULTS."""

from base.errors import SpecificAccessDenied
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query
from proxy.routing.router import Router
from wire.constants import Command

PRIVILEGE = "EXPORT_QUERY_RESULTS"
# The account that the server has chosen, not the name that the client has given.
_QUESTION = (
    "SELECT HEX(CURRENT_USER()), (SELECT COUNT(*) FROM information_schema.ENABLED_ROLES "
    f"WHERE ROLE_NAME = '{PRIVILEGE}')"
).encode()


async def require_export(router: Router) -> None:
    """Raise SpecificAccessDenied unless the session's user may export."""
    session = router.session
    raw = await session.ask(build_query(_QUESTION, session.capabilities), [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error or len(answer.rows) != 1:
        raise SpecificAccessDenied(PRIVILEGE)
    account, roles = ((value or b"").decode() for value in answer.rows[0])
    account = bytes.fromhex(account).decode("utf-8", "replace")
    named = session.worker.settings.lakehouse_exporters
    if roles == "0" and not any(_is_named(account, name) for name in named):
        raise SpecificAccessDenied(PRIVILEGE)


def _is_named(account: str, name: str) -> bool:
    user, _, host = account.rpartition("@")
    wanted, mark, wanted_host = name.rpartition("@")
    return (user, host.casefold()) == (wanted, wanted_host.casefold()) if mark else user == name
