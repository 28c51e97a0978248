"""Statements that failed in a way in which they will not fail again, for they are made otherwise from then on.

DuckDB multiplies decimals of up to 18 digits into one of 18, which is many times as fast as into 38, and fails for a
longer product: such a statement is made anew for 38 digits. Doubles are added up in any order first: where that leaves
the last digits open, they are sorted into the backend's.
"""

import threading
from collections import OrderedDict

from statements.digest import digest

OVERFLOW = "Overflow in multiplication of DECIMAL(18)"
_MOST = 512  # digests


class Failed:
    """The digests of statements that failed with an error that has these words, for any thread."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._digests: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, statement: str) -> bool:
        """Tell whether such a statement failed so."""
        return bool(self._digests) and digest(statement).key in self._digests

    def note(self, statement: str, error: BaseException) -> bool:
        """Tell whether what failed will not fail so again, for the statement is made otherwise from now on."""
        if self._words not in str(error):
            return False
        key = digest(statement).key
        with self._lock:
            if key in self._digests:
                return False
            self._digests[key] = None
            while len(self._digests) > _MOST:
                self._digests.popitem(last=False)
        return True
