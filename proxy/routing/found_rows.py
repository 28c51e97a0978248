"""FOUND_ROWS() behind an offloaded statement whose LIMIT or OFFSET left rows out: the engine has counted."""

import re

from proxy.backend.preflight import Preflight
from proxy.engine.link import EngineGone
from proxy.routing.router import Router

# What such a statement has in it; others may have it too, and are asked about in vain.
_CUT = re.compile(rb"\b(?:offset|sql_calc_found_rows|union|except|intersect|minus)\b|\blimit\b[^()]*,", re.IGNORECASE)


async def found_rows(router: Router, text: bytes, preflight: Preflight, rows: int) -> int:
    """Give what FOUND_ROWS() tells of a statement that the engine has answered with so many rows."""
    if preflight.context is None or not _CUT.search(text):
        return rows
    question = f"SHOW WARMFRONT FOUND ROWS OF {preflight.context.connection_id}".encode()
    try:
        told = await (await router.link()).ask(question)
    except EngineGone:
        return rows
    number = told.rows[0][0] if told.rows else None
    return rows if number is None else int(number)
