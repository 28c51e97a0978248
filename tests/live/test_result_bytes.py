"""Our row packets against the server's own, byte for byte, in both protocols, from the server's own definitions."""

import datetime
import decimal

import pyarrow as pa
import pytest

from base.errors import SecondaryEngineError
from engine.results.encoder import RowEncoder
from tests.live.packets import server_rows
from wire.framing import PacketReader

pytestmark = pytest.mark.live

D = decimal.Decimal
T = datetime.datetime
HOUR = 3600 * 10**6
DAYS = [datetime.date(1000, 1, 1), datetime.date(9999, 12, 31), datetime.date(2024, 2, 29), None]
TIMES = [0, -1 * HOUR, 838 * HOUR + 59 * 60 * 10**6 + 59 * 10**6, 86399 * 10**6 + 123456, -500000, None]
MOMENTS = [T(1000, 1, 1), T(9999, 12, 31, 23, 59, 59), T(2024, 2, 29, 1, 2, 3), None]
FRACTIONS = [T(2024, 2, 29, 1, 2, 3, 120000), T(2024, 2, 29), T(2024, 1, 1, 0, 0, 0, 10000), None]
WORDS = ["", "a", "é日😀", "x" * 250, "x" * 251, "x" * 70000, None]

# type, arrow type, values
COLUMNS = [
    ("TINYINT", pa.int8(), [-128, 0, 127, None]),
    ("TINYINT UNSIGNED", pa.uint8(), [0, 255, None]),
    ("SMALLINT", pa.int16(), [-32768, 32767, None]),
    ("MEDIUMINT", pa.int32(), [-8388608, 8388607, None]),
    ("INT", pa.int32(), [-(2**31), 2**31 - 1, 0, None]),
    ("INT UNSIGNED", pa.uint32(), [0, 2**32 - 1, None]),
    ("BIGINT", pa.int64(), [-(2**63), 2**63 - 1, 0, None]),
    ("BIGINT UNSIGNED", pa.uint64(), [0, 2**64 - 1, None]),
    ("DECIMAL(38,10)", pa.decimal128(38, 10), [D("0"), D("-0.5"), D("9" * 28 + "." + "9" * 10), None]),
    ("DECIMAL(5,2)", pa.decimal128(5, 2), [D("0.05"), D("-999.99"), D("1"), None]),
    ("DECIMAL(20,0)", pa.decimal128(20, 0), [D("0"), D("-" + "9" * 20), None]),
    ("FLOAT", pa.float32(), [0.0, 0.1, -1.5e-30, 3.4e38, 16777216.0, 123456.7, None]),
    ("DOUBLE", pa.float64(), [0.0, 0.1, -1.5e-300, 1.7e308, 1 / 3, 1e15, 1e16, None]),
    ("FLOAT(7,2)", pa.float32(), [0.0, 12345.67, -0.5, None]),
    ("DOUBLE(20,3)", pa.float64(), [0.0, 12345.678, -0.5, 1e16, None]),
    ("DATE", pa.date32(), DAYS),
    ("DATETIME", pa.timestamp("us"), MOMENTS),
    ("DATETIME(2)", pa.timestamp("us"), FRACTIONS),
    ("TIMESTAMP(6) NULL", pa.timestamp("us"), FRACTIONS),
    ("TIME", pa.int64(), [v if v is None else v // 10**6 * 10**6 for v in TIMES]),
    ("TIME(6)", pa.int64(), TIMES),
    ("TINYINT ZEROFILL", pa.uint8(), [0, 7, 255, None]),
    ("INT(7) ZEROFILL", pa.uint32(), [0, 42, 12345678, None]),
    ("BIGINT ZEROFILL", pa.uint64(), [0, 2**64 - 1, None]),
    ("BIT(1)", pa.uint64(), [0, 1, None]),
    ("BIT(12)", pa.uint64(), [0, 1, 256, 4095, None]),
    ("BIT(64)", pa.uint64(), [0, 2**63, 2**64 - 1, None]),
    ("YEAR", pa.uint16(), [0, 1901, 2155, None]),
    ("CHAR(10)", pa.string(), ["", "a", "é日😀", None]),
    ("VARCHAR(300)", pa.string(), [*WORDS[:5], None]),
    ("MEDIUMTEXT", pa.string(), WORDS),
    ("JSON", pa.string(), ['{"a": "é日😀"}', "[1, 2]", '"' + "x" * 70000 + '"', None]),
    ("BINARY(4)", pa.binary(), [b"\0\xff\x01\x02", None]),
    ("VARBINARY(10)", pa.binary(), [b"", b"\xff\0", None]),
    ("MEDIUMBLOB", pa.binary(), [b"\0" * 70000, b"", None]),
]


def _literal(value, kind):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if kind.startswith("TIME(") or kind == "TIME":
        seconds, micros = divmod(abs(value), 10**6)
        return f"'{'-' if value < 0 else ''}{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}.{micros:06}'"
    if isinstance(value, float):
        return repr(value) if "e" in repr(value) else f"{value!r}e0"
    return str(value) if isinstance(value, int | D) else f"'{value}'"


@pytest.fixture(scope="module")
def connection(backend):
    backend.run("DROP DATABASE IF EXISTS wf_bytes")
    backend.run("CREATE DATABASE wf_bytes CHARACTER SET utf8mb4")
    with backend.connect(database="wf_bytes", charset="utf8mb4") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
        yield connection
    backend.run("DROP DATABASE wf_bytes")


@pytest.mark.parametrize("protocol", ["text", "binary"])
@pytest.mark.parametrize(("kind", "arrow", "values"), COLUMNS, ids=[c[0] for c in COLUMNS])
def test_rows_equal_the_servers(connection, backend, protocol, kind, arrow, values):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute(f"CREATE TABLE t (i INT PRIMARY KEY, v {kind})")
        rows = ", ".join(f"({i}, {_literal(v, kind)})" for i, v in enumerate(values))
        cursor.execute(f"INSERT INTO t VALUES {rows}")
    definitions, expected = server_rows(connection, "SELECT v, i FROM t ORDER BY i", protocol)
    batch = pa.record_batch([pa.array(values, arrow), pa.array(range(len(values)))], names=["v", "i"])
    reader = PacketReader()
    for piece, _ in RowEncoder(definitions, protocol, "utf8mb4", backend.kind).encode(batch, 1):
        reader.feed(piece)
    found = []
    while (payload := reader.next_payload()) is not None:
        found.append(payload)
    assert found == expected


def test_without_a_character_set_each_column_is_sent_in_its_own(connection):
    """Connector/J sets character_set_results to NULL."""
    kinds = {"l": "latin1", "a": "ascii", "m": "utf8mb3", "u": "utf8mb4", "b": "binary"}
    texts = {"l": "é€", "a": "a", "m": "é日", "u": "é日😀", "b": "é"}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute(f"CREATE TABLE t ({', '.join(f'{n} VARCHAR(9) CHARACTER SET {k}' for n, k in kinds.items())})")
        cursor.execute("INSERT INTO t VALUES (%s, %s, %s, %s, %s)", list(texts.values()))
        cursor.execute("SET character_set_results = NULL")
    try:
        definitions, expected = server_rows(connection, "SELECT l, a, m, u, b FROM t", "text")
    finally:
        connection.query("SET character_set_results = utf8mb4")
    values = [pa.array([text.encode() if name == "b" else text]) for name, text in texts.items()]
    batch = pa.record_batch(values, names=list(texts))
    reader = PacketReader(1 << 30)
    for piece, _ in RowEncoder(definitions, "text", "").encode(batch, 0):
        reader.feed(bytes(piece))
    assert reader.next_payload() == expected[0]


def test_a_column_in_a_character_set_that_is_not_known_is_not_sent_in_it(connection):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute("CREATE TABLE t (g VARCHAR(9) CHARACTER SET greek)")
        cursor.execute("SET character_set_results = NULL")
    try:
        definitions, _ = server_rows(connection, "SELECT g FROM t", "text")
    finally:
        connection.query("SET character_set_results = utf8mb4")
    with pytest.raises(SecondaryEngineError, match="character set"):
        RowEncoder(definitions, "text", "")
