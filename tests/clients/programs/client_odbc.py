"""ODBC: MariaDB's driver through pyodbc: catalog functions, types both ways, parameters, several results, errors."""

import datetime
import decimal
import glob

import pyodbc
from common import (
    ACCOUNTS,
    FORCE,
    HOST,
    PASSWORD,
    PORT,
    QUERIES,
    UNFORCE,
    USER,
    failing,
    fresh_schema,
    show,
    show_rows,
    title,
)

DRIVER = glob.glob("/usr/lib/*/odbc/libmaodbc.so")[0]


def connected(user=USER, password=PASSWORD, **options):
    """Open a connection; options are the driver's own."""
    settings = {
        "DRIVER": DRIVER,
        "SERVER": HOST,
        "PORT": PORT,
        "UID": user,
        "PWD": f"{{{password}}}",
        "DATABASE": "facts",
    }
    text = ";".join(f"{name}={value}" for name, value in {**settings, **options}.items())
    return pyodbc.connect(text, autocommit=True)


title("logins")
for user, password in [(USER, PASSWORD), *ACCOUNTS]:
    with connected(user, password, FORCETLS=1, SSLVERIFY=0) as c:
        cursor = c.cursor()
        cursor.execute("SELECT CURRENT_USER(), DATABASE()")
        show_rows(cursor)
with failing("wrong password", pyodbc.Error):
    connected(USER, "not it", FORCETLS=1, SSLVERIFY=0)
c = connected(FORCETLS=1, SSLVERIFY=0, OPTIONS=67108864)
for item in ("SQL_DBMS_NAME", "SQL_DBMS_VER", "SQL_DATABASE_NAME", "SQL_IDENTIFIER_QUOTE_CHAR", "SQL_TXN_CAPABLE"):
    show(item, c.getinfo(getattr(pyodbc, item)))

title("queries")
cursor = c.cursor()
for setting in (UNFORCE, FORCE):
    cursor.execute(setting.replace("DO 0", "SET @x = 0"))  # the driver knows no DO
    for query in (query for query in QUERIES if ", tm," not in query):  # Python's times end at midnight
        show(query)
        cursor.execute(query)
        show_rows(cursor)
    asked = (
        "SELECT g, COUNT(*), SUM(v), MAX(d) FROM facts.sales WHERE s LIKE ? AND v > ? AND d < ? GROUP BY g ORDER BY g"
    )
    for like, least, before in (("n1%", "5.25", datetime.date(2024, 5, 1)), ("%2", "100", datetime.date(2024, 3, 1))):
        values = (like, decimal.Decimal(least), before)
        cursor.execute(asked, values)
        show_rows(cursor)
    cursor.execute("SELECT id, v FROM facts.sales ORDER BY id")
    show(len(cursor.fetchmany(10)), len(cursor.fetchall()))
    cursor.execute(UNFORCE.replace("DO 0", "SET @x = 0"))

title("catalog")
for call in (
    lambda: cursor.tables(catalog="facts"),
    lambda: cursor.columns(table="kinds", catalog="facts"),
    lambda: cursor.primaryKeys(table="kinds", catalog="facts"),
    lambda: cursor.statistics(table="kinds", catalog="facts"),
    lambda: cursor.rowIdColumns(table="kinds", catalog="facts"),
    lambda: cursor.foreignKeys(table="kinds", catalog="facts"),
    lambda: cursor.procedures(catalog="facts"),
    lambda: cursor.getTypeInfo(),
):
    for row in call():
        show(tuple(row))

title("types both ways")
fresh_schema(c)
cursor = c.cursor()
cursor.execute(
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, i BIGINT, u BIGINT UNSIGNED, d DECIMAL(20,5), f DOUBLE, "
    "s VARCHAR(50), b VARBINARY(50), da DATE, dt DATETIME(6), tm TIME, x LONGTEXT, bl LONGBLOB, bo BOOLEAN, bi BIT(9), "
    "y YEAR, j JSON)"
)
rows = [
    (
        -(2**63),
        2**63 - 1,
        decimal.Decimal("-123456789012345.54321"),
        1.5e300,
        "ü😀 '\\",
        b"\0\xff",
        datetime.date(1000, 1, 1),
        datetime.datetime(9999, 12, 31, 23, 59, 59, 123456),
        datetime.time(23, 59, 58),
        "x" * 60000,
        b"\1" * 70000,
        True,
        b"\1\xff",
        2024,
        '{"a": [1]}',
    ),
    (None,) * 15,
]
insert = f"INSERT INTO t (i, u, d, f, s, b, da, dt, tm, x, bl, bo, bi, y, j) VALUES ({', '.join('?' * 15)})"
for row in rows:
    cursor.execute(insert, row)
    show(cursor.rowcount, cursor.execute("SELECT LAST_INSERT_ID()").fetchval())
cursor.execute("SELECT id, i, u, d, f, s, b, da, dt, tm, x, bl, bo, bi, y, CAST(j AS CHAR) FROM t ORDER BY id")
show(cursor.description)
for row in cursor:
    show([value if not isinstance(value, str | bytes) or len(value) < 100 else len(value) for value in row])
cursor.executemany("INSERT INTO t (i, s) VALUES (?, ?)", [(n, f"many {n}") for n in range(300)])
cursor.execute("SELECT COUNT(*), SUM(i), MIN(s), MAX(s) FROM t")
show_rows(cursor)

title("transactions")
c.autocommit = False
cursor.execute("UPDATE t SET i = 0 WHERE i > 100")
show(cursor.rowcount)
c.rollback()
show(cursor.execute("SELECT COUNT(*) FROM t WHERE i = 0").fetchval())
cursor.execute("DELETE FROM t WHERE i > 200")
c.commit()
c.autocommit = True
show(cursor.execute("SELECT COUNT(*) FROM t").fetchval())

title("several results")
cursor.execute("CREATE PROCEDURE p(IN a INT) BEGIN SELECT a, a + 1; SELECT COUNT(*) FROM facts.sales; END")
cursor.execute("{CALL p(?)}", 7)
while True:
    if cursor.description:
        show_rows(cursor)
    if not cursor.nextset():
        break
cursor.execute("SELECT 1 AS a; SELECT 2 AS b; DO 0; SELECT 3 AS c")
while True:
    if cursor.description:
        show_rows(cursor)
    if not cursor.nextset():
        break

title("errors")
for statement in (
    "SELEC 1",
    "SELECT nothing FROM t",
    "SELECT * FROM nowhere",
    "INSERT INTO t (id) VALUES (1)",
    "KILL 0",
):
    with failing(statement, pyodbc.Error):
        cursor.execute(statement)
with failing("parameters", pyodbc.Error):
    cursor.execute("SELECT ?", 1, 2)
show(cursor.execute("SELECT 1").fetchval())
c.close()
