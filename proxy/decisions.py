"""What was decided for statements of the same shape: so that the ones that stay cost a lookup.

The key is the text with its whole numbers taken out, cheaper than a real digest and never coarser in its names. Of
what is cheap by far its strings are taken out as well: rows looked up by name are then known like those by number.
Where the only number ends the text, as in a point select, its digits are stripped without a search: from the second
time on the command is known by its other bytes, header and all.
In a transaction that the engine knows nothing of a SELECT stays whatever it reads: its shape is kept with `WITHIN` in
the place of a cost, which says no more than that.
Entries live until something changes or `LIFETIME` has passed: all of them together, so a lookup asks for no clock.
"""

import math
import re
import time

LIFETIME = 10.0  # seconds
_MOST = 4096
_NUMBER = re.compile(rb"\b\d+\b")
_STRING = re.compile(rb"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_FAR = 100  # times cheaper than the threshold: other strings will not make it worth offloading
_LONGEST = 4096  # bytes of a text worth remembering
DIGITS = b"0123456789"
# What stands outside of strings when every string is one to the server as well: nothing else begins a quote or comment.
_CERTAIN = re.compile(rb"(?:[^'\"`#/\\-]+|'\?'|`[^`'\"\\]*`|/(?!\*)|-(?!-))*+")
_SWITCH = b"use_secondary_engine"  # a text that names it is looked at each time
ALWAYS = -1.0  # cost of a statement that stays whatever the threshold
WITHIN = math.inf  # of one that stays in a transaction where all do (`place.Place.WITHIN`)


def decision_key(text: bytes) -> bytes:
    """Give the key of a statement's text: digits in back-quoted names stay, as `log-1` and `log-2` are two tables."""
    if len(text) > _LONGEST:
        return b""
    if b"`" not in text:
        return _NUMBER.sub(b"?", text)
    parts = text.split(b"`")
    names = b" ".join(parts[1::2])
    if b"'" in names or b'"' in names:
        return text  # a back-quote in a string: what is a name after it is not certain
    if not _NUMBER.search(names):
        return _NUMBER.sub(b"?", text)
    parts[::2] = [_NUMBER.sub(b"?", part) for part in parts[::2]]
    return b"`".join(parts)


def shape_key(key: bytes) -> bytes:
    """Give a key without strings; where a backslash is no escape it may be that of other statements too."""
    return _STRING.sub(b"'?'", key)


def certain_shape(key: bytes) -> bytes:
    """Give a key without strings where it is certain what a string is, unless they have backslashes; or the key."""
    shape = shape_key(key)
    return shape if _CERTAIN.fullmatch(shape) else key


class StayCache:
    """Statements that run on the backend, each with its estimated cost.

    `commands` are those of them whose only number ends the text, and writes that end with a number: by the bytes of the
    whole COM_QUERY in front of the number, the size of the command, which its header and so its key tells, and cost.
    """

    def __init__(self) -> None:
        self.costs: dict[bytes, float] = {}
        self.commands: dict[bytes, tuple[int, float]] = {}
        self._born = time.monotonic()

    def find(self, text: bytes, command: bytes = b"") -> float | None:
        """Give the cost of a statement that was decided to stay; `command` is the lone packet that it came in."""
        key = decision_key(text)
        cost = self.costs.get(key)
        if cost is None:
            return self.cost_of(key)
        # More statements than one may leave what has to be noted each time.
        if command and cost != WITHIN and key.endswith(b"?") and key == text.rstrip(DIGITS) + b"?" and b";" not in key:
            self._know(command, cost)
        return cost

    def note_write(self, command: bytes) -> None:
        """Know a lone write of the backend's again by its bytes in front of the number that ends it, if one does."""
        if command[-1] in DIGITS and b"'" not in command and b'"' not in command:
            self._know(command, ALWAYS)

    def _know(self, command: bytes, cost: float) -> None:
        if len(self.commands) >= _MOST:
            self.commands.clear()
        self.commands[command.rstrip(DIGITS)] = (len(command), cost)

    def cost_of(self, key: bytes) -> float | None:
        """Give the same by the key."""
        cost = self.costs.get(key)
        if cost is None and b"'" in key:
            cost = self.costs.get(shape_key(key))
            if cost == WITHIN and b"\\" in key:  # where the string ends is for the session's sql_mode to say
                return None
        return cost

    def remember_cheap(self, key: bytes, cost: float, threshold: float) -> None:
        """Keep that a statement's cost is below the threshold; when it is far below, for other strings in it too."""
        self.remember(shape_key(key) if cost < threshold / _FAR else key, cost)

    def remember_within(self, key: bytes) -> None:
        """Keep that a SELECT names nothing but what the backend has, unless more is known of it."""
        shape = certain_shape(key)
        if shape not in self.costs and (shape is not key or b"'" not in key):
            self.remember(shape, WITHIN)

    def remember(self, key: bytes, cost: float) -> None:
        """Keep a decision to stay."""
        if len(self.costs) >= _MOST:
            self.forget()
        if key and _SWITCH not in key.lower():
            self.costs[key] = cost

    def forget(self) -> None:
        """Drop everything: tables were loaded or unloaded, or the engine came back."""
        self.costs.clear()
        self.commands.clear()
        self._born = time.monotonic()

    def age(self) -> None:
        """Drop everything that has lived long enough; called now and then."""
        if time.monotonic() - self._born > LIFETIME:
            self.forget()
