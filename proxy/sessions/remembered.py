"""What a session remembers of its client's prepared statements."""

from dataclasses import dataclass, field

from proxy.engine.cursors import Cursor
from proxy.sessions.leftover import Leftover
from proxy.sessions.pinned import Pinned
from wire.parameters import BLOBS

_OF_CURSOR = b"\0cursor"


@dataclass(slots=True)
class Prepared:
    """One statement of the client.

    `types` are those of its last execution, `told` those that the backend knows: it has not seen what ran elsewhere.
    `long_data` are the values that came before the next execution, None when they are too long to be kept; the backend
    has them as well. `stale` says that it has them, or a cursor, from before an execution that ran elsewhere. `spoiled`
    says that some came for a parameter that it has not: the servers refuse all executions until a reset.
    """

    text: bytes
    parameters: int
    definitions: list[bytes]
    key: bytes
    types: bytes = b""
    told: bytes = b""
    long_data: dict[int, bytearray] | None = field(default_factory=dict)
    long_size: int = 0  # bytes in `long_data`
    stale: bool = False
    spoiled: bool = False
    cursor: Cursor | None = None  # where the rows of this execution go
    writes: bool = False  # the rows of its query; `definitions` are those of the query
    head: bytes = b""  # the last execution up to its values; empty when there is more behind them
    settled: bool = False  # that one went to the backend as it came, for what the statement costs
    pinned: Pinned = field(default_factory=Pinned)  # the kinds of its parameters' values, where these stay
    leftover: Leftover = field(default_factory=Leftover)  # where they are what long data is read as
    sets_variables: bool = field(init=False)  # for itself, by a hint

    def __post_init__(self) -> None:
        """Look for the hint."""
        self.sets_variables = b"SET_VAR" in self.key.upper()

    @property
    def size(self) -> int:
        """About how many bytes it takes to remember."""
        return 500 + len(self.text) + len(self.key) + sum(map(len, self.definitions))

    @property
    def is_misread(self) -> bool:
        """Whether the execution under way has values that only the backend knows: see `pinned` and `leftover`."""
        return self.pinned.changed or (bool(self.long_data) and self.leftover.misreads(self.long_data or ()))

    @property
    def is_behind(self) -> bool:
        """Whether there is an execution of such values that the backend has not seen."""
        return bool(self.pinned.untold or self.leftover.untold)

    @property
    def has_bytes(self) -> bool:
        """Whether a parameter of the last execution is of a BLOB's type."""
        return not BLOBS.isdisjoint(self.types[::2])

    @property
    def decided(self) -> bytes:
        """What decisions on an execution are kept under: some columns are known, but not as a cursor's."""
        return self.key if self.cursor is None else self.key + _OF_CURSOR


@dataclass(slots=True)
class MLStatement:
    """One that calls AutoML; `types` are its parameters' of the last execution."""

    text: str
    parameters: int
    types: bytes = b""
