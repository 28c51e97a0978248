"""What templates are filled with that is no expression of a kind: words, numbers, units, formats."""

CHOICES: dict[str, tuple[str, ...]] = {
    "small": ("0", "1", "2", "3", "5", "7", "-1", "-2"),
    "few": ("1", "2", "3", "7"),
    "number": (
        "0", "1", "2", "3", "7", "10", "100", "-1", "-5", "0.5", "1.50", "2.25", "0.0001", "99999", "-0.0", "1e0",
        "2147483647", "9223372036854775807", "18446744073709551615", "0.1e0", "1e15", "NULL", "99999999.99",
    ),
    "places": ("0", "1", "2", "4", "-1", "-2", "6"),
    "word": (
        "'abc'", "'ABC'", "'air'", "'AIR'", "''", "'a'", "'A'", "'b'", "'two'", "'10'", "'9x'", "'a_c'", "'a%c'",
        "' a'", "'a '", "'é'", "'zz'", "' '",
    ),
    "ascii": ("'abc'", "'A'", "'a'", "'b'", "'e'", "'two'", "','", "' '", "'-'"),
    "letter": ("'a'", "'b'", "'A'", "' '", "'x'", "'0'"),
    "like": (
        "'a%'", "'%a'", "'%b%'", "'A_C'", "'a\\_c'", "'a\\%c'", "'%'", "'_'", "''", "'__%'", "'abc'", "'%\\\\%'",
        "'a|_c' ESCAPE '|'", "'%é%'", "'% '", "'a'",
    ),
    "regexp": ("'^a'", "'b$'", "'[0-9]+'", "'a.c'", "'ai|ma'", "'e{2}'", "'^$'", "'[a-c]{2}'", "'x*'"),
    "sign": ("=", "<>", "<", "<=", ">", ">=", "<=>", "=", "<"),
    "unit": ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "HOUR", "MINUTE", "SECOND"),
    "dayunit": ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"),
    "amount": ("1", "2", "7", "-1", "30", "90", "0", "1000", "-400"),
    "compound": ("'1 2' DAY_HOUR", "'1-2' YEAR_MONTH", "'10:20' MINUTE_SECOND", "'1:1:1' HOUR_SECOND"),
    "pattern": (
        "'%Y-%m'", "'%Y-%m-01'", "'%d.%m.%y'", "'%H:%i'", "'%Y-%m-%d %H:%i:%s'", "'%b %e'", "'%W'", "'%j'", "'%M %Y'",
        "'%D %U %u'", "'%V-%X'", "'%v/%x'", "'%r %T'", "'%k:%l %w'", "'%f'", "'%c/%a/%p'", "'%%x'",
    ),
    "part": (
        "YEAR", "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND", "DAYOFWEEK", "WEEKDAY", "DAYOFYEAR",
        "YEARWEEK", "TO_DAYS", "DAYOFMONTH", "WEEKOFYEAR", "WEEK", "TO_SECONDS",
    ),
    "extracted": (
        "YEAR", "MONTH", "DAY", "QUARTER", "HOUR", "MINUTE", "SECOND", "YEAR_MONTH", "DAY_HOUR", "HOUR_MINUTE",
        "WEEK", "DAY_SECOND", "MINUTE_SECOND", "HOUR_SECOND", "DAY_MINUTE", "MICROSECOND",
    ),
    "mode": ("0", "1", "2", "3", "4", "5", "6", "7"),
    "library": (
        "EXP", "LN", "SIN", "COS", "ATAN", "LOG10", "SQRT", "DEGREES", "RADIANS", "TAN", "LOG2", "ASIN", "ACOS",
        "COT", "LOG",
    ),
    "path": ("'$.a'", "'$.b'", "'$.c'", "'$.g.h'", "'$.c[0]'", "'$'", "'$[1]'", "'$.e'", "'$.f'", "'$.x'"),
    "fsp": ("0", "1", "3", "6"),
    "base": ("2", "8", "16", "36", "-10"),
    "day": ("DATE '2024-02-29'", "CURDATE()", "'2000-01-01'", "'2024-01-31'", "UTC_DATE()", "CURRENT_DATE"),
    "instant": (
        "NOW()", "'1998-12-01 01:02:03'", "CURRENT_TIMESTAMP", "UTC_TIMESTAMP()", "'2024-02-29'", "NOW(3)",
        "TIMESTAMP '2024-02-29 12:00:00'", "LOCALTIME", "LOCALTIMESTAMP",
    ),
    "clock": (
        "'01:00:00'", "'00:30:00'", "'-12:00:00'", "'00:00:00.5'", "TIME '10:11:12'", "CURTIME()", "UTC_TIME()",
    ),
    "zone": ("'+00:00', '-05:30'", "'+02:00', '+00:00'", "'-11:00', '+13:00'"),
    "bitop": ("&", "|", "^"),
    "side": ("BOTH", "LEADING", "TRAILING"),
    "microunit": ("MICROSECOND", "SECOND_MICROSECOND", "MINUTE_MICROSECOND", "HOUR_MICROSECOND", "DAY_MICROSECOND"),
    "longunit": (
        "SECOND_MICROSECOND", "MINUTE_MICROSECOND", "MINUTE_SECOND", "HOUR_MICROSECOND", "HOUR_SECOND", "HOUR_MINUTE",
        "DAY_MICROSECOND", "DAY_SECOND", "DAY_MINUTE", "DAY_HOUR", "YEAR_MONTH",
    ),
    "timeunit": ("SECOND_MICROSECOND", "MINUTE_SECOND", "HOUR_SECOND", "HOUR_MINUTE", "SECOND", "HOUR", "MICROSECOND"),
    "a": ("1", "1:2", "1 2", "10:20:30", "1.5", "-1:30", "1 2:3:4.567", "90", "1-6", "0:0:0.000001", "-5", "1.000500"),
    "b": ("2", "3:45", "2 23", "100:0:1", "0.25", "-2 3", "7 00:00:01", "1000", "-1-1", "a", ""),
    "letters": (
        "%a", "%b", "%c", "%D", "%d", "%e", "%f", "%H", "%h", "%I", "%i", "%j", "%k", "%l", "%M", "%m", "%p", "%r",
        "%S", "%s", "%T", "%U", "%u", "%V", "%v", "%W", "%w", "%X", "%x", "%Y", "%y", "%%", "%z", "%Q", "%", "x%dy",
        "%Y%m%d",
    ),
    "dateform": ("%Y-%m-%d", "%d %b %Y", "%M %e, %Y", "%y%m%d", "%W %d %M %Y", "%Y/%c/%e", "%D %M %Y", "%m.%d.%y"),
    "collate": ("utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci"),
}  # fmt: skip

# Kinds that few tables have: templates with them are left out where no column is of the kind.
RARE = frozenset({"document", "member", "bytes", "year", "bit", "long_decimal", "odd_date", "odd_moment"})

# What stands for a kind where no column of it is in scope.
LITERALS: dict[str, tuple[str, ...]] = {
    "integer": ("1", "2", "5", "-3", "0"),
    "exact": CHOICES["number"][:13],
    "double": ("1.5e0", "0.1e0", "-2e0", "1e10"),
    "text": CHOICES["word"],
    "numeral": ("'5'", "'1.5'"),
    "date": CHOICES["day"][:2],
    "moment": CHOICES["instant"][:1],
    "time": ("TIME '10:11:12'", "CURTIME()"),
    "truth": ("TRUE", "FALSE", "NULL"),
    "document": ("NULL",),
    "member": ("'small'",),
    "bytes": ("x'61'",),
    "year": ("2024",),
    "bit": ("b'1'",),
    "long_decimal": ("1.5",),
    "odd_date": ("CURDATE()",),
    "odd_moment": ("NOW()",),
}
