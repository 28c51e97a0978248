"""Random statements over the tables of tests/semantics/setup.sql, of the kind that reports and charts send."""

import random
from collections.abc import Callable

_INTEGERS = ("n.id", "n.grp", "n.i", "n.ti", "n.si", "n.ui", "n.d0")
_DECIMALS = ("n.d", "n.d4", "n.dbig")
_DOUBLES = ("n.db", "n.f")
_STRINGS = ("s.a", "s.u", "s.w", "s.c", "s.g", "s.b", "s.t")
_DATES = ("d.dt", "DATE(d.tm)", "LAST_DAY(d.dt)", "CURDATE()", "DATE '2024-02-29'")
_MOMENTS = ("d.tm", "d.tm3", "d.ts", "NOW()", "d.dt")
_WORDS = ("abc", "ABC", "AIR", "air", "two", "", "a", "b", "e", "MAIL", "10", "9x", "a_c", "a%c")
_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "HOUR", "MINUTE", "SECOND")
_PATTERNS = ("%Y-%m", "%Y-%m-01", "%d.%m.%y", "%H:%i", "%Y-%m-%d %H:%i:%s", "%b %e", "%W", "%j", "%M %Y")
_NUMERALS = ("c.v", "c.w")  # strings that are numbers
_FROM = "n JOIN s ON n.id = s.id JOIN d ON d.id = n.id JOIN c ON c.id = n.id LEFT JOIN doc ON doc.id = n.id"


class Statements:
    """Makes statements; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def next(self) -> str:
        """Give the next statement."""
        shapes: tuple[Callable[[], str], ...] = (
            self._plain, self._plain, self._grouped, self._grouped, self._windowed, self._derived, self._joined,
            self._united, self._nested, self._limited,
        )  # fmt: skip
        return self.chance.choice(shapes)()

    def _pick(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def _number(self) -> str:
        return self._pick("0", "1", "2", "3", "7", "10", "100", "-1", "-5", "0.5", "1.50", "2.25", "0.0001", "99999")

    def integer(self, depth: int) -> str:
        """Make an integer."""
        if depth <= 0 or self.chance.random() < 0.3:
            return self._pick(*_INTEGERS) if self.chance.random() < 0.8 else self._pick("1", "2", "5", "-3", "0")
        less, few = depth - 1, self._pick("1", "2", "3", "7")
        a, b = self.integer(less), self.integer(less)
        return self._pick(
            f"({a} {self._pick('+', '-', '*')} {b})", f"({a} DIV {few})", f"({a} % {few})", f"ABS({a})", f"-({a})",
            f"SIGN({self.exact(less)})", f"FLOOR({self.exact(less)})", f"CEIL({self.exact(less)})", f"ROUND({a}, -1)",
            f"COALESCE({a}, {b})", f"IF({self.truth(less)}, {a}, {b})", f"NULLIF({a}, {b})", f"GREATEST({a}, {b})",
            f"LENGTH({self.text(less)})", f"CHAR_LENGTH({self.text(less)})", f"CAST({self.exact(less)} AS SIGNED)",
            f"{self._part()}({self.moment(less)})", f"DATEDIFF({self.date(less)}, {self.date(less)})",
            f"TIMESTAMPDIFF({self._pick(*_UNITS)}, {self.moment(less)}, {self.moment(less)})",
            f"WEEK({self.date(less)}, {self._pick('0', '1', '2', '3')})", f"INSTR(s.u, '{self._pick('A', 'i', 'L')}')",
            f"FIELD(s.u, 'AIR', 'mail', '{self._pick(*_WORDS)}')", f"({a} & {few})", f"({a} >> 2)",
            f"EXTRACT(YEAR_MONTH FROM {self.date(less)})", f"UNIX_TIMESTAMP({self._pick('d.tm', 'd.ts', 'd.dt')})",
            f"CASE {a} WHEN 1 THEN {b} WHEN 10 THEN 2 ELSE {few} END", f"(({self.truth(less)}) + {few})",
            self.coded(less),
        )  # fmt: skip

    def coded(self, depth: int) -> str:
        """Make an integer of bits, places, periods, times and documents."""
        a, text, moment = self.integer(depth - 1), self.text(depth - 1), self.moment(depth - 1)
        return self._pick(
            f"BIT_COUNT({a})", f"({a} | {self.exact(depth - 1)})", f"({a} ^ 5)", f"(n.id << {a})", f"({a} >> n.ti)",
            f"INTERVAL({self.exact(depth - 1)}, -1, 0, 5, 100)", "FIND_IN_SET(s.u, 'AIR,mail,x')",
            "FIND_IN_SET('two', CONCAT(s.w, ',two'))", f"LOCATE('e', s.w, {self._pick('1', '2', '4')})",
            f"INSTR({text}, 'a')", f"ORD({text})", f"BIT_LENGTH({text})", f"WEEK({moment}, {self._pick(*'4567')})",
            f"YEARWEEK({moment}, {self._pick(*'01234567')})", f"TO_SECONDS({moment})", "TIME_TO_SEC(d.ti)",
            f"{self._pick('HOUR', 'MINUTE', 'SECOND', 'MICROSECOND')}({self.time(depth - 1)})",
            f"PERIOD_DIFF(EXTRACT(YEAR_MONTH FROM {moment}), 199912)", f"PERIOD_ADD(200001, {a})",
            f"CAST({self._pick(*_NUMERALS)} AS SIGNED)", f"CAST({self.double(depth - 1)} AS SIGNED)",
            f"({self.date(depth - 1)} + 0)", f"JSON_LENGTH(doc.j, '$.{self._pick(*'abcg')}')", "INET_ATON('10.0.0.1')",
            f"({text} REGEXP '{self._pick('^a', 'b$', '[0-9]+', 'a.c', 'ai|ma', 'e{2}')}')",
        )  # fmt: skip

    def double(self, depth: int) -> str:
        """Make a double whose last digit is certain."""
        if depth <= 0 or self.chance.random() < 0.3:
            return self._pick(*_DOUBLES, "1.5e0", "0.1e0", "-2e0", *_NUMERALS)
        less, places = depth - 1, self._pick("0", "1", "2", "5", "-1")
        a, x = self.double(less), self.exact(less)
        library = self._pick("EXP", "LN", "SIN", "COS", "ATAN", "LOG10", "SQRT", "DEGREES", "RADIANS", "TAN", "LOG2")
        return self._pick(
            f"({a} {self._pick('+', '-', '*', '/')} {x})", f"ROUND({a}, {places})", f"TRUNCATE({a}, {places})",
            f"FLOOR({a})", f"CEIL({a})", f"ABS({a})", f"-({a})", f"({a} % 3)", f"ROUND({library}({x}), {places})",
            f"ROUND(POW({x}, {self._pick('2', '0.5', '3')}), 2)", f"POW({self.integer(less)}, 2)", f"({x} * 1e0)",
            f"CAST({x} AS DOUBLE)", f"({self._pick(*_NUMERALS)} + {x})", f"IF({self.truth(less)}, {a}, 1.5e0)",
            f"COALESCE({a}, n.db)",
        )  # fmt: skip

    def time(self, depth: int) -> str:
        """Make a time of day or a span."""
        moment = self.moment(depth - 1)
        return self._pick(
            "d.ti", "d.ti", f"SEC_TO_TIME({self.integer(depth - 1)})", f"MAKETIME(n.id, 30, {self._pick('0', '59')})",
            f"TIME({moment})", f"TIMEDIFF({moment}, {moment})", "TIMEDIFF(d.tm3, d.tm)", "ADDTIME(d.ti, '00:30:00')",
            "SUBTIME(d.ti, '12:00:00')", f"CAST({moment} AS TIME)", "(d.ti + INTERVAL n.id MINUTE)",
        )  # fmt: skip

    def _part(self) -> str:
        return self._pick(
            "YEAR", "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND", "DAYOFWEEK", "WEEKDAY", "DAYOFYEAR",
            "YEARWEEK", "TO_DAYS",
        )  # fmt: skip

    def exact(self, depth: int) -> str:
        """Make a decimal or an integer."""
        if depth <= 0 or self.chance.random() < 0.25:
            return self._pick(*_DECIMALS, self._number(), *_INTEGERS)
        less = depth - 1
        a, b = self.exact(less), self.exact(less)
        return self._pick(
            self.integer(less), f"({a} {self._pick('+', '-', '*')} {b})", f"({a} / {b})", f"({a} / 7)",
            f"ROUND({a}, {self._pick('0', '1', '2', '4', '-1', '-2')})", f"TRUNCATE({a}, {self._pick('0', '1', '3')})",
            f"IFNULL({a}, {b})", f"CASE WHEN {self.truth(less)} THEN {a} ELSE {b} END", f"ABS({a})", f"({a} % 3)",
            f"LEAST({a}, {b})", f"CAST({a} AS DECIMAL(20,{self._pick('0', '2', '5')}))", f"({a} * 100.0 / {b})",
            f"CAST({self.double(less)} AS DECIMAL(20,{self._pick('0', '2', '5')}))",
            f"CAST({self._pick(*_NUMERALS)} AS DECIMAL(20,3))",
        )  # fmt: skip

    def text(self, depth: int) -> str:
        """Make a string."""
        if depth <= 0 or self.chance.random() < 0.3:
            return self._pick(*_STRINGS)
        less = depth - 1
        a, word = self.text(less), self._pick(*_WORDS)
        return self._pick(
            f"UPPER({a})", f"LOWER({a})", f"TRIM({a})", f"LEFT({a}, {self._pick('0', '1', '2', '9')})", f"REVERSE({a})",
            f"SUBSTRING({a}, {self._pick('1', '2', '-2', '0')}, {self._pick('1', '2', '5')})", f"RIGHT({a}, 2)",
            f"CONCAT({a}, '{word}')", f"CONCAT({a}, '-', {self.integer(less)})", f"CONCAT_WS(',', {a}, s.u)",
            f"REPLACE({a}, '{self._pick('a', 'b', 'A', ' ')}', '{word}')", f"LPAD({a}, 6, '*')", f"RPAD({a}, 3, 'xy')",
            f"COALESCE({a}, '{word}')", f"IF({self.truth(less)}, {a}, '{word}')", f"REPEAT({a}, 2)",
            f"NULLIF({a}, s.a)",
            f"SUBSTRING_INDEX({a}, '{self._pick('b', 'e', 'A', ' ')}', {self._pick('1', '-1', '2')})", f"HEX({a})",
            f"DATE_FORMAT({self.moment(less)}, '{self._pick(*_PATTERNS)}')", f"CAST({self.exact(less)} AS CHAR)",
            f"DAYNAME({self.date(less)})", f"ELT({self.integer(less)}, 'x', s.u)", f"MONTHNAME({self.date(less)})",
            self.spelled(less),
        )  # fmt: skip

    def spelled(self, depth: int) -> str:
        """Make a text in another spelling, or cut by computed places."""
        a, number = self.text(depth - 1), self.integer(depth - 1)
        return self._pick(
            f"BIN({number})", f"OCT({number})", f"CONV({number}, 10, 16)", f"HEX({number})", f"SPACE({number} % 9)",
            f"FORMAT({self.exact(depth - 1)}, {self._pick('0', '2', '4')})", f"FORMAT({self.double(depth - 1)}, 2)",
            f"LEFT({a}, {number} % 5)", f"RIGHT({a}, {number} % 5)", f"SUBSTRING({a}, {number} % 4, 3)",
            f"REPEAT({a}, {number} % 3)", f"INSERT({a}, {self._pick('1', '2', '5')}, {self._pick('0', '-1')}, 'XY')",
            f"MAKE_SET({number}, 'a', s.u, 'b')", f"TRIM({self._pick('BOTH', 'LEADING', 'TRAILING')} 'a' FROM {a})",
            f"TO_BASE64({a})", f"SHA2({a}, 256)", f"INET_NTOA({number} & 4294967295)", f"CONCAT({self.time(1)}, '')",
            f"DATE_FORMAT({self.moment(depth - 1)}, '{self._pick('%D %U %u', '%V-%X', '%v/%x', '%r %T', '%k:%l %w')}')",
            "JSON_UNQUOTE(JSON_EXTRACT(doc.j, '$.b'))", "JSON_UNQUOTE(JSON_EXTRACT(doc.j, '$.g.h'))",
            f"SUBSTRING_INDEX({a}, '{self._pick('ab', 'e', 'AI', 've')}', {self._pick('1', '-1', '2')})",
        )  # fmt: skip

    def date(self, depth: int) -> str:
        """Make a date."""
        if depth <= 0 or self.chance.random() < 0.4:
            return self._pick(*_DATES)
        less = depth - 1
        a, amount = self.date(less), self._pick("1", "2", "7", "-1", "30", "n.id")
        return self._pick(
            f"({a} + INTERVAL {amount} {self._pick(*_UNITS[:5])})", f"DATE_SUB({a}, INTERVAL {amount} DAY)",
            f"MAKEDATE(YEAR({a}), {self._pick('1', '60', '365')})", f"COALESCE({a}, CURDATE())",
            f"DATE(DATE_SUB({self.moment(less)}, INTERVAL DAYOFMONTH(d.tm) - 1 DAY))",
            f"IF({self.truth(less)}, {a}, d.dt)",
            f"STR_TO_DATE(CONCAT(DATE_FORMAT({a}, '%Y-%m'), '-01'), '%Y-%m-%d')", f"CAST({self.moment(less)} AS DATE)",
            f"FROM_DAYS(TO_DAYS({a}) + {amount})", f"STR_TO_DATE(DATE_FORMAT({a}, '%d.%m.%Y'), '%d.%m.%Y')",
            f"DATE(CONCAT({a}, ''))",
        )  # fmt: skip

    def moment(self, depth: int) -> str:
        """Make a date with a time."""
        if depth <= 0 or self.chance.random() < 0.5:
            return self._pick(*_MOMENTS)
        less, amount = depth - 1, self._pick("1", "90", "-1", "1000", "n.id")
        return self._pick(
            f"({self.moment(less)} + INTERVAL {amount} {self._pick(*_UNITS)})", f"CAST({self.date(less)} AS DATETIME)",
            "DATE_ADD(DATE(d.tm), INTERVAL HOUR(d.tm) HOUR)", f"({self.moment(less)} - INTERVAL '1 2' DAY_HOUR)",
            f"ADDTIME({self._pick('d.tm', 'd.tm3')}, {self._pick('d.ti', chr(39) + '01:00:00' + chr(39))})",
            f"(d.tm + INTERVAL {amount} MICROSECOND)", "CAST(d.tm3 AS DATETIME)", "CAST(d.tm3 AS DATETIME(1))",
            "CONVERT_TZ(d.tm, '+00:00', '-05:30')", "FROM_UNIXTIME(n.id * 100000)",
        )  # fmt: skip

    def truth(self, depth: int) -> str:
        """Make a condition."""
        less, sign = depth - 1, self._pick("=", "<>", "<", "<=", ">", ">=", "<=>")
        if depth > 0 and self.chance.random() < 0.3:
            a, b = self.truth(less), self.truth(less)
            return self._pick(f"(({a}) AND ({b}))", f"(({a}) OR ({b}))", f"(NOT ({a}))", f"(({a}) XOR ({b}))")
        a, b = self.exact(less), self.exact(less)
        word = self._pick(*_WORDS)
        return self._pick(
            f"({a} {sign} {b})", f"({self.integer(less)} {sign} {self._number()})", f"({a} IS NULL)",
            f"({self.text(less)} {sign} '{word}')", f"({self._pick(*_STRINGS)} LIKE '{word[:2]}%')",
            f"({self.text(less)} IN ('{word}', 'x'))", f"({self.integer(less)} IN (1, 2, NULL))",
            f"({self.integer(less)} BETWEEN {self._number()} AND 10)", f"({self.date(less)} {sign} '2000-01-01')",
            f"({self.moment(less)} {sign} {self.moment(less)})", f"({self._pick(*_DOUBLES)} {sign} {self._number()})",
            f"(n.id IN (SELECT nid FROM o WHERE qty {sign} 4))", f"({self.text(less)} {sign} {self._pick(*_STRINGS)})",
            f"EXISTS (SELECT 1 FROM o WHERE o.nid = n.id AND o.price {sign} 5.5)",
            f"({self.double(less)} {sign} {self.double(less)})", f"({self._pick(*_NUMERALS)} {sign} {b})",
            f"({self.time(less)} {sign} '01:00:00')", f"(JSON_UNQUOTE(JSON_EXTRACT(doc.j, '$.b')) {sign} '{word}')",
        )  # fmt: skip

    def value(self, depth: int) -> str:
        """Make a value of any kind."""
        make = self.chance.choice(
            (self.integer, self.exact, self.text, self.date, self.moment, self.truth, self.double, self.time)
        )
        return make(depth)

    def _where(self) -> str:
        return f" WHERE {self.truth(2)}" if self.chance.random() < 0.6 else ""

    def _values(self, most: int, depth: int = 3) -> str:
        return ", ".join(f"{self.value(depth)} k{at}" for at in range(self.chance.randint(1, most)))

    def _plain(self) -> str:
        return f"SELECT n.id, {self._values(3)} FROM {_FROM}{self._where()} ORDER BY n.id"

    def _limited(self) -> str:
        order = self._pick("", f" ORDER BY {self.value(1)}, n.id")
        count = self._pick("0", "1", "3", "1000")
        return f"SELECT n.id, {self._values(2)} FROM {_FROM}{self._where()}{order} LIMIT {count}"

    def aggregate(self) -> str:
        """Make an aggregate."""
        a = self.exact(2)
        return self._pick(
            "COUNT(*)", f"COUNT({a})", f"SUM({a})", f"AVG({a})", f"MIN({self.value(2)})", f"MAX({self.value(2)})",
            f"COUNT(DISTINCT {self.value(1)})", f"SUM({a}) / COUNT(*)", f"SUM(DISTINCT {self.integer(1)})",
            f"SUM(CASE WHEN {self.truth(1)} THEN 1 ELSE 0 END)", f"ROUND(AVG({a}), 2)", f"SUM({self.truth(1)})",
            f"GROUP_CONCAT({self._pick('n.i', 's.u', 'd.dt', 'n.d')} ORDER BY n.id)", f"MAX({a}) - MIN({a})",
            "GROUP_CONCAT(DISTINCT s.w ORDER BY s.w SEPARATOR '|')", f"100.0 * SUM({a}) / SUM({self.exact(1)})",
            f"SUM({self.double(1)})", f"ROUND(AVG({self.double(1)}), 2)", f"ROUND(STD({a}), 2)",
            f"ROUND(VAR_SAMP({self.double(0)}), 1)", f"BIT_{self._pick('AND', 'OR', 'XOR')}({self.integer(1)})",
            f"ANY_VALUE({self.value(1)})", f"SUM({self.double(1)}) > 10", f"SUM({self._pick(*_NUMERALS)})",
        )  # fmt: skip

    def _grouped(self) -> str:
        key = self._pick(
            "n.grp", "s.u", "s.w", "YEAR(d.dt)", self.value(1), self.integer(2), self.date(2), self.text(2)
        )
        having = f" HAVING {self._pick('COUNT(*) > 1', 'SUM(n.i) IS NOT NULL', 'k IS NOT NULL')}"
        tail = self._pick("", having, " ORDER BY k", " ORDER BY 2, k", " LIMIT 3")
        sums = ", ".join(self.aggregate() for _ in range(self.chance.randint(1, 3)))
        return f"SELECT {key} k, {sums} FROM {_FROM}{self._where()} GROUP BY k{tail}"

    def _windowed(self) -> str:
        partition = self._pick("", f"PARTITION BY {self._pick('n.grp', 's.u', self.value(1))} ")
        order = self._pick("n.id", "n.id DESC", f"{self.value(1)}, n.id")
        function = self._pick(
            "ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(3)", "PERCENT_RANK()", "CUME_DIST()", "COUNT(*)",
            f"SUM({self.exact(1)})", f"AVG({self.exact(1)})", f"MIN({self.value(1)})", f"MAX({self.value(1)})",
            f"LAG({self.value(1)})", f"LEAD({self.value(1)}, 2)", f"FIRST_VALUE({self.value(1)})",
            f"LAST_VALUE({self.value(1)})",
        )  # fmt: skip
        return f"SELECT n.id, {function} OVER ({partition}ORDER BY {order}) k FROM {_FROM}{self._where()} ORDER BY n.id"

    def _derived(self) -> str:
        inner = f"SELECT n.id, {self.value(2)} k0, {self.integer(2)} k1 FROM {_FROM}{self._where()}"
        return self._pick(
            f"SELECT * FROM ({inner}) x ORDER BY id LIMIT 100",
            f"SELECT k0, COUNT(*), SUM(k1) FROM ({inner}) x GROUP BY k0",
            f"WITH x AS ({inner}) SELECT a.id, b.k0 FROM x a JOIN x b ON a.k1 = b.k1",
            f"SELECT DISTINCT k0 FROM ({inner}) x",
        )

    def _joined(self) -> str:
        kind = self._pick("JOIN", "LEFT JOIN", "RIGHT JOIN")
        on = self._pick("n.id = o.nid", "n.i = o.qty", "n.d > o.price", "n.id = o.sid")
        keep = self._pick("", " WHERE o.qty > 3", " WHERE o.id IS NULL", " WHERE n.i IS NOT NULL")
        return f"SELECT n.id, o.id oid, o.price * n.d k, COALESCE(o.qty, n.i) q FROM n {kind} o ON {on}{keep}"

    def _united(self) -> str:
        word = self._pick("UNION", "UNION ALL", "UNION ALL", "EXCEPT", "INTERSECT")
        make = self.chance.choice((self.integer, self.exact, self.text, self.date))
        return f"SELECT {make(1)} k FROM {_FROM} {word} SELECT {make(1)} FROM {_FROM}"

    def _nested(self) -> str:
        function = self._pick("MAX(price)", "COUNT(*)", "SUM(qty)", "AVG(price)", "MIN(flag)")
        on = self._pick("o.nid = n.id", "o.qty > n.i", "o.sid <=> n.grp")
        return f"SELECT n.id, (SELECT {function} FROM o WHERE {on}) k, {self.value(1)} v FROM {_FROM}{self._where()}"
