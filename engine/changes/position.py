"""A place in a server's binary log, and how two of them compare."""

from dataclasses import dataclass

from wire.gtid import NAMELESS, GtidPosition, GtidSet


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one server's binary log, after a whole transaction.

    `server` is the server_uuid, or "mariadb-<server_id>". `gtids` is the executed set up to here as text
    (MariaDB: "d-s-n,…"), with `NAMELESS` where they do not name all. Order is by (file number, offset) and means
    something on one server only. `born` is when the file was begun, in seconds since the epoch, 0 when that is not
    known: names may be used again.
    """

    server: str
    file: str
    offset: int
    gtids: str = ""
    born: int = 0

    def covers(self, other: "Position") -> bool:
        """Whether everything up to another place is up to here: both must be of one server."""
        return self.server == other.server and self.key >= other.key

    @property
    def nameless(self) -> bool:
        """Whether the GTIDs do not name all transactions up to here: then it is a place on this server only."""
        return NAMELESS in self.gtids

    @property
    def named(self) -> str:
        """The executed set as the server knows it."""
        if not self.nameless:
            return self.gtids
        kind = GtidPosition if self.server.startswith("mariadb-") else GtidSet
        return str(kind(self.gtids).named())

    @property
    def key(self) -> tuple[int, int]:
        """Number of the log file and offset in it: what two positions of one server compare by."""
        number = self.file.rpartition(".")[2]
        return (int(number) if number.isdigit() else 0), self.offset

    def __lt__(self, other: "Position") -> bool:
        return self.key < other.key

    def __le__(self, other: "Position") -> bool:
        return self.key <= other.key

    def __gt__(self, other: "Position") -> bool:
        return self.key > other.key

    def __ge__(self, other: "Position") -> bool:
        return self.key >= other.key
