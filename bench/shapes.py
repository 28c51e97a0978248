"""Random statements of unusual shapes: rows as values, set operations, recursion, frames, views of queries in FROM."""

from collections.abc import Callable

from bench.statements import Statements

_OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "<=>")
_KEYS = ("n.grp", "n.i", "n.ti", "n.si", "n.id")


class Shapes(Statements):
    """Makes statements of the plain kinds and of these; the same seed makes the same ones."""

    def next(self) -> str:
        """Give the next statement."""
        if self.chance.random() < 0.5:
            return super().next()
        shapes: tuple[Callable[[], str], ...] = (
            self._rows, self._row_members, self._chain, self._parenthesised, self._recursive, self._framed,
            self._summed, self._rolled, self._lateral, self._quantified, self._listed, self._derived_groups,
        )  # fmt: skip
        return self.chance.choice(shapes)()

    def _maybe(self, text: str, part: float = 0.5) -> str:
        return text if self.chance.random() < part else ""

    def _number_or_null(self) -> str:
        return self._pick("0", "1", "2", "3", "5", "10", "NULL", "100")

    def _rows(self) -> str:
        sign = self._pick(*_OPERATORS)
        right = f"({self._number_or_null()}, {self.integer(1)})"
        left = f"({self._pick(*_KEYS)}, {self.integer(1)})"
        where = self._maybe(f" WHERE {left} {self._pick('=', '<>', '<', '>=')} {right}")
        return f"SELECT n.id, {left} {sign} {right} k FROM n JOIN s ON n.id = s.id JOIN d ON d.id = n.id{where}"

    def _row_members(self) -> str:
        word = self._pick("IN", "NOT IN")
        left = f"({self._pick(*_KEYS)}, {self._pick(*_KEYS)})"
        kept = self._pick("", " WHERE o.qty > 2", " WHERE o.nid IS NOT NULL", " WHERE o.id <= n.id")
        test = (
            f"{left} {word} (SELECT {self._pick('nid', 'sid', 'qty')}, {self._pick('qty', 'nid', 'id')} FROM o{kept})"
        )
        return self._pick(f"SELECT n.id FROM n WHERE {test}", f"SELECT n.id, {test} k FROM n")

    def _side(self, make: Callable[[int], str]) -> str:
        cut = self._maybe(f" ORDER BY n.id LIMIT {self._pick('1', '3', '7')}", 0.3)
        query = f"SELECT {make(1)} k FROM n JOIN s ON n.id = s.id JOIN d ON d.id = n.id{self._where()}{cut}"
        return f"({query})" if cut else query

    def _chain(self) -> str:
        make = self.chance.choice((self.integer, self.exact, self.text, self.date))
        words = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL")
        query = self._side(make)
        for _ in range(self.chance.randint(1, 3)):
            query += f" {self._pick(*words)} {self._side(make)}"
        return self._pick(query, f"{query} ORDER BY k", f"SELECT COUNT(*), COUNT(DISTINCT k) FROM ({query}) x")

    def _parenthesised(self) -> str:
        order = self._pick("", " ORDER BY n.id LIMIT 6")
        query = f"(SELECT n.id, {self.value(1)} k FROM n JOIN s ON n.id = s.id JOIN d ON d.id = n.id{order})"
        return f"{query} ORDER BY id DESC LIMIT {self._pick('0', '2', '100')}"

    def _recursive(self) -> str:
        step, most = self._pick("1", "2", "n.id"), self._pick("4", "30", "3000")
        source = "t JOIN n ON n.id = t.k" if step == "n.id" else "t"
        body = f"SELECT {self._pick('1', '0', '2')} k UNION ALL SELECT k + {step} FROM {source} WHERE k < {most}"
        return self._pick(
            f"WITH RECURSIVE t AS ({body}) SELECT t.k, n.i FROM t JOIN n ON n.id = t.k",
            f"WITH RECURSIVE t (k) AS ({body}) SELECT COUNT(*), SUM(k), MAX(k) FROM t JOIN n ON n.id = 1",
            "WITH RECURSIVE t AS (SELECT id, nid, qty FROM o WHERE id < 3 UNION ALL SELECT o.id, o.nid, o.qty FROM o"
            " JOIN t ON o.id = t.id + 2) SELECT id, COUNT(*), SUM(qty) FROM t GROUP BY id",
        )

    def _framed(self) -> str:
        near, far = self._pick("1", "2", "5"), self._pick("1", "3", "40")
        ends = self._pick(
            f"BETWEEN {near} PRECEDING AND {far} FOLLOWING", f"BETWEEN {far} PRECEDING AND CURRENT ROW",
            f"BETWEEN {near} FOLLOWING AND UNBOUNDED FOLLOWING", f"{near} PRECEDING", "UNBOUNDED PRECEDING",
            "BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        )  # fmt: skip
        function = self._pick("COUNT(*)", "SUM(n.i)", "AVG(n.d)", "MIN(n.d4)", "MAX(s.u)", "SUM(n.id)")
        partition = self._maybe(f"PARTITION BY {self._pick('n.grp', 's.u')} ")
        rows = f"{partition}ORDER BY n.id ROWS {ends}"
        values = f"{partition}ORDER BY {self._pick(*_KEYS)}{self._maybe(' DESC')} RANGE {ends}"
        window = self._pick(rows, values)
        return self._pick(
            f"SELECT n.id, {function} OVER ({window}) k FROM n JOIN s ON n.id = s.id ORDER BY n.id",
            f"SELECT n.id, {function} OVER w k, COUNT(*) OVER w c FROM n JOIN s ON n.id = s.id WINDOW w AS ({window})",
            f"SELECT n.id, {function} OVER (w ORDER BY n.id) k FROM n JOIN s ON n.id = s.id"
            f" WINDOW w AS ({partition or 'PARTITION BY n.grp'}) HAVING n.id > {near}",
        )

    def _summed(self) -> str:
        sums = self._pick("SUM(SUM(n.i))", "AVG(SUM(n.d))", "MAX(COUNT(*))", "RANK()", "SUM(COUNT(*))", "LAG(SUM(n.i))")
        key = self._pick("n.grp", "s.u", "YEAR(d.dt)")
        return (
            f"SELECT {key} k, SUM(n.i), {sums} OVER (ORDER BY {key}) w FROM n JOIN s ON n.id = s.id"
            f" JOIN d ON d.id = n.id{self._where()} GROUP BY {key}"
        )

    def _rolled(self) -> str:
        first, second = self._pick("n.grp", "s.u", "n.y"), self._pick("n.id", "s.w", "n.ti")
        having = self._maybe(" HAVING COUNT(*) > 1", 0.3)
        grouping = self._maybe(f", GROUPING({first}), GROUPING({first}, {second})")
        query = (
            f"SELECT {first} a, {second} b, {self.aggregate()} k{grouping} FROM n JOIN s ON n.id = s.id"
            f" JOIN d ON d.id = n.id{self._where()} GROUP BY {first}, {second} WITH ROLLUP{having}"
        )
        return self._pick(query, f"SELECT a, COUNT(*), COUNT(b) FROM ({query}) x GROUP BY a")

    def _lateral(self) -> str:
        on = self._pick("o.nid = n.id", "o.qty > n.grp", "o.sid <=> n.grp")
        inner = self._pick(
            f"SELECT COUNT(*) c FROM o WHERE {on}", f"SELECT o.qty c FROM o WHERE {on} ORDER BY o.id LIMIT 2",
            f"SELECT SUM(o.price) + n.d c FROM o WHERE {on}",
        )  # fmt: skip
        join = self._pick(
            "JOIN LATERAL ({}) x ON TRUE", "LEFT JOIN LATERAL ({}) x ON TRUE", "JOIN LATERAL ({}) x ON x.c > 1"
        )
        return f"SELECT n.id, x.c FROM n {join.format(inner)}"

    def _quantified(self) -> str:
        sign, word = self._pick(*_OPERATORS[:6]), self._pick("ANY", "ALL", "SOME")
        left, column = self.chance.choice((("n.i", "qty"), ("n.d", "price"), ("n.grp", "nid"), ("s.u", "flag")))
        kept = self._pick("", " WHERE o.qty > 3", " WHERE o.nid = n.id", " WHERE o.id > 100", " WHERE o.flag = 'A'")
        more = self._maybe(f" UNION SELECT {column} FROM o WHERE o.id = 1", 0.2)
        test = f"{left} {sign} {word} (SELECT {column} FROM o{kept}{more})"
        source = "n JOIN s ON n.id = s.id"
        return self._pick(f"SELECT n.id, {test} k FROM {source}", f"SELECT n.id FROM {source} WHERE NOT ({test})")

    def _listed(self) -> str:
        rows = ", ".join(f"ROW({self._pick('1', '2', '6')}, {self._pick('1', '2.5', 'NULL')})" for _ in range(3))
        return f"SELECT n.id, x.b, n.d + x.b k FROM n JOIN (VALUES {rows}) AS x (a, b) ON x.a = n.id"

    def _derived_groups(self) -> str:
        function, outer = self._pick("MAX(qty)", "SUM(price)", "COUNT(*)"), self._pick("MAX", "MIN", "SUM")
        inner = f"SELECT o.nid, {function} c FROM o WHERE o.qty > n.grp GROUP BY o.nid"
        return f"SELECT n.id, (SELECT {outer}(x.c) FROM ({inner}) x WHERE x.nid < n.id) k FROM n"
