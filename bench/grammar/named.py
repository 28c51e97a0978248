"""Forms whose names hide one another, and forms of several tables, rows and members, as `bench.forms` has them."""

NAMED: tuple[str, ...] = (
    "SELECT t.k AS g, t.g AS k, t.id FROM {T} t ORDER BY g, t.id",
    "SELECT t.id, {integer} AS k, {text} AS g FROM {T} t ORDER BY k + 0, COALESCE(g, ''), t.id",
    "SELECT t.id, {any} AS g FROM {T} t ORDER BY g IS NULL, -g, g, t.id",
    "SELECT t.g, {agg} AS k FROM {T} t GROUP BY t.g HAVING k IS NOT NULL ORDER BY k, t.g",
    "SELECT {any} AS g, COUNT(*) n FROM {T} t GROUP BY g HAVING g IS NOT NULL",
    "SELECT {any} AS x, {agg} AS g FROM {T} t GROUP BY x HAVING MAX(g) > 1 ORDER BY g, x",
    "SELECT t.id, {any} AS k, RANK() OVER (ORDER BY k) w0 FROM {T} t WHERE k > 0 ORDER BY k, t.id",
    "SELECT y.g, y.k FROM (SELECT {any} AS g, {any} AS k, t.id FROM {T} t) y ORDER BY g, k, y.id",
    "SELECT DISTINCT t.k AS g, t.g AS k FROM {T} t ORDER BY g, k",
    "WITH {T} AS (SELECT id, k + 1 k, g FROM {T}) SELECT * FROM {T} ORDER BY id",
    "SELECT (SELECT MAX(k) FROM {S} s WHERE s.id = t.g) AS g, t.id FROM {T} t ORDER BY g, t.id",
    "SELECT t.id, {any} v0 FROM {T} t ORDER BY {any} DESC, {any}, t.id",
    "SELECT t.id, {any} v0 FROM {T} t ORDER BY CASE WHEN {truth} THEN {any} END, v0 DESC, t.id LIMIT 5",
)
SEVERAL: tuple[str, ...] = (
    "SELECT id, t.g, u.g h, s.k FROM {T} t LEFT JOIN {U} u USING (id) LEFT JOIN {S} s USING (id)",
    "SELECT id, t.k, u.k FROM {T} t RIGHT JOIN {U} u USING (id) JOIN {S} s USING (id) WHERE id > 1",
    "SELECT id, COUNT(*) n FROM {T} t RIGHT JOIN {U} u USING (id) LEFT JOIN {S} s USING (id) GROUP BY id",
    "SELECT * FROM (SELECT id, k FROM {T}) t NATURAL JOIN (SELECT k, g FROM {U}) u NATURAL LEFT JOIN (SELECT g, id "
    "FROM {S}) s",
    "SELECT * FROM (SELECT id, k FROM {T}) t NATURAL RIGHT JOIN (SELECT k, g FROM {U}) u",
    "SELECT t.id, (t.k, {#a}) IN (SELECT s.k, {#a@s} FROM {S} s WHERE {truth@s}) q FROM {T} t",
    "SELECT t.id FROM {T} t WHERE (t.k, t.g, {#a}) NOT IN (SELECT s.k, s.g, {#a@s} FROM {S} s)",
    "SELECT t.id, ({#a}, {#b}) {compare} ({#a}, {#b}) q FROM {T} t",
    "SELECT t.id, (t.id, {#a}) = ANY (SELECT s.id, {#a@s} FROM {S} s) q FROM {T} t",
    "SELECT t.id FROM {T} t WHERE (t.g, {#a}) <> ALL (SELECT s.g, {#a@s} FROM {S} s WHERE s.id < t.id)",
    "SELECT t.g, GROUP_CONCAT({any} ORDER BY {any}, {any} DESC, t.id SEPARATOR '') a0 FROM {T} t GROUP BY t.g",
    "SELECT t.id, CASE WHEN {truth} THEN {#a} ELSE {#b} END v0, IF({truth}, {#b}, {#a}) v1 FROM {T} t ORDER BY v0, "
    "t.id",
    "SELECT CASE WHEN {truth} THEN {#a} ELSE {#b} END x0, COUNT(*) n FROM {T} t GROUP BY x0 ORDER BY n, x0",
    "SELECT DISTINCT CASE WHEN {truth} THEN {#a} WHEN {truth} THEN {#b} END v0 FROM {T} t",
    "SELECT COUNT(*) n FROM {T} t WHERE {#a} BETWEEN (SELECT MIN({#a@s}) FROM {S} s) AND (SELECT MAX({#a@u}) "
    "FROM {U} u)",
    "(SELECT {#a} v0 FROM {T} t ORDER BY t.id LIMIT 2) UNION (SELECT {#b@u} FROM {U} u ORDER BY u.id DESC LIMIT 1, 2) "
    "UNION ALL SELECT {#a@s} FROM {S} s",
    "SELECT {#a} v0 FROM {T} t UNION ALL SELECT {#a@u} FROM {U} u ORDER BY v0 LIMIT 0",
    "SELECT t.id, {win} OVER w w0, {sum} OVER (w ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) w1 FROM {T} t WINDOW v AS "
    "(PARTITION BY {any}), w AS (v ORDER BY t.id)",
    "SELECT t.id, x.v0 FROM {T} t LEFT JOIN (SELECT u.k, MAX({any@u}) v0 FROM {U} u GROUP BY u.k) x ON x.k = t.k",
    "SELECT t.id, x.n FROM {T} t JOIN (SELECT s.g, COUNT(*) n FROM {S} s WHERE {truth@s} GROUP BY s.g HAVING n > 1) x "
    "USING (g)",
    "SELECT t.id, u.id i, s.id j FROM {T} t LEFT JOIN ({U} u JOIN {S} s ON u.k = s.id AND {truth@u}) ON t.id = u.id "
    "AND {truth}",
    "SELECT t.id, t.id IN (SELECT MAX(s.id) FROM {S} s GROUP BY s.g HAVING COUNT(*) > 1) q FROM {T} t",
    "SELECT t.g, COUNT(*) n, (SELECT COUNT(*) FROM {S} s WHERE s.g = t.g AND s.id > MIN(t.id)) q FROM {T} t "
    "GROUP BY t.g",
)
