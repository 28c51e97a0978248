"""Values that only the session's own connection knows and that stay the same for a whole statement: user variables,
system variables, DATABASE(), USER(), ….

The backend is asked for each, typed as it types it, on the user's connection before the statement is offloaded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

_UNSIGNED, _BINARY = 32, 63  # a flag and the character set of a column definition
# Calls without arguments; CURRENT_USER also without parentheses.
CALLS = frozenset(
    {
        "CONNECTION_ID", "CURRENT_ROLE", "CURRENT_USER", "DATABASE", "LAST_INSERT_ID", "SCHEMA", "SESSION_USER",
        "SYSTEM_USER", "USER", "VERSION",
    }
)  # fmt: skip
_NODES: dict[type[exp.Expression], str] = {
    exp.CurrentRole: "CURRENT_ROLE",
    exp.CurrentSchema: "DATABASE",
    exp.CurrentUser: "CURRENT_USER",
    exp.CurrentVersion: "VERSION",
    exp.SessionUser: "SESSION_USER",
}
ASKED = frozenset({exp.Parameter, exp.SessionParameter, exp.Anonymous, *_NODES})  # nodes that may be such values
# What another statement on the connection, the question itself among them, gives another value.
_FLEETING = frozenset(
    {
        "error_count", "identity", "insert_id", "last_insert_id", "pseudo_thread_id", "rand_seed1", "rand_seed2",
        "statement_id", "timestamp", "warning_count", "last_gtid", "in_transaction", "proxy_user",
    }
)  # fmt: skip
_SCOPES = ("", "session", "local", "global")
_NAME = re.compile(r"\w+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionValue:
    """A value as the backend gave it: `type`, `length` and `decimals` are its column definition's, `value` its text.

    `collation` and `coercibility` are what COLLATION() and COERCIBILITY() say.
    """

    text: str
    type: int
    length: int
    decimals: int
    unsigned: bool
    binary: bool
    collation: str
    coercibility: int
    value: str | None


class Described(Protocol):
    """What is read of a column definition."""

    @property
    def type(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def decimals(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def charset(self) -> int: ...


def session_value(node: exp.Expression) -> str | None:
    """Give the text by which such a value is asked for; None for all other nodes."""
    if isinstance(node, exp.Parameter):
        return f"@`{node.name.replace('`', '``')}`" if isinstance(node.this, exp.Var | exp.Identifier) else None
    if isinstance(node, exp.SessionParameter):
        scope, name = str(node.args.get("kind") or "").lower(), node.name.lower()
        known = scope in _SCOPES and _NAME.match(name) and name not in _FLEETING
        return f"@@{scope}{'.' if scope else ''}{name}" if known else None
    if isinstance(node, exp.Anonymous):
        name = str(node.this).upper()
        return f"{name}()" if name in CALLS and not node.expressions else None
    called = _NODES.get(type(node))
    return f"{called}()" if called and not any(node.args.values()) else None


def question(texts: Sequence[str]) -> str:
    """The SELECT that asks for these values."""
    return "SELECT " + ", ".join(f"{text}, COLLATION({text}), COERCIBILITY({text})" for text in texts)


def read_values(
    texts: Sequence[str], definitions: Sequence[Described], row: Sequence[bytes | None], results: str
) -> tuple[SessionValue, ...]:
    """Read the answer to `question`; `results` is character_set_results. Leaves out what is no text of UTF-8."""
    found = []
    for place, text in enumerate(texts):
        definition, (value, collation, coercibility) = definitions[3 * place], row[3 * place : 3 * place + 3]
        if value is not None and not (value.isascii() or results.startswith("utf8")):
            continue
        try:
            written = None if value is None else value.decode("utf-8")
        except UnicodeDecodeError:
            continue
        found.append(
            SessionValue(
                text,
                definition.type,
                definition.length,
                definition.decimals,
                bool(definition.flags & _UNSIGNED),
                definition.charset == _BINARY,
                (collation or b"").decode("ascii"),
                int(coercibility or 0),
                written,
            )
        )
    return tuple(found)
