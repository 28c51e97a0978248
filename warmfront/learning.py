"""`warmfront ml train`: sys.ML_TRAIN with a line of progress."""

import json
import threading
from collections.abc import Callable
from typing import Any

from base.settings import Settings
from warmfront import instance
from warmfront.copies import CopyError, ask

_LOOK = 0.25  # seconds between two looks at how far it is
_STATUS = (
    "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = 'ML_TRAIN' AND CONNECTION_ID = %s "
    "ORDER BY QUERY_ID DESC LIMIT 1"
)

Progress = Callable[[str, int, int], None]


def read_options(given: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE, the value as JSON when it is some and else as text. Raises CopyError for another form."""
    options: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise CopyError(f"an option is written as KEY=VALUE, not {each}")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def train(
    settings: Settings, table: str, target: str | None, options: dict[str, Any], handle: str | None, progress: Progress
) -> dict[str, Any]:
    """Train a model and give its row of the catalog: handle and metadata. Raises CopyError with the server's text.

    Ctrl-C stops the training.
    """
    with instance.connect(settings) as connection:
        ended: list[CopyError | None] = []

        def run() -> None:
            try:
                ask(connection, "SET @handle = %s", (handle,))
                ask(connection, "CALL sys.ML_TRAIN(%s, %s, %s, @handle)", (table, target, json.dumps(options)))
                ended.append(None)
            except CopyError as error:
                ended.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        _follow(settings, connection.thread_id(), thread, f"training on {table}", progress)
        if ended and ended[0] is not None:
            raise ended[0]
        ((name, owner),) = ask(
            connection,
            "SELECT @handle, LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER())"
            " - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1)",
        )
        catalog = f"`{f'ML_SCHEMA_{owner}'.replace('`', '``')}`.MODEL_CATALOG"
        ((metadata,),) = ask(connection, f"SELECT model_metadata FROM {catalog} WHERE model_handle = %s", (name,))
        return {"handle": name, **json.loads(metadata)}


def _follow(settings: Settings, number: int, thread: threading.Thread, text: str, progress: Progress) -> None:
    with instance.connect(settings) as other:
        try:
            while thread.is_alive():
                for (told,) in ask(other, _STATUS, (number,)):
                    state = json.loads(told)
                    step = state["progressItems"][-1]["type"] if state["progressItems"] else ""
                    progress(f"{text}: {step}", int(state["completionPercentage"]), 100)
                thread.join(_LOOK)
        except KeyboardInterrupt:
            ask(other, f"KILL QUERY {number}")
            thread.join(5)
            raise
