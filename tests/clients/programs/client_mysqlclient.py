"""mysqlclient (MySQLdb), over MariaDB's C library."""

import contextlib
from typing import Any

import dbapi
import MySQLdb
import MySQLdb.cursors
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
from MySQLdb.constants import CLIENT


def connect(**options: Any) -> Any:
    """Connect as the main user."""
    base = {"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "local_infile": 1, "autocommit": True}
    return MySQLdb.connect(**{**base, "charset": "utf8mb4", **options})


def logins() -> None:
    """Every account, with and without TLS, the right password and a wrong one."""
    for user, password in [(USER, PASSWORD), *ACCOUNTS, *ED25519]:
        for options in ({"ssl": {"cipher": "DEFAULT"}}, {}):
            with contextlib.closing(connect(user=user, password=password, **options)) as connection:
                run(connection, "SELECT CURRENT_USER(), DATABASE()")
                show(connection.get_server_info(), connection.get_proto_info(), connection.character_set_name())
            with failing("wrong password", MySQLdb.Error):
                connect(user=user, password="not it", **options)
    with failing("no such schema", MySQLdb.Error):
        connect(database="no_such_schema")


def own_ways() -> None:
    """Unbuffered and dictionary cursors, statistics of the last statement, changes of user, compression."""
    with contextlib.closing(connect(database=SCHEMA, client_flag=CLIENT.MULTI_STATEMENTS)) as connection:
        for kind in (MySQLdb.cursors.SSCursor, MySQLdb.cursors.DictCursor, MySQLdb.cursors.SSDictCursor):
            for setting in (UNFORCE, FORCE):
                run(connection, setting)
                cursor = connection.cursor(kind)
                cursor.execute(QUERIES[1])
                show(list(cursor))
                cursor.close()
            run(connection, UNFORCE)
        connection.query("SELECT 1 AS a; SELECT COUNT(*) FROM facts.sales; SELECT 'x' WHERE 1 = 0")
        while True:
            result = connection.store_result()
            show(result.describe(), result.fetch_row(maxrows=0))
            if connection.next_result() != 0:
                break
        run(connection, FORCE)
        connection.query(QUERIES[0])
        result = connection.store_result()
        show(result.num_rows(), result.num_fields(), result.field_flags(), connection.affected_rows())
        show(connection.info(), connection.warning_count(), connection.insert_id(), connection.field_count())
        run(connection, UNFORCE)
        connection.select_db("facts")
        run(connection, "SELECT DATABASE()")
        connection.ping()
        connection.change_user(*ACCOUNTS[0], "facts")
        run(connection, "SELECT CURRENT_USER(), DATABASE()")
        connection.set_character_set("latin1")
        run(connection, "SELECT l1, e FROM facts.kinds ORDER BY id")
    with contextlib.closing(connect(compress=1)) as connection:
        run(connection, FORCE)
        run(connection, QUERIES[2])


title("logins")
logins()
dbapi.steps(connect, MySQLdb.Error)
title("own_ways")
own_ways()
