"""What was decided for statements of the same shape: so that the ones that stay cost a lookup.

The key is the text with its whole numbers taken out, cheaper than a real digest and never coarser in its names. Of
what is cheap by far its strings are taken out as well: rows looked up by name are then known like those by number.
From the second time on a command is known without a search: with a 0 for each of its digits, header and all, it is the
same as the one before, and so are the digits of its names.
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
_DIGITS = re.compile(rb"\d+")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_MOST_NUMBERS = 4  # in a command that is known by its form: with more, as in IN (…), another form may come each time
_SHORT = 1024  # bytes of one
_HEAD = 5  # bytes of a packet's header and its command
# Words in strings are others each time; dates and numbers in them are like numbers elsewhere.
_NO_WORDS_IN_STRINGS = re.compile(rb"(?:[^'\"]++|'[^'\"\\A-Za-z\x80-\xff]*+')*+")
# What stands outside of strings when every string is one to the server as well: nothing else begins a quote or comment.
_CERTAIN = re.compile(rb"(?:[^'\"`#/\\-]+|'\?'|`[^`'\"\\]*`|/(?!\*)|-(?!-))*+")
_SWITCH = b"use_secondary_engine"  # a text that names it is looked at each time
ALWAYS = -1.0  # cost of a statement that stays whatever the threshold
# Of those that stay and have something noted each time: a plain BEGIN, and a plain COMMIT or ROLLBACK.
OPENS, ENDS = -2.0, -3.0
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


def _named(command: bytes, head: slice, names: list[slice]) -> bytes:
    return b"".join([command[head], *[command[name] for name in names]])


class StayCache:
    """Statements that run on the backend, each with its estimated cost.

    `_commands` are the lone COM_QUERYs of them, and writes, by their form: the packet with a 0 for each digit.
    To a form belongs where its digits are that are not numbers of their own, from the packet's header to the last name
    in front of a number and each behind one, and the cost by the bytes there.
    """

    def __init__(self) -> None:
        self.costs: dict[bytes, float] = {}
        self._commands: dict[bytes, tuple[slice, list[slice], dict[bytes, float]]] = {}
        self._known = 0  # costs in them
        self._born = time.monotonic()

    def known(self, command: bytes) -> float | None:
        """Give the cost of a lone command that was seen before but for its numbers, and stays."""
        if len(command) < _SHORT and (form := self._commands.get(command.translate(_ZEROS))):
            head, names, costs = form
            return costs.get(_named(command, head, names) if names else command[head])
        return None

    def find(self, text: bytes, command: bytes = b"") -> float | None:
        """Give the cost of a statement that was decided to stay; `command` is the lone packet that it came in."""
        key = decision_key(text)
        cost = self.costs.get(key)
        if cost is None:
            return self.cost_of(key)
        # More statements than one may leave what has to be noted each time.
        if command and len(command) < _SHORT and b";" not in key and key.count(b"?") <= _MOST_NUMBERS:
            self._note_query(command, text, key, cost)
        return cost

    def _note_query(self, command: bytes, text: bytes, key: bytes, cost: float) -> None:
        """Know a query by its form, where all that its key leaves out are numbers."""
        if b"`" in text and key != _NUMBER.sub(b"?", text):
            return
        numbers = [number.start() for number in _NUMBER.finditer(command, _HEAD)]
        first = min(numbers, default=len(command))
        reach, names = _HEAD, []
        for digits in _DIGITS.finditer(command, _HEAD):
            if digits.start() < first:
                reach = digits.end()
            elif digits.start() not in numbers:
                names.append(slice(*digits.span()))
        self._know(command, slice(0, reach), names, cost)

    def note_write(self, command: bytes) -> None:
        """Know a lone write of the backend's again by its form: whatever digits are in it, it is one."""
        if len(command) < _SHORT and _NO_WORDS_IN_STRINGS.fullmatch(command, _HEAD):
            self._know(command, slice(0, _HEAD), [], ALWAYS)

    def note_control(self, command: bytes, cost: float) -> None:
        """Know lone transaction control again: `cost` is OPENS or ENDS."""
        self._know(command, slice(0, _HEAD), [], cost)

    def _know(self, command: bytes, head: slice, names: list[slice], cost: float) -> None:
        if self._known >= _MOST:
            self._commands.clear()
            self._known = 0
        self._known += 1
        costs = self._commands.setdefault(command.translate(_ZEROS), (head, names, {}))[2]
        costs[_named(command, head, names)] = cost

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
        self._commands.clear()
        self._known = 0
        self._born = time.monotonic()

    def age(self) -> None:
        """Drop everything that has lived long enough; called now and then."""
        if time.monotonic() - self._born > LIFETIME:
            self.forget()
