"""Random tables and random values: what a chaos run writes to. Every table is known by its `Shape`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

SCHEMA = "chaos"
LATER_PARTS = "PARTITION p1 VALUES LESS THAN (200), PARTITION p2 VALUES LESS THAN MAXVALUE"
PARTS = f"PARTITION p0 VALUES LESS THAN (100), {LATER_PARTS}"
_WORDS = ("", "a", "b ", "Ünïcödé", "日本語", "\\'quoted\\'", "tab\\tnul\\0", "x" * 40, "€uro", "😀", "O''Neil")


def _integer(low: int, high: int) -> Callable[[Random], str]:
    return lambda rng: str(rng.choice((low, high, 0, 1, rng.randint(low, high))))


def _text(longest: int, narrow: bool = False) -> Callable[[Random], str]:
    words = [w for w in _WORDS if not narrow or w.isascii()]

    def make(rng: Random) -> str:
        word = rng.choice(words)
        return f"'{word}'" if rng.random() < 0.7 else f"REPEAT('{rng.choice('abcxyz')}', {rng.randrange(longest)})"

    return make


def _bytes(longest: int) -> Callable[[Random], str]:
    return lambda rng: f"x'{rng.randbytes(rng.randrange(longest + 1)).hex()}'"


def _date(rng: Random) -> str:
    return f"{rng.choice((1, 1000, 1969, 1970, 2024, 9999)):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _datetime(first: int, last: int) -> Callable[[Random], str]:
    def make(rng: Random) -> str:
        day = f"{rng.randint(first, last):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        return (
            f"'{day} {rng.randrange(4, 24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(10**6):06}'"
        )

    return make


def _time(rng: Random) -> str:
    sign, hours = rng.choice(("", "-")), rng.randrange(838)
    return f"'{sign}{hours}:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}'"


# Every type with its literals. A type that is not carried yet does no harm: its column is left out of the copy.
TYPES: dict[str, Callable[[Random], str]] = {
    "TINYINT": _integer(-128, 127),
    "TINYINT UNSIGNED": _integer(0, 255),
    "SMALLINT": _integer(-32768, 32767),
    "MEDIUMINT": _integer(-(1 << 23), (1 << 23) - 1),
    "INT": _integer(-(1 << 31), (1 << 31) - 1),
    "INT UNSIGNED": _integer(0, (1 << 32) - 1),
    "BIGINT": _integer(-(1 << 63), (1 << 63) - 1),
    "BIGINT UNSIGNED": _integer(0, (1 << 64) - 1),
    "DECIMAL(9,2)": lambda rng: f"{rng.randint(-(10**9) + 1, 10**9 - 1) / 100:.2f}",
    "DECIMAL(38,10)": lambda rng: f"{rng.randint(-(10**27), 10**27)}.{rng.randrange(10**10):010}",
    "FLOAT": lambda rng: rng.choice(("0", "-1.5", "0.25", "1e10", str(rng.randint(-1000, 1000) / 8))),
    "DOUBLE": lambda rng: repr(rng.choice((0.0, -1e300, 0.1, rng.uniform(-1e6, 1e6)))),
    "DATE": lambda rng: f"'{_date(rng)}'",
    "DATETIME": _datetime(1000, 9999),
    "DATETIME(6)": _datetime(1000, 9999),
    "TIMESTAMP(3)": _datetime(1971, 2037),
    "TIME(3)": _time,
    "YEAR": lambda rng: str(rng.choice((0, 1901, 2024, 2155))),
    "CHAR(20)": _text(20),
    "VARCHAR(60)": _text(60),
    "VARCHAR(300)": _text(300),
    "VARCHAR(60) CHARACTER SET latin1": _text(60, narrow=True),
    "VARCHAR(60) COLLATE utf8mb4_bin": _text(60),
    "TEXT": _text(3000),
    "MEDIUMTEXT": _text(30000),
    "BINARY(8)": _bytes(8),
    "VARBINARY(40)": _bytes(40),
    "BLOB": _bytes(200),
}
_KEY_TYPES: dict[str, Callable[[Random], str]] = {
    "INT": lambda rng: str(rng.randrange(500)),
    "BIGINT": lambda rng: str(rng.randrange(500)),
    "VARCHAR(20)": lambda rng: f"'{rng.choice('abcDEFäÖ日')}{rng.randrange(60)}'",
    "DATE": lambda rng: f"'2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}'",
    "VARBINARY(8)": _bytes(1),
    "DECIMAL(6,2)": lambda rng: f"{rng.randrange(300)}.{rng.choice(('00', '50'))}",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a writer has to know of a table: column name to type, and which columns are its key."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    unique: bool = False  # the key is UNIQUE of NOT NULL columns, not PRIMARY
    parts: bool = False  # the first column of the key cuts it into PARTS

    def value(self, column: str, rng: Random) -> str:
        """A literal for a column."""
        if column in self.key:
            return _KEY_TYPES[self.columns[column]](rng)
        return "NULL" if rng.random() < 0.1 else TYPES[self.columns[column]](rng)

    def definition(self) -> str:
        """Its CREATE TABLE."""
        parts = [f"{name} {kind}{' NOT NULL' if name in self.key else ''}" for name, kind in self.columns.items()]
        if self.key:
            parts.append(f"{'UNIQUE' if self.unique else 'PRIMARY'} KEY ({', '.join(self.key)})")
        cut = f" PARTITION BY RANGE ({self.key[0]}) ({PARTS})" if self.parts else ""
        return f"CREATE TABLE {SCHEMA}.{self.name} ({', '.join(parts)}){cut}"

    def with_columns(self, columns: dict[str, str]) -> "Shape":
        """The same table with other columns."""
        return replace(self, columns=columns)


def random_shape(name: str, rng: Random) -> Shape:
    """A table with no key, a simple or a composite one, and some columns of any type."""
    keys = rng.choice((0, 1, 1, 2, 3))
    columns = {f"k{n}": rng.choice(list(_KEY_TYPES)) for n in range(keys)}
    columns |= {f"c{n}": rng.choice(list(TYPES)) for n in range(rng.randint(1, 7))}
    parts = columns.get("k0", "").endswith("INT") and rng.random() < 0.5
    return Shape(name, columns, tuple(f"k{n}" for n in range(keys)), bool(keys) and rng.random() < 0.2, parts)


class Shapes:
    """The tables of a run by name, as far as is known: DDL runs beside the writers, who must bear to be refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shapes: dict[str, Shape] = {}

    def put(self, shape: Shape) -> None:
        """A table is there, or has another shape."""
        with self._lock:
            self._shapes[shape.name] = shape

    def drop(self, name: str) -> None:
        """A table is gone."""
        with self._lock:
            self._shapes.pop(name, None)

    def pick(self, rng: Random, count: int = 1) -> list[Shape]:
        """Some tables, different ones."""
        with self._lock:
            names = sorted(self._shapes)
            return [self._shapes[name] for name in rng.sample(names, min(count, len(names)))]
