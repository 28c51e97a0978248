"""MariaDB: long data of a parameter is read as a value of the type that came before it.

`SELECT … WHERE id < ?` executed with 5, and then with a text that COM_STMT_SEND_LONG_DATA brought, compares numbers:
with whatever lies where the 5 was. Behind NULL, a text, or no value at all the long data is the text that it is. The
server answers what is read so, and has to have had the values before, too.

Source: `Item_param::set_longdata` of MariaDB's sql/item.cc, which leaves `PValue` its handler, and executions in pairs.
MySQL keeps a parameter's type in another way: `proxy.sessions.pinned`.
"""

from collections.abc import Container
from dataclasses import dataclass

from proxy.sessions.pinned import values_of
from wire.parameters import BLOBS, STRINGS, Execute

_TEXTS = STRINGS | BLOBS
_LONGEST = 1 << 12  # bytes of an execution that is kept


@dataclass(slots=True)
class Leftover:
    """What one statement's executions have left behind.

    `ours` are the numbers of those parameters whose last value was no text, `theirs` the same of what the backend has
    had; `untold` is an execution, framed, that it has not seen, with the types of its values.
    """

    ours: frozenset[int] = frozenset()
    theirs: frozenset[int] = frozenset()
    untold: tuple[bytes, bytes] | None = None

    def note(self, data: bytes, execute: Execute, types: bytes, long_data: Container[int]) -> None:
        """Take a framed execution in, some of whose values may have come before as long data."""
        others = frozenset(number for number in values_of(execute, types) if types[2 * number] not in _TEXTS)
        if not long_data:
            self.ours = others
            self.untold = (data, types) if len(data) <= _LONGEST else None
        else:
            kept = frozenset(number for number in self.ours if number in long_data)
            self.ours = kept | frozenset(number for number in others if number not in long_data)

    def tell(self) -> None:
        """Note that the backend has been given what was taken in last."""
        self.theirs, self.untold = self.ours, None

    def misreads(self, numbers: Container[int]) -> bool:
        """Tell whether long data of one of these parameters is read as something else, at least by the backend."""
        return any(number in numbers for number in self.ours | self.theirs)
