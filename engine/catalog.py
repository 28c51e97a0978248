"""What the copy holds, as statements see it: an immutable view that belongs to one snapshot of the store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from statements.schema import Table

FIRST_LAKE_ID = 1 << 40  # numbers of tables whose rows are files; those of copies are lower


class State(StrEnum):
    """State of a table in the copy; the values are LOAD_STATUS of performance_schema.rpd_tables."""

    UNLOADED = "NOLOAD_RPDGSTABSTATE"  # by the user; not loaded again by itself
    LOADING = "LOADING_RPDGSTABSTATE"
    AVAILABLE = "AVAIL_RPDGSTABSTATE"
    UNLOADING = "UNLOADING_RPDGSTABSTATE"
    RECOVERING = "INRECOVERY_RPDGSTABSTATE"  # the copy was good, cannot be used now and is being made again
    STALE = "STALE_RPDGSTABSTATE"  # could not be followed; reloaded by itself
    UNAVAILABLE = "UNAVAIL_RPDGSTABSTATE"  # cannot be copied, for the reason given


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """One table of the copy. It answers statements only when `state` is AVAILABLE.

    `store_name` is the quoted name to use in the store's SQL. `presence` has, per string column carried,
    256 bits: bit b of byte b // 8 is set when some value holds byte b. `left_out` gives the reason for each
    column that is not carried. Times are seconds since the epoch, 0 for never.
    """

    id: int
    table: Table
    store_name: str
    state: State
    reason: str = ""
    rows: int = 0
    presence: Mapping[str, bytes] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    load_type: str = "USER"  # or SELF
    progress: float = 0.0  # percent
    load_started: float = 0.0
    load_ended: float = 0.0
    size_bytes: int = 0

    @property
    def is_lake(self) -> bool:
        """Tell whether the rows are files."""
        return self.id >= FIRST_LAKE_ID

    def has_byte(self, column: str, byte: int) -> bool:
        """Tell whether some value of a string column may hold this byte."""
        bits = self.presence.get(column)
        return bits is None or bool(bits[byte >> 3] >> (byte & 7) & 1)

    def with_state(self, state: State, reason: str = "") -> "LoadedTable":
        """The same table in another state."""
        return replace(self, state=state, reason=reason)


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CatalogView:
    """All tables of the copy at one snapshot. `fold` is set when the backend compares table names without case."""

    tables: Mapping[Key, LoadedTable] = field(default_factory=dict)
    fold: bool = False

    def table(self, schema: str, name: str) -> LoadedTable | str:
        """Find a table that can answer, or give the reason why there is none."""
        found = self.tables.get(self.key(schema, name))
        if found is None or found.state is State.UNLOADED:
            return f"table {schema}.{name} is not loaded"
        if found.state is State.AVAILABLE:
            return found
        if found.state is State.LOADING:
            return f"table {schema}.{name} is being loaded"
        return f"table {schema}.{name} is not available: {found.reason or found.state}"

    def key(self, schema: str, name: str) -> Key:
        """The key a table has in `tables`."""
        return (schema.lower(), name.lower()) if self.fold else (schema, name)

    def __iter__(self) -> Iterator[LoadedTable]:
        return iter(self.tables.values())
