"""Cursors and long data of prepared statements: offloaded executions are answered packet for packet as on the backend.

MySQL 9.7 answers an execution without a cursor as if it had one when the statement had one before (an OK packet behind
the columns): each statement here is executed in one way.
"""

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.offload_kit import fill, rows
from tests.live.test_relay_offload import count, prepare
from wire.constants import Capability, Status
from wire.framing import build_packets
from wire.responses import parse_column_definition

pytestmark = pytest.mark.live

# The plan's, not the answer's: SERVER_QUERY_NO_GOOD_INDEX_USED and SERVER_QUERY_NO_INDEX_USED.
_OF_PLAN = 0x0010 | 0x0020
SALES = "SELECT id, g, v, s FROM sales WHERE id < ? ORDER BY id"
DESCRIBED = (
    "SELECT COUNT(*), SUM(v), AVG(v), MIN(g), MAX(s) FROM sales",
    "SELECT id + 1, CONCAT(s, 'x') x, v * 2, id > 2, YEAR('2024-01-01'), s FROM sales WHERE id < 3 ORDER BY id",
    "SELECT s, COUNT(*) c FROM sales GROUP BY s ORDER BY s",
    "SELECT g FROM sales WHERE id < 4 UNION SELECT g + 10 FROM sales WHERE id < 3 ORDER BY 1",
    "SELECT GROUP_CONCAT(s ORDER BY id) FROM sales WHERE id < 9",
    "SELECT RANK() OVER (ORDER BY id), LAG(g) OVER (ORDER BY id), id FROM sales WHERE id < 9 ORDER BY id",
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema with loaded tables."""
    fill(backend, "cursors")
    backend.run("CREATE TABLE cursors.kept (id INT PRIMARY KEY, b VARBINARY(40))")
    backend.run("INSERT INTO cursors.kept VALUES (1, 'a'), (2, NULL)")
    for table in ("sales", "kept"):
        warmfront_instance.wait_until_loaded("cursors", table)
    yield "cursors"
    backend.run("DROP DATABASE cursors")


class Talker:
    """A connection whose answers are read packet by packet."""

    def __init__(self, connection: Any, flags: int) -> None:
        self.connection = connection
        self.deprecate = bool(flags & Capability.DEPRECATE_EOF)

    def prepare(self, statement: str) -> int:
        """Prepare, and give the number."""
        if not self.deprecate:
            return prepare(self.connection, statement)
        self.connection._execute_command(0x16, statement)
        head = self.connection._read_packet().get_all_data()
        for _ in range(sum(struct.unpack("<HH", head[5:9]))):
            self.connection._read_packet()
        return int.from_bytes(head[1:5], "little")

    def _packet(self) -> bytes:
        head = self.connection._rfile.read(4)
        return bytes(head[3:] + self.connection._rfile.read(int.from_bytes(head[:3], "little")))

    def send(self, *payloads: bytes) -> None:
        """Send commands in one piece."""
        self.connection._sock.sendall(b"".join(build_packets(payload, 0) for payload in payloads))

    def until_end(self, ends: int = 1, rows: bool = False) -> list[bytes]:
        """Read until so many packets that end something; each packet with its sequence number.

        What begins with `rows` begins as an OK does.
        """
        found: list[bytes] = []
        while ends:
            packet = self._packet()
            if packet[1] == 0xFE and (self.deprecate or len(packet) < 10):
                status = int.from_bytes(packet[4:6], "little")
                packet = packet[:4] + (status & ~_OF_PLAN).to_bytes(2, "little") + packet[6:]
                ends -= 1
            elif packet[1] == 0xFF or (packet[1] == 0 and not found and not rows):
                ends = 0
            found.append(packet)
        return found

    def execute(self, number: int, cursor: bool = True, values: bytes = b"") -> list[bytes]:
        """Execute, and give what comes up to the end of the columns, or of the rows."""
        self.send(struct.pack("<BIBI", 0x17, number, cursor, 1) + values)
        return self.until_end(1 if cursor or self.deprecate else 2)

    def fetch(self, number: int, most: int) -> list[bytes]:
        """Fetch rows; of an error, which names the statement's number, its own number."""
        self.send(struct.pack("<BII", 0x1C, number, most))
        found = self.until_end(rows=True)
        return [packet[:4] if packet[1] == 0xFF else packet for packet in found]

    def about(self, command: int, number: int) -> bytes:
        """A command that is about a statement."""
        return struct.pack("<BI", command, number)


def whole(number: int) -> bytes:
    """One parameter, an INT."""
    return b"\0\1\3\0" + struct.pack("<i", number)


@pytest.fixture(params=[0, int(Capability.DEPRECATE_EOF)], ids=["eof", "no-eof"])
def sides(request: pytest.FixtureRequest, backend: Any, warmfront_instance: Any, schema: str) -> Iterator[Any]:
    """A connection straight to the backend and one through the proxy under FORCED, with the same capabilities."""
    options: dict[str, Any] = {"database": schema, "client_flag": request.param, "autocommit": None}
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        talkers = Talker(direct, request.param), Talker(proxied, request.param)
        for talker in talkers:
            talker.send(b"\x03SET NAMES utf8mb4")
            talker.until_end()
        talkers[1].send(b"\x03SET use_secondary_engine = FORCED")
        talkers[1].until_end()
        yield talkers


def executions(talker: Talker) -> int:
    """How many statements of the session the engine has answered."""
    talker.send(b"\x03SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")
    row = talker.until_end(1 if talker.deprecate else 2)[-2]
    return int(row.rsplit(b"_count", 1)[1][1:])


def both(sides: tuple[Talker, Talker], act: Any) -> list[bytes]:
    """Do the same on both sides, and give what came back."""
    direct, proxied = act(sides[0]), act(sides[1])
    assert proxied == direct
    return list(proxied)


def test_rows_come_by_fetch(sides: Any) -> None:
    numbers = [side.prepare(SALES) for side in sides]

    def each(act: Any) -> list[bytes]:
        found = [act(side, number) for side, number in zip(sides, numbers, strict=True)]
        assert found[0] == found[1]
        return list(found[0])

    def query(side: Talker, text: bytes) -> list[bytes]:
        side.send(b"\x03" + text)
        return side.until_end()

    opened = each(lambda side, number: side.execute(number, values=whole(6)))
    assert opened[-1][4] & int(Status.CURSOR_EXISTS)
    sizes = [len(each(lambda side, number, most=most: side.fetch(number, most))) for most in (2, 0, 4, 1, 1)]
    assert sizes == [3, 1, 5, 1, 1]  # the last but one says that there are no more, the last is an error
    each(lambda side, number: side.execute(number, values=whole(0)))
    assert len(each(lambda side, number: side.fetch(number, 9))) == 1
    each(lambda side, number: side.execute(number, values=whole(2000)))
    assert len(each(lambda side, number: side.fetch(number, 300))) == 301  # numbers of packets come round
    each(lambda side, _: query(side, b"BEGIN"))
    assert len(each(lambda side, number: side.fetch(number, 1))) == 2
    each(lambda side, _: query(side, b"ROLLBACK"))
    assert len(each(lambda side, number: side.fetch(number, 10_000))) == 2000 - 301 + 1
    each(lambda side, number: side.execute(number, values=whole(9)))
    each(lambda side, number: (side.send(side.about(0x1A, number)), side.until_end())[1])  # COM_STMT_RESET
    assert len(each(lambda side, number: side.fetch(number, 1))) == 1
    each(lambda side, number: side.execute(number, values=whole(9)))

    def pipelined(side: Talker, number: int) -> list[bytes]:
        fetch = struct.pack("<BII", 0x1C, number, 3)
        side.send(b"\x0e", fetch, b"\x03DO 0", fetch)
        return [packet for rows_come in (False, True) * 2 for packet in side.until_end(rows=rows_come)]

    assert len(each(pipelined)) == 1 + 4 + 1 + 4
    each(lambda side, number: side.send(side.about(0x19, number)) or [])
    each(lambda side, number: side.fetch(number, 1))
    assert executions(sides[1]) == 5


@pytest.mark.parametrize("statement", DESCRIBED)
def test_columns_are_those_of_a_cursor(sides: Any, statement: str) -> None:
    found = []
    for side in sides:
        number = side.prepare(statement)
        described = side.execute(number)
        columns = [parse_column_definition(packet[1:]) for packet in described[1:-1]]
        facts = [(column.name, column.type, column.length, column.decimals, column.charset) for column in columns]
        found.append((facts, described[-1], side.fetch(number, 1000)))
    assert found[0] == found[1]
    assert executions(sides[1]) == 1


def test_a_parameter_that_is_thrown_away_has_no_definition(sides: Any) -> None:
    """MySQL 9.7 counts it all the same, and ends the parameters' definitions before there is one."""
    if sides[0].deprecate:
        pytest.skip("a client that reads no ends waits for the definition, straight at the server as well")

    def run(side: Talker) -> list[bytes]:
        side.send(b"\x16SELECT GROUP_CONCAT(id ORDER BY ?) FROM sales WHERE id < 2")
        head = side.until_end()
        return [head[0][6:], *side.until_end(2)]

    assert len(both(sides, run)) > 3


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT g, id FROM sales WHERE id < 9 ORDER BY ?, id DESC",
        "SELECT g, id FROM sales WHERE id < 9 ORDER BY (?), id DESC",
        "SELECT g, COUNT(*) FROM sales GROUP BY g, ? ORDER BY g",
        "SELECT g, id FROM sales WHERE id < 9 UNION ALL SELECT id, g FROM sales WHERE id < 9 ORDER BY ?, 2 DESC, 1",
    ],
)
def test_a_number_is_a_position_where_it_is_to_the_server(sides: Any, statement: str) -> None:
    """To MariaDB (Item_param::is_order_clause_position); MySQL resolves the statement before it has values."""

    def run(side: Talker) -> list[bytes]:
        return side.execute(side.prepare(statement), False, whole(1))

    both(sides, run)
    assert executions(sides[1]) == 1


def test_long_data_is_part_of_the_statement(sides: Any) -> None:
    text = "SELECT id, v FROM sales WHERE s <> ? AND s = ? AND id < ? ORDER BY id"
    types = b"\1\xfe\0\xfd\0\3\0"

    def run(side: Talker) -> list[bytes]:
        number = side.prepare(text)
        long_data = [struct.pack("<BIH", 0x18, number, at) + part for at, part in enumerate((b"n", b"n"))]
        more = [struct.pack("<BIH", 0x18, number, at) + part for at, part in enumerate((b"8", b"7"))]
        side.send(*long_data, *more)
        found = side.execute(number, False, b"\0" + types + struct.pack("<i", 300))
        # The values hold for one execution.
        found += side.execute(number, False, b"\0\0\2hi\2n8" + struct.pack("<i", 300))
        side.send(*long_data, side.about(0x1A, number))
        found += side.until_end()
        found += side.execute(number, False, b"\0\0\2hi\2n9" + struct.pack("<i", 300))
        return found + side.execute(number, False, b"\0" + types + b"\2hi\2n5" + struct.pack("<i", 300))

    assert len(both(sides, run)) > 20
    assert executions(sides[1]) == 4


def test_long_data_for_no_parameter_is_refused_until_a_reset(sides: Any) -> None:
    types = b"\0\1\xfd\0"

    def run(side: Talker) -> list[bytes]:
        found = []
        for text, at, values in (
            ("SELECT id, v FROM sales WHERE s = ? ORDER BY id", 1, types + b"\2n7"),
            ("SELECT id FROM sales ORDER BY id LIMIT 5", 0, b""),
        ):
            number = side.prepare(text)
            side.send(struct.pack("<BIH", 0x18, number, at) + b"n7")
            for _ in range(2):
                found += side.execute(number, False, values)
            side.send(side.about(0x1A, number))
            found += side.until_end()
            found += side.execute(number, False, values)
        return found

    assert sum(packet[1] == 0xFF for packet in both(sides, run)) == 4
    assert executions(sides[1]) == 2


@pytest.mark.parametrize("kind", [0xF9, 0xFA, 0xFB, 0xFC])
def test_long_data_may_be_bytes(sides: Any, kind: int) -> None:
    text = "SELECT id, LENGTH(?) x, b = ? y FROM kept WHERE b <> ? OR id = 2 ORDER BY id"
    # Not at once: what the client sends in one piece may be answered out of what came before.
    pieces = ((0, b""), (0, b"\0\xff"), (1, b""), (2, b"a "), (1, b"a"), (0, b"\xe9" * 20_000))

    def run(side: Talker) -> list[bytes]:
        number = side.prepare(text)
        for at, part in pieces:
            side.send(struct.pack("<BIH", 0x18, number, at) + part)
        return side.execute(number, False, b"\0\1" + bytes((kind, 0)) * 3)

    assert len(both(sides, run)) > 5
    assert executions(sides[1]) == 1


def test_a_column_is_of_its_parameters_type(sides: Any) -> None:
    for setting in (b"use_secondary_engine = ON", b"secondary_engine_cost_threshold = 0"):
        sides[1].send(b"\x03SET " + setting)
        sides[1].until_end()

    def run(side: Talker) -> list[bytes]:
        number = side.prepare("SELECT id, COALESCE(b, ?) x FROM kept ORDER BY id")
        return side.execute(number, False, b"\0\1\xfc\0\1x")

    assert len(both(sides, run)) > 5


def test_null_by_its_type_alone_is_the_servers(sides: Any) -> None:
    sides[1].send(b"\x03SET use_secondary_engine = ON")
    sides[1].until_end()
    text = "SELECT COUNT(*) FROM sales WHERE id <> ?"
    both(sides, lambda side: side.execute(side.prepare(text), False, b"\0\1\6\0"))
    marked = both(sides, lambda side: side.execute(side.prepare(text), False, b"\1\1\6\0"))
    assert len(marked) == 5 - sides[0].deprecate


def test_counts_behind_an_offload_come_with_their_warnings(sides: Any) -> None:
    def run(side: Talker) -> list[bytes]:
        found = []
        for text in (b"SELECT id FROM sales ORDER BY id LIMIT 2", b"SELECT FOUND_ROWS()", b"SHOW WARNINGS"):
            side.send(b"\x03" + text)
            found += side.until_end(1 if side.deprecate else 2)
        return found

    assert len(both(sides, run)) > 10
    assert executions(sides[1]) == 1


def test_what_the_engine_cannot_be_given_is_refused_by_name(sides: Any) -> None:
    client = sides[1]
    number = client.prepare("SELECT id, g FROM sales WHERE id < ? AND s <> ? ORDER BY id")
    types = b"\0\1\3\0\xfd\0"
    answers = []
    for value in (b"\2\xff\xfe", b"\3a\0b"):
        answers.append(client.execute(number, False, types + struct.pack("<i", 3) + value)[-1])
    for size in (600_000, 1 << 20, 3 << 20):  # in two pieces too much, at once, and more than is looked at
        for _ in range(2):
            client.send(struct.pack("<BIH", 0x18, number, 1) + b"x" * size)
        answers.append(client.execute(number, False, types + struct.pack("<i", 3))[-1])
    assert len(answers) == 5
    for answer in answers:
        assert answer[1:4] == b"\xff\x31\x0f"  # 3889
        assert b"a value that no literal has, or one too long" in answer
    # Nothing of those values is left, neither here nor on the backend.
    assert len(client.execute(number, False, types + struct.pack("<i", 3) + b"\1x")) == 8 - client.deprecate
    assert executions(client) == 1
    client.send(b"\x03SET use_secondary_engine = OFF")
    client.until_end()
    assert len(client.execute(number, False, types + struct.pack("<i", 3) + b"\1x")) == 8 - client.deprecate


def test_a_cursor_of_many_rows_waits_in_a_file(warmfront_instance: Any, schema: str) -> None:
    with warmfront_instance.connect(database=schema) as connection:
        rows(connection, "SET use_secondary_engine = FORCED")
        talker = Talker(connection, 0)
        number = talker.prepare(
            "SELECT a.id, b.s, REPEAT('x', 100) r FROM sales a JOIN sales b ON b.id < 10 ORDER BY 1, 2"
        )
        talker.execute(number)
        seen = 0
        while len(found := talker.fetch(number, 7000)) == 7001:
            seen += 7000
        assert seen + len(found) - 1 == 50_000
        assert count(connection) == 1


@pytest.mark.parametrize("before", [b"\x0e", b"\x03DO 0", b"\x03DELETE FROM kept WHERE id = 77", b"\x02cursors"])
def test_row_count_behind_a_fetch_is_that_of_a_query(sides: Any, before: bytes) -> None:
    def act(talker: Talker) -> list[bytes]:
        number = talker.prepare(SALES)
        talker.execute(number, values=whole(9))
        fetch, told = struct.pack("<BII", 0x1C, number, 3), []
        for commands in ((before, fetch), (fetch, before), (before, fetch, before)):
            for command in commands:
                talker.send(command)
                talker.until_end(rows=command is fetch)
            talker.send(b"\x03SELECT ROW_COUNT()")
            told += talker.until_end(1 if talker.deprecate else 2)[-2:-1]
        return told

    counts = executions(sides[1])
    both(sides, act)
    assert executions(sides[1]) == counts + 1


def test_a_cursor_stays_open_when_the_servers_refuse_the_values(sides: Any) -> None:
    """They close it when they run the statement again, which they do not come to."""

    def act(talker: Talker) -> list[bytes]:
        number = talker.prepare(SALES)
        told = talker.execute(number, values=whole(9)) + talker.fetch(number, 2)
        talker.send(b"\x03SET @use = 'ON'" if talker is sides[0] else b"\x03SET use_secondary_engine = ON")
        talker.until_end()
        talker.send(struct.pack("<BIH", 0x18, number, 0) + b"7")
        for values in (whole(5), b"\0\1\3\0\1"):  # of a type that takes no long data; too short
            told += talker.execute(number, False, values)
            assert told[-1][1] == 0xFF
            told += talker.fetch(number, 2)
        return told

    both(sides, act)
    assert executions(sides[1]) >= 1


@pytest.mark.parametrize("asked", ["SELECT FOUND_ROWS()", "SELECT FOUND_ROWS(), id FROM sales ORDER BY id LIMIT 4"])
def test_a_cursor_of_what_the_proxy_counted(sides: Any, asked: str) -> None:
    """The servers open one also for what reads no table, which MariaDB does not count then."""

    def act(talker: Talker) -> list[bytes]:
        number = talker.prepare(asked)
        told = []
        for reset in (False, True):
            talker.send(b"\x03" + SALES.replace("?", "9").encode())
            talker.until_end(1 if talker.deprecate else 2)
            told += talker.execute(number)
            assert int.from_bytes(told[-1][4:6], "little") & Status.CURSOR_EXISTS
            told += talker.fetch(number, 2)
            if reset:
                talker.send(talker.about(0x1A, number))
                told += talker.until_end()
            told += talker.fetch(number, 1)
            for _ in range(2):
                talker.send(b"\x03SELECT FOUND_ROWS()")
                told.append(talker.until_end(1 if talker.deprecate else 2)[-2])
        return told

    both(sides, act)
