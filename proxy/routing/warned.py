"""Warnings that a statement has before it runs: of syntax that is to go one day, and of names with two meanings.

Django writes `contains` as `LIKE BINARY`, others `||` or `SQL_NO_CACHE`; of `SELECT ABS(c) AS c … GROUP BY c` both
servers group by the column, and warn. The server reads the statement for a PREPARE as it does to run it, so these
warnings are the answer's wherever that comes from.
"""

from dataclasses import replace

from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import Preflight, Questions, build_close, build_prepare, build_query
from proxy.reasons import Reason
from proxy.routing.ask import ask_backend
from proxy.sessions.session import Session
from wire.constants import Command

# ER_WARN_DEPRECATED_SYNTAX and its kin, ER_NON_UNIQ_ERROR as a warning.
TOLD = frozenset({b"1287", b"1681", b"3719", b"3720", b"3778", b"1052"})


async def ask_warned(session: Session, questions: Questions, preflight: Preflight) -> Preflight:
    """Ask again about a statement that was refused for its warnings, when all of them are such; else give `preflight`
    back. Raises BackendError when the connection ends."""
    if preflight.refusal is None or preflight.refusal.reason is not Reason.WARNINGS or preflight.lake:
        return preflight
    asked = build_prepare(questions.text) + build_query(b"SHOW WARNINGS", session.capabilities)
    answers = AnswerReader(await session.ask(asked, [Command.STMT_PREPARE, Command.QUERY]), session.capabilities)
    prepared, shown = answers.prepare(), answers.result()
    if prepared.prepared:
        session.backend.write(build_close(prepared.prepared.statement_id))
    told = bool(shown.rows) and all(row[0] == b"Warning" and row[1] in TOLD for row in shown.rows)
    if not told or len(shown.rows) != prepared.warnings:  # with max_error_count fewer are shown
        return preflight
    again = await ask_backend(session, replace(questions, warned=len(shown.rows)))
    again.warned, again.found_rows = shown.rows, preflight.found_rows
    return again
