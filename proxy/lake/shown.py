"""SHOW CREATE TABLE of lake tables: the definition that its user gave, without what gives access to files."""

import re
from typing import Any

from lakehouse.descriptions.entries import shown
from proxy.backend.answers import AnswerReader, build_result
from proxy.routing.router import Router
from statements.lake_shown import shown_definition
from wire.constants import Command, Status

_SHOW = re.compile(rb"\s*show\s+create\s+table\s", re.IGNORECASE)


def take_show(router: Router, data: bytes, text: bytes) -> bool:
    """Take over SHOW CREATE TABLE where the name is one of a lake table."""
    if not _SHOW.match(text) or not router.session.worker.engine.loaded.names_lake(text):
        return False
    router.session.run(_show(router, data))
    return True


async def _show(router: Router, data: bytes) -> None:
    session = router.session
    raw = await session.ask(data, [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    made = None
    if answer.error is None and len(answer.rows) == 1 and len(answer.rows[0]) == 2:
        try:
            made = shown_definition((answer.rows[0][1] or b"").decode("utf-8"), _hidden)
        except UnicodeDecodeError:
            made = None  # the session's results are in another character set
    if made is None:
        session.client.write(raw)
        return
    rows = [[answer.rows[0][0], made.encode()]]
    status = Status(answer.status)
    session.client.write(build_result(answer.definitions, rows, status, session.capabilities, answer.warnings))


def _hidden(attribute: Any) -> Any:
    """An attribute without signatures and tokens of addresses."""
    files = attribute.get("file")
    if not isinstance(files, list):
        return attribute
    bare = [
        {key: shown(value) if key in ("uri", "par") and isinstance(value, str) else value for key, value in one.items()}
        if isinstance(one, dict)
        else one
        for one in files
    ]
    return {**attribute, "file": bare}
