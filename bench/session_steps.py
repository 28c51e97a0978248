"""Random steps of a session: what a client does between its queries, and queries that tell what it left behind."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from wire.constants import Command, FieldType
from wire.integers import build_lenenc_bytes

TABLES = (
    "CREATE TABLE {s}.t (id INT PRIMARY KEY, g INT, n DECIMAL(12,3), x DOUBLE, s VARCHAR(40), d DATE, m DATETIME(3), "
    "b VARBINARY(20), u BIGINT UNSIGNED, y TINYINT(1), z TIMESTAMP NULL)",
    "CREATE TABLE {s}.w (id INT AUTO_INCREMENT PRIMARY KEY, v INT, s VARCHAR(40)) ",
    "CREATE VIEW {s}.v AS SELECT g, COUNT(*) AS c, SUM(n) AS total FROM {s}.t GROUP BY g",
    "CREATE PROCEDURE {s}.p (IN k INT) BEGIN SELECT id, s FROM t WHERE g = k ORDER BY id; SELECT COUNT(*) FROM w; END",
    "CREATE PROCEDURE {s}.q (IN k INT) BEGIN SET @from_q = k; INSERT INTO w (v, s) VALUES (k, 'q'); END",
    "CREATE FUNCTION {s}.f (k INT) RETURNS INT DETERMINISTIC RETURN k * 2",
)
QUERIES = (
    "SELECT g, COUNT(*), SUM(n), AVG(x), MIN(s), MAX(d) FROM t GROUP BY g ORDER BY g",
    "SELECT * FROM t ORDER BY id",
    "SELECT * FROM t WHERE id < 5 ORDER BY id",
    "SELECT id, s, n FROM t WHERE g = 3 ORDER BY id LIMIT 7",
    "SELECT SQL_CALC_FOUND_ROWS id, s FROM t ORDER BY id LIMIT 3",
    "SELECT COUNT(*) FROM t",
    "SELECT SUM(v), COUNT(*) FROM w",
    "SELECT w.id, t.s FROM w JOIN t ON t.id = w.v ORDER BY w.id, t.id",
    "SELECT * FROM v ORDER BY g",
    "SELECT id FROM t WHERE id = -1",
    "SELECT MAX(m), MIN(z), SUM(u) FROM t",
    "SELECT CONCAT(s, '-', g), UPPER(s), LENGTH(b) FROM t ORDER BY id LIMIT 9",
    "SELECT GROUP_CONCAT(s ORDER BY id SEPARATOR '|') FROM t",
    "SELECT id, ROW_NUMBER() OVER (PARTITION BY g ORDER BY id) FROM t ORDER BY id",
    "WITH c AS (SELECT g, SUM(n) AS k FROM t GROUP BY g) SELECT * FROM c WHERE k > 0 ORDER BY g",
    "SELECT n / 7, n DIV 7, x * 2 FROM t WHERE id < 20 ORDER BY id",
    "SELECT DATE_FORMAT(m, '%W %M %d'), DAYNAME(d) FROM t WHERE id < 9 ORDER BY id",
    "SELECT UNIX_TIMESTAMP(z), z FROM t WHERE id < 9 ORDER BY id",
    "SELECT NOW() > m FROM t WHERE id < 9 ORDER BY id",
    "SELECT CURRENT_DATE, COUNT(*) FROM t",
    "SELECT s FROM t WHERE s = 'ä' OR s LIKE 'N1%' ORDER BY id",
    "SELECT 'x' \"y\", COUNT(*) FROM t",
    "SELECT s || g FROM t WHERE id < 6 ORDER BY id",
    "SELECT @a, COUNT(*) FROM t",
    "SELECT id, g + @a FROM t WHERE id < 6 ORDER BY id",
    "SELECT f(g) FROM t WHERE id < 6 ORDER BY id",
    "SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM w WHERE w.v = t.id) ORDER BY t.id",
    "SELECT id FROM t UNION ALL SELECT id FROM w ORDER BY 1",
    "SELECT 1 FROM nowhere",
    "SELECT nothing FROM t",
    "SELECT CAST(s AS SIGNED) FROM t WHERE id < 6 ORDER BY id",
    "SELECT 1 / 0, g / 0 FROM t WHERE id < 3 ORDER BY id",
    "SELECT (SELECT id FROM t) FROM t",
    "SELECT COUNT(*) INTO @c FROM t",
    "SELECT @c",
    "SELECT DATABASE(), COUNT(*) FROM t",
    "SELECT LAST_INSERT_ID(), COUNT(*) FROM t",
    "SELECT COUNT(*) FROM t FOR UPDATE",
    "TABLE w ORDER BY id LIMIT 4",
    "SELECT /*+ MAX_EXECUTION_TIME(10000) */ SUM(n) FROM t",
    "SELECT d + INTERVAL 1 MONTH, DATEDIFF(d, '2024-01-01') FROM t WHERE id < 7 ORDER BY id",
    "SELECT id FROM t PROCEDURE",
    "SELECT d FROM t WHERE d = '0000-00-00' OR m > '2024-02-30'",
    "",
    ";",
    "-- only a comment",
)
TOLD = (
    "SELECT FOUND_ROWS()",
    "SELECT ROW_COUNT()",
    "SELECT LAST_INSERT_ID()",
    "SELECT @@warning_count, @@error_count",
    "SELECT @@warning_count",
    "SHOW WARNINGS",
    "SHOW ERRORS",
    "SHOW COUNT(*) WARNINGS",
    "SHOW WARNINGS LIMIT 1",
    "SELECT @@autocommit, @@sql_mode, @@time_zone",
    "SELECT FOUND_ROWS() AS n, ROW_COUNT() AS m",
    "SELECT @a, @b, @c, @from_q",
    "SELECT FOUND_ROWS() + COUNT(*) FROM t",
    "GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT",
    "SELECT @n, @r",
    "SHOW TABLES",
    "SHOW SESSION VARIABLES LIKE 'sql_select_limit'",
    "SET @b = FOUND_ROWS()",
    "SET @b = ROW_COUNT()",
    "DO ROW_COUNT()",
    "INSERT INTO w (v, s) VALUES (FOUND_ROWS(), ROW_COUNT())",
)
WRITES = (
    "INSERT INTO w (v, s) VALUES ({k}, 'n')",
    "INSERT INTO w (v, s) VALUES ({k}, 'n'), ({k} + 1, 'm')",
    "INSERT INTO w (v, s) SELECT g, s FROM t WHERE id < {k} ORDER BY id",
    "INSERT INTO w (v) SELECT SUM(g) FROM t",
    "UPDATE t SET g = g + 1 WHERE id = {k}",
    "UPDATE t SET s = 'ä' WHERE id = {k}",
    "UPDATE t SET n = n * 1.5, x = x / 3 WHERE g = {k}",
    "DELETE FROM w WHERE id % 7 = {k} % 7",
    "DELETE FROM w WHERE v = {k} ORDER BY id LIMIT 1",
    "REPLACE INTO t (id, g, s) VALUES ({k}, 1, 'replaced')",
    "INSERT IGNORE INTO t (id, g, s) VALUES ({k}, 'x', 'y')",
    "INSERT INTO t (id) VALUES (1)",
    "INSERT INTO w (v, s) VALUES ({k}, 'n') ON DUPLICATE KEY UPDATE v = 9",
)
CONTROL = (
    *("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "COMMIT", "SET autocommit = 0", "SET autocommit = 1"),
    *("START TRANSACTION READ ONLY", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SAVEPOINT a", "ROLLBACK TO a"),
    *("RELEASE SAVEPOINT a", "COMMIT AND CHAIN", "ROLLBACK AND NO CHAIN", "BEGIN WORK", "COMMIT WORK;"),
    *("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE"),
    *("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "LOCK TABLES t READ", "UNLOCK TABLES"),
    *("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "LOCK TABLES t WRITE, w READ", "UNLOCK TABLES"),
    *("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET SESSION TRANSACTION READ ONLY"),
    *("SET SESSION TRANSACTION READ WRITE", "SET completion_type = 1", "SET completion_type = 0"),
)
SETTINGS = (
    *("SET sql_mode = ''", "SET sql_mode = 'ANSI'", "SET sql_mode = DEFAULT", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'"),
    *("SET sql_mode = 'PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY'", "SET sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE')"),
    *("SET time_zone = '+05:30'", "SET time_zone = DEFAULT", "SET time_zone = '-11:00'", "SET sql_select_limit = 2"),
    *("SET sql_select_limit = DEFAULT", "SET NAMES latin1", "SET NAMES utf8mb4", "SET character_set_results = NULL"),
    *("SET character_set_results = latin1", "SET character_set_client = latin1", "SET CHARACTER SET utf8mb4"),
    *("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET collation_connection = latin1_swedish_ci", "SET NAMES utf8mb3"),
    *("SET div_precision_increment = 9", "SET div_precision_increment = 4", "SET group_concat_max_len = 12"),
    *("SET group_concat_max_len = DEFAULT", "SET lc_time_names = 'de_DE'", "SET lc_time_names = 'en_US'"),
    *("SET timestamp = 1700000000", "SET timestamp = 1700000000.5", "SET @a = 5", "SET @a = NULL, @b = 'x'"),
    *("SET @a := (SELECT COUNT(*) FROM t)", "SET max_execution_time = 100000", "SET sql_auto_is_null = 1"),
    *("SET sql_auto_is_null = 0", "SET sql_big_selects = 0", "SET sql_big_selects = 1", "SET max_join_size = 10"),
    *("SET max_join_size = DEFAULT", "SET @@session.sql_safe_updates = 1", "SET sql_safe_updates = 0"),
    *("SET nonsense = 1", "SET autocommit = 1, sql_mode = DEFAULT, @a = 3", "SET max_sort_length = 8"),
    *("SET max_error_count = 1", "SET max_error_count = DEFAULT", "SET max_error_count = 0", "SET sql_notes = 0"),
    *("SET sql_notes = 1", "SET session_track_schema = 1", "SET session_track_state_change = ON"),
    *("SET session_track_state_change = OFF", "SET session_track_system_variables = 'time_zone'"),
    *("SET session_track_system_variables = DEFAULT", "SET session_track_transaction_info = 'STATE'"),
    *("SET session_track_transaction_info = OFF", "SET last_insert_id = 77", "SET insert_id = 1000000"),
)
OTHERS = (
    *("CREATE TEMPORARY TABLE t (id INT, g INT, s VARCHAR(9))", "DROP TEMPORARY TABLE t", "CALL p(3)", "CALL q({k})"),
    *("DROP TEMPORARY TABLE IF EXISTS t", "CREATE TEMPORARY TABLE tt SELECT * FROM t WHERE id < 4 ORDER BY id"),
    *(
        "SELECT * FROM tt",
        "DROP TEMPORARY TABLE IF EXISTS tt",
        "INSERT INTO t (id) VALUES (999)",
        "USE {s}",
        "USE none",
    ),
    *("PREPARE a FROM 'SELECT g, COUNT(*) FROM t WHERE id > ? GROUP BY g ORDER BY g'", "EXECUTE a USING @a"),
    *("EXECUTE a", "DEALLOCATE PREPARE a", "PREPARE b FROM 'INSERT INTO w (v) SELECT g FROM t WHERE id = 3'"),
    *("EXECUTE b", "HANDLER t OPEN", "HANDLER t READ FIRST", "HANDLER t CLOSE", "DO SLEEP(0)", "DO 1", "FLUSH TABLES"),
    *("SELECT SUM(n) FROM t; SELECT COUNT(*) FROM w", "SET @a = 4; SELECT @a + SUM(g) FROM t; SELECT 1 FROM nowhere"),
    *("INSERT INTO w (v) VALUES (1); SELECT COUNT(*) FROM w", "BEGIN; SELECT SUM(n) FROM t", "COMMIT; CALL p(2)"),
    *(
        "SELECT COUNT(*) FROM t;",
        "SELECT COUNT(*) FROM t; ",
        "SELECT COUNT(*) FROM t;;",
        "SELECT COUNT(*) FROM t; -- x",
    ),
    *("USE {s}; SELECT COUNT(*) FROM t", "KILL QUERY 0", "CREATE TABLE IF NOT EXISTS w (id INT)", "ANALYZE TABLE w"),
    *("CREATE TABLE made AS SELECT g, COUNT(*) AS c FROM t GROUP BY g", "DROP TABLE IF EXISTS made", "DESC t"),
    *("SELECT * FROM made ORDER BY g", "TRUNCATE TABLE made", "ALTER TABLE w COMMENT 'c'", "SHOW CREATE TABLE v"),
)
PREPARED = (
    ("SELECT id, s, n, d, m, x, b, u, y, z FROM t WHERE id < ? ORDER BY id", 1),
    # Both servers look at g first: where it leaves all rows out, neither warns of the text.
    ("SELECT g, COUNT(*), SUM(n) FROM t WHERE g > ? AND s <> ? GROUP BY g ORDER BY g", 2),
    ("SELECT ?, COUNT(*) FROM t", 1),
    ("SELECT COUNT(*) FROM t WHERE m > ? OR d = ?", 2),
    ("SELECT SUM(n) + ? FROM t", 1),
    ("SELECT id, s FROM t ORDER BY id", 0),
    ("SELECT id FROM t ORDER BY id LIMIT ?", 1),
    ("INSERT INTO w (v, s) VALUES (?, ?)", 2),
    ("INSERT INTO w (v, s) SELECT g, s FROM t WHERE id < ? ORDER BY id", 1),
    ("SELECT FOUND_ROWS()", 0),
    ("SELECT ROW_COUNT()", 0),
    ("CALL p(?)", 1),
    ("SET @a = ?", 1),
    ("BEGIN", 0),
    ("COMMIT", 0),
    ("SHOW WARNINGS", 0),
    ("SELECT nothing FROM t", 0),
    ("SELECT CONCAT(s, ?) FROM t WHERE id < 9 ORDER BY id", 1),
    ("SELECT b = ?, s = ? FROM t WHERE id < 9 ORDER BY id", 2),
)


@dataclass(frozen=True)
class Send:
    """A command. `statement` is the number, from 0, of the prepared statement that stands in its bytes 0 to 3."""

    command: int
    body: bytes = b""
    statement: int | None = None
    direct: bytes | None = None  # instead of the body, at the server itself

    def __str__(self) -> str:
        return f"{Command(self.command).name} {'' if self.statement is None else self.statement} {self.body!r}"


@dataclass(frozen=True)
class Elsewhere:
    """A statement of another session, which has ended before the next step."""

    text: str

    def __str__(self) -> str:
        return f"elsewhere: {self.text}"


Step = Send | Elsewhere


class Steps:
    """Makes the steps of one session."""

    def __init__(self, chance: random.Random, is_mariadb: bool) -> None:
        self.chance, self.is_mariadb = chance, is_mariadb
        self._parameters: list[int] = []
        self._typed: set[int] = set()
        self._opened: set[int] = set()  # statements that were executed with a cursor

    def make(self) -> list[Step]:
        """The next steps, one or a few that belong together."""
        kinds: list[tuple[float, Callable[[], list[Step]]]] = [
            (30, lambda: self._query(self.chance.choice(QUERIES))),
            (14, lambda: self._query(self.chance.choice(TOLD))),
            (7, lambda: self._query(self.chance.choice(WRITES))),
            (9, lambda: self._query(self.chance.choice(CONTROL))),
            (5, lambda: self._query(self.chance.choice(SETTINGS))),
            (7, lambda: self._query(self.chance.choice(OTHERS))),
            (4, lambda: [Elsewhere(self._filled(self.chance.choice(WRITES)))]),
            (8, self._prepare),
            (22, self._execute),
            (5, self._long_data),
            (4, self._fetch),
            (2, self._close),
            (3, self._small),
            (2, self._switch),
            (1, self._forgotten),
        ]
        return self.chance.choices([made for _, made in kinds], [weight for weight, _ in kinds])[0]()

    def _filled(self, text: str) -> str:
        return text.replace("{k}", str(self.chance.randrange(1, 40)))

    def _query(self, text: str) -> list[Step]:
        if self.chance.random() < 0.03:
            text = self.chance.choice(("/* c */ ", " \n", "/*!50000 */", "# c\n")) + text
        return [Send(Command.QUERY, self._filled(text).encode())]

    def _switch(self) -> list[Step]:
        use = self.chance.choice(("ON", "OFF", "ON"))
        return [Send(Command.QUERY, f"SET use_secondary_engine = {use}".encode(), direct=b"SET @dummy = 1")]

    def _prepare(self) -> list[Step]:
        text, parameters = self.chance.choice(PREPARED)
        if self.chance.random() < 0.2:
            text, parameters = self.chance.choice((*QUERIES, *TOLD)), 0
        self._parameters.append(parameters)
        return [Send(Command.STMT_PREPARE, text.encode()), *(self._execute() if self.chance.random() < 0.7 else ())]

    def _which(self) -> int | None:
        if not self._parameters or self.chance.random() < 0.02:
            return None
        return self.chance.randrange(max(0, len(self._parameters) - 6), len(self._parameters))

    def _execute(self) -> list[Step]:
        number = self._which()
        if number is None:
            return [Send(Command.STMT_EXECUTE, struct.pack("<IBI", 9999, 0, 1))]
        count = self._parameters[number]
        cursor = self._cursor(number, self.chance.choice((0, 0, 0, 1, 1, 2)))
        body = bytes(4) + bytes((cursor,)) + (1).to_bytes(4, "little")
        if count:
            body += self._values(number, count)
        steps: list[Step] = [Send(Command.STMT_EXECUTE, body, number)]
        if cursor and self.chance.random() < 0.8:
            steps += [self._fetched(number) for _ in range(self.chance.randrange(3))]
        return steps

    def _cursor(self, number: int, wanted: int) -> int:
        """MySQL 9.7 sends no rows, but an OK packet, for an execution without a cursor behind one with a cursor."""
        if not self.is_mariadb and number in self._opened:
            return 1
        if wanted & 1:
            self._opened.add(number)
        return wanted

    def _values(self, number: int, count: int) -> bytes:
        typed = number not in self._typed or self.chance.random() < 0.5
        if not typed:
            return bytes((count + 7) // 8) + b"\0" + self.chance.randbytes(8) * count  # whatever the types say
        self._typed.add(number)
        nulls, types, values = 0, b"", b""
        for at in range(count):
            kind, value = self._value()
            types += bytes((kind & 0xFF, kind >> 8))
            if self.chance.random() < 0.12:
                nulls |= 1 << at
            else:
                values += value
        return nulls.to_bytes((count + 7) // 8, "little") + b"\1" + types + values

    def _value(self) -> tuple[int, bytes]:
        k = self.chance.randrange(-3, 60)
        texts = (b"", b"n7", "ä".encode(), b"\xff\xfe", b"2024-01-05", b"12.5", b"a'b\\c", b"a\0b", b"'")
        text = build_lenenc_bytes(self.chance.choice(texts))
        moment = struct.pack("<BHBBBBBI", 11, 2024, 1, 5, 10, 11, 12, 250000)
        return self.chance.choice(
            (
                (FieldType.LONG, struct.pack("<i", k)),
                (FieldType.LONGLONG, struct.pack("<q", k)),
                (FieldType.LONGLONG | 0x8000, struct.pack("<Q", abs(k))),
                (FieldType.TINY, struct.pack("<b", k)),
                (FieldType.SHORT, struct.pack("<h", k)),
                (FieldType.DOUBLE, struct.pack("<d", k / 7)),
                (FieldType.FLOAT, struct.pack("<f", k / 7)),
                (FieldType.VAR_STRING, text),
                (FieldType.VAR_STRING, text),
                (FieldType.STRING, text),
                (FieldType.BLOB, text),
                (FieldType.NEWDECIMAL, build_lenenc_bytes(b"12.345")),
                (FieldType.DATETIME, moment),
                (FieldType.DATE, struct.pack("<BHBB", 4, 2024, 1, 5)),
                (FieldType.DATETIME, b"\0"),
                (FieldType.TIME, struct.pack("<BBIBBB", 8, 0, 0, 10, 11, 12)),
                (FieldType.NULL, b""),
            )
        )

    def _long_data(self) -> list[Step]:
        number = self._which()
        if number is None:
            return []
        parameter = self.chance.randrange(max(1, self._parameters[number]) + (self.chance.random() < 0.1))
        data = self.chance.choice((b"", b"n7", b"n", "ä".encode(), b"x" * 3000, b"\xff"))
        sent = Send(Command.STMT_SEND_LONG_DATA, bytes(4) + parameter.to_bytes(2, "little") + data, number)
        return [sent, *(self._execute_with(number) if self.chance.random() < 0.7 else [])]

    def _execute_with(self, number: int) -> list[Step]:
        count = self._parameters[number]
        if not count:
            return []
        self._typed.add(number)
        types = bytes((FieldType.BLOB, 0, FieldType.VAR_STRING, 0))[: 2 * count]
        head = bytes(4) + bytes((self._cursor(number, 0),)) + (1).to_bytes(4, "little")
        head += bytes((count + 7) // 8) + b"\1" + types
        return [Send(Command.STMT_EXECUTE, head + b"\1a" * (count - 1), number)]

    def _fetched(self, number: int) -> Step:
        return Send(Command.STMT_FETCH, bytes(4) + self.chance.choice((1, 2, 5, 1000)).to_bytes(4, "little"), number)

    def _fetch(self) -> list[Step]:
        number = self._which()
        return [] if number is None else [self._fetched(number)]

    def _close(self) -> list[Step]:
        number = self._which()
        command = self.chance.choice((Command.STMT_CLOSE, Command.STMT_RESET, Command.STMT_RESET))
        return [] if number is None else [Send(command, bytes(4), number)]

    def _small(self) -> list[Step]:
        return [
            self.chance.choice(
                (
                    Send(Command.PING),
                    Send(Command.INIT_DB, b"{s}"),
                    Send(Command.INIT_DB, b"none"),
                    Send(Command.SET_OPTION, b"\0\0"),
                    Send(Command.SET_OPTION, b"\1\0"),
                    Send(Command.SET_OPTION, b"\7\0"),
                    Send(Command.STMT_FETCH, struct.pack("<II", 9999, 1)),
                    Send(Command.STMT_RESET, struct.pack("<I", 9999)),
                    Send(Command.STMT_CLOSE, struct.pack("<I", 9999)),
                )
            )
        ]

    def _forgotten(self) -> list[Step]:
        return [Send(Command.RESET_CONNECTION), Send(Command.INIT_DB, b"{s}")]
