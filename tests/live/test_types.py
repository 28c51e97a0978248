"""Every type: what a load, an INSERT in the log and an UPDATE in the log bring is what the server itself shows.

One table per server has a column of each type with extreme values. Its copy's answer to SELECT of all columns is
compared with the server's packets, in both protocols.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.results.encoder import RowEncoder
from engine.translate.translator import Translation, translate
from tests.live.conftest import Backend
from tests.live.copying import Copy, settings_for
from tests.live.packets import server_rows
from tests.semantics.harness import Bench, packets

pytestmark = pytest.mark.live

NINES = "9" * 35 + "." + "9" * 30
MEMBERS = ", ".join(f"'m{i}'" for i in range(300))
BITS = ", ".join(f"'b{i}'" for i in range(64))
WORDS = ("''", "'a'", "'a  '", "'  a'", "'\\\\''\"'", "'é日😀'", "'\\0x'", "'\\t\\n'", "'Ü€'", "REPEAT('x', 40)")
# name, type, values: written as SQL, stored with a lax sql_mode, so that a wrong value becomes a server's own.
COLUMNS: list[tuple[str, tuple[str, ...]]] = [
    ("TINYINT", ("-128", "127")),
    ("TINYINT UNSIGNED", ("0", "255")),
    ("SMALLINT", ("-32768", "32767")),
    ("MEDIUMINT", ("-8388608", "8388607")),
    ("MEDIUMINT UNSIGNED", ("0", "16777215")),
    ("INT", ("-2147483648", "2147483647")),
    ("BIGINT", ("-9223372036854775808", "9223372036854775807")),
    ("BIGINT UNSIGNED", ("0", "18446744073709551615", "9223372036854775808")),
    ("DECIMAL(5,2)", ("-999.99", "0", "-0.01")),
    ("DECIMAL(38,10)", (f"-{'9' * 28}.{'9' * 10}", "0.0000000001", "1e-10")),
    ("DECIMAL(39,0)", ("9" * 39, "-" + "9" * 39, "0", "-0", "-1")),
    ("DECIMAL(65,30)", (NINES, "-" + NINES, "0.5", "-1e-30", "0", "-0.0", "123456789012345678")),
    ("DECIMAL(65,0)", ("9" * 65, "-1", "1" + "0" * 64)),
    ("DECIMAL(40,30)", ("-0.000000000000000000000000000001", "1234567890.1", "-9999999999.5")),
    ("FLOAT", ("3.4028234e38", "1.17549e-38", "-1.5", "1e-45", "-0.0", "0.1")),
    ("DOUBLE", ("1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "-0.0", "0.1e0", "1e16")),
    ("BIT(1)", ("0", "1")),
    ("BIT(9)", ("0", "511", "256")),
    ("BIT(64)", ("0", "18446744073709551615", "9223372036854775808", "1")),
    ("YEAR", ("0", "1901", "2155", "'00'")),
    ("DATE", ("'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'0001-01-01'")),
    ("DATETIME", ("'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'")),
    ("DATETIME(6)", ("'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'")),
    ("TIMESTAMP(4) NULL", ("'1970-01-01 00:00:01.0001'", "'2038-01-19 03:14:07.9999'")),
    ("DATE", ("'0000-00-00'", "'2020-00-00'", "'2020-02-31'", "'0000-01-01'", "'9999-12-31'", "'2024-02-29'")),
    ("DATETIME", ("'0000-00-00'", "'2020-00-05 01:02:03'", "'9999-12-31 23:59:59'", "'2020-01-01'")),
    ("DATETIME(6)", ("'0000-00-00'", "'2020-04-31 23:59:59.000001'", "'2020-01-00 00:00:00.999999'")),
    ("DATETIME(3)", ("'0000-00-00 00:00:00.001'", "'0001-01-01 00:00:00.5'", "'2020-12-31 12:30:15.123'")),
    ("TIMESTAMP NULL", ("'0000-00-00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2024-02-29 12:00:00'")),
    ("TIMESTAMP(6) NULL", ("'0000-00-00'", "'2000-02-29 23:59:59.999999'", "'1999-12-31 00:00:00'")),
    ("TIME", ("'-838:59:59'", "'838:59:59'", "'00:00:00'")),
    ("TIME(6)", ("'-838:59:58.999999'", "'838:59:58.999999'", "'-00:00:00.000001'", "'0'")),
    ("CHAR(40)", WORDS),
    ("VARCHAR(300)", WORDS),
    ("LONGTEXT", (*WORDS, "REPEAT('é', 70000)")),
    ("VARCHAR(40) CHARACTER SET utf8mb3", WORDS),
    ("CHAR(40) CHARACTER SET latin1", WORDS),
    ("TEXT CHARACTER SET ascii", WORDS),
    ("CHAR(40) CHARACTER SET ucs2", (*WORDS, "'††††'")),
    ("VARCHAR(40) CHARACTER SET utf16", WORDS),
    ("LONGTEXT CHARACTER SET utf16le", WORDS),
    ("CHAR(40) CHARACTER SET utf32", WORDS),
    ("VARCHAR(40) CHARACTER SET koi8r", ("'Жук'", "'a  '", "''", "'Привет'")),
    ("CHAR(40) CHARACTER SET cp1251", ("'Жук'", "'a  '", "'Ѓ'")),
    ("VARCHAR(40) CHARACTER SET hebrew", ("'שלום'", "'a'")),
    ("VARCHAR(40) CHARACTER SET swe7", ("'Ä'", "'abc'")),
    ("VARCHAR(300) CHARACTER SET cp852", ("CONVERT(X'808182A0FEFF' USING cp852)", "'x'")),
    ("BINARY(5)", ("''", "X'00'", "X'FF20'", "'abcde'")),
    ("VARBINARY(300)", ("''", "X'00'", "X'FF20'", "'abc  '")),
    ("BLOB", ("''", "X'00FF'", "REPEAT(X'00', 5000)")),
    ("ENUM('b','A','it''s','a,b','\\\\','')", ("'b'", "'A'", "'it''s'", "'a,b'", "'\\\\'", "''", "'none'")),
    (f"ENUM({MEMBERS})", ("'m0'", "'m299'", "256", "'M7'", "'none'")),
    ("ENUM('ü','ß') CHARACTER SET latin1", ("'ü'", "'ß'")),
    ("ENUM('日','é') CHARACTER SET ucs2", ("'日'", "'é'")),
    ("SET('b','A','é')", ("''", "'b,é'", "'A'", "7", "'none'")),
    (f"SET({BITS})", ("''", "'b0,b63'", "18446744073709551615", "9223372036854775808", "'b31'")),
    ("SET('a','b','c','d','e','f','g','h','i')", ("''", "'a,i'", "511")),
    ("GEOMETRY", ("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 0))', 4326)")),
    ("POLYGON", ("ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",)),
]
OWN: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "mysql": [("VECTOR(3)", ("STRING_TO_VECTOR('[1,-2.5,3e38]')", "STRING_TO_VECTOR('[0,0,0]')"))],
    "mariadb": [
        ("UUID", ("'00000000-0000-0000-0000-000000000000'", "'FFFFFFFF-ffff-ffff-ffff-ffffffffff00'", "UUID()")),
        ("INET4", ("'0.0.0.0'", "'255.255.255.255'", "'10.0.200.0'")),
        (
            "INET6",
            (
                *("'::'", "'::1'", "'1::'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'1:0:0:2:0:0:0:3'", "'::f:0'"),
                *(
                    "'2001:db8:0:1:1:1:1:1'",
                    "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'",
                    "'1:0:2:0:3:0:4:0'",
                    "'::f:0'",
                ),
            ),
        ),
        ("VARCHAR(300) COMPRESSED", (*WORDS, "REPEAT('ab', 150)")),
        ("TEXT COMPRESSED", (*WORDS, "REPEAT('é日', 5000)")),
        ("LONGBLOB COMPRESSED", ("''", "REPEAT('x', 100000)", "X'00FF'", "CONCAT(REPEAT(MD5('a'), 99), RAND())")),
        ("VARCHAR(200) COMPRESSED CHARACTER SET ucs2", ("REPEAT('日本', 90)", "''")),
        ("JSON", ("'{\"a\": 1}'", "'[]'")),
    ],
}


# Further widths and signs of the types above.
MORE: list[tuple[str, tuple[str, ...]]] = [
    ("SMALLINT UNSIGNED", ("0", "65535")),
    ("INT UNSIGNED", ("0", "4294967295")),
    ("INT ZEROFILL", ("0", "4294967295", "7")),
    ("DECIMAL(10,3) UNSIGNED", ("0", "9999999.999", "0.001")),
    ("DECIMAL(1,1)", ("0.9", "-0.9", "0")),
    ("FLOAT UNSIGNED", ("0", "3.4028234e38")),
    ("FLOAT(7,3)", ("1234.567", "-0.001", "9999.999")),
    ("DOUBLE UNSIGNED", ("0", "1.7976931348623157e308")),
    ("DOUBLE(20,5)", ("123456789012345.12345", "-0.00001")),
    ("BIT(24)", ("0", "16777215", "65536")),
    ("DATETIME(1)", ("'9999-12-31 23:59:59.9'", "'1000-01-01 00:00:00.1'")),
    ("TIMESTAMP(2) NULL", ("'1970-01-01 00:00:01.01'", "'2038-01-19 03:14:07.99'")),
    ("TIME(3)", ("'-838:59:58.999'", "'838:59:58.999'", "'-00:00:00.001'")),
    ("TIME(1)", ("'-00:00:00.1'", "'00:00:59.9'")),
    ("BINARY(255)", ("''", "REPEAT(X'FF', 255)", "X'00'")),
    ("TINYBLOB", ("''", "REPEAT(X'00FF', 127)")),
    ("MEDIUMBLOB", ("''", "REPEAT(X'FE', 70000)")),
    ("LONGBLOB", ("''", "X'00'")),
    ("VARBINARY(9)", ("''", "'a '", "X'0000'")),
    ("POINT", ("ST_GeomFromText('POINT(-1.5 2e300)')",)),
    ("LINESTRING", ("ST_GeomFromText('LINESTRING(0 0, 1 1)')",)),
    ("MULTIPOINT", ("ST_GeomFromText('MULTIPOINT(0 0, 1 1)')",)),
    ("MULTILINESTRING", ("ST_GeomFromText('MULTILINESTRING((0 0, 1 1))')",)),
    ("MULTIPOLYGON", ("ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",)),
    ("GEOMETRYCOLLECTION", ("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 0))')",)),
]
CHARSETS = {
    "utf8mb4": WORDS,
    "utf8mb3": ("''", "'a'", "'a  '", "'é日'", "'\\\\''\"'", "REPEAT('日', 40)"),
    "latin1": ("''", "'a'", "'a  '", "'Ü€ÿ'", "'\\0x'", "REPEAT('é', 40)"),
    "ascii": ("''", "'a'", "'a  '", "'\\t~'", "REPEAT('x', 40)"),
    "ucs2": ("''", "'a'", "'a  '", "'é日'", "'††'", "REPEAT('日', 40)"),
    "binary": ("''", "'a'", "'a  '", "X'00FF'", "REPEAT(X'FE', 40)"),
}
STRINGS = ("CHAR(40)", "VARCHAR(40)", "VARCHAR(300)", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT")


def _in_every_charset() -> list[tuple[str, tuple[str, ...]]]:
    columns = []
    for charset, words in CHARSETS.items():
        columns += [(f"{kind} CHARACTER SET {charset}", words) for kind in STRINGS]
        members = ("'a'", "'B'") if charset == "ascii" else ("'é'", "'b'")
        for kind in ("ENUM", "SET") if charset != "binary" else ():  # of bytes: carried, but not offloaded
            columns.append((f"{kind}({', '.join(members)}) CHARACTER SET {charset}", (*members, "''", "'none'")))
    return columns


@pytest.fixture
def copy(backend: Backend, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


@pytest.fixture
def bench(backend: Backend, tmp_path: Path) -> Iterator[Bench]:
    backend.run("DROP DATABASE IF EXISTS wf_types")
    backend.run("CREATE DATABASE wf_types CHARACTER SET utf8mb4")
    with backend.connect(charset="utf8mb4") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
        yield Bench(connection, backend.is_mariadb, "wf_types", tmp_path / "weights")
    backend.run("DROP DATABASE wf_types")


def _rows(columns: list[tuple[str, tuple[str, ...]]], seed: int) -> list[str]:
    """Rows in which each value stands at least once beside others, and one of NULLs."""
    rng = random.Random(seed)
    count = max(len(values) for _, values in columns)
    shuffled = [[*rng.sample(v, len(v)), *rng.choices((*v, "NULL"), k=count - len(v))] for _, v in columns]
    return [f"({', '.join(row)})" for row in zip(*shuffled, strict=True)] + [f"({', '.join(['NULL'] * len(columns))})"]


def _run(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _differences(bench: Bench, copy: Copy, statement: str, protocol: str) -> list[tuple[bytes, bytes]]:
    """The server's and the copy's rows that are not the same."""
    definitions, expected = server_rows(bench.raw, statement, protocol)
    copy.wait()
    with copy.replica.store.snapshot() as snapshot:
        found = translate(statement, bench.context, snapshot.view, definitions, bench.weigh)
        assert isinstance(found, Translation), found
        encoder = RowEncoder(definitions, protocol, "utf8mb4", bench.context.backend)
        batches = snapshot.connection.sql(found.sql).to_arrow_reader(1000)
        rows = [row for batch in batches for data, _ in encoder.encode(batch, 0) for row in packets(bytes(data))]
    assert rows
    assert len(rows) == len(expected)
    return [(theirs, ours) for theirs, ours in zip(expected, rows, strict=True) if theirs != ours]


def _check(bench: Bench, copy: Copy, columns: list[tuple[str, tuple[str, ...]]]) -> None:
    """Bring rows by a load, by INSERT and by UPDATE, and compare them all with the server's."""
    names = [f"c{i}" for i in range(len(columns))]
    kinds = ", ".join(f"{name} {kind}" for name, (kind, _) in zip(names, columns, strict=True))
    _run(bench.raw, f"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, {kinds}) CHARACTER SET utf8mb4")
    values = ", ".join(_rows(columns, 1))
    insert = f"INSERT INTO t ({', '.join(names)}) VALUES {values}"
    _run(bench.raw, insert)
    copy.load("wf_types", "t")
    _run(bench.raw, insert)
    _run(bench.raw, "INSERT INTO t (id) SELECT id + 100000 FROM t")
    sets = ", ".join(f"t.{name} = o.{name}" for name in names)
    _run(bench.raw, f"UPDATE t JOIN t AS o ON t.id = o.id + 100000 SET {sets}")
    entry = copy.replica.store.entries["wf_types", "t"]
    assert entry.left_out == {}
    for protocol in ("text", "binary"):
        if _differences(bench, copy, f"SELECT id, {', '.join(names)} FROM t ORDER BY id", protocol):
            for name, (kind, _) in zip(names, columns, strict=True):
                assert not _differences(bench, copy, f"SELECT id, {name} FROM t ORDER BY id", protocol), kind


def test_every_type_is_carried_and_shown(bench: Bench, copy: Copy, backend: Backend) -> None:
    _check(bench, copy, COLUMNS + OWN[backend.kind])


def test_years_of_two_digits_are_left_to_the_server(bench: Bench, copy: Copy, backend: Backend) -> None:
    if not backend.is_mariadb:
        pytest.skip("MySQL refuses YEAR(2)")
    _run(bench.raw, "CREATE TABLE t (id INT PRIMARY KEY, y YEAR(2), z YEAR(4), n INT)")
    insert = "INSERT INTO t VALUES ({0}1, 2030, 2030, {0}), ({0}2, 0, 0, NULL), ({0}3, NULL, 1999, 3)"
    _run(bench.raw, insert.format(1))
    copy.load("wf_types", "t")
    _run(bench.raw, insert.format(2))
    _run(bench.raw, "UPDATE t SET y = 1999, n = 4 WHERE id IN (11, 22)")
    assert set(copy.replica.store.entries["wf_types", "t"].left_out) == {"y"}
    for protocol in ("text", "binary"):
        assert not _differences(bench, copy, "SELECT id, z, n FROM t ORDER BY id", protocol)


def test_further_widths_are_carried_and_shown(bench: Bench, copy: Copy) -> None:
    _check(bench, copy, MORE)


def test_every_string_type_is_carried_in_every_character_set(bench: Bench, copy: Copy) -> None:
    _check(bench, copy, _in_every_charset())


def test_zero_dates_are_compared_where_sql_mode_knows_them(bench: Bench, copy: Copy) -> None:
    _run(bench.raw, "CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME(3), ts TIMESTAMP NULL)")
    rows = ("1, '0000-00-00', '0000-00-00', '0000-00-00'", "2, '2020-00-00', '2020-00-00', '2020-01-01 02:00:00'")
    _run(bench.raw, f"INSERT INTO t VALUES ({rows[0]}), ({rows[1]}), (3, '2020-01-01', '2020-01-01', NULL)")
    copy.load("wf_types", "t")
    conditions = ("d = '0000-00-00'", "d > '0000-00-00'", "dt = '0000-00-00 00:00:00'", "d >= '2020-00-00'")
    for condition in (
        *conditions,
        "dt IN ('0000-00-00', '2020-01-01')",
        "ts = '0000-00-00 00:00:00'",
        "ts > '2019-12-31'",
    ):
        assert not _differences(bench, copy, f"SELECT id, d, dt, ts FROM t WHERE {condition} ORDER BY id", "text")
    with bench.raw.cursor() as cursor:
        cursor.execute("SET time_zone = '-05:30'")
    bench.context = replace(bench.context, time_zone="-05:30")
    assert not _differences(bench, copy, "SELECT id, ts FROM t WHERE ts < '2020-01-01' ORDER BY ts, id", "binary")


def test_generated_and_invisible_columns_are_carried(bench: Bench, copy: Copy) -> None:
    columns = (
        "id INT, a INT, b VARCHAR(20), ts TIMESTAMP NULL, s INT GENERATED ALWAYS AS (a * 2) STORED,"
        " v INT GENERATED ALWAYS AS (a * 3 - 1) VIRTUAL, w VARCHAR(30) GENERATED ALWAYS AS (CONCAT(UPPER(b), 'it''s'))"
        " VIRTUAL, hid INT INVISIBLE"
    )
    unsteady = (
        ", z INT GENERATED ALWAYS AS (HOUR(ts)) VIRTUAL, q DECIMAL(10,4) GENERATED ALWAYS AS (a / 3) VIRTUAL,"
        " PRIMARY KEY (id)"
    )
    for name, more, left_out in (("keyed", unsteady, {"z", "q"}), ("keyless", "", set())):
        _run(bench.raw, f"CREATE TABLE {name} ({columns}{more})")
        insert = f"INSERT INTO {name} (id, a, b, ts, hid) VALUES"
        _run(bench.raw, f"{insert} (1, 1, 'x', NOW(), 1), (2, NULL, NULL, NULL, NULL)")
        copy.load("wf_types", name)
        _run(bench.raw, f"{insert} (3, 3, 'é', NOW(), 3), (4, 4, '', NOW(), 4), (5, 5, 'q', NOW(), 5)")
        _run(bench.raw, f"UPDATE {name} SET b = 'later' WHERE id IN (1, 3)")
        _run(bench.raw, f"UPDATE {name} SET a = 10, hid = hid + 1 WHERE id = 4")
        _run(bench.raw, f"DELETE FROM {name} WHERE id = 5")
        entry = copy.replica.store.entries["wf_types", name]
        assert set(entry.left_out) == left_out
        for protocol in ("text", "binary"):
            select = f"SELECT id, a, b, s, v, w, hid FROM {name} ORDER BY id"
            assert not _differences(bench, copy, select, protocol)
