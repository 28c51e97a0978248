"""Random tables over all column types, with the values that go wrong, for MySQL or MariaDB."""

import random
from collections.abc import Callable

from bench.keyed import keyed_table
from bench.table_kinds import Field, RandomTable

_WORDS = (
    "", "a", "A", "abc", "ABC", "Abc", "ab", "b", "B-c", "air", "AIR", "two", "zz", "Z", "9x", "10", "a_c", "a%c", "-",
    "x y", "_", "%", "12abc", "ai", "0", "00", "1", "[a]", "(b)", "a.c", "NULL", "it's", "a,b",
)  # fmt: skip
_PADDED = ("a ", " a", "  ", "abc ", "\ta", "a\n", "a\tb", "\\", "a\\b", "\r\n", '"', "abc  ")
_LATIN = ("é", "É", "e", "ß", "ss", "SS", "ÿ", "Ünder", "under", "ø", "o", "naïve", "¡", "æ", "ae", "€")
_WORLD = (
    "e\u0301", "é", "日本", "日", "😀", "😀x", "ﬀ", "ff", "İ", "i", "\u0131", "\u00ad", "a\u00adb", "\u200d", "\u00a0",
    "Ω", "ω", "ς", "\u03c3", "Я", "я", "ё", "\u0435", "ā", "ǆ", "Å", "Å", "½", "²", "ไทย", "한글", "a\u0300\u0301",
    "\uffff",
)  # fmt: skip
_NUMERALS = (
    "5", "1.5", "-0.25", "10", "0", "100.000", "-3", "123456789.125", "5.0", "0099", "-7", "8", "99999", "1", "0.1",
)  # fmt: skip
_DOCUMENTS = (
    '{"a": 1, "b": "x", "c": [1, 2, {"d": null}], "e": true, "f": 1.5, "g": {"h": "y"}}', "{}", "[]", "null", "1",
    '{"a": -5, "c": [7], "e": null, "f": 100.0, "g": {"h": "é"}}', '"text"', "[1, 2]", '{"a": "1", "b": ""}',
    '{"a": 18446744073709551615, "b": "Y", "f": 1e20}', '{"a": 2.50, "b": [], "c": {}}', "true", '[{"a": 3}]',
)  # fmt: skip
_DATES = (
    "2024-01-31", "2024-02-29", "2023-02-28", "1000-01-01", "9999-12-31", "1998-12-01", "1970-01-01", "2000-01-01",
    "2000-12-31", "2024-12-30", "2021-01-03", "2026-01-01", "1900-03-01", "2038-01-19", "1999-12-31", "2024-03-10",
)  # fmt: skip
_CLOCKS = ("00:00:00", "23:59:59", "12:34:56", "00:00:01", "01:02:03", "13:00:00", "23:59:59.999999", "12:00:00.5")
_NO_DATES = ("0000-00-00", "2020-00-00", "2020-02-31", "2020-01-00", "0000-01-01")
_STAMPS = ("1970-01-02", "2037-12-31", "2024-02-29", "1998-09-02", "2000-01-01", "2024-10-27", "1999-12-31")
_TIMES = (
    "12:00:00", "-01:30:00", "838:59:59", "-838:59:59", "00:00:00", "00:00:01", "24:00:00", "100:30:15.25",
    "-00:00:00.5", "23:59:59.999999", "01:02:03",
)  # fmt: skip
_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
_DECIMALS = ((1, 0), (1, 1), (5, 2), (10, 2), (15, 4), (18, 0), (20, 10), (30, 5), (38, 10), (12, 6), (9, 9), (65, 30))
# (character set, collation) by kind of server; the first are what a statement's strings mostly are.
_COMMON = (("utf8mb4", "utf8mb4_general_ci"), ("utf8mb4", "utf8mb4_bin"), ("utf8mb4", "utf8mb4_unicode_ci"),
           ("latin1", "latin1_swedish_ci"), ("latin1", "latin1_bin"), ("ascii", "ascii_general_ci"),
           ("utf8mb3", "utf8mb3_general_ci"), ("latin1", "latin1_general_cs"))  # fmt: skip
COLLATIONS = {
    "mysql": (
        ("utf8mb4", "utf8mb4_0900_ai_ci"), ("utf8mb4", "utf8mb4_0900_as_cs"), ("utf8mb4", "utf8mb4_0900_bin"),
        ("utf8mb4", "utf8mb4_0900_as_ci"), ("utf8mb4", "utf8mb4_unicode_520_ci"), *_COMMON,
    ),
    "mariadb": (
        ("utf8mb4", "utf8mb4_uca1400_ai_ci"), ("utf8mb4", "utf8mb4_uca1400_as_cs"), ("utf8mb4", "utf8mb4_nopad_bin"),
        ("utf8mb4", "utf8mb4_general_nopad_ci"), ("utf8mb4", "utf8mb4_unicode_520_ci"), *_COMMON,
    ),
}  # fmt: skip


def quoted(text: str) -> str:
    """Write a text literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


class Schemas:
    """Makes tables; the same seed makes the same ones. `keyed` ones have indexes, generated columns, other keys."""

    def __init__(self, seed: int, server: str, keyed: bool = False) -> None:
        self.chance = random.Random(seed)
        self.server = server
        self.keyed = keyed
        self.main = self.chance.choice(COLLATIONS[server][:6])

    def tables(self, count: int = 3) -> list[RandomTable]:
        """Make tables t0, t1, …, of which each has columns id, k and g to join and group by."""
        return [self._table(number) for number in range(count)]

    def _table(self, number: int) -> RandomTable:
        name, rows = f"t{number}", self.chance.choice((0, 1, 6, 12, 20, 30))
        every = (self._integer, self._decimal, self._double, self._string, self._string, self._numeral, self._date,
                 self._moment, self._time)  # fmt: skip
        chosen = [*every, *self.chance.choices(self._makers(), k=self.chance.randint(2, 7))]
        fields = [self._field(f"c{at}", maker) for at, maker in enumerate(chosen)]
        if self.keyed:
            return keyed_table(self.chance, name, fields, self.server)
        columns = ", ".join(f"{f.name} {f.definition}" for f in fields)
        made = [f"CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, k INT, g SMALLINT NOT NULL, {columns})"]
        for at in range(rows):
            values = ", ".join(self.chance.choice(f.values) for f in fields)
            key = self.chance.choice(("NULL", "0", "1", "2", "3", "5", "9"))
            made.append(f"INSERT INTO {name} VALUES ({at + 1}, {key}, {self.chance.randint(0, 3)}, {values})")
        keys = (
            Field("id", "INT", "integer", ()),
            Field("k", "INT", "integer", ()),
            Field("g", "SMALLINT", "integer", ()),
        )
        return RandomTable(name, (*keys, *fields), tuple(made))

    def _makers(self) -> tuple[Callable[[], tuple[str, str, list[str], str]], ...]:
        return (
            self._integer, self._integer, self._decimal, self._string, self._date, self._moment, self._time,
            self._member, self._member, self._binary, self._other, self._other, self._other,
        )  # fmt: skip

    def _field(self, name: str, maker: Callable[[], tuple[str, str, list[str], str]]) -> Field:
        definition, kind, values, collation = maker()
        if self.chance.random() < 0.25 and "NULL" not in definition:
            return Field(name, f"{definition} NOT NULL", kind, tuple(values), collation)
        return Field(name, definition, kind, ("NULL", "NULL", *values), collation)

    def _integer(self) -> tuple[str, str, list[str], str]:
        kind, unsigned = self.chance.choice(tuple(_BITS)), self.chance.random() < 0.35
        bits = _BITS[kind]
        least, most = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        extremes = [least, most, most - 1] if self.chance.random() < 0.5 else []
        values = [0, 1, 2, 3, 5, 7, 10, 100, *extremes, *([] if unsigned else [-1, -7])]
        return f"{kind} UNSIGNED" if unsigned else kind, "integer", [str(v) for v in values], ""

    def _decimal(self) -> tuple[str, str, list[str], str]:
        digits, scale = self.chance.choice(_DECIMALS)
        unsigned = self.chance.random() < 0.15
        whole, nines = "9" * (digits - scale) or "0", "9" * scale
        most = f"{whole}.{nines}" if scale else whole
        small = f"0.{'1'.zfill(scale)}" if scale else "1"
        values = ["0", "0", small, "0.5" if scale else "1", *(["1", "2", "3"] if digits > scale else [])]
        values += ["10.25", "99.5"] if digits - scale > 2 and scale > 1 else []
        values += [most] if self.chance.random() < 0.4 else []
        values = values if unsigned else [*values, *(f"-{v}" for v in values[2:5])]
        kind = "long_decimal" if digits > 38 else "exact"
        return f"DECIMAL({digits},{scale}){' UNSIGNED' if unsigned else ''}", kind, values, ""

    def _double(self) -> tuple[str, str, list[str], str]:
        values = ["0", "1", "-1", "0.1", "0.5", "2.5", "-2.5", "1.5", "100", "3.25", "2.225", "0.3"]
        kinds = ("DOUBLE", "DOUBLE", "FLOAT", "DOUBLE(10,3)", "FLOAT(7,2)")
        kind = self.chance.choice(kinds[:3] if self.keyed else kinds)
        wild = ["1e300", "-1e-300", "1e15", "123456789012345678"] if kind == "DOUBLE" else []
        wild = ["1e20", "1e-20", "16777217"] if kind == "FLOAT" else wild
        return kind, "double", values + (wild if self.chance.random() < 0.5 else []), ""

    def _string(self) -> tuple[str, str, list[str], str]:
        charset, collation = self.main if self.chance.random() < 0.75 else self.chance.choice(COLLATIONS[self.server])
        words = list(self.chance.sample(_WORDS, 10))
        words += self.chance.sample(_PADDED, 4) if self.chance.random() < 0.4 else []
        if charset != "ascii" and self.chance.random() < 0.3:
            words += self.chance.sample(_LATIN, 5)
        if charset.startswith("utf8") and self.chance.random() < 0.2:
            words += self.chance.sample(_WORLD, 8)
        if charset == "utf8mb3":
            words = [w for w in words if all(ord(c) < 65536 for c in w)]
        kind = self.chance.choice(("VARCHAR(30)", "VARCHAR(30)", "CHAR(12)", "TEXT", "VARCHAR(300)", "MEDIUMTEXT"))
        shown = [quoted(w) for w in words]
        return f"{kind} CHARACTER SET {charset} COLLATE {collation}", "text", shown, collation

    def _numeral(self) -> tuple[str, str, list[str], str]:
        charset, collation = self.main
        shown = [quoted(w) for w in _NUMERALS]
        return f"VARCHAR(20) CHARACTER SET {charset} COLLATE {collation}", "numeral", shown, collation

    def _date(self) -> tuple[str, str, list[str], str]:
        none = _NO_DATES if self.chance.random() < 0.12 else ()
        return "DATE", "odd_date" if none else "date", [quoted(d) for d in (*_DATES, *none)], ""

    def _moment(self) -> tuple[str, str, list[str], str]:
        places = self.chance.choice((0, 0, 3, 6, 1))
        if self.chance.random() < 0.3:
            values = [f"'{day} {clock}'" for day in _STAMPS for clock in _CLOCKS[:6]]
            return f"TIMESTAMP({places}) NULL DEFAULT NULL", "moment", values, ""
        clocks = _CLOCKS if self.chance.random() < 0.5 else _CLOCKS[:2]
        values = [f"'{day} {clock}'" for day in _DATES if day < "9999" for clock in clocks]
        none = [f"'{day} 00:00:00'" for day in _NO_DATES] if self.chance.random() < 0.12 else []
        return f"DATETIME({places})", "odd_moment" if none else "moment", values + none, ""

    def _time(self) -> tuple[str, str, list[str], str]:
        places = self.chance.choice((0, 0, 3, 6))
        return f"TIME({places})", "time", [quoted(t) for t in _TIMES], ""

    def _member(self) -> tuple[str, str, list[str], str]:
        charset, collation = self.main
        names = ("'small'", "'Medium'", "'large'", "'x y'", "'10'")
        if self.chance.random() < 0.7:
            return (
                f"ENUM({', '.join(names)}) CHARACTER SET {charset} COLLATE {collation}",
                "member",
                list(names),
                collation,
            )
        sets = ["''", "'red'", "'red,Blue'", "'Blue'", "'g'"]
        return f"SET('red', 'Blue', 'g') CHARACTER SET {charset} COLLATE {collation}", "member", sets, collation

    def _binary(self) -> tuple[str, str, list[str], str]:
        kind = self.chance.choice(("VARBINARY(20)", "BINARY(4)", "BLOB"))
        return kind, "bytes", ["''", "x'00ff'", "'abc'", "'ABC'", "'a'", "'a '", "x'80'", "'10'"], ""

    def _other(self) -> tuple[str, str, list[str], str]:
        kind = self.chance.choice(("JSON", "JSON", "YEAR", "BIT(1)", "BIT(9)", "BIT(64)"))
        if kind == "JSON":
            return kind, "document" if self.server == "mysql" else "bytes", [quoted(d) for d in _DOCUMENTS], ""
        if kind == "YEAR":
            return kind, "year", ["1901", "2155", "2000", "1999", "2024"], ""
        bits = int(kind[4:-1])
        return kind, "bit", sorted({"0", "1", str(2**bits - 1), str(2 ** (bits - 1))}), ""
