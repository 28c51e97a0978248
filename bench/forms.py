"""Further random statements: whole forms with places for expressions, as `{kind}` over t or `{kind@s}` over another.

`{T}`, `{U}` and `{S}` are tables, whose columns t, u and s have; `{agg@s}` is an aggregate over s, `{win}` a window.
"""

import random
import re
from collections.abc import Sequence

from bench.expressions import VALUE_KINDS, Expressions, Scope
from bench.grammar.choices import CHOICES
from bench.grammar.groups import FRAMES, WINDOWS
from bench.grammar.named import NAMED, SEVERAL
from bench.grammar.sessions import SESSIONS, SESSIONS_OF
from bench.table_kinds import RandomTable

_PLACE = re.compile(r"\{([\w#]+)(?:@(\w+))?\}")
_BOTH: tuple[str, ...] = (
    "SELECT t.id, {any} v0, {any} v1 FROM {T} t", "SELECT t.id, {any} v0 FROM {T} t WHERE {truth}",
    "SELECT t.id, {text} v0, {text} v1 FROM {T} t ORDER BY t.id", "SELECT t.id, {truth} v0, {truth} v1 FROM {T} t",
    "SELECT t.id, {any} v0 FROM {T} t WHERE {truth} OR {truth} ORDER BY {any}, t.id",
    "SELECT t.id FROM {T} t WHERE {truth} AND NOT {truth}", "SELECT {any} x0, COUNT(*) FROM {T} t GROUP BY x0",
    "SELECT t.id, {moment} v0, {date} v1, {time} v2 FROM {T} t", "SELECT t.id, {exact} v0, {double} v1 FROM {T} t",
    "SELECT t.id, {integer} v0, {text} v1 FROM {T} t WHERE {truth}", "SELECT t.id, {text} v0 FROM {T} t WHERE {truth}",
    "SELECT t.id, u.id i, {any@both} v0 FROM {T} t JOIN {U} u ON t.id = u.id AND {truth@both}",
    "SELECT t.id, u.id i, {any@both} v0 FROM {T} t LEFT JOIN {U} u ON t.k = u.id AND {truth@both} WHERE {truth@both}",
    "SELECT t.id, {any@u} v0 FROM {T} t LEFT JOIN {U} u ON t.id = u.k WHERE {truth@u}",
    "SELECT t.id, {any@both} v0 FROM {T} t RIGHT JOIN {U} u ON t.id = u.id AND {truth} WHERE NOT {truth@both}",
    "SELECT t.id, (SELECT {agg@s} FROM {S} s WHERE s.k = t.k AND {truth@s}) q FROM {T} t ORDER BY (SELECT "
    "COUNT(*) FROM {S} s WHERE s.g = t.g), t.id",
    "SELECT t.g, {agg} a0 FROM {T} t GROUP BY t.g HAVING (SELECT COUNT(*) FROM {S} s WHERE s.g = t.g) > 1",
    "SELECT t.g, {agg} a0 FROM {T} t GROUP BY t.g HAVING MAX(t.id) IN (SELECT s.id FROM {S} s WHERE {truth@s})",
    "SELECT t.g, (SELECT {agg@s} FROM {S} s WHERE s.g = t.g) q, {agg} a0 FROM {T} t GROUP BY t.g",
    "SELECT (SELECT s.g FROM {S} s WHERE s.id = t.k) q, COUNT(*) FROM {T} t GROUP BY q",
    "SELECT (SELECT MAX({integer@s}) FROM {S} s WHERE s.id <= t.id) q, {agg} a0 FROM {T} t GROUP BY q ORDER BY q",
    "SELECT t.id FROM {T} t WHERE {any} = (SELECT {any@s} FROM {S} s WHERE s.id = t.id)",
    "SELECT t.id FROM {T} t WHERE {#a} IN (SELECT {#a@s} FROM {S} s WHERE {truth@s})",
    "SELECT t.id, {#a} IN (SELECT {#a@s} FROM {S} s) q FROM {T} t",
    "SELECT t.id, {#a} NOT IN (SELECT {#a@s} FROM {S} s WHERE s.g = t.g) q FROM {T} t",
    "SELECT t.id, {#a} {compare} ALL (SELECT {#a@s} FROM {S} s WHERE s.g = t.g) q FROM {T} t",
    "SELECT t.id, {#a} {compare} ANY (SELECT {#a@s} FROM {S} s) q FROM {T} t",
    "SELECT t.id, NOT EXISTS (SELECT 1 FROM {S} s WHERE {truth@s} AND s.id < t.id HAVING COUNT(*) > 1) q FROM {T} t",
    "SELECT t.id, EXISTS (SELECT s.g FROM {S} s WHERE s.k = t.k GROUP BY s.g HAVING COUNT(*) > 1) q FROM {T} t",
    "SELECT t.id FROM {T} t WHERE EXISTS (SELECT * FROM {S} s JOIN {U} u ON s.id = u.id WHERE s.k = t.k AND "
    "{truth@u})",
    "SELECT t.id FROM {T} t JOIN {U} u ON t.id = u.id AND u.k IN (SELECT s.k FROM {S} s WHERE s.g = u.g)",
    "SELECT t.id FROM {T} t LEFT JOIN {U} u ON t.id = u.id AND EXISTS (SELECT 1 FROM {S} s WHERE s.id = u.k) "
    "WHERE u.id IS NULL",
    "SELECT t.id, CASE WHEN {truth} THEN (SELECT {agg@s} FROM {S} s WHERE s.g = t.g) ELSE {any} END q FROM {T} t",
    "SELECT t.id, COALESCE((SELECT {any@s} FROM {S} s WHERE s.id = t.k), {any}) q FROM {T} t",
    "SELECT t.id, (SELECT COUNT(*) FROM (SELECT DISTINCT {any@s} v FROM {S} s WHERE s.g <> 1) y WHERE y.v IS "
    "NOT NULL) q FROM {T} t",
    "SELECT {agg} a0, (SELECT {agg@s} FROM {S} s) q FROM {T} t",
    "SELECT SUM((SELECT COUNT(*) FROM {S} s WHERE s.k = t.k)) q FROM {T} t",
    "SELECT t.id, (SELECT SUM(t.id + s.id) FROM {S} s) q FROM {T} t",
    "SELECT t.id, (SELECT (SELECT MAX(u.id) FROM {U} u WHERE u.g = s.g AND u.k = t.k) FROM {S} s WHERE s.id = "
    "t.id) q FROM {T} t",
    "SELECT t.id, SUM((SELECT s.g FROM {S} s WHERE s.id = t.id)) OVER (ORDER BY t.id) w FROM {T} t",
    "WITH y AS (SELECT {any} v0, {integer} v1 FROM {T} t), z AS (SELECT v0, COUNT(*) n, MAX(v1) m FROM y GROUP "
    "BY v0) SELECT a.v0, a.n, b.m FROM z a JOIN z b ON a.v0 = b.v0 WHERE a.n IN (SELECT n FROM z)",
    "WITH y AS (SELECT t.id, {any} v0 FROM {T} t WHERE {truth}) SELECT (SELECT COUNT(*) FROM y b WHERE b.id < "
    "a.id) q, a.v0 FROM y a",
    "WITH y AS (SELECT t.id, {text} v0 FROM {T} t) SELECT v0 FROM y WHERE id < 5 UNION SELECT v0 FROM y WHERE "
    "id > 3 UNION ALL SELECT v0 FROM y WHERE {text@y0} = 'x'",
    "WITH RECURSIVE r AS (SELECT t.id, t.k, CAST({text} AS CHAR(200)) p, 1 d FROM {T} t WHERE t.g = 1 UNION ALL "
    "SELECT u.id, u.k, CONCAT(r.p, '/', u.id), d + 1 FROM {U} u JOIN r ON u.k = r.id WHERE d < 4) SELECT id, p, "
    "d FROM r",
    "WITH RECURSIVE r AS (SELECT 1 n, {exact#} v UNION ALL SELECT n + 1, v / 2 FROM r WHERE n < 6) SELECT n, v "
    "FROM r, {T} t WHERE t.id = n",
    "WITH RECURSIVE r (n, s) AS (SELECT 1, 'ab' UNION ALL SELECT n + 1, CONCAT(s, 'c') FROM r WHERE n < {few}) "
    "SELECT n, s, LENGTH(s), t.g FROM r JOIN {T} t ON t.id = n",
    "WITH RECURSIVE r AS (SELECT t.id n, t.g FROM {T} t UNION SELECT n + 2, g FROM r WHERE n < 12) SELECT g, "
    "COUNT(*), MAX(n) FROM r GROUP BY g",
    "WITH RECURSIVE r AS (SELECT MIN({date}) d FROM {T} t UNION ALL SELECT d + INTERVAL {few} MONTH FROM r "
    "WHERE d < '2030-01-01' AND d > '2019-01-01') SELECT COUNT(*), MAX(d) FROM r",
    "SELECT {#a} v0 FROM {T} t UNION SELECT {#b@u} FROM {U} u ORDER BY v0",
    "SELECT {#a} v0, {#b} v1 FROM {T} t UNION ALL SELECT {#b@u}, {#a@u} FROM {U} u",
    "(SELECT t.id, {#a} v0 FROM {T} t ORDER BY t.id LIMIT 3) UNION ALL (SELECT u.id, {#a@u} FROM {U} u ORDER BY "
    "u.id DESC LIMIT 2) ORDER BY 1, 2 LIMIT 4",
    "SELECT v0, COUNT(*) FROM (SELECT {#a} v0 FROM {T} t UNION ALL SELECT {#b@u} FROM {U} u) y GROUP BY v0",
    "SELECT {#a} v0 FROM {T} t EXCEPT (SELECT {#a@u} FROM {U} u UNION SELECT {#a@u} FROM {U} u WHERE {truth@u})",
    "SELECT {#a} v0 FROM {T} t INTERSECT SELECT {#b@u} FROM {U} u",
    "(SELECT {#a} v0 FROM {T} t INTERSECT SELECT {#a@u} FROM {U} u) UNION ALL SELECT {#b@s} FROM {S} s",
    "SELECT t.id FROM {T} t WHERE {#a} IN (SELECT {#a@u} FROM {U} u UNION SELECT {#b@s} FROM {S} s)",
    "SELECT {text} v0 FROM {T} t UNION SELECT NULL UNION SELECT {integer@u} FROM {U} u",
    "SELECT {any} v0, 'a' v1 FROM {T} t UNION ALL SELECT NULL, {text@u} FROM {U} u",
    "SELECT y.v0, y.n FROM (SELECT {any} v0, COUNT(*) n FROM {T} t GROUP BY v0 HAVING n > 0) y WHERE y.v0 IS "
    "NOT NULL AND y.n < 4",
    "SELECT MAX(y.v0), MIN(y.v0), COUNT(y.v0) FROM (SELECT DISTINCT {any} v0 FROM {T} t) y",
    "SELECT DISTINCT {any} v0, {any} v1 FROM {T} t",
    "SELECT COUNT(DISTINCT v0, v1) FROM (SELECT {any} v0, {any} v1 FROM {T} t) y",
    "SELECT y.* FROM (SELECT t.*, {any} v0 FROM {T} t) y JOIN {U} u USING (id)",
    "SELECT * FROM {T} t NATURAL JOIN (SELECT id, k FROM {U}) u",
    "SELECT id, t.g, u.g h FROM {T} t LEFT JOIN {U} u USING (id, k)",
    "SELECT a.x0, b.x0 y0 FROM (SELECT {#a} x0 FROM {T} t) a JOIN (SELECT {#a@u} x0 FROM {U} u) b ON a.x0 = b.x0",
    "SELECT a.x0, b.x0 y0 FROM (SELECT {#a} x0 FROM {T} t) a LEFT JOIN (SELECT {#b@u} x0 FROM {U} u) b ON a.x0 "
    "= b.x0",
    "SELECT a.x0, b.n FROM (SELECT {#a} x0 FROM {T} t) a JOIN (SELECT {#a@u} x0, COUNT(*) n FROM {U} u GROUP BY "
    "1) b USING (x0)",
    "SELECT {#a} x0, {#b} x1, {agg} a0, {agg} a1 FROM {T} t GROUP BY x0, x1",
    "SELECT {#a} x0, {agg} a0 FROM {T} t GROUP BY x0 HAVING a0 IS NOT NULL ORDER BY a0 DESC, x0",
    "SELECT {any} x0, GROUP_CONCAT(DISTINCT {text} ORDER BY {text} SEPARATOR '; ') a0 FROM {T} t GROUP BY x0",
    "SELECT t.g, GROUP_CONCAT({any}, ':', {any} ORDER BY {any} DESC, t.id SEPARATOR '/') a0 FROM {T} t GROUP BY t.g",
    "SELECT t.g, GROUP_CONCAT({text} ORDER BY t.k, t.id) a0, GROUP_CONCAT(t.id ORDER BY 1) a1 FROM {T} t GROUP "
    "BY t.g",
    "SELECT GROUP_CONCAT(DISTINCT {member} ORDER BY {member}) a0 FROM {T} t",
    "SELECT t.g x0, {integer} x1, {agg} a0 FROM {T} t GROUP BY x0, x1 WITH ROLLUP",
    "SELECT {date} x0, {agg} a0 FROM {T} t GROUP BY x0 WITH ROLLUP HAVING x0 IS NULL OR COUNT(*) > 1",
    "SELECT IFNULL({text}, 'all') x0, {agg} a0 FROM {T} t GROUP BY {text} WITH ROLLUP",
    "SELECT t.g, {agg} a0, {agg} a1 FROM {T} t GROUP BY t.g ORDER BY {agg}, t.g",
    "SELECT t.g + 1 x0, {agg} a0 FROM {T} t GROUP BY t.g + 1 ORDER BY -MAX(t.id)",
    "SELECT {agg} a0, {agg} a1, {agg} a2 FROM {T} t WHERE {truth}", "SELECT {agg} a0 FROM {T} t HAVING a0 > 1",
    "SELECT t.g, COUNT(*) FROM {T} t JOIN {U} u ON t.id = u.id GROUP BY t.g HAVING SUM({exact@u}) > 0 OR "
    "MIN({text@u}) IS NULL",
    "SELECT t.id, t.k, {agg@u} a0 FROM {T} t LEFT JOIN {U} u ON u.k = t.id GROUP BY t.id",
    "SELECT {any} x0 FROM {T} t GROUP BY x0 HAVING COUNT(*) = 1 ORDER BY x0",
    "SELECT t.id, {win} OVER (PARTITION BY {any} ORDER BY {any}, t.id {frame}) w0 FROM {T} t",
    "SELECT t.id, {win} OVER w w0, {win} OVER (w {frame}) w1 FROM {T} t WINDOW w AS (PARTITION BY t.g ORDER BY t.id)",
    "SELECT t.id, {sum} OVER (ORDER BY {#d} RANGE BETWEEN INTERVAL {few} {dayunit} PRECEDING AND INTERVAL {few} "
    "DAY FOLLOWING) w0 FROM {T} t",
    "SELECT t.id, {sum} OVER (PARTITION BY t.g ORDER BY {exact} DESC RANGE BETWEEN {few} PRECEDING AND 1.5 "
    "FOLLOWING) w0 FROM {T} t",
    "SELECT t.id, {sum} OVER (ORDER BY {#n} RANGE CURRENT ROW) w0 FROM {T} t",
    "SELECT t.id, RANK() OVER (ORDER BY {any}) w0, DENSE_RANK() OVER (PARTITION BY {any} ORDER BY {any} DESC) "
    "w1 FROM {T} t",
    "SELECT t.id, {any} v0 FROM {T} t ORDER BY ROW_NUMBER() OVER (ORDER BY t.id DESC)",
    "SELECT y.id, y.w FROM (SELECT t.id, ROW_NUMBER() OVER (PARTITION BY {any} ORDER BY t.id) w FROM {T} t) y "
    "WHERE y.w <= 2",
    "SELECT t.g, {agg} a0, RANK() OVER (ORDER BY {agg}, t.g) w0 FROM {T} t GROUP BY t.g",
    "SELECT t.id, LAG({any}, 2, {any}) OVER (ORDER BY t.id) w0, LEAD({any}, 1, NULL) OVER (PARTITION BY t.g "
    "ORDER BY t.id DESC) w1 FROM {T} t",
    "SELECT t.id, COUNT({any}) OVER (ORDER BY {#d}, t.id ROWS BETWEEN {few} PRECEDING AND {few} FOLLOWING) w0 "
    "FROM {T} t",
    "SELECT DISTINCT {sum} OVER (PARTITION BY {any}) w0 FROM {T} t",
    "SELECT t.id, FIRST_VALUE({any}) OVER (PARTITION BY {any} ORDER BY t.id) = {any} w0 FROM {T} t",
    "SELECT t.id, SUM({exact}) OVER (ORDER BY t.id) / SUM({exact}) OVER () w0 FROM {T} t",
    "SELECT t.id, NTH_VALUE({any}, {few2}) OVER (ORDER BY t.id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED "
    "FOLLOWING) w0 FROM {T} t",
    "SELECT t.id, AVG({exact}) OVER (ORDER BY {text}, t.id) w0, CUME_DIST() OVER (ORDER BY {text}) w1 FROM {T} t",
    "SELECT t.id, @whole + {integer} v0, CONCAT(@text, {text}) v1, @decimal * {exact} v2 FROM {T} t",
    "SELECT t.id, IFNULL(@nothing, {any}) v0, {integer} > @double v1 FROM {T} t WHERE {date} > @day",
    "SELECT t.id, @text v0, @moment v1, @double v2 FROM {T} t", "SELECT * FROM {T} t WHERE 1 = 0",
    "SELECT COUNT(*), {agg} a0 FROM {T} t WHERE FALSE", "SELECT t.*, u.* FROM {T} t LEFT JOIN {U} u ON FALSE",
    "SELECT STRAIGHT_JOIN t.id, u.id i FROM {T} t, {U} u WHERE t.id = u.id AND {truth@both}",
    "SELECT SQL_CALC_FOUND_ROWS t.id FROM {T} t WHERE {truth} ORDER BY t.id LIMIT 2",
    "SELECT ALL t.id, {any} v0 FROM {T} t IGNORE INDEX (PRIMARY) WHERE t.id IN (1, 2, 5)",
    *NAMED, *SEVERAL,
)  # fmt: skip
# Conditions on what a UNION, DISTINCT or GROUP BY in a derived table gives.
_JUDGED = (
    "y.v0 > 1", "y.v0 = '10'", "y.v0 < '1x'", "y.v0 LIKE '%0'", "y.v0 LIKE '2%'", "LENGTH(y.v0) > 4", "y.v0 <> 'abc'",
    "CONCAT(y.v0, '') < '5'", "y.v0 IS NULL", "y.v0 IN ('10', 'a', '2024-02-29')", "y.v0 >= '2024-02-29'", "NOT y.v0",
    "y.v0 BETWEEN '1' AND '9'", "y.v0 / 3 > 0.3333", "y.v0 % 3 = 1", "y.v0 + 0.5 > 2", "COALESCE(y.v0, 'x') < 'w'",
    "DATE_FORMAT(y.v0, '%H') = '00'", "YEAR(y.v0) > 2000", "y.v0 + INTERVAL 1 DAY > '2024-03-01'", "y.v0 > y.v0 + 1",
    "CASE WHEN y.v0 > 5 THEN y.v0 END < 100", "y.v0 = (SELECT MAX(z.k) FROM {S} z)", "UPPER(y.v0) = 'A'",
)  # fmt: skip
_JUDGED_OF = (
    "SELECT {integer} v0 FROM {T} t UNION ALL SELECT {exact@u} FROM {U} u",
    "SELECT {exact} v0 FROM {T} t UNION ALL SELECT {exact@u} FROM {U} u",
    "SELECT {date} v0 FROM {T} t UNION SELECT {moment@u} FROM {U} u",
    "SELECT {moment} v0 FROM {T} t UNION ALL SELECT {moment@u} FROM {U} u",
    "SELECT {text} v0 FROM {T} t UNION ALL SELECT {integer@u} FROM {U} u",
    "SELECT {text} v0 FROM {T} t UNION ALL SELECT {date@u} FROM {U} u",
    "SELECT {text} v0 FROM {T} t UNION ALL SELECT {text@u} FROM {U} u",
    "SELECT {double} v0 FROM {T} t UNION ALL SELECT {exact@u} FROM {U} u",
    "SELECT {time} v0 FROM {T} t UNION ALL SELECT {time@u} FROM {U} u",
    "SELECT {#a} v0 FROM {T} t UNION ALL SELECT {#a@u} FROM {U} u UNION ALL SELECT NULL",
    "SELECT {#a} v0 FROM {T} t EXCEPT SELECT {#a@u} FROM {U} u", "SELECT DISTINCT {any} v0 FROM {T} t",
    "SELECT {any} v0, COUNT(*) n FROM {T} t GROUP BY v0", "SELECT {agg} v0 FROM {T} t GROUP BY t.g",
    "SELECT {win} OVER (PARTITION BY t.g ORDER BY t.id) v0 FROM {T} t",
)  # fmt: skip
_JUDGING = (
    "SELECT y.v0 FROM ({judged}) y WHERE {judge}",
    "WITH y AS ({judged}) SELECT y.v0 FROM y WHERE {judge} OR {judge}",
    "SELECT y.v0, COUNT(*) n FROM ({judged}) y GROUP BY y.v0 HAVING {judge}",
    "SELECT z.id, y.v0 FROM {U} z JOIN ({judged}) y ON z.id = 3 AND {judge}",
    "SELECT z.id, y.v0 FROM {U} z LEFT JOIN ({judged}) y ON z.id = 3 AND {judge}",
    "SELECT y.v0 FROM (SELECT x.v0 FROM ({judged}) x) y WHERE {judge}",
)
_OF: dict[str, tuple[str, ...]] = {
    "mysql": (
        "SELECT t.g, {#a} x0, GROUPING(t.g) q, {agg} a0 FROM {T} t GROUP BY t.g, {#a} WITH ROLLUP HAVING "
        "GROUPING(t.g) = 0 ORDER BY GROUPING(t.g), t.g",
        "SELECT t.g x0, {agg} a0, GROUPING(t.g) + GROUPING(t.k) q FROM {T} t GROUP BY t.g, t.k WITH ROLLUP "
        "ORDER BY q DESC, x0, t.k",
        "SELECT t.id, y.v, y.w FROM {T} t, LATERAL (SELECT {any@s} v, s.k w FROM {S} s WHERE s.g = t.g ORDER BY "
        "s.id LIMIT 2) y",
        "SELECT t.id, y.n, z.m FROM {T} t LEFT JOIN LATERAL (SELECT COUNT(*) n FROM {S} s WHERE s.k = t.k) y ON "
        "TRUE LEFT JOIN LATERAL (SELECT MAX(u.id) m FROM {U} u WHERE u.g < y.n) z ON TRUE",
        "SELECT t.id, j.* FROM {T} t, JSON_TABLE({document}, '$.c[*]' COLUMNS (n FOR ORDINALITY, v INT PATH "
        "'$', w VARCHAR(5) PATH '$' DEFAULT 'z' ON ERROR)) j",
        "SELECT t.id, j.a, j.b FROM {T} t LEFT JOIN JSON_TABLE({document}, '$' COLUMNS (a INT PATH '$.a', b "
        "VARCHAR(9) PATH '$.b', h VARCHAR(9) PATH '$.g.h')) j ON TRUE",
        "SELECT j.a, COUNT(*) FROM {T} t, JSON_TABLE({document}, '$' COLUMNS (a VARCHAR(20) PATH '$.a', e INT "
        "EXISTS PATH '$.e')) j GROUP BY j.a",
        "TABLE {T} ORDER BY id LIMIT 3",
        "SELECT t.id FROM {T} t WHERE (t.id, t.g) IN (VALUES ROW(1, 1), ROW(2, 0), ROW(3, NULL))",
        "SELECT t.id, ANY_VALUE({any}) v0 FROM {T} t GROUP BY t.id",
        "SELECT /*+ NO_MERGE(y) */ y.v0 FROM (SELECT {any} v0 FROM {T} t) y",
        "SELECT t.g, JSON_OBJECTAGG(t.id, {integer}) a0 FROM {T} t GROUP BY t.g",
        "SELECT t.g, COUNT(*) FROM {T} t GROUP BY t.g WITH ROLLUP LIMIT 100",
        "SELECT t.id, {document}->{path} v0, {document}->>{path} v1 FROM {T} t",
    ),
    "mariadb": (
        "SELECT t.id, JSON_VALUE({text}, {path}) v0 FROM {T} t",
        "SELECT t.id, MEDIAN({exact}) OVER (PARTITION BY t.g) w0 FROM {T} t",
        "SELECT t.id, {any} v0 FROM {T} t ORDER BY t.id OFFSET 1 ROWS FETCH NEXT 3 ROWS ONLY",
        "SELECT {#a} v0 FROM {T} t EXCEPT ALL SELECT {#a@u} FROM {U} u",
        "SELECT {#a} v0 FROM {T} t INTERSECT ALL SELECT {#b@u} FROM {U} u",
        "SELECT t.g, GROUP_CONCAT({integer} ORDER BY t.id LIMIT 2) a0 FROM {T} t GROUP BY t.g",
        "SELECT t.id, NVL({any}, {any}) v0, CHR(65 + t.g) v1 FROM {T} t",
        "SELECT t.id, {text} v0, NVL2({text}, 1, 2) v1 FROM {T} t",
    ),
}  # fmt: skip
_NAMED = {"T": "t", "U": "u", "S": "s"}
_DRAWN = {"#d": ("date", "moment"), "#n": ("integer", "exact")}


def session(chance: random.Random, server: str) -> list[str]:
    """Give the SET statements of a session: mostly one or two."""
    chosen = [chance.choice((*SESSIONS, *SESSIONS_OF[server])) for _ in range(chance.choice((0, 1, 1, 2)))]
    return list(dict.fromkeys(chosen))


class Forms(Expressions):
    """Makes statements of the forms above; the same seed makes the same ones."""

    def __init__(self, seed: int, tables: Sequence[RandomTable], collation: str, server: str) -> None:
        super().__init__(seed, tables, collation, server)
        self._forms = (*_BOTH, *_OF[server], *_JUDGING * 3)

    def next(self) -> str:
        """Give the next statement."""
        given = {alias: self.chance.choice(self.tables) for alias in _NAMED.values()}
        scopes = {a: Scope(tuple((a, f) for f in t.fields), self.collation) for a, t in given.items()}
        scopes["both"] = Scope((*scopes["t"].columns, *scopes["u"].columns), self.collation)
        kinds = {name: self.chance.choice(_DRAWN.get(name, VALUE_KINDS)) for name in ("#a", "#b", "#d", "#n")}
        literal = Scope((), self.collation)

        def fill(place: re.Match[str]) -> str:
            name, at = place[1], place[2] or "t"
            if name in _NAMED:
                return given[_NAMED[name]].name
            if at == "y0" or name == "exact#":
                return "v0" if at == "y0" else self.value("exact", literal, 0)
            scope = scopes[at]
            if name == "any":
                return self._any(scope, self.chance.choice((1, 1, 2)))
            if name == "agg":
                return self._aggregate(scope).replace("t.id", f"{at}.id")
            if name in ("win", "sum"):
                calls = [call for call in WINDOWS if name == "win" or call.startswith(("SUM", "COUNT", "AVG", "M"))]
                return self._filled(self._template(calls, scope), scope, 1)
            if name == "frame":
                return self.chance.choice(FRAMES)
            if name == "compare":
                return self.chance.choice(("=", "<>", "<", "<=", ">", ">="))
            if name == "few2":
                return self.chance.choice(("1", "2", "3"))
            if name in CHOICES:
                return self._filled(f"{{{name}}}", scope, 1)
            return self.value(kinds.get(name, name), scope, self.chance.choice((1, 1, 2)))

        while True:
            form = self.chance.choice(self._forms)
            for name, chosen in (("judged", _JUDGED_OF), ("judge", _JUDGED)):
                form = re.sub(rf"\{{{name}\}}", lambda _, chosen=chosen: self.chance.choice(chosen), form)
            if "{document}" not in form or any(field.kind == "document" for field in given["t"].fields):
                return _PLACE.sub(fill, form)
