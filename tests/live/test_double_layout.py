"""FLOAT and DOUBLE as the servers themselves print them, digit for digit."""

import math
import random
import struct

import pyarrow as pa
import pytest

from engine.results.doubles import double_text

pytestmark = pytest.mark.live

EDGES = [
    0.0,
    -0.0,
    1e15,
    1e16,
    123456789012345680.0,
    1e-14,
    1e-15,
    5e-324,
    1.7976931348623157e308,
    0.5,
    2.5,
    1e22,
    1e23,
]
EDGES += [0.125, 0.375, 1.005, 2.675, 1234567890123456.7, 0.001, -0.001, 100000.5, 1000005.0, 16777216.0]


def _doubles(count):
    rng = random.Random(4)
    found = list(EDGES)
    while len(found) < count:
        value = (
            lambda: struct.unpack("<d", rng.randbytes(8))[0],
            lambda: rng.uniform(-1e6, 1e6),
            lambda: round(rng.uniform(-1e5, 1e5), rng.randrange(6)),
            lambda: rng.randrange(-(10**6), 10**6) / 2 ** rng.randrange(12),
            lambda: rng.uniform(1, 10) * 10.0 ** rng.randrange(-25, 25),
        )[rng.randrange(5)]()
        if math.isfinite(value):
            found.append(value)
    return found


def _single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def _literal(value):
    text = repr(value)
    return text if "e" in text else text + "e0"


def ours(array, decimals, single):
    """Our text of each number."""
    values = double_text(array, decimals, single)
    return [bytes(values.data[s : s + n]).decode() for s, n in zip(values.starts, values.lengths, strict=True)]


def theirs(cursor, statement):
    """The server's text of the first column, and its `decimals`."""
    cursor.execute(statement)
    decimals = cursor._result.fields[0].scale
    return [v.decode() if isinstance(v, bytes) else v for (v,) in cursor.fetchall()], decimals


@pytest.fixture
def cursor(backend):
    backend.run("DROP DATABASE IF EXISTS wf_layout")
    backend.run("CREATE DATABASE wf_layout")
    with backend.connect(database="wf_layout", conv={}) as connection, connection.cursor() as cursor:
        yield cursor
        cursor.execute("DROP DATABASE wf_layout")


def _fill(cursor, kind, values):
    cursor.execute(f"CREATE TABLE t (i INT PRIMARY KEY, v {kind})")
    rows = [f"({i},{_literal(v)})" for i, v in enumerate(values)]
    for start in range(0, len(rows), 500):
        cursor.execute(f"INSERT INTO t VALUES {','.join(rows[start : start + 500])}")


@pytest.mark.parametrize("single", [False, True])
def test_shortest_form(cursor, backend, single):
    values = [_single(v) for v in _doubles(8000) if abs(v) < 3e38] if single else _doubles(8000)
    if backend.is_mariadb:  # has no negative zero; the encoder adds 0.0 for it
        values = [v + 0.0 for v in values]
    _fill(cursor, "FLOAT" if single else "DOUBLE", values)
    expected, decimals = theirs(cursor, "SELECT v FROM t ORDER BY i")
    assert decimals == 31
    found = ours(pa.array(values, pa.float32() if single else pa.float64()), 31, single)
    assert [(v, t, o) for v, t, o in zip(values, expected, found, strict=True) if t != o] == []


@pytest.mark.parametrize("divisor", [3.0, 8.0, 64.0, -7.0])
def test_fixed_decimals(cursor, divisor):
    # A quotient has a fixed number of decimals but is not rounded to them: ties and long tails both occur.
    rng = random.Random(int(divisor))
    values = [rng.randrange(-(10**9), 10**9) / 100 for _ in range(1500)] + [
        rng.randrange(-500, 500) / 4 for _ in range(500)
    ]
    _fill(cursor, "DOUBLE(30,2)", values)
    for increment in (0, 1, 4, 10, 20):
        cursor.execute(f"SET div_precision_increment = {increment}")
        expected, decimals = theirs(cursor, f"SELECT v / {_literal(divisor)} FROM t ORDER BY i")
        quotients = [v / divisor for v in values]
        found = ours(pa.array(quotients), decimals, False)
        wrong = [(v, t, o) for v, t, o in zip(quotients, expected, found, strict=True) if t != o]
        assert (decimals, wrong) == (decimals, [])
        if decimals == 31:
            break
