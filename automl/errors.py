"""What goes wrong in machine learning in a way that the user can put right."""

import difflib
from collections.abc import Iterable

from base.errors import WarmfrontError


class AutoMLError(WarmfrontError):
    """The message is shown to the user as it is: what was wrong and what to do (SIGNAL's state 45000)."""

    number = 1644  # ER_SIGNAL_EXCEPTION
    sqlstate = "45000"


def near(name: str, known: Iterable[str]) -> str:
    """Give " Did you mean 'x'?" for the nearest known name, or the list of known ones when none is near."""
    names = list(dict.fromkeys(known))
    folded = {each.casefold(): each for each in names}
    found = difflib.get_close_matches(name.casefold(), folded, 1)
    if found:
        return f" Did you mean '{folded[found[0]]}'?"
    shown = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
    return f" Known are: {shown}." if names else ""


def in_words(names: Iterable[str]) -> str:
    """Give names in their order of letters as a sentence has them: `a`, `a and b`, `a, b and c`."""
    *others, last = sorted(names)
    return f"{', '.join(others)} and {last}" if others else last
