"""Random SELECTs over random tables: every shape of query that may be offloaded, filled by `bench.grammar`."""

import re
from collections.abc import Callable

from bench.expressions import VALUE_KINDS, Expressions, Scope
from bench.grammar.choices import CHOICES
from bench.grammar.groups import AGGREGATES, FRAMES, OVER_GROUPS, RANGES, WINDOWS, WRAPPED
from bench.join_trees import JoinTree

_FRAMED = re.compile(r"SUM|COUNT|AVG|MIN|MAX|BIT|FIRST|LAST|NTH")  # what MariaDB lets have a frame
_SUMMING = re.compile(r"SUM|COUNT|AVG|MIN|MAX|BIT")  # what does not depend on the order of tied rows
_GROUP_KINDS = ("integer", "text", "date", "exact", "member", "year", "moment", "truth", "bit", "time")
_SET_WORDS = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL", "UNION")
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


class Statements(Expressions):
    """Makes statements over tables; the same seed makes the same ones."""

    def next(self) -> str:
        """Give the next statement."""
        shapes: tuple[tuple[Callable[[], str], int], ...] = (
            (self._plain, 4), (self._grouped, 4), (self._rolled, 1), (self._windowed, 3), (self._derived, 2),
            (self._common, 2), (self._chain, 2), (self._nested, 2), (self._quantified, 1), (self._row_values, 1),
            (self._recursive, 1), (self._distinct, 1), (self._summed, 1), (self._natural, 1), (self._counted, 1),
            (self._parenthesised, 1), (self._several, 1), (self._picked, 1), (self._framed, 1), (self._weighed, 1),
            (self._cased, 1), (self._ranked, 2),
        )  # fmt: skip
        if self.server == "mysql":
            shapes = (*shapes, (self._lateral, 1), (self._listed, 1), (self._summarised, 1))
        return self.chance.choices([s for s, _ in shapes], [w for _, w in shapes])[0]()

    # Sources.

    def _from(self) -> tuple[str, Scope]:
        """Make a FROM, whose first table is t, and the scope of it."""
        first = self.chance.choice(self.tables)
        scope = [("t", f) for f in first.fields]
        text = f"{first.name} t"
        if self.chance.random() < 0.45:
            second = self.chance.choice(self.tables)
            scope += [("u", f) for f in second.fields]
            both = Scope(tuple(scope), self.collation)
            word = self.chance.choice(
                ("JOIN", "LEFT JOIN", "RIGHT JOIN", "LEFT JOIN", "CROSS JOIN", "STRAIGHT_JOIN", ",")
            )
            on = self.chance.choice(
                ("t.id = u.id", "t.k = u.k", "t.k = u.id", "t.g = u.g AND u.id < 4", self.value("truth", both, 1))
            )
            on = on if "id" in on or "k" in on else f"t.id = u.id AND {on}"
            text += f", {second.name} u" if word == "," else f" {word} {second.name} u"
            text += "" if word in ("CROSS JOIN", ",") else f" ON {on}"
        return text, Scope(tuple(scope), self.collation)

    def _where(self, scope: Scope, part: float = 0.55) -> str:
        return f" WHERE {self.value('truth', scope, 2)}" if self.chance.random() < part else ""

    def _body(self, outputs: str, source: str, scope: Scope) -> str:
        joined = [alias for alias, _ in scope.columns if alias == "u"]
        crossed = " ON " not in source and bool(joined)
        where = self._where(scope)
        if crossed:
            where = f" WHERE t.id = u.id{where.replace(' WHERE ', ' AND ')}"
        return f"SELECT {outputs} FROM {source}{where}"

    # Shapes.

    def _plain(self) -> str:
        source, scope = self._from()
        body = self._body(f"t.id, {self._outputs(scope, 3, 3)}", source, scope)
        key = "t.id, u.id" if any(alias == "u" for alias, _ in scope.columns) else "t.id"
        order = self.chance.choice(
            ("", f" ORDER BY {key}", f" ORDER BY {self._any(scope, 1)}, {key}", f" ORDER BY v0 DESC, {key}")
        )
        limit = self.chance.choice(("", "", " LIMIT 3", " LIMIT 2, 5", " LIMIT 4 OFFSET 1")) if order else ""
        return body + order + limit

    def _distinct(self) -> str:
        source, scope = self._from()
        return self._body(f"DISTINCT {self._outputs(scope, 2, 2)}", source, scope) + self.chance.choice(
            ("", " ORDER BY 1", " LIMIT 2")
        )

    def _grouped(self) -> str:
        source, scope = self._from()
        keys = [self.value(self.chance.choice(_GROUP_KINDS), scope, 1) for _ in range(self.chance.randint(1, 2))]
        outputs = ", ".join(f"{key} x{at}" for at, key in enumerate(keys))
        names = ", ".join(
            self.chance.choice((f"x{at}", key if not key.lstrip("-").isdigit() else f"x{at}"))
            for at, key in enumerate(keys)
        )
        aggregate = self._aggregate(scope)
        tail = self.chance.choice(
            ("", "", " HAVING COUNT(*) > 1", f" HAVING {aggregate} IS NOT NULL", " HAVING x0 IS NOT NULL",
             " ORDER BY x0", " ORDER BY COUNT(*), x0", " ORDER BY 1 DESC", " LIMIT 2", " HAVING a0 > 1 ORDER BY a0",
             f" ORDER BY {aggregate}, x0")
        )  # fmt: skip
        if len(keys) == 2 and "ORDER" in tail:
            tail += ", x1"
        return self._body(f"{outputs}, {self._aggregates(scope, 3)}", source, scope) + f" GROUP BY {names}{tail}"

    def _rolled(self) -> str:
        source, scope = self._from()
        keys = [
            self.value(self.chance.choice(_GROUP_KINDS[:8]), scope, self.chance.choice((0, 0, 1))) for _ in range(2)
        ]
        keys = [key for key in keys if "." in key] or ["t.g"]
        shown = ", ".join(f"{key} x{at}" for at, key in enumerate(keys))
        grouping, tail = "", self.chance.choice(("", " HAVING COUNT(*) > 1", " HAVING x0 IS NULL"))
        if self.server == "mysql":
            grouping = self.chance.choice(("", f", GROUPING({keys[0]})"))
            tail = self.chance.choice((tail, " ORDER BY x0"))
        query = self._body(f"{shown}, {self._aggregates(scope, 2)}{grouping}", source, scope)
        query += f" GROUP BY {', '.join(dict.fromkeys(keys))} WITH ROLLUP{tail}"
        return self.chance.choice((query, f"SELECT x0, COUNT(*), MAX(a0) FROM ({query}) y GROUP BY x0"))

    def _window(self, scope: Scope, function: str) -> str:
        framed = self.server == "mysql" or _FRAMED.match(function) is not None
        key = self.value(self.chance.choice(_GROUP_KINDS), scope, 1)
        partition = self.chance.choice(("", f"PARTITION BY {key} ")) if "." in key else ""
        if framed and _SUMMING.match(function) and self.chance.random() < 0.3:
            key = self.chance.choice(("t.id", "t.k", "t.g", self._leaf("integer", scope), self._leaf("exact", scope)))
            return f"{partition}ORDER BY {key}{self.chance.choice(('', ' DESC'))} {self.chance.choice(RANGES)}"
        order = self.chance.choice(
            ("t.id", "t.id DESC", f"{self._any(scope, 1)}, t.id", f"{self._any(scope, 1)} DESC, t.id")
        )
        return f"{partition}ORDER BY {order} {self.chance.choice(FRAMES) if framed else ''}".rstrip()

    def _windowed(self) -> str:
        first = self.chance.choice(self.tables)
        scope = Scope(tuple(("t", f) for f in first.fields), self.collation)
        function = self._filled(self._template(WINDOWS, scope), scope, 1)
        window = self._window(scope, function)
        where = self._where(scope, 0.3)
        source = f"{first.name} t"
        return self.chance.choice(
            (
                f"SELECT t.id, {function} OVER ({window}) w0 FROM {source}{where}",
                f"SELECT t.id, {function} OVER w w0, COUNT(*) OVER w w1 FROM {source}{where} WINDOW w AS ({window})",
                f"SELECT t.id, {function} OVER () w0 FROM {source}{where} ORDER BY t.id",
                f"SELECT w0, COUNT(*) FROM (SELECT {function} OVER ({window}) w0 FROM {source}{where}) y GROUP BY w0",
                f"SELECT t.id, {function} OVER ({window}) + 0 w0 FROM {source}{where} ORDER BY w0, t.id",
                f"SELECT t.id, {self._wrapped(f'{function} OVER ({window})')} w0 FROM {source}{where}",
                f"SELECT t.id, {self._wrapped(f'{function} OVER w')} w0, t.k / {function} OVER w w1 "
                f"FROM {source}{where} WINDOW w AS ({window})",
            )
        )

    def _summed(self) -> str:
        source, scope = self._from()
        key = self.value(self.chance.choice(("integer", "text", "date")), scope, 0)
        sums = self.chance.choice(
            ("SUM(SUM(t.id))", "AVG(COUNT(*))", "MAX(COUNT(*))", "RANK()", "LAG(MAX(t.g))", "SUM(MAX(t.k))")
        )
        body = self._body(f"{key} x0, COUNT(*) a0, {sums} OVER (ORDER BY {key}) w0", source, scope)
        return f"{body} GROUP BY {key}"

    def _ranked(self) -> str:
        """Windows over groups, and what is computed of both."""
        source, scope = self._from()
        key = self.value(self.chance.choice(_GROUP_KINDS), scope, self.chance.choice((0, 0, 1)))
        key = key if "." in key else "t.g"
        sums = [self._filled(self._template(AGGREGATES, scope), scope, 1) for _ in range(3)]
        order = self.chance.choice((key, f"{key} DESC", f"{sums[1]}, {key}", f"COUNT(*) DESC, {key}"))
        over = self.chance.choice(("", f"PARTITION BY t.g ORDER BY {key}", f"ORDER BY {order}", f"ORDER BY {order}"))
        call = self.chance.choice(OVER_GROUPS if over else OVER_GROUPS[:4]).format(sums[2])
        window = f"{call} OVER ({over})"
        shown = self.chance.choice(
            (
                f"{self._wrapped(sums[0])} a0, {self._wrapped(window)} w0",
                f"{sums[0]} {self.chance.choice('-+*/')} {window} w0",
                f"{self.chance.choice(WRAPPED).format(sums[0])} a0, {window} w0, RANK() OVER (ORDER BY {key}) w1",
                f"{self.chance.choice(WRAPPED).format(sums[0])} a0, {self.chance.choice(WRAPPED).format(window)} w0",
            )
        )
        groups = ", ".join(dict.fromkeys((key, "t.g"))) if over.startswith("PARTITION") else key
        tail = self.chance.choice(("", "", f" HAVING {sums[0]} > 1", " HAVING COUNT(*) > 1", f" ORDER BY {key}"))
        where = self.chance.choice(("", "", f" AND {key} = {key}", " AND t.g = 1"))
        body = self._body(f"{key} x0, {shown}", source, scope)
        if where:
            body += where if " WHERE " in body else where.replace(" AND ", " WHERE ", 1)
        return f"{body} GROUP BY {groups}{tail}"

    def _derived(self) -> str:
        source, scope = self._from()
        inner = self._body(f"t.id, {self._any(scope, 2)} v0, {self.value('integer', scope, 2)} v1", source, scope)
        return self.chance.choice(
            (
                f"SELECT * FROM ({inner}) y",
                f"SELECT v0, COUNT(*), SUM(v1) FROM ({inner}) y GROUP BY v0",
                f"SELECT a.id, b.v0 FROM ({inner}) a LEFT JOIN ({inner}) b ON a.v1 = b.v1",
                f"SELECT DISTINCT v0 FROM ({inner}) y",
                f"SELECT y.v0, t0.g FROM ({inner}) y JOIN t0 ON t0.id = y.id",
                f"SELECT v0 FROM ({inner}) y WHERE v1 > 0 ORDER BY v1, id, v0 LIMIT 1000",
                f"SELECT MAX(v0), MIN(v0), COUNT(DISTINCT v0) FROM ({inner}) y",
            )
        )

    def _common(self) -> str:
        source, scope = self._from()
        inner = self._body(f"t.id, {self._any(scope, 2)} v0, {self._any(scope, 1)} v1", source, scope)
        grouped = self._body(f"t.g x0, {self._aggregates(scope, 1)}", source, scope) + " GROUP BY t.g"
        return self.chance.choice(
            (
                f"WITH y AS ({inner}) SELECT a.id, b.v0 FROM y a JOIN y b ON a.id = b.id + 1",
                f"WITH y AS ({inner}), z AS (SELECT v0, COUNT(*) n FROM y GROUP BY v0) SELECT * FROM z WHERE n >= 1",
                f"WITH y AS ({grouped}) SELECT a.x0, a.a0, b.a0 b0 FROM y a LEFT JOIN y b ON a.x0 = b.x0 + 1",
                f"WITH y (i, p, q) AS ({inner}) SELECT i, p FROM y WHERE q IS NOT NULL UNION ALL SELECT i, p FROM y",
                f"WITH y AS ({inner}) SELECT COUNT(*) FROM y WHERE v0 IN (SELECT v0 FROM y WHERE id < 4)",
            )
        )

    def _side(self, kinds: tuple[str, str]) -> str:
        source, scope = self._from()
        cut = " ORDER BY t.id LIMIT 3" if " u" not in source and self.chance.random() < 0.2 else ""
        query = (
            self._body(f"{self.value(kinds[0], scope, 1)} v0, {self.value(kinds[1], scope, 1)} v1", source, scope) + cut
        )
        return f"({query})" if cut else query

    def _chain(self) -> str:
        kinds = tuple(self.chance.choice(VALUE_KINDS) for _ in range(2))
        query = self._side((kinds[0], kinds[1]))
        for _ in range(self.chance.randint(1, 3)):
            right = self.chance.choice(
                (kinds[0], self.chance.choice(VALUE_KINDS)) if self.chance.random() < 0.2 else (kinds[0],)
            )
            query += f" {self.chance.choice(_SET_WORDS)} {self._side((right, kinds[1]))}"
        return self.chance.choice(
            (query, query, f"{query} ORDER BY v0, v1", f"SELECT COUNT(*), COUNT(DISTINCT v0) FROM ({query}) y")
        )

    def _inner(self, scope: Scope) -> tuple[str, Scope]:
        """A FROM of a sub-query, correlated or not, and the scope in it."""
        table = self.chance.choice(self.tables)
        inside = tuple(("s", f) for f in table.fields)
        link = self.chance.choice(
            ("", "s.id = t.id", "s.k = t.k", "s.g > t.g", "s.k <=> t.k", "s.id < t.id",
             self.value("truth", Scope((*scope.columns, *inside), self.collation), 1))
        )  # fmt: skip
        return f"{table.name} s{f' WHERE {link}' if link else ''}", Scope(inside, self.collation)

    def _nested(self) -> str:
        source, scope = self._from()
        inner, inside = self._inner(scope)
        aggregate = self._aggregate(inside).replace("t.id", "s.id")
        kind = self.chance.choice(("integer", "text", "date", "exact"))
        word = self.chance.choice(("IN", "NOT IN"))
        exists = self.chance.choice(("EXISTS", "NOT EXISTS"))
        test = self.chance.choice(
            (
                f"{self.value(kind, scope, 1)} {word} (SELECT {self.value(kind, inside, 1)} FROM {inner})",
                f"{exists} (SELECT 1 FROM {inner})",
                f"{self.value(kind, scope, 1)} {self.chance.choice(_COMPARISONS)} (SELECT {aggregate} FROM {inner})",
            )
        )
        return self.chance.choice(
            (
                f"SELECT t.id, (SELECT {aggregate} FROM {inner}) q FROM {source}",
                f"SELECT t.id, {test} q FROM {source}",
                f"SELECT t.id FROM {source} WHERE {test}",
                f"SELECT t.id FROM {source} WHERE NOT ({test}) OR t.k IS NULL",
                f"SELECT t.g, COUNT(*) FROM {source} WHERE {test} GROUP BY t.g",
                f"SELECT t.id, (SELECT s.k FROM {inner.split(' WHERE ')[0]} WHERE s.id = t.k) q FROM {source}",
            )
        )

    def _quantified(self) -> str:
        source, scope = self._from()
        inner, inside = self._inner(scope)
        kind = self.chance.choice(("integer", "exact", "text", "date"))
        word = self.chance.choice(("ANY", "ALL", "SOME"))
        sign = self.chance.choice(_COMPARISONS)
        test = f"{self.value(kind, scope, 1)} {sign} {word} (SELECT {self.value(kind, inside, 1)} FROM {inner})"
        return self.chance.choice(
            (f"SELECT t.id, {test} q FROM {source}", f"SELECT t.id FROM {source} WHERE NOT ({test})")
        )

    def _row_values(self) -> str:
        source, scope = self._from()
        inner, inside = self._inner(scope)
        left = f"({self.value('integer', scope, 1)}, {self.value('exact', scope, 1)})"
        right = f"({self.value('integer', scope, 1)}, {self.value('exact', scope, 0)})"
        within = f"(SELECT {self.value('integer', inside, 1)}, {self.value('exact', inside, 1)} FROM {inner})"
        test = self.chance.choice(
            (
                f"{left} {self.chance.choice((*_COMPARISONS, '<=>'))} {right}",
                f"{left} IN {within}",
                f"{left} NOT IN {within}",
                f"{left} {self.chance.choice((*_COMPARISONS, '<=>'))} {within[:-1]} ORDER BY s.id LIMIT 1)",
            )
        )
        return self.chance.choice((f"SELECT t.id, {test} q FROM {source}", f"SELECT t.id FROM {source} WHERE {test}"))

    def _recursive(self) -> str:
        step, most = self.chance.choice(("1", "2", "3")), self.chance.choice(("4", "30", "2000"))
        day, unit = (
            self.chance.choice(("2024-01-31", "2023-12-31", "2024-02-29")),
            self.chance.choice(CHOICES["dayunit"]),
        )
        source, _ = self._from()
        return self.chance.choice(
            (
                f"WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + {step} FROM r WHERE n < {most}) "
                f"SELECT r.n, t.g FROM r JOIN {source.split(' ')[0]} t ON t.id = r.n",
                f"WITH RECURSIVE r (n) AS (SELECT id FROM t0 WHERE id < 3 UNION SELECT n + {step} FROM r WHERE n < 20) "
                "SELECT COUNT(*), SUM(n), MAX(n) FROM r",
                "WITH RECURSIVE r AS (SELECT id, k, 0 d FROM t0 WHERE k IS NULL UNION ALL SELECT t.id, t.k, d + 1 "
                "FROM t0 t JOIN r ON t.k = r.id WHERE d < 5) SELECT d, COUNT(*), SUM(id) FROM r GROUP BY d",
                f"WITH RECURSIVE r AS (SELECT DATE '{day}' d, 1 n UNION ALL SELECT d + INTERVAL {step} {unit}, n + 1 "
                "FROM r WHERE n < 30) SELECT d, n, DAYNAME(d) FROM r",
                "WITH RECURSIVE r AS (SELECT 1 n, CAST('a' AS CHAR(90)) p UNION ALL SELECT n + 1, CONCAT(p, n) FROM r "
                f"WHERE n < 12) SELECT t.id, r.p FROM {source.split(' ')[0]} t JOIN r ON r.n = t.id",
                "WITH RECURSIVE r AS (SELECT 1 n, 1.5 v UNION ALL SELECT n + 1, v * 1.1 FROM r WHERE n < 9) "
                "SELECT n, v, SUM(v) OVER (ORDER BY n) FROM r",
            )
        )

    def _lateral(self) -> str:
        source, scope = self._from()
        inner, inside = self._inner(scope)
        aggregate = self._aggregate(inside).replace("t.id", "s.id")
        join = self.chance.choice((", LATERAL", "LEFT JOIN LATERAL"))
        on = " ON TRUE" if join != ", LATERAL" else ""
        return f"SELECT t.id, y.v FROM {source} {join} (SELECT {aggregate} v FROM {inner}) y{on}"

    def _listed(self) -> str:
        cells = ("1", "2", "NULL", "2.5", "'a'", "'10'", "-3", "0")
        rows = ", ".join(f"ROW({self.chance.choice(('1', '2', '6'))}, {self.chance.choice(cells)})" for _ in range(3))
        table = self.chance.choice(self.tables).name
        return f"SELECT t.id, y.b, t.k + y.a v FROM {table} t JOIN (VALUES {rows}) AS y (a, b) ON y.a = t.id"

    def _natural(self) -> str:
        one, other = self.chance.choice(self.tables).name, self.chance.choice(self.tables).name
        scope = Scope(tuple(("t", f) for f in next(t for t in self.tables if t.name == one).fields), self.collation)
        using = self.chance.choice(("id", "id, g", "k", "g, k"))
        word = self.chance.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN"))
        named = ["*", "COUNT(*)", f"t.g, {self._any(scope, 1)} v0"]
        named += [f"{using}, u.g + t.k v0"]
        outputs = self.chance.choice(named)
        return f"SELECT {outputs} FROM {one} t {word} {other} u USING ({using})"

    def _several(self) -> str:
        """Three or more tables; those with many rows would be too many together."""
        sizes = [(table.name, len(table.statements) - 1) for table in self.tables]
        tree = JoinTree(self.chance, sizes, self.chance.randint(2, 5))
        keys = ", ".join(f"{alias}.id" for alias in tree.aliases)
        sums = ", ".join(f"COUNT({alias}.id), SUM({alias}.k)" for alias in tree.aliases)
        outputs = self.chance.choice(("*", keys, f"COUNT(*), {sums}", f"COUNT(*), {sums}"))
        tested = (
            f"{self.chance.choice(tree.aliases)}.id {self.chance.choice(CHOICES['sign'])} {self.chance.randint(0, 9)}"
        )
        asked = [test for test in (self.chance.choice(("", tested, f"NOT {tested}")), *tree.bounds()) if test]
        return f"SELECT {outputs} FROM {tree.text}{' WHERE ' if asked else ''}{' AND '.join(asked)}"

    def _picked(self) -> str:
        """The first row of a correlated sub-query."""
        source, scope = self._from()
        inner, inside = self._inner(scope)
        value, skipped = self._any(inside, 1), self.chance.choice(("", "", " OFFSET 1"))
        order = self.chance.choice(("s.id", "s.id DESC", f"{self._any(inside, 1)}, s.id", f"{value} DESC, s.id"))
        pick = f"(SELECT {value} FROM {inner} ORDER BY {order} LIMIT 1{skipped})"
        return self.chance.choice(
            (
                f"SELECT t.id, {pick} q FROM {source}",
                f"SELECT t.id FROM {source} WHERE {pick} {self.chance.choice(_COMPARISONS)} {self._any(scope, 1)}",
                f"SELECT t.id, COALESCE({pick}, 0) q FROM {source} ORDER BY q, t.id",
                f"SELECT COUNT(*), COUNT(DISTINCT q) FROM (SELECT {pick} q FROM {source}) y",
            )
        )

    def _framed(self) -> str:
        """Several windows of different frames, and what is computed of two."""
        first = self.chance.choice(self.tables)
        scope = Scope(tuple(("t", f) for f in first.fields), self.collation)
        calls = []
        for _ in range(self.chance.randint(2, 4)):
            function = self._filled(self._template(WINDOWS, scope), scope, 1)
            calls.append(self._wrapped(f"{function} OVER ({self._window(scope, function)})"))
        calls.append(f"{calls[0]} {self.chance.choice(('-', '+', '/', '=', '<'))} {calls[1]}")
        shown = ", ".join(f"{call} w{at}" for at, call in enumerate(calls))
        query = f"SELECT t.id, {shown} FROM {first.name} t{self._where(scope, 0.3)}"
        return self.chance.choice((query, f"SELECT y.id, y.w1 FROM ({query}) y WHERE y.w0 > 1"))

    def _weighed(self) -> str:
        """Groups chosen by a sub-query, or by what several aggregates give together."""
        source, scope = self._from()
        table = self.chance.choice(self.tables)
        inside = Scope(tuple(("s", f) for f in table.fields), self.collation)
        key = self.value(self.chance.choice(_GROUP_KINDS[:6]), scope, 1)
        other = self._aggregate(inside).replace("t.id", "s.id")
        having = self.chance.choice(
            (
                f"{self._aggregate(scope)} {self.chance.choice(_COMPARISONS)} (SELECT {other} FROM {table.name} s)",
                f"{self._aggregate(scope)} > {self._aggregate(scope)} OR {self._aggregate(scope)} IS NULL",
                f"COUNT(*) IN (SELECT s.g FROM {table.name} s)",
                f"EXISTS (SELECT 1 FROM {table.name} s WHERE s.id = x0)",
                f"{self._aggregate(scope)} BETWEEN 0 AND {self._aggregate(scope)}",
            )
        )
        body = self._body(f"{key} x0, {self._aggregates(scope, 2)}", source, scope)
        return f"{body} GROUP BY x0 HAVING {having}"

    def _cased(self) -> str:
        """Groups by a CASE, a collation or a part of a date."""
        source, scope = self._from()
        values = ("1", "2.5", "NULL", "'x'")
        key = self.chance.choice(
            (
                f"CASE WHEN {self.value('truth', scope, 1)} THEN {self._leaf('text', scope)} ELSE 'other' END",
                f"CASE WHEN {self.value('truth', scope, 1)} THEN {self.chance.choice(values)} "
                f"WHEN {self.value('truth', scope, 0)} THEN {self.chance.choice(values)} "
                f"ELSE {self.chance.choice(values)} END",
                f"{self._leaf('text', scope)} COLLATE {self.collation}",
                f"DATE_FORMAT({self._leaf('date', scope)}, '%Y-%m')",
                f"IFNULL({self._leaf('text', scope)}, 'none')",
                f"COALESCE({self._leaf('integer', scope)}, {self._leaf('exact', scope)})",
                f"FLOOR({self._leaf('exact', scope)} / 10) * 10",
                f"YEAR({self._leaf('date', scope)})",
            )
        )
        tail = self.chance.choice(("", " ORDER BY x0", " ORDER BY COUNT(*) DESC, x0", " HAVING x0 IS NOT NULL"))
        return f"{self._body(f'{key} x0, {self._aggregates(scope, 2)}', source, scope)} GROUP BY x0{tail}"

    def _summarised(self) -> str:
        """ROLLUP with what only MySQL has for it."""
        source, scope = self._from()
        keys = ("t.g", "t.k")
        having = self.chance.choice(
            ("GROUPING(t.g) = 0", "GROUPING(t.g, t.k) > 0", "GROUPING(t.k) = 1 OR COUNT(*) > 1", "t.k IS NULL")
        )
        shown = f"IF(GROUPING(t.g), 'all', t.g) x0, IFNULL(t.k, -1) x1, {self._aggregates(scope, 2)}"
        return f"{self._body(shown, source, scope)} GROUP BY {', '.join(keys)} WITH ROLLUP HAVING {having}"

    def _counted(self) -> str:
        source, scope = self._from()
        return self._body(self._aggregates(scope, 4), source, scope)

    def _parenthesised(self) -> str:
        source, scope = self._from()
        key = "t.id, u.id" if any(alias == "u" for alias, _ in scope.columns) else "t.id"
        query = self._body(f"{self._outputs(scope, 2, 2)}", source, scope)
        inner, outer = self.chance.choice(("0", "3", "100")), self.chance.choice(("0", "100"))
        return f"({query} ORDER BY {key} LIMIT {inner}) ORDER BY v0 LIMIT {outer}"
