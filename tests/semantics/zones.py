"""Time zones put into a server's tables, by their rules: no file of the machine's own decides what is tested."""

from datetime import UTC, datetime, timedelta
from typing import Any

_YEARS = range(1970, 2038)


def _sunday(year: int, month: int, place: int, hour: int) -> int:
    """The moment of UTC on a month's Sunday: place 0 is the first, -1 the last."""
    first = datetime(year, month, 1, hour, tzinfo=UTC)
    days = [first + timedelta(d) for d in range(31) if (first + timedelta(d)).month == month]
    return int([day for day in days if day.weekday() == 6][place].timestamp())


def _turns(summer: tuple[int, int, int], winter: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(moment, number of the offset) of each change; 1 is summer's."""
    turns = [(year, _sunday(year, *summer), 1) for year in _YEARS] + [(y, _sunday(y, *winter), 0) for y in _YEARS]
    return sorted((moment, kind) for _, moment, kind in turns)


# name -> (offsets in seconds, changes)
ZONES: dict[str, tuple[tuple[int, ...], list[tuple[int, int]]]] = {
    "UTC": ((0,), []),
    "Asia/Kolkata": ((19800,), []),
    "America/New_York": ((-18000, -14400), _turns((3, 1, 7), (11, 0, 6))),
    "Europe/Berlin": ((3600, 7200), _turns((3, -1, 1), (10, -1, 1))),
    # Half an hour of summer time, and a day that was left out.
    "Test/Odd": ((37800, 39600, -36000), [(10**9, 1), (10**9 + 100_000, 0), (1_325_239_200, 2), (1_400_000_000, 1)]),
    # Changes that a look at each day does not see.
    "Test/Hasty": ((0, 3600), [(10**9, 1), (10**9 + 3600, 0)]),
}


def load_zones(connection: Any) -> None:
    """Put the zones into the server's tables; it reads each once, at first use."""
    with connection.cursor() as cursor:
        for number, (name, (offsets, turns)) in enumerate(ZONES.items(), 1001):
            for table in ("time_zone", "time_zone_transition", "time_zone_transition_type"):
                cursor.execute(f"DELETE FROM mysql.{table} WHERE Time_zone_id = {number}")
            cursor.execute(f"DELETE FROM mysql.time_zone_name WHERE Name = '{name}'")
            cursor.execute(f"INSERT INTO mysql.time_zone VALUES ({number}, 'N')")
            cursor.execute(f"INSERT INTO mysql.time_zone_name VALUES ('{name}', {number})")
            kinds = ", ".join(f"({number}, {kind}, {offset}, 0, '')" for kind, offset in enumerate(offsets))
            cursor.execute(f"INSERT INTO mysql.time_zone_transition_type VALUES {kinds}")
            if turns:
                moments = ", ".join(f"({number}, {moment}, {kind})" for moment, kind in turns)
                cursor.execute(f"INSERT INTO mysql.time_zone_transition VALUES {moments}")
