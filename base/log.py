"""The one logging set-up. What may be a secret never reaches a log line."""

import logging
import re
import sys
import time
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"
# A URL's password, a value behind a word that names a secret, a quoted literal in SQL.
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):[^\s@]*@")
_NAMED_SECRET = re.compile(r"(?i)\b(pass(?:word|wd)?|secret|token)\b(\s*[=:]\s*)(?!['\"])\S+")
_SQL_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|$)|\"(?:[^\"\\]|\\.|\"\")*(?:\"|$)", re.DOTALL)


def redact_sql(statement: str, limit: int = 200) -> str:
    """Replace every string literal of a statement by '?' and cut it to `limit` characters, for a log line."""
    # No more is read than a line may need; a cut behind a backslash would leave a literal without an end.
    shortened = _SQL_STRING.sub("'?'", statement[: 20 * limit].rstrip("\\"))
    return shortened if len(shortened) <= limit else shortened[:limit] + " …"


def redact(text: str) -> str:
    """Hide passwords: in URLs and behind words such as password= or secret:."""
    return _NAMED_SECRET.sub(r"\1\2***", _URL_PASSWORD.sub(r"\1:***@", text))


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class Sparing(logging.Filter):
    """Lets so many lines through in each `seconds`; the next line tells how many were left out.

    For what anybody can cause as often as they like: it must not fill the disk.
    """

    def __init__(self, most: int = 20, seconds: float = 10.0) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._began = float("-inf")
        self._passed = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is written."""
        now = time.monotonic()
        if now - self._began > self._seconds:
            self._began, self._passed = now, 0
        self._passed += 1
        if self._passed > self._most:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg = f"{record.getMessage()} ({self._left_out} lines like it were left out before)"
            record.args = None
            self._left_out = 0
        return True


def setup(level: str = "info", file: Path | None = None) -> None:
    """Send the process's log to `file`, or to standard error, from `level` up."""
    handler: logging.Handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
