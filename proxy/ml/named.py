"""PREPARE and EXECUTE in SQL of statements that call AutoML: the backend prepares a stand-in under the name.

So names, errors and DEALLOCATE are its own. An execution puts the variables of USING in the place of the markers.
"""

import re
from collections.abc import Awaitable, Callable

from proxy.ml import rows
from proxy.ml.arguments import set_text
from proxy.ml.backend import attempt, select
from proxy.ml.prepared import perform, stand_in
from proxy.routing.router import Router
from statements.scan import split_outside_quotes
from wire.parameters import NotALiteral
from wire.placeholders import fill_placeholders

# Gives the backend a PREPARE of the text that is told.
PassPrepare = Callable[[Router, bytes, str], Awaitable[None]]
WORDS = frozenset({b"prepare", b"execute", b"deallocate", b"drop"})
_NAME = r"(`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
_PREPARE = re.compile(rf"\s*prepare\s+{_NAME}\s+from\s+(['\"@].*)", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(rf"\s*execute\s+{_NAME}(?:\s+using\s+(.*))?", re.IGNORECASE | re.DOTALL)
_FORGET = re.compile(rf"\s*(?:deallocate|drop)\s+prepare\s+{_NAME}\s*", re.IGNORECASE)
_MENTIONS = re.compile(r"ml_|train_test_split|^@", re.IGNORECASE)


def take_named(router: Router, data: bytes, text: bytes, pass_prepare: PassPrepare) -> bool:
    """Take over PREPARE, EXECUTE and DEALLOCATE of statements that may call AutoML; the others' PREPARE is passed."""
    try:
        statement = text.decode("utf-8").rstrip("; \t\r\n")
    except UnicodeDecodeError:
        return False
    known = router.session.state.ml_named
    if found := _PREPARE.fullmatch(statement):
        known.pop(_folded(found[1]), None)
        if not _MENTIONS.search(found[2]):
            return False
        router.session.run(_prepare(router, data, (found[1], found[2]), pass_prepare))
        return True
    if (found := _EXECUTE.fullmatch(statement)) and (prepared := known.get(_folded(found[1]))) is not None:
        router.session.run(_execute(router, data, prepared, found[2] or ""))
        return True
    if found := _FORGET.fullmatch(statement):
        known.pop(_folded(found[1]), None)
    return False


async def _prepare(router: Router, data: bytes, named: tuple[str, str], pass_prepare: PassPrepare) -> None:
    name, source = named
    asked = await attempt(router, f"SELECT {source} LIMIT 0")
    if asked.error:
        return router.pass_on(data)  # not what it seems: the backend says what is wrong
    statement = (await select(router, [source]))[0][0] or ""
    other = stand_in(statement, router.is_mariadb)
    if other is None:
        return await pass_prepare(router, data, statement)
    await set_text(router, "@warmfront_ml", other)
    router.session.state.ml_named[_folded(name)] = statement
    rows.relay(router, f"PREPARE {name} FROM @warmfront_ml")
    return None


async def _execute(router: Router, data: bytes, statement: str, using: str) -> None:
    variables = [variable.strip() for variable in split_outside_quotes(using, ",")] if using else []
    try:
        text = fill_placeholders(statement, variables)
    except NotALiteral:
        return router.pass_on(data)  # another number of them: the backend says so
    await perform(router, text)
    return None


def _folded(name: str) -> str:
    return name.strip("`").casefold()
