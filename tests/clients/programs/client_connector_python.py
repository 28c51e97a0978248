"""MySQL Connector/Python, in pure Python and over the C library; text and binary protocol, cursors."""

import contextlib
import datetime
import decimal
import sys
from typing import Any

import _mysql_connector  # noqa: F401 - before anything loads the system's TLS library, which is too old for it
import dbapi
import mysql.connector
from common import (
    ACCOUNTS,
    FORCE,
    HOST,
    KIND,
    PASSWORD,
    PORT,
    QUERIES,
    SCHEMA,
    UNFORCE,
    USER,
    failing,
    run,
    show,
    show_rows,
    title,
)

PURE = sys.argv[1] == "pure"
# The C library sends times that MySQL does not take.
LONG_TIME = datetime.timedelta(hours=-100, microseconds=5) if PURE else None
Error = mysql.connector.Error


def connect(**options: Any) -> Any:
    """Connect as the main user."""
    base = {
        "host": HOST,
        "port": PORT,
        "user": USER,
        "password": PASSWORD,
        "allow_local_infile": True,
        "autocommit": True,
    }
    plain = {"collation": "utf8mb4_general_ci"} if KIND == "mariadb" else {}
    return mysql.connector.connect(**{**base, **plain, "use_pure": PURE, **options})


def logins() -> None:
    """Every account, with and without TLS, the right password and a wrong one."""
    for user, password in [(USER, PASSWORD), *ACCOUNTS]:
        for disabled in (False, True):
            with contextlib.closing(connect(user=user, password=password, ssl_disabled=disabled)) as connection:
                run(connection, "SELECT CURRENT_USER(), DATABASE()")
                show(connection.get_server_info(), connection.charset, connection.collation)
            with failing("wrong password", Error):
                connect(user=user, password="not it", ssl_disabled=disabled)
    with failing("no such schema", Error):
        connect(database="no_such_schema")


def prepared(connection: Any) -> None:
    """The binary protocol: every type out, every type in, executed again and again."""
    show("== prepared")
    make = lambda c: c.cursor(prepared=True)  # noqa: E731
    for setting in (UNFORCE, FORCE):
        run(connection, setting)
        for query in QUERIES:
            show(query)
            run(connection, query, make=make)
        cursor = connection.cursor(prepared=True)
        for group, least in ((1, decimal.Decimal("5.5")), (2, None), (3, decimal.Decimal("900.10"))):
            cursor.execute(
                "SELECT g, COUNT(*), SUM(v) FROM facts.sales WHERE g = %s AND v > %s GROUP BY g", (group, least)
            )
            show_rows(cursor)
        for text, day in (("n1%", datetime.date(2024, 3, 1)), ("%2", datetime.date(2024, 5, 1))):
            cursor.execute(
                "SELECT s, COUNT(*) c FROM facts.sales WHERE s LIKE %s AND d < %s GROUP BY s ORDER BY s", (text, day)
            )
            show_rows(cursor)
        for moment in (datetime.datetime(2024, 2, 29, 23, 59, 59), datetime.datetime(2024, 2, 29, 23, 59, 59, 123456)):
            cursor.execute("SELECT id, dt, dt6, tm FROM facts.kinds WHERE dt6 >= %s ORDER BY id", (moment,))
            show_rows(cursor)
        # The driver sends bytes as a text. One with a zero byte has no literal for the engine: FORCED is 3889 for it.
        needle = b"v\0b" if setting == UNFORCE else b"v b"
        cursor.execute("SELECT id FROM facts.kinds WHERE db < %s OR bi = %s OR vb = %s ORDER BY id", (1.5, -5, needle))
        show_rows(cursor)
        cursor.close()
        run(connection, UNFORCE)
    cursor = connection.cursor(prepared=True)
    cursor.execute(
        "CREATE TABLE typed (id INT PRIMARY KEY, i BIGINT, d DECIMAL(20,5), f DOUBLE, s VARCHAR(40), b VARBINARY(40), "
        "da DATE, dt DATETIME(6), tm TIME(6), j JSON)"
    )
    insert = "INSERT INTO typed VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    for row in (
        (
            1,
            2**63 - 1,
            decimal.Decimal("12345.67890"),
            1.5e30,
            "é😀'\\",
            b"\0\xff'",
            datetime.date(1, 1, 1),
            datetime.datetime(9999, 12, 31, 1, 2, 3, 4),
            LONG_TIME,
            '{"a": 1}',
        ),
        (2, None, None, None, None, None, None, None, None, None),
        (
            3,
            -(2**63),
            decimal.Decimal("-0.5"),
            -0.0,
            "",
            b"",
            datetime.date(2024, 2, 29),
            datetime.datetime(2024, 1, 1),
            None,
            "[]",
        ),
    ):
        cursor.execute(insert, row)
        show("inserted", cursor.rowcount)
    cursor.close()
    run(connection, "SELECT * FROM typed ORDER BY id", make=make)
    run(connection, "SELECT * FROM typed ORDER BY id")
    run(connection, "SELECT COUNT(*) FROM typed WHERE id = %s", (1,), make=make)
    with failing("wrong statement", Error):
        run(connection, "SELECT nope FROM typed", make=make)


def own_ways() -> None:
    """Callproc, several statements, buffered and dictionary cursors, reset, change of user, reconnect, pools."""
    with contextlib.closing(connect(database=SCHEMA)) as connection:
        prepared(connection)
        cursor = connection.cursor()
        show(cursor.callproc("p", (4, 0)))
        for result in cursor.stored_results():
            show_rows(result)
        cursor.close()
        for options in ({"buffered": True}, {"dictionary": True}, {"raw": True}):
            run(connection, FORCE)
            cursor = connection.cursor(**options)
            cursor.execute(QUERIES[0])
            show(list(cursor))
            cursor.close()
            run(connection, UNFORCE)
        connection.cmd_change_user(*ACCOUNTS[0], "facts")
        run(connection, "SELECT CURRENT_USER(), DATABASE()")
        connection.cmd_change_user(USER, PASSWORD, "facts")
        run(connection, "SELECT CURRENT_USER(), DATABASE()")
        run(connection, "SET @a = 1")
        connection.cmd_reset_connection()
        run(connection, "SELECT @a, DATABASE()")
        connection.reset_session(user_variables={"b": 2})
        run(connection, "SELECT @a, @b")
        connection.reconnect()
        run(connection, "SELECT DATABASE()")
        connection.get_warnings = True
        cursor = connection.cursor()
        cursor.execute("SELECT 1 / 0")
        show(cursor.fetchall(), cursor.fetchwarnings())
        cursor.close()
        with failing("wrong user", Error):
            connection.cmd_change_user(USER, "not it", "facts")
        with failing("closed", Error):
            run(connection, "SELECT 1")
    for number in range(6):
        with contextlib.closing(connect(pool_name="p", pool_size=2, database="facts")) as connection:
            run(connection, FORCE)
            run(connection, f"SELECT COUNT(*), {number} FROM sales")
    with contextlib.closing(connect(charset="latin1", collation="latin1_swedish_ci")) as connection:
        run(connection, "SELECT id, l1, e FROM facts.kinds ORDER BY id")
    with contextlib.closing(connect(compress=True)) as connection:
        run(connection, FORCE)
        run(connection, QUERIES[0])
        run(connection, "SELECT REPEAT('x', 5)")
    with contextlib.closing(connect(conn_attrs={"program": "the test"})) as connection:
        run(
            connection,
            "SELECT ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs "
            "WHERE PROCESSLIST_ID = CONNECTION_ID() AND ATTR_NAME NOT LIKE '%pid%' ORDER BY ATTR_NAME",
        )


title("logins")
logins()
dbapi.steps(connect, Error)
title("own_ways")
own_ways()
