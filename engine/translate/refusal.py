"""Why a statement cannot be translated: a reason, one short sentence."""

from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Refusal:
    """The statement stays on MySQL, for this reason."""

    reason: str


class Refused(Exception):
    """Raised where the reason is known; `translate` turns it into a `Refusal`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refuse(reason: str) -> NoReturn:
    """Stop translating; raises Refused."""
    raise Refused(reason)
