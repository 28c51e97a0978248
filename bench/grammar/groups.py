"""Aggregates, windows and frames, as templates, and what is made of their values."""

AGGREGATES: tuple[str, ...] = (
    "COUNT(*)", "COUNT({exact})", "COUNT({text})", "SUM({exact})", "AVG({exact})", "SUM({integer})", "AVG({integer})",
    "MIN({integer})", "MAX({exact})", "MIN({text})", "MAX({text})", "MIN({date})", "MAX({moment})", "MAX({time})",
    "MIN({double})", "COUNT(DISTINCT {text})", "COUNT(DISTINCT {integer})", "COUNT(DISTINCT {exact}, {date})",
    "SUM(DISTINCT {integer})", "AVG(DISTINCT {exact})", "SUM({exact}) / COUNT(*)", "ROUND(AVG({exact}), 2)",
    "SUM(CASE WHEN {truth} THEN 1 ELSE 0 END)", "SUM({truth})", "GROUP_CONCAT({integer} ORDER BY t.id)",
    "GROUP_CONCAT({text} ORDER BY t.id SEPARATOR '|')", "GROUP_CONCAT(DISTINCT {text} ORDER BY 1)",
    "GROUP_CONCAT({date}, {integer} ORDER BY t.id DESC)", "MAX({exact}) - MIN({exact})",
    "100.0 * SUM({exact}) / SUM({exact})", "SUM({double})", "ROUND(AVG({double}), 2)", "ROUND(STD({exact}), 2)",
    "ROUND(VAR_SAMP({double}), 1)", "ROUND(STDDEV_SAMP({exact}), 1)", "ROUND(VARIANCE({integer}), 1)",
    "ROUND(VAR_POP({exact}), 0)", "ROUND(STDDEV_POP({integer}), 1)", "ROUND(STDDEV({integer}), 1)",
    "BIT_AND({integer})", "BIT_OR({integer})", "BIT_XOR({integer})", "ANY_VALUE({integer})", "SUM({double}) > 10",
    "SUM({numeral})", "AVG({numeral})", "MIN({member})", "MAX({year})", "SUM({text})",
    "COUNT(DISTINCT {text}, {integer})", "MIN({bytes})", "MAX({bit})", "COALESCE(SUM({exact}), 0)",
    "IF(COUNT(*) > 2, MAX({integer}), MIN({integer}))", "COUNT({odd_date})", "MIN({odd_moment})",
    "MAX({long_decimal})", "SUM({exact} * {exact})", "MIN(DISTINCT {integer})", "SUM(IF({truth}, {exact}, 0))",
    "MAX({document})", "SUM({time})", "SUM({date})", "AVG({year})", "SUM({bit})",
    "GROUP_CONCAT(DISTINCT {integer} ORDER BY 1 DESC SEPARATOR '')", "GROUP_CONCAT(DISTINCT {exact} ORDER BY 1)",
    "GROUP_CONCAT({moment} ORDER BY t.id)", "GROUP_CONCAT({double} ORDER BY t.id)",
    "GROUP_CONCAT({time} ORDER BY t.id)",
    "COUNT(IF({truth}, 1, NULL))", "COUNT(DISTINCT {moment})", "COUNT(DISTINCT CASE WHEN {truth} THEN {integer} END)",
    "SUM({integer}) / NULLIF(COUNT({text}), 0)", "AVG({truth})", "AVG(DISTINCT {integer})",
    "SUM({truth}) / COUNT(*) * 100",
    "MAX({text}) > MIN({text})", "DATEDIFF(MAX({date}), MIN({moment}))", "AVG(CASE WHEN {truth} THEN {exact} END)",
    "SUM(ROUND({exact}, 1))", "ROUND(SUM({exact} / 7), 3)", "AVG({double})", "MIN(CONCAT({text}, {word}))",
    "SUM({text} = {word})",
    "MIN({time})", "MAX({bytes})", "COUNT(DISTINCT {time})", "COUNT(DISTINCT {member})",
    "COUNT(DISTINCT {year}, {bit})", "AVG({bit})", "AVG({time})", "GROUP_CONCAT({member} ORDER BY t.id)",
    "GROUP_CONCAT({year} ORDER BY t.id)", "GROUP_CONCAT(DISTINCT {member} ORDER BY 1)",
    "GROUP_CONCAT({text} ORDER BY {text}, t.id)", "SUM({member})", "CONCAT(MIN({date}), '/', MAX({date}))",
    "TIMEDIFF(MAX({moment}), MIN({moment}))", "TIMESTAMPDIFF(DAY, MIN({moment}), MAX({date}))", "BIT_XOR({bit})",
    "BIT_OR({year})", "MAX({date} + INTERVAL 1 DAY)", "SUM(DISTINCT {exact})", "YEAR(MAX({date}))",
    "MAX({text}) = {word}", "GROUP_CONCAT({integer} ORDER BY {integer} DESC, t.id SEPARATOR ';')",
    "GROUP_CONCAT(DISTINCT {text} ORDER BY {text} DESC)", "MIN({year}) + MAX({integer})", "MAX({member})", "MIN({bit})",
    "MAX(DISTINCT {date})", "MIN({date}) {sign} MAX({moment})", "SUM({year} {sign} {integer})", "AVG({date})",
    "COUNT({year}) * AVG({exact})", "MIN({numeral})", "MAX({exact}) {sign} AVG({exact})",
    "DATE_FORMAT(MAX({moment}), {pattern})", "GROUP_CONCAT({exact}, {text} ORDER BY {exact}, t.id)",
    "COALESCE(MIN({text}), {word})", "CASE WHEN COUNT({text}) > 1 THEN MIN({date}) END",
    "SUM({exact}) {sign} SUM({integer})", "ROUND(SUM({double}), 2) / COUNT(*)", "LENGTH(MAX({text}))",
    "SUM(LENGTH({text}))", "IFNULL(MAX({time}), {clock})", "MAX({truth})", "MIN({exact} * {double})",
)  # fmt: skip

WINDOWS: tuple[str, ...] = (
    "ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(3)", "PERCENT_RANK()", "CUME_DIST()", "COUNT(*)",
    "COUNT({text})", "SUM({exact})", "SUM({integer})", "AVG({exact})", "AVG({integer})", "MIN({integer})",
    "MAX({exact})", "MIN({text})", "MAX({date})", "LAG({text})", "LAG({exact}, 1, {integer})", "LEAD({moment}, 2)",
    "LEAD({integer}, 1, 0)", "FIRST_VALUE({exact})", "LAST_VALUE({text})", "NTH_VALUE({integer}, 2)",
    "LAG({date}, 0)", "MAX({time})", "SUM({double})", "BIT_OR({integer})", "FIRST_VALUE({member})", "MIN({year})",
    "LAST_VALUE({double})",
    "MIN({time})", "MAX({moment})", "FIRST_VALUE({time})", "LAG({year})", "LAST_VALUE({bytes})", "LAG({bit})",
    "MAX({member})", "FIRST_VALUE({moment})", "LAG({date}, 1, DATE '2000-01-01')", "NTH_VALUE({text}, 3)",
    "SUM({year})", "AVG({bit})", "COUNT({time})", "MIN({date})", "MAX({text})", "SUM({time})", "AVG({exact} * 2)",
    "LEAD({truth})", "LAG({double}, 2)", "SUM({integer} * {exact})", "COUNT(IF({truth}, 1, NULL))", "MIN({exact} / 7)",
    "SUM({truth})",
)  # fmt: skip

# Windows over an aggregate, {0}; the first need no order.
OVER_GROUPS: tuple[str, ...] = (
    "SUM({0})", "AVG({0})", "MAX({0})", "COUNT(*)", "LAG({0})", "FIRST_VALUE({0})", "LEAD({0}, 2)", "LAST_VALUE({0})",
    "RANK()", "ROW_NUMBER()", "MIN({0})",
)  # fmt: skip

# What is made of an aggregate's or a window's value, {0}.
WRAPPED: tuple[str, ...] = (
    "{0} * 3", "{0} / 7", "{0} * 1e0", "ROUND({0} * 1e0, 3)",
    "SQRT(ABS({0}))", "COALESCE({0}, 0e0)", "{0} > 1.25e0",
    "ROUND(IF({0} > 1, {0}, 0) / 3e0, 2)", "ROUND(COALESCE({0}, 0.5e0), 1)", "0.2 * {0}", "{0} + 0.000001",
    "100 / {0}", "ROUND({0}, 3)", "ROUND({0} * 1.5, 1)",
    "TRUNCATE({0}, 2)", "FLOOR({0})", "ABS({0})", "-{0}", "CONCAT({0})", "CONCAT({0}, '|')", "LENGTH({0})",
    "UPPER({0})",
    "CAST({0} AS CHAR)", "CAST({0} AS SIGNED)", "CAST({0} AS DECIMAL(20, 3))", "IFNULL({0}, 0)", "IFNULL({0}, 'none')",
    "COALESCE({0}, 1.25)", "NULLIF({0}, 1)", "IF({0} > 1, {0}, 0)", "{0} > 1.5", "{0} IN (1, 2, 2.5)", "{0} IS NULL",
    "CASE WHEN {0} > 2 THEN {0} ELSE -1.5 END", "GREATEST({0}, 2)", "{0} = '1'", "{0} - {0} / 3", "{0} % 7",
    "DATE_FORMAT({0}, '%Y-%m')", "YEAR({0})", "{0} LIKE '%1%'", "HEX({0})", "LEFT({0}, 3)", "{0} DIV 2", "NOT {0}",
)  # fmt: skip

FRAMES: tuple[str, ...] = (
    "", "", "ROWS UNBOUNDED PRECEDING", "ROWS 1 PRECEDING", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING", "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN CURRENT ROW AND CURRENT ROW", "RANGE BETWEEN CURRENT ROW AND CURRENT ROW",
)  # fmt: skip

RANGES: tuple[str, ...] = (
    "RANGE 5 PRECEDING", "RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING", "RANGE BETWEEN 3 FOLLOWING AND 7 FOLLOWING",
    "RANGE BETWEEN 7 PRECEDING AND CURRENT ROW", "RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING",
)  # fmt: skip
