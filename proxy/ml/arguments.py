"""The arguments of a call: any expressions, whose values the backend gives; and variables that take what comes back."""

import json
import re
from dataclasses import dataclass
from typing import Any

from base.errors import BackendError
from proxy.ml.backend import MLError, as_bytes, as_unicode, rows_of, run, selecting_as, text_literal
from proxy.routing.router import Router
from statements.ml import IN, IN_BYTES, INOUT_OR_VALUE, SCHEMA, Call

_VARIABLE = re.compile(r"@(?:[\w$.\u0080-\uffff]+|`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\")")


@dataclass(frozen=True, slots=True)
class Arguments:
    """`values` in order, None for NULL and for OUT; `variables` as written where the routine sets one, else ""."""

    values: tuple[str | None, ...]
    variables: tuple[str, ...]

    def text(self, number: int, what: str) -> str:
        """An argument that must not be NULL. Raises MLError."""
        value = self.values[number]
        if value is None or not value.strip():
            raise MLError(f"{what} must not be {'NULL' if value is None else 'empty'}")
        return value

    def data(self, number: int) -> bytes | None:
        """An argument of mode IN_BYTES."""
        value = self.values[number]
        return None if value is None else value.encode("utf-8", "surrogateescape")

    def options(self, number: int) -> dict[str, Any] | None:
        """An argument that is a JSON object or NULL. Raises MLError."""
        return read_options(self.values[number])


def read_options(value: str | None) -> dict[str, Any] | None:
    """Read options, a JSON object or NULL, also JSON's own null. Raises MLError."""
    if value is None or value.strip() == "null":
        return None
    try:
        found = json.loads(value)
    except RecursionError:
        raise MLError("The options are nested too deeply") from None
    except ValueError as problem:
        raise MLError(f"The options are not valid JSON: {problem}") from None
    if not isinstance(found, dict):
        raise MLError("The options have to be a JSON object, as JSON_OBJECT('task', 'regression')")
    return found


async def evaluate(router: Router, call: Call) -> Arguments:
    """Ask the backend for the values of a call's arguments.

    Raises BackendError: the server's own error for an expression, and 1414 for what must be a variable and is none.
    """
    variables, asked = [], []
    for number, (expression, mode) in enumerate(zip(call.arguments, call.routine.modes, strict=True)):
        variable = expression if mode not in (IN, IN_BYTES) else ""
        if mode == INOUT_OR_VALUE and not _VARIABLE.fullmatch(variable):
            variable = ""
        if variable and not _VARIABLE.fullmatch(variable):
            raise BackendError(
                1414,
                "42000",
                f"OUT or INOUT argument {number + 1} for routine {SCHEMA}.{call.routine.name} is not a variable or NEW "
                "pseudo-variable in BEFORE trigger",
            )
        variables.append(variable)
        asked.append("NULL" if mode == "OUT" else as_bytes(expression) if mode == IN_BYTES else as_unicode(expression))
    values = rows_of(await run(router, selecting_as(asked)))[0] if asked else []
    return Arguments(tuple(values), tuple(variables))


async def set_text(router: Router, variable: str, value: str | None) -> None:
    """Set a user variable of the session to a text or NULL."""
    await run(router, f"SET {variable} = {text_literal(value)}")


async def set_number(router: Router, variable: str, value: float | None) -> None:
    """Set a user variable of the session to a DOUBLE or NULL."""
    await run(router, f"SET {variable} = {'NULL' if value is None else _double(value)}")


async def set_json(router: Router, variable: str, value: Any) -> None:
    """Set a user variable of the session to a JSON document, as text where the server has no such type."""
    await set_text(router, variable, json.dumps(value, ensure_ascii=False))


def _double(value: float) -> str:
    text = repr(float(value))
    return text if "e" in text else text + "e0"
