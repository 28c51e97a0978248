"""Every built-in function of MySQL 9.7 and MariaDB 10.11: offloaded, offloaded when …, or not offloaded because ….

What the translator does is in `engine/translate`; this list says it in words. Tests hold it to both servers' own
lists, to the translator, and to the statements that prove each function (tests/semantics).
"""

from statements.functions import SESSION, VOLATILE

EXACT = frozenset(
    [
        "ABS", "ADDDATE", "AVG", "BIT_AND", "BIT_COUNT", "BIT_LENGTH", "BIT_OR", "BIT_XOR", "CASE", "CEIL",
        "CEILING", "CHAR_LENGTH", "CHARACTER_LENGTH", "COALESCE", "CONCAT", "COUNT", "CUME_DIST", "CURDATE",
        "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURTIME", "DATE", "DATEDIFF", "DATE_ADD", "DATE_SUB",
        "DAY", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEGREES", "DENSE_RANK", "ELT", "EXISTS", "FIELD",
        "FIRST_VALUE", "FLOOR", "FROM_DAYS", "GROUPING", "HOUR", "IF", "IFNULL", "INET_ATON", "INET_NTOA", "ISNULL",
        "LAG", "LAST_DAY", "LAST_VALUE", "LEAD", "LEFT", "LENGTH", "LOCALTIME", "LOCALTIMESTAMP", "MAKE_SET", "MAX",
        "MICROSECOND", "MID", "MIN", "MINUTE", "MOD", "MONTH", "NOW", "NTH_VALUE", "NULLIF", "NVL", "OCT",
        "OCTET_LENGTH", "PERCENT_RANK", "PERIOD_ADD", "PERIOD_DIFF", "PI", "QUARTER", "RADIANS", "RANK", "RIGHT",
        "ROW_NUMBER", "SECOND", "SIGN", "SPACE", "SQRT", "STRCMP", "SUBDATE", "SUBSTR", "SUBSTRING", "SUM",
        "TIMESTAMPDIFF", "TO_DAYS", "TO_SECONDS", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "WEEK", "WEEKDAY",
        "WEEKOFYEAR", "YEAR", "YEARWEEK", "BIN", "CONNECTION_ID", "CURRENT_ROLE", "CURRENT_USER", "DATABASE", "SCHEMA",
        "SESSION_USER", "SYSTEM_USER", "USER", "VERSION", "CONCAT_WS", "REPLACE", "IS_IPV4", "IS_UUID", "QUOTE",
    ]
)  # fmt: skip

_ROUNDED = "it is rounded (ROUND, TRUNCATE, FLOOR, CAST AS DECIMAL) or compared"
_ASCII = "the text is ASCII or in a character set of Unicode"
_COLLATED = "the collation compares character by character"
_JSON = "the argument is a JSON column of MySQL and the path a constant of keys and places"
WHEN: dict[str, tuple[str, ...]] = {
    _ROUNDED: tuple(
        [
            "ACOS", "ASIN", "ATAN", "ATAN2", "COS", "COT", "EXP", "LN", "LOG", "LOG10", "LOG2", "SIN", "STD", "STDDEV",
            "STDDEV_POP", "STDDEV_SAMP", "TAN", "VARIANCE", "VAR_POP", "VAR_SAMP",
        ]
    ),
    f"both are whole numbers, or {_ROUNDED}": ("POW", "POWER"),
    _ASCII: ("ASCII", "LCASE", "LOWER", "ORD", "REVERSE", "UCASE", "UPPER"),
    f"{_COLLATED}, and the text sought is a constant": ("FIND_IN_SET",),
    _COLLATED: ("LIKE",),
    "the collation compares by one weight of each character, and what is sought is a constant of ASCII, or all is": (
        "INSTR", "LOCATE", "POSITION",
    ),
    _JSON: (
        "JSON_CONTAINS_PATH", "JSON_EXTRACT", "JSON_KEYS", "->", "->>",
    ),
    "the argument is a JSON column of MySQL, or a text column of MariaDB, and the path a constant of keys and places": (
        "JSON_LENGTH", "JSON_UNQUOTE", "JSON_VALID", "JSON_VALUE",
    ),
    "a JSON column of MySQL is searched for a constant that is a number, a text or a truth value": ("MEMBER OF",),
    "a JSON column of MySQL, or a text column of MariaDB, is searched for a constant that is a number, a text or a"
    " truth value": ("JSON_CONTAINS",),
    "a JSON column of MySQL is compared with a constant: a number, a text, a truth value or an array of such": (
        "JSON_OVERLAPS",
    ),
    "a JSON column of MySQL is taken apart by constant paths, with one NESTED PATH on a level at most, and values are"
    " such as all read alike": ("JSON_TABLE",),
    "the value is in a JSON column of MySQL, and no number": ("JSON_TYPE",),
    "the backend is MySQL, and the keys of a group differ": ("JSON_OBJECTAGG",),
    "the backend is MySQL, and it is made of integers, decimals, texts, dates, moments and documents": (
        "JSON_ARRAY", "JSON_OBJECT",
    ),
    "all rows of the group have the same value": ("ANY_VALUE",),
    "ORDER BY settles the text of these rows, and it is not longer than group_concat_max_len": ("GROUP_CONCAT",),
    "the argument has the four bytes of an IPv4 address": ("INET6_NTOA",),
    "the backend is MySQL, and its plan tells in which order all rows are read": ("JSON_ARRAYAGG",),
    "the pattern is a constant that every library reads alike, as it does the texts": (
        "REGEXP", "REGEXP_INSTR", "REGEXP_LIKE", "REGEXP_REPLACE", "REGEXP_SUBSTR", "RLIKE",
    ),
    "it has no argument": ("LAST_INSERT_ID",),
    "the zones are constants": ("CONVERT_TZ",),
    "the pattern is a constant of codes that do not depend on a locale beside English": ("DATE_FORMAT",),
    "lc_time_names is English": ("DAYNAME", "MONTHNAME"),
    "the pattern is a constant that names one whole date": ("STR_TO_DATE",),
    "the pattern is a constant": ("TIME_FORMAT",),
    "the time, if any, is no text of a column": ("TIMESTAMP",),
    "the arguments are moments or times, and the result stays in its range": ("ADDTIME", "SUBTIME", "TIMEDIFF"),
    "the argument is no literal": ("TIMESTAMPADD", "TIME", "TIME_TO_SEC"),
    "the numbers are integers in range": ("MAKETIME", "MAKEDATE"),
    "the number is exact, or an average of exact ones, and in range": ("SEC_TO_TIME",),
    "the argument is an integer, a decimal or a text of digits (MariaDB: with a pattern)": ("FROM_UNIXTIME",),
    "the argument is an integer, a date, a moment or a literal of one": ("UNIX_TIMESTAMP",),
    "the unit is made of date parts, or of time parts of a date or of a time of a day": ("EXTRACT",),
    "the number of places is a constant": ("ROUND", "TRUNCATE"),
    "places and locale are constants, and the locale has groups of three digits": ("FORMAT",),
    "numbers, dates or at most four texts are compared": ("GREATEST", "LEAST"),
    "the bounds are rising constants": ("INTERVAL",),
    "position and length are constants": ("INSERT",),
    "the length is at most 1000": ("LPAD", "RPAD"),
    "the count is at most 1000": ("REPEAT",),
    "the count is exact, and the delimiter a constant or of one character": ("SUBSTRING_INDEX",),
    "what is removed is a constant in ASCII": ("TRIM",),
    "spaces are removed": ("LTRIM", "RTRIM"),
    "the base is 10 and the value an integer, or a text goes from base 16 to 10": ("CONV",),
    "the argument is an integer, a text or bytes": ("HEX",),
    "the length is 256": ("SHA2",),
    "the letters are ASCII": ("SOUNDEX",),
    "the numbers are integers of 32 bits, with USING those of ASCII": ("CHAR",),
    "the separator is a constant": ("EXPORT_SET",),
    "the text stands for bytes": ("BIN_TO_UUID", "FROM_BASE64", "UNHEX", "UUID_TO_BIN"),
    "the text has at most 57 bytes": ("TO_BASE64",),
    "the argument is no bytes": ("CRC32",),
    "the argument is a text or bytes": ("MD5", "SHA", "SHA1"),
    "the count is a constant": ("NTILE",),
    "the type is SIGNED, UNSIGNED, DECIMAL, DOUBLE, DATE, DATETIME, TIME, CHAR or BINARY, and nothing is cut off": (
        "CAST", "CONVERT",
    ),
}  # fmt: skip

NEVER: dict[str, frozenset[str]] = {
    "each call gives another value or has an effect": VOLATILE | {"SYS_GUID", "RANDOM_BYTES", "SET_USER_VAR"},
    "only the session's own connection knows": SESSION
    | {
        "CHARSET", "COERCIBILITY", "COLLATION", "DEFAULT", "VALUES", "BINLOG_GTID_POS", "MASTER_GTID_WAIT", "SCHEMAS",
        "WSREP_LAST_SEEN_GTID", "WSREP_LAST_WRITTEN_GTID", "WSREP_SYNC_WAIT_UPTO_GTID", "FORMAT_BYTES",
        "FORMAT_PICO_TIME", "VALIDATE_PASSWORD_STRENGTH", "STATEMENT_DIGEST", "STATEMENT_DIGEST_TEXT", "GET_FORMAT",
    },
    "the server's own library makes the bytes": frozenset(
        [
            "AES_DECRYPT", "AES_ENCRYPT", "COMPRESS", "UNCOMPRESS", "UNCOMPRESSED_LENGTH", "DECODE", "ENCODE",
            "DES_DECRYPT", "DES_ENCRYPT", "ENCRYPT", "OLD_PASSWORD", "PASSWORD", "CRC32C",
            "ASYMMETRIC_DECRYPT", "ASYMMETRIC_ENCRYPT", "ASYMMETRIC_SIGN", "ASYMMETRIC_VERIFY",
            "CREATE_ASYMMETRIC_PRIV_KEY", "CREATE_ASYMMETRIC_PUB_KEY", "CREATE_DIGEST", 
            "WEIGHT_STRING", "NATURAL_SORT_KEY", "VECTOR_DIM", "VECTOR_TO_STRING", "STRING_TO_VECTOR", "DISTANCE",
            "INET6_ATON", "IS_IPV4_COMPAT",
            "IS_IPV4_MAPPED", "IS_IPV6",
        ]
    ),
    "documents are made or searched by the server only": frozenset(
        [
            "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", "JSON_COMPACT",
            "JSON_DEPTH", "JSON_DETAILED", "JSON_EQUALS", "JSON_EXISTS", "JSON_INSERT", "JSON_LOOSE", "JSON_MERGE",
            "JSON_MERGE_PATCH", "JSON_MERGE_PRESERVE", "JSON_NORMALIZE",
            "JSON_PRETTY", "JSON_QUERY", "JSON_QUOTE", "JSON_REMOVE", "JSON_REPLACE", "JSON_SEARCH",
            "JSON_SET", "JSON_STORAGE_FREE", "JSON_STORAGE_SIZE",
            "JSON_SCHEMA_VALID", "JSON_SCHEMA_VALIDATION_REPORT", "COLUMN_CHECK", "COLUMN_EXISTS", "COLUMN_JSON",
            "COLUMN_LIST", "EXTRACTVALUE", "UPDATEXML",
        ]
    ),
    "the text depends on the character set or the server's tables": frozenset(
        [
            "CHR", "MATCH", "SFORMAT", "TO_CHAR", "DECODE_HISTOGRAM",
        ]
    ),
    "MariaDB alone has it": frozenset(
        [
            "ADD_MONTHS", "CONCAT_OPERATOR_ORACLE", "DECODE_ORACLE", "LENGTHB", "LPAD_ORACLE", "LTRIM_ORACLE",
            "MEDIAN", "NVL2", "PERCENTILE_CONT", "PERCENTILE_DISC", "REPLACE_ORACLE", "RPAD_ORACLE", "RTRIM_ORACLE",
            "SUBSTR_ORACLE", "TRIM_ORACLE",
        ]
    ),
}  # fmt: skip
# Families of names: geometry and the data dictionary's own functions.
NEVER_PREFIXES = {
    "ST_": "geometry is the server's",
    "MBR": "geometry is the server's",
    "INTERNAL_": "the data dictionary is the server's",
    "CAN_ACCESS_": "the data dictionary is the server's",
    "GET_DD_": "the data dictionary is the server's",
    "IS_VISIBLE_": "the data dictionary is the server's",
}
GEOMETRIES = frozenset(
    [
        "GEOMCOLLECTION", "GEOMETRYCOLLECTION", "LINESTRING", "MULTILINESTRING", "MULTIPOINT", "MULTIPOLYGON",
        "POINT", "POLYGON",
    ]
)  # fmt: skip


def entries() -> dict[str, tuple[str, str]]:
    """Give each function's standing: "exact", "when" or "never", and the condition or the reason."""
    found = {name: ("exact", "") for name in EXACT}
    for condition, names in WHEN.items():
        found |= {name: ("when", condition) for name in names}
    for reason, names_ in NEVER.items():
        found |= {name: ("never", reason) for name in names_ if name not in found}
    return found | {name: ("never", NEVER_PREFIXES["ST_"]) for name in GEOMETRIES}


def standing(name: str) -> tuple[str, str] | None:
    """Give the standing of a function by its name; None when the list does not have it."""
    for prefix, reason in NEVER_PREFIXES.items():
        if name.startswith(prefix):
            return "never", reason
    return entries().get(name)
