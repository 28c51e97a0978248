"""What blocks of statements are made of: aggregates and windows by the kind that they give, joins, names."""

import re

KINDS = ("integer", "integer", "exact", "text", "text", "date", "moment", "double", "time")
NAMES = ("v0", "v1", "v2", "c0", "c1", "k", "g", "id", "n", "total", "c3", "x")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
JOINS = ("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "JOIN", "STRAIGHT_JOIN", "INNER JOIN")
OPERATIONS = ("UNION", "UNION ALL", "UNION DISTINCT", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL", "UNION ALL")
LIMITS = ("", "", " LIMIT 3", " LIMIT 2, 5", " LIMIT 5 OFFSET 1", " LIMIT 1", " LIMIT 0", " LIMIT 1000")
AGGREGATES_OF: dict[str, tuple[str, ...]] = {
    "integer": (
        "COUNT(*)", "COUNT({text})", "COUNT(DISTINCT {integer})", "COUNT(DISTINCT {text})", "MIN({integer})",
        "MAX({integer})", "BIT_OR({integer})", "COUNT({date})", "COUNT(IF({truth}, 1, NULL))",
    ),
    "exact": (
        "SUM({integer})", "SUM({exact})", "AVG({exact})", "AVG({integer})", "MIN({exact})", "MAX({exact})",
        "SUM(DISTINCT {integer})", "SUM({truth})", "SUM(CASE WHEN {truth} THEN {exact} ELSE 0 END)",
    ),
    "double": (
        "SUM({double})", "MAX({double})", "MIN({double})", "AVG({double})", "SUM({double} / 3)", "STDDEV({exact})",
        "ROUND(VAR_POP({double}), 3)", "AVG({double} * 0.1)",
    ),
    "text": (
        "GROUP_CONCAT({text})", "GROUP_CONCAT({integer} SEPARATOR '')", "GROUP_CONCAT(DISTINCT {text} ORDER BY 1)",
        "MIN({text})", "MAX({text})", "GROUP_CONCAT({text} ORDER BY {keys})",
        "GROUP_CONCAT(DISTINCT {integer} ORDER BY 1 DESC SEPARATOR '-')",
        "GROUP_CONCAT({date}, {text} ORDER BY {keys})",
        "GROUP_CONCAT({integer} ORDER BY {text} DESC, {date}, {keys} SEPARATOR '; ')", "MAX({word})",
    ),
    "date": ("MIN({date})", "MAX({date})", "MAX(LAST_DAY({date}))"),
    "moment": ("MIN({moment})", "MAX({moment})", "MAX({date})"),
    "time": ("MIN({time})", "MAX({time})"),
}  # fmt: skip
# Windows by the kind that they give.
GIVEN: dict[str, tuple[str, ...]] = {
    "integer": (
        "ROW_NUMBER()", "RANK()", "DENSE_RANK()", "NTILE(3)", "COUNT(*)", "COUNT({text})", "LAG({integer})",
        "FIRST_VALUE({integer})", "MAX({integer})", "MIN({integer})", "LEAD({integer}, 2, 0)",
        "NTH_VALUE({integer}, 2)",
    ),
    "exact": ("SUM({integer})", "SUM({exact})", "AVG({exact})", "AVG({integer})", "LAST_VALUE({exact})", "MAX({exact})",
              "LAG({exact}, 1, 0)"),
    "double": ("SUM({double})", "MAX({double})", "PERCENT_RANK()", "CUME_DIST()", "LAG({double})", "AVG({double})"),
    "text": ("MIN({text})", "MAX({text})", "LAG({text})", "LEAD({text}, 1, {word})", "FIRST_VALUE({text})",
             "LAST_VALUE({text})"),
    "date": ("MAX({date})", "LAG({date})", "FIRST_VALUE({date})", "MIN({date})"),
    "moment": ("MAX({moment})", "LAG({moment})", "LAST_VALUE({moment})", "MIN({moment})"),
    "time": ("MAX({time})", "LEAD({time})", "FIRST_VALUE({time})", "MIN({time})"),
}  # fmt: skip
ORDERLESS = re.compile(r"COUNT|SUM|AVG|MIN|MAX")  # over whole partitions no order of rows decides them
RANKED = re.compile(r"RANK|DENSE_RANK|PERCENT_RANK|CUME_DIST")  # tied rows have one value
FRAMED = re.compile(r"SUM|COUNT|AVG|MIN|MAX")
RANGED: dict[str, tuple[str, ...]] = {
    "": ("RANGE 5 PRECEDING", "RANGE BETWEEN 1 PRECEDING AND 2 FOLLOWING", "RANGE BETWEEN 3 PRECEDING AND 1 PRECEDING"),
    "date": (
        "RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND INTERVAL 1 YEAR FOLLOWING",
        "RANGE INTERVAL 400 DAY PRECEDING", "RANGE BETWEEN INTERVAL 2 YEAR PRECEDING AND CURRENT ROW",
        "RANGE BETWEEN INTERVAL 1 DAY FOLLOWING AND INTERVAL 1 QUARTER FOLLOWING",
    ),
}  # fmt: skip
# What most people write: of these more is offloaded than of all of `bench.grammar.productions`.
CALM: dict[str, tuple[str, ...]] = {
    "integer": (
        "({integer} + {few})", "({integer} - {integer})", "({integer} * {few})", "COALESCE({integer}, 0)",
        "IF({truth}, {integer}, {few})", "ABS({integer})", "LENGTH({text})", "YEAR({date})", "MONTH({moment})",
        "DATEDIFF({date}, {date})", "({integer} % {few})", "({integer} DIV {few})", "CHAR_LENGTH({text})",
        "CASE WHEN {truth} THEN 1 ELSE 0 END", "({truth})", "GREATEST({integer}, {integer})", "SIGN({integer})",
        "CAST({exact} AS SIGNED)", "IFNULL({integer}, -1)", "NULLIF({integer}, 0)", "HOUR({moment})", "{year}",
        "CASE {integer} WHEN 1 THEN 10 WHEN 2 THEN {integer} END", "LEAST({integer}, {few})",
    ),
    "exact": (
        "({exact} + {exact})", "({exact} * {few})", "ROUND({exact}, 2)", "({exact} / {few})", "COALESCE({exact}, 0)",
        "({integer} / {few})", "IFNULL({exact}, 0.5)", "ABS({exact})", "CASE WHEN {truth} THEN {exact} ELSE 0 END",
        "-({exact})", "{integer}", "ROUND({integer} * 100.0 / NULLIF({integer}, 0), 1)", "({exact} - {integer})",
        "CAST({exact} AS DECIMAL(12,2))", "NULLIF({exact}, 0)", "({exact} * 0.19)", "{exact}",
    ),
    "double": ("({double} * {few})", "ROUND({double}, 2)", "({double} + 0.5)", "COALESCE({double}, 0)",
               "({exact} * 1e0)", "IF({truth}, {double}, 0)", "-({double})"),
    "text": (
        "UPPER({text})", "CONCAT({text}, '-', {integer})", "COALESCE({text}, 'none')", "LEFT({text}, 3)",
        "CASE WHEN {truth} THEN {text} ELSE 'other' END", "CONCAT({text}, {text})", "TRIM({text})", "{member}",
        "REPLACE({text}, 'a', 'b')", "DATE_FORMAT({date}, '%Y-%m')", "CAST({integer} AS CHAR)", "NULLIF({text}, '')",
        "SUBSTRING({text}, 2)", "IFNULL({text}, {text})", "LOWER({text})", "CONCAT_WS(' ', {text}, {date})",
        "CONCAT({exact})", "IF({truth}, {text}, NULL)", "DATE_FORMAT({moment}, '%d.%m.%Y %H:%i')", "{numeral}",
    ),
    "date": ("DATE({moment})", "({date} + INTERVAL 1 MONTH)", "LAST_DAY({date})", "COALESCE({date}, DATE '2000-01-01')",
             "IF({truth}, {date}, NULL)", "({date} - INTERVAL {integer} DAY)", "GREATEST({date}, {date})"),
    "moment": ("({moment} + INTERVAL 1 HOUR)", "{date}", "COALESCE({moment}, {date})", "TIMESTAMP({date})",
               "CASE WHEN {truth} THEN {moment} END", "({moment} - INTERVAL 90 SECOND)"),
    "time": ("{time}", "{time}", "SEC_TO_TIME({integer})"),
    "truth": (
        "({integer} {sign} {integer})", "({integer} {sign} {few})", "({text} {sign} {text})", "({text} = {word})",
        "({exact} > {few})", "({exact} {sign} {exact})", "({date} {sign} {day})", "({date} < {date})",
        "({moment} >= {day})", "({text} LIKE {like})", "({integer} IN (1, 2, 3))", "({text} IN ({word}, {word}))",
        "({integer} BETWEEN 1 AND 5)", "({any} IS NULL)", "({any} IS NOT NULL)", "({truth} AND {truth})",
        "({truth} OR {truth})", "(NOT {truth})", "({double} > 1)", "({text} <> '')", "({integer} NOT IN (1, NULL))",
        "({date} BETWEEN '2000-01-01' AND {date})", "({moment} = {date})", "{integer}", "({time} > '01:00:00')",
        "({integer}, {text}) = (1, {word})", "({integer} > {exact})", "({numeral} = {integer})", "({text} >= {word})",
    ),
}  # fmt: skip
