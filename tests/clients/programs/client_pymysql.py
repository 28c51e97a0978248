"""PyMySQL: text protocol only, in pure Python."""

import contextlib
import ssl
from typing import Any

import dbapi
import pymysql
from common import (
    ACCOUNTS,
    ED25519,
    FORCE,
    HOST,
    PASSWORD,
    PORT,
    QUERIES,
    SCHEMA,
    UNFORCE,
    USER,
    failing,
    run,
    show,
    title,
)


def connect(**options: Any) -> Any:
    """Connect as the main user."""
    base = {"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "local_infile": True, "autocommit": True}
    return pymysql.connect(**{**base, "max_allowed_packet": 64 << 20, **options})


def trusting() -> ssl.SSLContext:
    """TLS that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def logins() -> None:
    """Every account, with and without TLS, the right password and a wrong one."""
    for user, password in [(USER, PASSWORD), *ACCOUNTS, *ED25519]:
        for tls in (trusting(), None):
            where = {"ssl": tls} if tls else {"ssl_disabled": True}
            with contextlib.closing(connect(user=user, password=password, **where)) as connection:
                run(connection, "SELECT CURRENT_USER(), DATABASE()")
                show(isinstance(connection._sock, ssl.SSLSocket))
                show(connection.get_server_info(), connection.get_proto_info(), connection.character_set_name())
            with failing("wrong password", pymysql.Error):
                connect(user=user, password="not it", **where)
    with failing("no such schema", pymysql.Error):
        connect(database="no_such_schema")
    with failing("no such user", pymysql.Error):
        connect(user="nobody_at_all")


def own_ways() -> None:
    """Several statements at once, unbuffered and dictionary cursors, changes of schema, ping and reconnect."""
    flags = pymysql.constants.CLIENT.MULTI_STATEMENTS | pymysql.constants.CLIENT.FOUND_ROWS
    with contextlib.closing(connect(database=SCHEMA, client_flag=flags)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 AS a; SELECT 2, 'b'; DO 0; SELECT COUNT(*) FROM facts.sales; SELECT 3 WHERE 1 = 0")
            dbapi.show_rows(cursor)
            while cursor.nextset():
                dbapi.show_rows(cursor)
            with failing("second statement", pymysql.Error):
                cursor.execute("SELECT 1; SELECT * FROM nowhere")
                cursor.nextset()
        run(connection, FORCE)
        for kind in (pymysql.cursors.SSCursor, pymysql.cursors.DictCursor):
            cursor = connection.cursor(kind)
            cursor.execute(QUERIES[0])
            show(list(cursor))
            cursor.close()
        run(connection, UNFORCE)
        connection.select_db("facts")
        run(connection, "SELECT DATABASE()")
        connection.ping()
        connection.close()
        connection.ping(reconnect=True)
        run(connection, "SELECT DATABASE()")
    for charset in ("latin1", "utf8mb3", "utf8mb4", "gbk", "ascii"):
        with contextlib.closing(connect(charset=charset)) as connection:
            show(charset)
            for setting in (UNFORCE, UNFORCE if charset == "gbk" else FORCE):  # gbk is left to the server
                run(connection, setting)
                run(connection, "SELECT @@character_set_client, @@collation_connection")
                run(connection, "SELECT id, c, l1, e FROM facts.kinds ORDER BY id")
                run(connection, UNFORCE)
                if charset != "ascii":
                    run(connection, "SELECT HEX('é'), 'é' = 'e', COUNT(*) FROM facts.kinds WHERE l1 LIKE '%%é'")
    with contextlib.closing(connect(init_command="SET @a = 7", read_timeout=1)) as connection:
        run(connection, "SELECT @a")
        with failing("read timeout", pymysql.Error):
            run(connection, "SELECT SLEEP(5)")


title("logins")
logins()
dbapi.steps(connect, pymysql.Error)
title("own_ways")
own_ways()
