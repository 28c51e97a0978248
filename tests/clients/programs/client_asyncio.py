"""aiomysql and asyncmy: PyMySQL's protocol under asyncio, pools, streams."""

import asyncio
import importlib
import ssl
import sys
from typing import Any

from common import ACCOUNTS, FORCE, HOST, PASSWORD, PORT, QUERIES, SCHEMA, UNFORCE, USER, show, steady, title

driver = importlib.import_module(sys.argv[1])
cursors = importlib.import_module(f"{sys.argv[1]}.cursors")


async def connect(**options: Any) -> Any:
    """Connect as the main user."""
    base = {"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "autocommit": True, "charset": "utf8mb4"}
    return await driver.connect(**{**base, **options})


async def run(connection: Any, statement: str, *values: Any, kind: Any = None) -> None:
    """Run one statement and print its result."""
    async with connection.cursor(kind) if kind else connection.cursor() as cursor:
        await cursor.execute(statement, values or None)
        show("columns", cursor.description)
        for row in await cursor.fetchall() if cursor.description else ():
            show(row)
        show(cursor.rowcount, cursor.lastrowid)


async def failing(what: str, coming: Any) -> None:
    """Await what must fail."""
    try:
        await coming
        show("NO ERROR", what)
    except Exception as error:
        show("expected error", what, type(error).__name__, steady(error))


async def main() -> None:
    """Everything."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    title("logins")
    for user, password in [(USER, PASSWORD), *ACCOUNTS]:
        for context in (tls, None):
            connection = await connect(user=user, password=password, ssl=context)
            await run(connection, "SELECT CURRENT_USER(), DATABASE()")
            connection.close()
            await failing("wrong password", connect(user=user, password="not it", ssl=context))
    title("statements")
    connection = await connect(db="facts")
    for setting in (UNFORCE, FORCE):
        await run(connection, setting)
        for query in QUERIES:
            show(query)
            await run(connection, query)
        await run(
            connection, "SELECT g, COUNT(*) FROM sales WHERE s LIKE %s AND v > %s GROUP BY g ORDER BY g", "n1%", 5.25
        )
        await run(connection, QUERIES[0], kind=cursors.DictCursor)
        await run(connection, QUERIES[1], kind=cursors.SSCursor)
        await run(connection, UNFORCE)
    for statement in (
        *(f"DROP DATABASE IF EXISTS {SCHEMA}", f"CREATE DATABASE {SCHEMA}", f"USE {SCHEMA}"),
        *("CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(20) UNIQUE)", "INSERT INTO w (s) VALUES ('ü')"),
        *("BEGIN", "DELETE FROM w", "ROLLBACK", "SELECT * FROM w", "SHOW WARNINGS"),
    ):
        await run(connection, statement)
    await failing("duplicate", run(connection, "INSERT INTO w (s) VALUES ('ü')"))
    await failing("syntax", run(connection, "SELEC 1"))
    await connection.ping()
    connection.close()
    title("pool")
    pool = await driver.create_pool(
        host=HOST, port=PORT, user=USER, password=PASSWORD, db="facts", minsize=1, maxsize=3, autocommit=True
    )

    async def one(number: int) -> Any:
        async with pool.acquire() as own, own.cursor() as cursor:
            await cursor.execute("SELECT %s, COUNT(*), SUM(v) FROM sales WHERE g < %s", (number, number))
            return await cursor.fetchall()

    show(await asyncio.gather(*(one(number) for number in range(12))))
    pool.close()
    await pool.wait_closed()


asyncio.run(main())
