"""What is recorded, by name: statements for a server of its own, in which table `r.t` is followed."""

import re
from dataclasses import dataclass

from tests.live.test_types import COLUMNS, OWN

_LONG = re.compile(r"REPEAT\(.*\d{4}\)|REPEAT\(MD5|UUID|RAND")  # left to the live tests


@dataclass(frozen=True)
class Scenario:
    """`before` is done before the recording begins, `during` is what the log of the recording holds."""

    before: tuple[str, ...]
    during: tuple[str, ...]
    options: tuple[str, ...] = ()  # of a server of its own


def _columns(part: list[tuple[str, tuple[str, ...]]]) -> str:
    return ", ".join(f"c{i} {kind}" for i, (kind, _) in enumerate(part))


def _rows(part: list[tuple[str, tuple[str, ...]]]) -> str:
    """As many rows as the longest list has values, and one of NULLs."""
    values = [[v for v in literals if not _LONG.search(v)] for _, literals in part]
    count = max(len(literals) for literals in values)
    rows = [", ".join(literals[i % len(literals)] for literals in values) for i in range(count)]
    return ", ".join(f"({i}, {row})" for i, row in enumerate([*rows, ", ".join(["NULL"] * len(part))]))


def _types(part: list[tuple[str, tuple[str, ...]]]) -> Scenario:
    names = [f"c{i}" for i in range(len(part))]
    turned = ", ".join(f"x.{name} = y.{name}" for name in names)
    return Scenario(
        ("SET sql_mode = 'ALLOW_INVALID_DATES'", f"CREATE TABLE t (id INT PRIMARY KEY, {_columns(part)})"),
        (
            f"INSERT INTO t VALUES {_rows(part)}",
            "INSERT INTO t (id) SELECT id + 100 FROM t",
            f"UPDATE t x JOIN t y ON x.id = y.id + 100 SET {turned}",
            "DELETE FROM t WHERE id IN (1, 103)",
        ),
    )


_PLAIN = "CREATE TABLE t (id INT PRIMARY KEY, a INT DEFAULT 4, b VARCHAR(20) DEFAULT 'é', c TEXT)"
_CHANGES = (
    "INSERT INTO t (id, a, c) VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, REPEAT('3', 300))",
    "INSERT INTO t (id) VALUES (4)",
    "UPDATE t SET a = a + 10 WHERE id < 3",
    "UPDATE t SET c = NULL WHERE id = 2",
    "UPDATE t SET id = 5 WHERE id = 1",
    "DELETE FROM t WHERE id = 3",
)


def _images(image: str) -> Scenario:
    return Scenario((_PLAIN, f"SET binlog_row_image = {image}"), _CHANGES)


COMMON = {
    "numbers": _types(COLUMNS[:19]),
    "moments": _types(COLUMNS[19:32]),
    "texts": _types(COLUMNS[32:47]),
    "bytes": _types(COLUMNS[47:]),
    "minimal": _images("MINIMAL"),
    "noblob": _images("NOBLOB"),
    "large": Scenario(
        ("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)",),
        (
            "INSERT INTO t VALUES (1, REPEAT('ab', 33000)), (2, REPEAT('é', 300)), (3, 'x')",
            "UPDATE t SET v = CONCAT(v, '.') WHERE id > 1",
            "UPDATE t SET id = 4 WHERE id = 1",
        ),
    ),
    "instant": Scenario(
        (
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9), w INT)",
            "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
            "ALTER TABLE t ADD COLUMN m INT DEFAULT 5 AFTER id, ALGORITHM = INSTANT",
            "INSERT INTO t VALUES (3, 3, 'c', 3), (4, 4, 'd', 4)",
            "ALTER TABLE t DROP COLUMN v, ALGORITHM = INSTANT",
            "INSERT INTO t VALUES (5, 5, 5), (6, 6, 6)",
            "ALTER TABLE t ADD COLUMN x VARCHAR(5) DEFAULT 'x' AFTER m, ALGORITHM = INSTANT",
        ),
        (
            "UPDATE t SET w = w + 10 WHERE id % 2 = 1",
            "INSERT INTO t VALUES (7, 7, 'g', 7)",
            "DELETE FROM t WHERE id % 3 = 0",
            "UPDATE t SET x = NULL",
        ),
    ),
    "columns": Scenario(
        (
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, s INT AS (a * 2) STORED, v INT AS (a * 3) VIRTUAL,"
            " hid INT INVISIBLE, z INT) PARTITION BY HASH (id) PARTITIONS 3",
        ),
        (
            "INSERT INTO t (id, a, hid) VALUES (1, 1, 1), (2, 2, NULL), (3, NULL, 3)",
            "UPDATE t SET a = 7 WHERE id = 1",
            "UPDATE t SET hid = 9",
            "DELETE FROM t WHERE id = 2",
        ),
    ),
    "xa": Scenario(
        (_PLAIN,),
        (
            "XA START 'yes','branch',3",
            "INSERT INTO t (id) VALUES (1), (2)",
            "XA END 'yes','branch',3",
            "XA PREPARE 'yes','branch',3",
            "XA COMMIT 'yes','branch',3",
            "XA START 'no'",
            "INSERT INTO t (id) VALUES (3)",
            "XA END 'no'",
            "XA PREPARE 'no'",
            "XA ROLLBACK 'no'",
            "XA START 'at once'",
            "INSERT INTO t (id) VALUES (4)",
            "XA END 'at once'",
            "XA COMMIT 'at once' ONE PHASE",
        ),
    ),
    "statements": Scenario(
        (_PLAIN, "CREATE TABLE auto (id INT AUTO_INCREMENT PRIMARY KEY, v DOUBLE)", "SET binlog_format = STATEMENT"),
        (
            "SET @mine = 'a value'",
            "INSERT INTO auto (v) VALUES (RAND()), (2)",
            "INSERT INTO t (id, b) VALUES (1, @mine)",
            "LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (id)",
            "UPDATE t SET a = 3",
        ),
    ),
    "savepoints": Scenario(
        (_PLAIN, "CREATE TABLE m (id INT) ENGINE = MyISAM"),
        (
            "BEGIN",
            "INSERT INTO t (id) VALUES (1)",
            "SAVEPOINT s",
            "INSERT INTO t (id) VALUES (2)",
            "ROLLBACK TO SAVEPOINT s",
            "INSERT INTO t (id) VALUES (3)",
            "COMMIT",
            "BEGIN",
            "INSERT INTO t (id) VALUES (4)",
            "ROLLBACK",
        ),
    ),
    "definitions": Scenario(
        ("CREATE TABLE gone (id INT)",),
        (
            "CREATE TABLE t (id INT PRIMARY KEY)",
            "CREATE TABLE made AS SELECT * FROM t",
            "RENAME TABLE made TO away, gone TO made",
            "ALTER TABLE made ADD COLUMN x INT FIRST",
            "TRUNCATE TABLE made",
            "CREATE VIEW w AS SELECT 1",
            "CREATE TEMPORARY TABLE hidden (id INT)",
            "DROP TABLE made, away",
            "CREATE DATABASE other",
            "DROP DATABASE other",
            "CREATE USER somebody",
            "DROP USER somebody",
        ),
    ),
    "files": Scenario(
        (_PLAIN,),
        ("INSERT INTO t (id) VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO t (id) VALUES (2)", "{wait}"),
    ),
    "restarted": Scenario((_PLAIN,), ("INSERT INTO t (id) VALUES (1)", "{restart}", "INSERT INTO t (id) VALUES (2)")),
    "gap": Scenario(
        (
            "CREATE TABLE m (v LONGTEXT) ENGINE = MyISAM",
            "CREATE TABLE t (id INT PRIMARY KEY)",
        ),
        # What does not fit and cannot be rolled back: the server logs that its log has a gap.
        ("INSERT INTO t VALUES (1)", "?INSERT INTO m VALUES (REPEAT('x', 40000)), (REPEAT('y', 40000))"),
        ("--max-binlog-stmt-cache-size=4096",),
    ),
}
_DOCUMENT = '{"a": 1, "b": {"x": 1.5}, "arr": [1, "two", {"z": 3}], "pad": "' + "p" * 200 + '"}'
OF_KIND = {
    "mysql": {
        "own-types": _types(OWN["mysql"]),
        "payload": Scenario((_PLAIN, "SET binlog_transaction_compression = ON"), _CHANGES),
        "tagged": Scenario((_PLAIN, "SET gtid_next = 'AUTOMATIC:some_tag'"), _CHANGES),
        "noted": Scenario((_PLAIN, "SET binlog_rows_query_log_events = ON"), _CHANGES),
        "anonymous": Scenario((_PLAIN,), _CHANGES, ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")),
        "without-checksums": Scenario((_PLAIN, "SET GLOBAL binlog_checksum = NONE"), _CHANGES),
        "group": Scenario(
            (_PLAIN, "SET GLOBAL group_replication_bootstrap_group = ON", "START GROUP_REPLICATION"),
            (*_CHANGES, "STOP GROUP_REPLICATION"),
            (
                "--plugin-load-add=group_replication.so",
                "--group-replication-group-name=aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
                "--group-replication-local-address=127.0.0.1:33999",
                "--group-replication-start-on-boot=OFF",
                "--report-host=127.0.0.1",
            ),
        ),
        "documents": Scenario(
            ("CREATE TABLE t (id INT PRIMARY KEY, j JSON)",),
            (
                """INSERT INTO t VALUES (1, '{"b": 1, "aa": [1, 2.5, -3e100, null, true]}'), (2, NULL),"""
                """ (3, '"é\\\\n"'),"""
                """ (4, JSON_OBJECT('d', CAST('2020-02-29 01:02:03.4' AS DATETIME(3)), 't', CAST('-12:00' AS TIME),"""
                """ 'dec', 1.50, 'u', 18446744073709551615, 'bin', X'00ff'))""",
                "UPDATE t SET j = JSON_ARRAY(j)",
            ),
        ),
        "differences": Scenario(
            ("CREATE TABLE t (id INT PRIMARY KEY, j JSON)", "SET binlog_row_value_options = PARTIAL_JSON"),
            (
                f"INSERT INTO t VALUES (1, '{_DOCUMENT}'), (2, '{_DOCUMENT}')",
                "UPDATE t SET j = JSON_SET(j, '$.a', 'new', '$.arr[1]', 2.5e0) WHERE id = 1",
                "UPDATE t SET j = JSON_REMOVE(j, '$.b') WHERE id = 2",
                "UPDATE t SET j = JSON_REPLACE(j, '$.arr[2].z', JSON_ARRAY(1)), id = id + 10",
            ),
        ),
    },
    "mariadb": {
        "own-types": _types(OWN["mariadb"]),
        "compressed": Scenario(
            (_PLAIN, "SET GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = ON"),
            (*_CHANGES, f"CREATE TABLE long_enough (id INT COMMENT '{'x' * 300}')", "DROP TABLE long_enough"),
        ),
        "without-checksums": Scenario((_PLAIN, "SET GLOBAL binlog_checksum = NONE"), _CHANGES),
        "encrypted": Scenario(
            (_PLAIN,),
            ("INSERT INTO t (id) VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO t (id) VALUES (2)"),
            ("--plugin-load-add=file_key_management", "--file-key-management-filename={keys}", "--encrypt-binlog=ON"),
        ),
        "twice": Scenario(
            (_PLAIN,), ("INSERT INTO t (id) VALUES (1)", "SET gtid_seq_no = 2", "INSERT INTO t (id) VALUES (2)")
        ),
        "domains": Scenario(
            (_PLAIN,), ("INSERT INTO t (id) VALUES (1)", "SET gtid_domain_id = 5", "INSERT INTO t (id) VALUES (2)")
        ),
        "mixed": Scenario(
            (_PLAIN, "CREATE TABLE m (id INT) ENGINE = MyISAM"),
            (
                "BEGIN",
                "INSERT INTO t (id) VALUES (1)",
                "SAVEPOINT s",
                "INSERT INTO t (id) VALUES (2)",
                "INSERT INTO m VALUES (1)",
                "ROLLBACK TO SAVEPOINT s",
                "INSERT INTO t (id) VALUES (3)",
                "COMMIT",
                "BEGIN",
                "INSERT INTO t (id) VALUES (4)",
                "INSERT INTO m VALUES (2)",
                "ROLLBACK",
            ),
        ),
    },
}


def scenarios(kind: str) -> dict[str, Scenario]:
    """All that is recorded of a kind of server."""
    return {**COMMON, **OF_KIND[kind]}
