"""Why a statement cannot be translated: a reason, one short sentence."""

from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Refusal:
    """The statement stays on MySQL, for this reason."""

    reason: str


# The end of a reason that will not hold for long: somebody has been sent to ask.
_AT_FIRST_USE = "read at first use"
NOT_YET = f"not known, or not yet: they are {_AT_FIRST_USE}"
ONE_NOT_YET = f"not known, or not yet: it is {_AT_FIRST_USE}"


def is_passing(made: object) -> bool:
    """Tell whether a translation was refused for a reason that will not hold for long."""
    return isinstance(made, Refusal) and made.reason.endswith(_AT_FIRST_USE)


class Refused(Exception):
    """Raised where the reason is known; `translate` turns it into a `Refusal`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refuse(reason: str) -> NoReturn:
    """Stop translating; raises Refused."""
    raise Refused(reason)
