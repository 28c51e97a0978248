"""What the programs of Python drivers share: where to connect, and printing that is the same on every run."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOST, PORT = os.environ["DB_HOST"], int(os.environ["DB_PORT"])
USER, PASSWORD = os.environ["DB_USER"], os.environ["DB_PASSWORD"]
SCHEMA, KIND = os.environ["DB_SCHEMA"], os.environ["DB_KIND"]
FORCE, UNFORCE = os.environ["FORCE"], os.environ["UNFORCE"]
ACCOUNTS = [account.split(":") for account in os.environ["DB_ACCOUNTS"].split()]
ED25519 = [account.split(":") for account in os.environ["DB_ED25519"].split()]  # for drivers that can
QUERIES = (Path(__file__).parent / "queries.txt").read_text().splitlines()
_CHANGING = re.compile(
    r"\b(?:thread|connection) (?:id )?\d+|'(?:127\.0\.0\.1|localhost)(?::\d+)?'|0x[0-9a-f]{6,}|:\d{5}\b"
)


def show(*values: Any) -> None:
    """Print one line of the transcript."""
    print(*(value if isinstance(value, str) else repr(value) for value in values), flush=True)


def title(text: str) -> None:
    """Print where the program is."""
    show(f"== {text}")


def steady(text: object) -> str:
    """Take out of an error message what is another on every run: connection ids and ports."""
    return _CHANGING.sub("<id>", str(text))


@contextmanager
def failing(what: str, *errors: type[BaseException]) -> Iterator[None]:
    """Run something that must fail, and print its error."""
    try:
        yield
    except errors as error:
        show("expected error", what, type(error).__name__, steady(error))
    else:
        show("NO ERROR", what)


def show_rows(cursor: Any) -> None:
    """Print what a DB-API cursor says of its result: columns, every row, counts."""
    show("columns", cursor.description)
    if cursor.description:
        for row in cursor.fetchall():
            show(tuple(row))
    show("rowcount", cursor.rowcount)


def run(
    connection: Any,
    statement: str,
    parameters: Any = None,
    make: Callable[[Any], Any] | None = None,
    quiet: bool = False,
) -> None:
    """Run one statement on a DB-API connection and print its result, unless `quiet`."""
    cursor = make(connection) if make else connection.cursor()
    cursor.execute(statement) if parameters is None else cursor.execute(statement, parameters)
    if quiet:
        cursor.fetchall()
    else:
        show_rows(cursor)
    cursor.close()


def fresh_schema(connection: Any) -> None:
    """Make the program's own schema anew and use it."""
    cursor = connection.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
    cursor.execute(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    cursor.execute(f"USE {SCHEMA}")
    cursor.close()
