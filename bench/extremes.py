"""Statements over the least and greatest values of every type, in every form whose rows a server may keep in a table.

A temporary table has its own idea of a value: so many characters, so many digits, a sign or none. Random ones over
customary values (`bench.statements`) seldom reach where that matters.
"""

import random
import re

from bench.table_kinds import RandomTable

_HOLE = re.compile(r"\{(\w+)\}")
_ROWS = 9
_MISSING = 0.08  # share of the values that are NULL
_DEEPEST = 2

# (name, type, values), by what an expression takes the column for.
_COLUMNS: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "whole": (
        ("ti", "TINYINT", ("-128", "127", "0", "-1", "9", "-10", "99")),
        ("tu", "TINYINT UNSIGNED", ("255", "0", "1", "99", "10")),
        ("si", "SMALLINT", ("-32768", "32767", "0", "-999", "1234")),
        ("su", "SMALLINT UNSIGNED", ("65535", "0", "99")),
        ("mi", "MEDIUMINT", ("-8388608", "8388607", "0", "-99999")),
        ("mu", "MEDIUMINT UNSIGNED", ("16777215", "0", "3")),
        ("i", "INT", ("-2147483648", "2147483647", "0", "-1", "7", "100", "-99")),
        ("ui", "INT UNSIGNED", ("4294967295", "0", "12")),
        ("bi", "BIGINT", ("-9223372036854775808", "9223372036854775807", "0", "-5", "12")),
        ("ub", "BIGINT UNSIGNED", ("18446744073709551615", "9223372036854775808", "0", "7")),
        ("y", "YEAR", ("1901", "2155", "2000")),
        ("b9", "BIT(9)", ("b'111111111'", "b'0'")),
    ),
    "fraction": (
        ("d11", "DECIMAL(1,1)", ("-0.9", "0.9", "0.0", "-0.1", "0.5")),
        ("d22", "DECIMAL(2,2)", ("-0.99", "0.99", "0", "0.05")),
        ("d5", "DECIMAL(5,0)", ("-99999", "99999", "0", "5")),
        ("d10", "DECIMAL(10,2)", ("-99999999.99", "99999999.99", "0", "0.05", "-1.50", "2.50")),
        ("d20", "DECIMAL(20,10)", ("-9999999999.9999999999", "0.3333333333", "1", "-2.5")),
        ("d1", "DECIMAL(1,0)", ("-9", "9", "0", "1")),
        ("du", "DECIMAL(6,3) UNSIGNED", ("999.999", "0", "0.005", "12.5")),
        ("d38", "DECIMAL(38,10)", ("-9999999999999999999999999999.9999999999", "0.0000000001", "12")),
        ("f", "FLOAT", ("-3.4e38", "3.4e38", "0", "-0.1", "1e-38", "16777216", "2.5")),
        ("db", "DOUBLE", ("-1.7976931348623157e308", "1e308", "0", "-0.1", "2.2250738585072014e-308", "1e15", "-2.5")),
        ("f7", "FLOAT(7,2)", ("-99999.98", "0.1", "2.25")),
        ("d92", "DOUBLE(9,2)", ("-9999999.99", "0.1", "3.00")),
        ("b1", "BIT(1)", ("b'1'", "b'0'")),
        ("b64", "BIT(64)", ("18446744073709551615", "0", "5")),
    ),
    "date": (
        ("da", "DATE", ("'1000-01-01'", "'9999-12-31'", "'2000-02-29'")),
        ("dt", "DATETIME", ("'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2020-02-29 13:00:01'")),
        ("d3", "DATETIME(3)", ("'2000-01-01 00:00:00.000'", "'9999-12-31 23:59:59.999'", "'2020-02-29 13:00:01.5'")),
    ),
    "clock": (
        ("t", "TIME", ("'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'", "'12:30:00'")),
        ("t6", "TIME(6)", ("'-838:59:59.000000'", "'838:59:59'", "'00:00:00.5'")),
    ),
    "word": (
        ("v", "VARCHAR(8)", ("'abc'", "''", "'12'", "'-7.5'", "'Zz '")),
        ("c", "CHAR(3)", ("'abc'", "''", "'9'", "'A'")),
        ("tx", "TEXT", ("'lorem ipsum'", "''", "'5'")),
        ("vu", "VARCHAR(6) CHARACTER SET latin1", ("'abc'", "'-1'", "''")),
        ("e", "ENUM('small','x','10')", ("'small'", "'x'", "'10'")),
        ("se", "SET('a','b','c')", ("'a,b,c'", "''", "'c'")),
    ),
}

# Templates: `{number}` is another expression of that kind, `{whole}` a column, `{added}` one of _CHOICES.
_CHOICES: dict[str, tuple[str, ...]] = {
    "added": ("0", "1", "0.5", "1e0", "{column}"),
    "factor": ("1", "-1", "0.10", "10", "{column}"),
    "divisor": ("1", "3", "4", "0.5", "{column}"),
    "steps": ("1", "-1", "3", "0.5", "7"),
    "modulus": ("7", "-3", "1.5", "100"),
    "places": ("0", "1", "2", "-1", "-2", "5"),
    "cast": ("SIGNED", "UNSIGNED", "DECIMAL(5,1)", "DECIMAL(12,3)", "DECIMAL(20,0)", "DOUBLE"),
    "other": ("0", "-1", "0.5", "100", "0.125", "{column}"),
    "bits": ("&", "|", "^", "<<", ">>"),
    "sign": (">", "=", "<=", "<>", "<=>"),
    "count": ("1", "2", "3", "5", "99"),
    "start": ("1", "2", "3", "-2"),
    "wide": ("2", "12", "30"),
    "unit": ("DAY", "MONTH", "YEAR", "SECOND", "HOUR"),
    "extracted": ("YEAR", "DAY", "YEAR_MONTH", "DAY_HOUR", "HOUR_MINUTE"),
    "base": ("16", "2", "36", "-10"),
    "pattern": ("'%Y'", "'%d.%m.%y'", "'%W %M'", "'%j %H'"),
    "piece": ("'xyz'", "''", "'-'"),
    "order": ("ORDER BY id", "PARTITION BY id ORDER BY id", "PARTITION BY g ORDER BY id DESC", "ORDER BY g, id"),
}
_NUMBERS = (
    "({number} + {added})", "({number} - {added})", "({number} * {factor})", "({number} / {divisor})",
    "({number} DIV {steps})", "({number} % {modulus})", "-{column}", "ABS({number})", "SIGN({number})",
    "ROUND({number})", "ROUND({number}, {places})", "TRUNCATE({number}, {places})", "FLOOR({number})",
    "CEIL({number})", "CAST({number} AS {cast})", "IFNULL({number}, {other})", "COALESCE({number}, {number})",
    "NULLIF({number}, {other})", "IF({whole} > 0, {number}, {number})",
    "CASE WHEN {whole} = 0 THEN {number} ELSE {other} END", "GREATEST({number}, {number})",
    "LEAST({number}, {other})", "({whole} {bits} {count})", "({whole} & {whole})", "~{whole}", "BIT_COUNT({whole})",
    "({number} {sign} {number})", "LENGTH({text})", "CHAR_LENGTH({text})", "ASCII({text})", "ORD({text})",
    "INSTR({text}, 'a')", "CRC32({text})", "FIELD({word}, 'abc', 'x')", "STRCMP({word}, 'abc')", "YEAR({date})",
    "MONTH({date})", "DAYOFYEAR({date})", "QUARTER({date})", "WEEK({date}, 3)", "YEARWEEK({date})",
    "TO_DAYS({date})", "TO_SECONDS({date})", "UNIX_TIMESTAMP({date})", "HOUR({clock})", "MINUTE({clock})",
    "TIME_TO_SEC({clock})", "MICROSECOND(t6)", "MICROSECOND(d3)", "DATEDIFF({date}, {date})",
    "TIMESTAMPDIFF({unit}, {date}, {date})", "EXTRACT({extracted} FROM dt)", "PERIOD_DIFF(202001, 199912)",
    "(v + {added})", "(e + 0)", "(da + 0)", "(dt + 0)", "(t + 0)", "DAYOFWEEK({date})", "LAST_DAY({date}) + 0",
)  # fmt: skip
_TEXTS = (
    "CONCAT({any})", "CONCAT({any}, '|')", "CONCAT({any}, {any})", "CONCAT_WS('-', {any}, {any})",
    "LEFT({any}, {count})", "RIGHT({any}, {count})", "SUBSTRING({any}, {start})", "SUBSTRING({any}, {start}, {count})",
    "UPPER({any})", "LOWER({any})", "REVERSE({any})", "TRIM({any})", "LPAD({any}, {wide}, '0')",
    "RPAD({any}, {wide}, 'x')", "REPEAT({any}, {count})", "REPLACE({any}, '9', {piece})", "INSERT({any}, 2, 1, 'QQ')",
    "COALESCE({any}, {any})", "IFNULL({any}, 'none')", "IF({whole} > 0, {any}, 'no')",
    "CASE WHEN {whole} = 0 THEN {any} WHEN i > 0 THEN {any} ELSE 'zz' END", "NULLIF({any}, 'x')",
    "CAST({any} AS CHAR)", "CAST({any} AS CHAR({wide}))", "FORMAT({number}, {count})", "HEX({whole})", "HEX({word})",
    "BIN({whole})", "OCT({whole})", "CONV({whole}, 10, {base})", "DATE_FORMAT({date}, {pattern})",
    "TIME_FORMAT({clock}, '%H:%i')", "MONTHNAME({date})", "DAYNAME({date})", "SEC_TO_TIME({whole})",
    "GREATEST({word}, {word})", "ELT({whole}, 'a', 'bcd')", "QUOTE({word})", "MD5({any})",
    "SUBSTRING_INDEX({any}, '.', 1)", "SUBSTRING_INDEX({any}, '.', -1)", "MAKE_SET({whole}, 'a', 'b')", "CHAR(tu)",
    "SPACE(tu % 5)",
)  # fmt: skip
_MOMENTS = (
    "DATE_ADD({date}, INTERVAL ti {unit})", "DATE_ADD({date}, INTERVAL {steps} {unit})", "DATE(d3)",
    "LAST_DAY({date})", "IFNULL({date}, {date})", "GREATEST({date}, {date})", "CAST({date} AS DATE)",
    "CAST({date} AS DATETIME)", "CAST({date} AS DATETIME(3))", "TIMEDIFF(dt, d3)", "TIMEDIFF(d3, d3)",
    "SEC_TO_TIME(ti)", "SEC_TO_TIME(si)", "CASE WHEN i > 0 THEN {date} ELSE {date} END", "MAKEDATE(2000, ti)",
    "FROM_DAYS(730000 + ti)", "ADDDATE({date}, ti)",
)  # fmt: skip
_AGGREGATES = (
    "MAX({value})", "MIN({value})", "COUNT({value})", "SUM({value})", "AVG({value})",
    "GROUP_CONCAT({value} ORDER BY id)",
    "COUNT(DISTINCT {value})", "BIT_OR({value})", "STD({value})", "SUM(DISTINCT {value})", "AVG(DISTINCT {value})",
)  # fmt: skip
_WINDOWS = (
    "FIRST_VALUE({value}) OVER ({order})", "LAG({value}) OVER ({order})", "MAX({value}) OVER (PARTITION BY g)",
    "SUM({value}) OVER ({order})", "AVG({value}) OVER (PARTITION BY g)", "LEAD({value}, 2) OVER ({order})",
    "COUNT({value}) OVER ({order})", "NTH_VALUE({value}, 2) OVER ({order})",
)  # fmt: skip
# What is made of a value that was kept; mostly nothing.
_USES = (
    *["{}"] * 4, "CONCAT({})", "({}) + 0", "COALESCE({}, NULL)", "LENGTH({})", "({}) / 3", "({}) * 1e0", "ROUND({}, 1)",
)  # fmt: skip
# `{*name}` is a use of what `{name}` is; see `Extremes.next`.
_FORMS = (
    "SELECT DISTINCT {value} FROM t", "SELECT DISTINCT id, {value} FROM t",
    "SELECT {value} q, COUNT(*) FROM t GROUP BY q", "SELECT {value} q, COUNT(*) FROM t GROUP BY {value}",
    "SELECT id + 0 q, {*greatest} FROM t GROUP BY q", "SELECT g, {*aggregate} FROM t GROUP BY g",
    "SELECT g + 0 q, {*aggregate} w FROM t GROUP BY q ORDER BY w, q", "SELECT {*aggregate} FROM t",
    "SELECT id, {*kept} FROM (SELECT DISTINCT id, {value} w FROM t) z",
    "SELECT id, {*kept} FROM (SELECT id, {greatest} w FROM t GROUP BY id) z",
    "SELECT q, {*kept} FROM (SELECT g q, {aggregate} w FROM t GROUP BY g) z",
    "SELECT {value} FROM t UNION SELECT NULL FROM t", "SELECT {value} FROM t UNION SELECT -1.5 FROM t",
    "SELECT {value} FROM t UNION SELECT 'a' FROM t", "SELECT {value} FROM t UNION SELECT {another} FROM t",
    "SELECT {*kept} FROM (SELECT {value} w FROM t UNION ALL SELECT {another} FROM t) z",
    "SELECT {*kept} FROM (SELECT {value} w FROM t UNION ALL SELECT NULL FROM t) z",
    "WITH x AS (SELECT id, {value} w FROM t) SELECT z.id, {*kept} FROM x z JOIN x b ON z.id = b.id",
    "SELECT id, {*window} FROM t", "SELECT DISTINCT {window} FROM t", "SELECT g, {*over_groups} FROM t GROUP BY g",
    "SELECT id, {value} q FROM t JOIN o ORDER BY q, id", "SELECT g, {*aggregate} FROM t GROUP BY g WITH ROLLUP",
    "SELECT {value} q, {beside} FROM t GROUP BY q WITH ROLLUP", "SELECT id FROM t GROUP BY id HAVING {greatest} > 0",
    "SELECT id FROM t GROUP BY id HAVING {greatest} = 1.5", "SELECT id FROM t GROUP BY id HAVING {greatest} < 'a'",
    "SELECT g, {*aggregate} FROM t GROUP BY g ORDER BY {aggregate}, g",
    "SELECT id FROM t WHERE {value} IN (SELECT {value} FROM t u WHERE u.g = t.g)",
    "SELECT {value} q, {*beside} w FROM t GROUP BY q ORDER BY w, q", "SELECT DISTINCT {*aggregate} FROM t GROUP BY g",
    "SELECT id, {*kept} FROM (SELECT id, {window} w FROM t) z ORDER BY w, id",
    "SELECT g, w FROM (SELECT g, {value} w FROM t) z GROUP BY g, w",
)  # fmt: skip
_MARK = re.compile(r"\{(\*?)(\w+)\}")
_KINDS = {"number": _NUMBERS, "text": _TEXTS, "moment": _MOMENTS}


class Extremes:
    """Makes a table and statements over it; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def tables(self) -> list[RandomTable]:
        """Make the table of extreme values, and one of a single row to join it with."""
        columns = [column for kind in _COLUMNS.values() for column in kind]
        made = ", ".join(f"{name} {type_}" for name, type_, _ in columns)
        statements = [f"CREATE TABLE t (id INT PRIMARY KEY, g INT, {made})"]
        for row in range(_ROWS):
            group = str(row % 3) if row % 4 else "NULL"
            values = [self._chance.choice(values) for _, _, values in columns]
            shown = [value if self._chance.random() >= _MISSING else "NULL" for value in values]
            statements.append(f"INSERT INTO t VALUES ({row + 1}, {group}, {', '.join(shown)})")
        one = ("CREATE TABLE o (z INT)", "INSERT INTO o VALUES (1)")
        return [RandomTable("t", (), tuple(statements)), RandomTable("o", (), one)]

    def next(self) -> str:
        """Give the next statement."""
        value = self._any()
        aggregate = self._of(_AGGREGATES, value)
        given = {
            "value": value,
            "another": self._any(),
            "greatest": f"MAX({value})",
            "aggregate": aggregate,
            "beside": self._of(_AGGREGATES, self._any()),
            "window": self._of(_WINDOWS, value),
            "over_groups": re.sub(r"\bid\b", "g", self._of(_WINDOWS, aggregate)),
            "kept": "z.w",
        }

        def fill(mark: re.Match[str]) -> str:
            written = given[mark[2]]
            return self._chance.choice(_USES).format(written) if mark[1] else written

        return _MARK.sub(fill, self._chance.choice(_FORMS))

    def _of(self, templates: tuple[str, ...], value: str) -> str:
        template = self._chance.choice(templates).replace("{order}", self._chance.choice(_CHOICES["order"]))
        return template.replace("{value}", value)

    def _any(self) -> str:
        return self._made(self._chance.choices(tuple(_KINDS), (45, 40, 15))[0], 0)

    def _made(self, kind: str, depth: int) -> str:
        """Make an expression of a kind; the deeper, the sooner it is a column."""
        if depth > _DEEPEST or self._chance.random() < (0.45 if kind == "number" else 0.2):
            return self._column({"number": ("whole", "fraction"), "text": ("word",), "moment": ("date", "clock")}[kind])
        return _HOLE.sub(lambda hole: self._filled(hole[1], depth + 1), self._chance.choice(_KINDS[kind]))

    def _filled(self, hole: str, depth: int) -> str:
        if hole in _COLUMNS:
            return self._column((hole,))
        if hole == "column":
            return self._column(("whole", "fraction"))
        if hole in _CHOICES:
            return _HOLE.sub(lambda inner: self._filled(inner[1], depth), self._chance.choice(_CHOICES[hole]))
        if hole == "any":
            return self._made(self._chance.choices(tuple(_KINDS), (60, 25, 15))[0], depth)
        return self._made(hole, depth)

    def _column(self, kinds: tuple[str, ...]) -> str:
        return self._chance.choice([name for kind in kinds for name, _, _ in _COLUMNS[kind]])
