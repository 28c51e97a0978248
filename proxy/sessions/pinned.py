"""MySQL: the types of a prepared statement's first values stay, and later values of other types are made them.

`WHERE name = ?` executed with 5 compares numbers from then on, also with 'abc', which is 0. The engine answers the
statement with its values put in, which is the same while every parameter keeps its kind, beside NULL. Numbers may
become wider: for them the server prepares anew. A whole number behind a double is a double, and is put in as one.
Behind every other change the backend answers, which has to have had values of the kinds before, too.

Source: `Prepared_statement::check_parameter_types` of MySQL's sql_prepare.cc, and executions of 52 values in pairs.
MariaDB takes each execution's types as they come.
"""

from dataclasses import dataclass

from wire.constants import FieldType
from wire.parameters import BLOBS, STRINGS, Execute

_WHOLE, _DECIMAL, _DOUBLE = 1, 2, 3  # numbers, the wider the later
_KINDS: dict[int, int] = {
    **dict.fromkeys((FieldType.TINY, FieldType.SHORT, FieldType.LONG, FieldType.LONGLONG), _WHOLE),
    **dict.fromkeys((FieldType.DECIMAL, FieldType.NEWDECIMAL), _DECIMAL),
    **dict.fromkeys((FieldType.FLOAT, FieldType.DOUBLE), _DOUBLE),
    **dict.fromkeys(STRINGS, 4),
    **dict.fromkeys(BLOBS, 5),
    FieldType.DATE: 6,
    **dict.fromkeys((FieldType.DATETIME, FieldType.TIMESTAMP), 7),
    FieldType.TIME: 8,
}
_OTHER = 9
_LONGEST = 1 << 12  # bytes of an execution that is kept


@dataclass(slots=True)
class Pinned:
    """What one statement's executions have brought so far.

    `kinds` has the kind of each parameter, 0 while it had no value. `told` are the numbers of those parameters that the
    backend has had a value of this kind of; `untold` is an execution, framed, that it has not seen, and `missed` are
    those with a value in it. `doubles` are the whole numbers of the last execution that are made doubles.
    """

    kinds: bytearray | None = None
    told: frozenset[int] = frozenset()
    untold: bytes = b""
    missed: frozenset[int] = frozenset()
    doubles: frozenset[int] = frozenset()
    changed: bool = False

    def note(self, data: bytes, execute: Execute, types: bytes, long_data: bool) -> None:
        """Take a framed execution in, whose values may have come before as long data."""
        if self.kinds is None:
            self.kinds = bytearray(len(types) // 2)
        values = values_of(execute, types)
        wider, doubles = set(), set()
        for number in values:
            was, kind = self.kinds[number], _KINDS.get(types[2 * number], _OTHER)
            if was in (0, kind):
                self.kinds[number] = kind
            elif was < kind <= _DOUBLE:
                wider.add(number)
            elif (was, kind) == (_DOUBLE, _WHOLE):
                doubles.add(number)
            else:
                self.changed = True
        self.changed |= bool(wider and doubles)  # prepared anew, what is whole is no double any more
        if self.changed:
            return
        for number in wider:
            self.kinds[number] = _KINDS[types[2 * number]]
        self.told -= wider
        self.doubles = frozenset(doubles)
        if not long_data and len(data) <= _LONGEST and values - self.told and not values < self.missed:
            self.untold, self.missed = data, values

    def tell(self, execute: Execute, types: bytes) -> None:
        """Note that the backend has been given an execution."""
        self.told |= values_of(execute, types)
        if self.missed <= self.told:
            self.untold, self.missed = b"", frozenset()


def values_of(execute: Execute, types: bytes) -> frozenset[int]:
    """The numbers of the parameters that have a value."""
    return frozenset(
        number
        for number in range(len(types) // 2)
        if types[2 * number] != FieldType.NULL and not execute.nulls[number // 8] >> (number % 8) & 1
    )
