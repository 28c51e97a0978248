"""Statements whose products left 64 bits: DuckDB multiplies decimals of up to 18 digits into one of 18, which is many
times as fast as into 38, and fails for a longer product. Such a statement is made anew for 38 digits, and stays so."""

import threading
from collections import OrderedDict

from statements.digest import digest

_OVERFLOW = "Overflow in multiplication of DECIMAL(18)"
_MOST = 512  # digests


class Widened:
    """The digests of these statements, for any thread."""

    def __init__(self) -> None:
        self._digests: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, statement: str) -> bool:
        """Tell whether a product of such a statement was too long."""
        return bool(self._digests) and digest(statement).key in self._digests

    def note(self, statement: str, error: BaseException) -> bool:
        """Tell whether what failed will not fail so again, for the statement is made otherwise from now on."""
        if _OVERFLOW not in str(error):
            return False
        key = digest(statement).key
        with self._lock:
            if key in self._digests:
                return False
            self._digests[key] = None
            while len(self._digests) > _MOST:
                self._digests.popitem(last=False)
        return True
