"""What every client program finds on the server: accounts, and the schema `facts` of tables that are loaded."""

from pathlib import Path

USER, PASSWORD = "wfc", "a pass'word"
LOADED = ("kinds", "sales")

_COLUMNS = """
  id INT PRIMARY KEY, ti TINYINT, tiu TINYINT UNSIGNED, si SMALLINT, siu SMALLINT UNSIGNED, mi MEDIUMINT,
  i INT, iu INT UNSIGNED, bi BIGINT, biu BIGINT UNSIGNED, bo BOOLEAN, b1 BIT(1), b40 BIT(40),
  d DECIMAL(20,4), d0 DECIMAL(30,0), f FLOAT, db DOUBLE, c CHAR(10), v VARCHAR(40), bn BINARY(4), vb VARBINARY(10),
  tt TINYTEXT, t TEXT, mt MEDIUMTEXT, lt LONGTEXT, bl BLOB, e ENUM('a','b','ü'), s SET('x','y','z'),
  da DATE, dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, tm TIME, tm2 TIME(2), y YEAR,
  j JSON,
  l1 VARCHAR(20) CHARACTER SET latin1, nn VARCHAR(5) NOT NULL DEFAULT 'x', KEY (i), UNIQUE KEY (v)
"""
_ROWS = (
    "1, 127, 255, 32767, 65535, 8388607, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615, 1, b'1', "
    "b'1010101010101010101010101010101010101010', 1234567890123456.7891, 123456789012345678901234567890, 1.5, "
    "2.2250738585072014e-308, 'char', 'varchar äöü 😀', 'bin', 'v\\0b', 'tiny', 'text', 'medium', 'long', 'blob\\0', "
    "'a', 'x,z', '2024-02-29', '2024-02-29 23:59:59', '2024-02-29 23:59:59.123456', '2024-02-29 12:00:00', "
    "'2024-02-29 12:00:00.125', '838:59:59', '-12:34:56.78', 2155, '{\"a\": [1, 2.5, null, \"ü\"]}', 'café', 'a'",
    "2, -128, 0, -32768, 0, -8388608, -2147483648, 0, -9223372036854775808, 0, FALSE, b'0', b'0', -0.0001, -1, "
    "-3.25e10, 1.7976931348623157e308, '', '', '', '', '', '', '', '', '', 'b', '', '1000-01-01', "
    "'9999-12-31 23:59:59', '1000-01-01 00:00:00.000001', '1970-01-02 00:00:01', '2038-01-18 03:14:07.999', "
    "'-838:59:59', '00:00:00', 1901, '[]', '', ''",
    "3" + ", NULL" * 36 + ", NULL, DEFAULT",
    "4, 0, 1, 1, 2, 3, 4, 5, 6, 7, 1, 1, 255, 0, 0, 0, 0.1, 'trail  ', 'Zebra', '\\0\\0\\0\\0', 'x', 'y', 'z', 'w', "
    "'it''s', '\\\\', 'ü', 'y', '2000-01-01', '2000-01-01', '2000-01-01', '2000-01-01', '2000-01-01', '0', '0', 2000, "
    "'\"s\"', 'z', 'nn'",
)


def accounts(kind: str) -> list[tuple[str, str]]:
    """Names and passwords of the further accounts, one for each way to log in that a driver without TLS can go too."""
    ways = {"mysql": ("sha2", "empty"), "mariadb": ("native", "empty")}[kind]
    return [(f"wfc_{way}", "" if way == "empty" else "secret") for way in ways]


def ed25519(kind: str, plugins: Path) -> str:
    """Name and password of the account that few drivers can log in to; "" where the server lacks the plugin."""
    return "wfc_ed25519:secret" if kind == "mariadb" and (plugins / "auth_ed25519.so").exists() else ""


def server_options(kind: str, plugins: Path) -> tuple[str, ...]:
    """Options of the server for further ways to log in."""
    return (f"--plugin-dir={plugins}", "--plugin-load-add=auth_ed25519") if ed25519(kind, plugins) else ()


def statements(kind: str, plugins: Path) -> list[str]:
    """Everything that makes the accounts and the schema."""
    how = {"sha2": "WITH caching_sha2_password ", "native": "", "empty": ""}
    made = [f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}'"]
    for user, password in accounts(kind):
        way = how[user.removeprefix("wfc_")]
        made.append(f"CREATE USER {user}@'%' IDENTIFIED {way}BY '{password}'")
    if ed25519(kind, plugins):
        made.append("CREATE USER wfc_ed25519@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
    made += [f"GRANT ALL ON *.* TO {user}@'%'" for user in (USER, *(user for user, _ in accounts(kind)))]
    made += ["CREATE DATABASE facts CHARACTER SET utf8mb4", f"CREATE TABLE facts.kinds ({_COLUMNS})"]
    made += [f"INSERT INTO facts.kinds VALUES ({row})" for row in _ROWS]
    made.append("CREATE TABLE facts.sales (id INT PRIMARY KEY, g INT, v DECIMAL(10,2), s VARCHAR(20), d DATE, n INT)")
    sales = ",".join(
        f"({i}, {i % 7}, {i / 3:.2f}, 'n{i % 50}', '2024-01-01' + INTERVAL {i % 366} DAY, "
        + ("NULL" if i % 11 == 0 else str(i))
        + ")"
        for i in range(3000)
    )
    made.append(f"INSERT INTO facts.sales VALUES {sales}")
    return made
