"""When an answer is over: every shape of answer, cut at every byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.constants import MAX_PACKET_PAYLOAD, Capability, Command, Status
from wire.framing import build_packets
from wire.phase import IDLE, INFILE, LOST, AnswerTracker, CommandReader
from wire.responses import (
    ColumnDefinition,
    Ok,
    PrepareOk,
    build_column_definition,
    build_end_of_rows,
    build_err,
    build_ok,
    build_prepare_ok,
    build_text_row,
)

NEW = int(Capability.DEPRECATE_EOF)
OLD = 0
COLUMN = build_column_definition(ColumnDefinition("a", 3))
MORE = Status.AUTOCOMMIT | Status.MORE_RESULTS_EXISTS


def packets(*payloads: bytes) -> bytes:
    return b"".join(build_packets(payload, number) for number, payload in enumerate(payloads, 1))


def result(capabilities: int, rows: list[bytes], status: Status = Status.AUTOCOMMIT) -> list[bytes]:
    end = build_end_of_rows(status, 0, capabilities)
    middle = [] if capabilities & NEW else [end]
    return [b"\x02", COLUMN, COLUMN, *middle, *rows, end]


def prepared(capabilities: int, columns: int, parameters: int) -> list[bytes]:
    out = [build_prepare_ok(PrepareOk(7, columns, parameters, 0))]
    for count in (parameters, columns):
        out += [COLUMN] * count
        if count and not capabilities & NEW:
            out.append(build_end_of_rows(Status.AUTOCOMMIT, 0, capabilities))
    return out


ROWS = [build_text_row([b"1", None]), build_text_row([b"", b"\xfe" * 8]), build_text_row([None, None])]
OK = build_ok(Ok())
ERR = build_err(1064, "42000", "no")
ANSWERS = [
    (Command.PING, lambda c: [OK]),
    (Command.QUERY, lambda c: [OK]),
    (Command.QUERY, lambda c: [ERR]),
    (Command.QUERY, lambda c: result(c, ROWS)),
    (Command.QUERY, lambda c: result(c, [])),
    (Command.QUERY, lambda c: [*result(c, ROWS, MORE), *result(c, ROWS, MORE), OK]),
    (Command.QUERY, lambda c: [*result(c, ROWS, MORE), ERR]),
    (Command.QUERY, lambda c: [*result(c, ROWS)[:-1], ERR]),
    (Command.QUERY, lambda c: [build_ok(Ok(status=MORE)), *result(c, ROWS)]),
    (Command.STMT_PREPARE, lambda c: prepared(c, 0, 0)),
    (Command.STMT_PREPARE, lambda c: prepared(c, 2, 0)),
    (Command.STMT_PREPARE, lambda c: prepared(c, 0, 3)),
    (Command.STMT_PREPARE, lambda c: prepared(c, 2, 3)),
    (Command.STMT_PREPARE, lambda c: [ERR]),
    (Command.STMT_FETCH, lambda c: [*ROWS, build_end_of_rows(Status.LAST_ROW_SENT, 0, c)]),
    (Command.FIELD_LIST, lambda c: [COLUMN, COLUMN, build_end_of_rows(Status.AUTOCOMMIT, 0, c)]),
    (Command.STATISTICS, lambda c: [b"Uptime: 1"]),
]


def test_definitions_may_end_early() -> None:
    """As those of a parameter that MySQL 9.7 counts and has thrown away (`GROUP_CONCAT(id ORDER BY ?)`)."""
    end = build_end_of_rows(Status.AUTOCOMMIT, 0, OLD)
    for columns, parameters, sent in ((1, 1, [end, COLUMN, end]), (1, 2, [COLUMN, end, COLUMN, end]), (0, 1, [end])):
        stream = packets(build_prepare_ok(PrepareOk(7, columns, parameters, 0)), *sent)
        for cut in range(len(stream)):
            tracker = AnswerTracker(OLD)
            tracker.begin(Command.STMT_PREPARE)
            assert not tracker.feed(stream[:cut]), (sent, cut)
            assert tracker.feed(stream[cut:]), (sent, cut)
            assert tracker.state == IDLE


@pytest.mark.parametrize("capabilities", [NEW, OLD])
@pytest.mark.parametrize(("command", "answer"), ANSWERS)
def test_answers_end_with_their_last_byte(command: Command, answer: object, capabilities: int) -> None:
    stream = packets(*answer(capabilities))  # type: ignore[operator]
    for cut in range(len(stream)):
        tracker = AnswerTracker(capabilities)
        tracker.begin(command)
        assert not tracker.feed(stream[:cut]), cut
        assert tracker.feed(stream[cut:])
        assert tracker.state == IDLE
    tracker = AnswerTracker(capabilities)
    tracker.begin(command)
    over = [tracker.feed(stream[i : i + 1]) for i in range(len(stream))]
    assert over == [False] * (len(stream) - 1) + [True]


@given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=5), st.sampled_from([NEW, OLD]), st.data())
def test_pipelined_answers_are_told_apart(chosen: list[object], capabilities: int, data: st.DataObject) -> None:
    tracker = AnswerTracker(capabilities)
    stream = b""
    for command, answer in chosen:  # type: ignore[attr-defined]
        tracker.begin(command)
        stream += packets(*answer(capabilities))
    cut = data.draw(st.integers(0, len(stream)))
    first = tracker.feed(stream[:cut])
    assert first == (cut == len(stream))
    if not first:
        assert tracker.feed(stream[cut:])


@pytest.mark.parametrize("last", [0, 250, 251, 65_535, 65_536, (1 << 24) - 1, 1 << 24, (1 << 64) - 1])
@pytest.mark.parametrize("rows", [0, 250, 251, 70_000])
@pytest.mark.parametrize("info", [b"", b"Rows matched: 1  Changed: 1  Warnings: 0"])
def test_a_status_is_read_wherever_it_stands(last: int, rows: int, info: bytes) -> None:
    for status in (Status.AUTOCOMMIT, Status.AUTOCOMMIT | Status.IN_TRANS, MORE):
        sent = packets(build_ok(Ok(affected_rows=rows, last_insert_id=last, status=status)) + info)
        for pieces in ([sent], [sent[:9], sent[9:]]):
            tracker = AnswerTracker(NEW)
            tracker.begin(Command.QUERY)
            done = [tracker.feed(piece) for piece in pieces]
            assert done[-1] is (status is not MORE)
            assert tracker.status == status
            assert not tracker.failed


def test_rows_are_counted_and_status_is_kept() -> None:
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    tracker.feed(packets(*result(NEW, ROWS, Status.IN_TRANS | Status.AUTOCOMMIT)))
    assert tracker.rows == 3
    assert tracker.status == Status.IN_TRANS | Status.AUTOCOMMIT


def test_a_row_of_16_mib_is_not_taken_apart() -> None:
    # The second packet of the row begins like an ERR packet.
    row = b"\xfd\xfa\xff\xff" + b"x" * (MAX_PACKET_PAYLOAD - 4) + b"\xff\xff\xff"
    end = build_end_of_rows(Status.AUTOCOMMIT, 0, NEW)
    stream = packets(b"\x01", COLUMN) + build_packets(row, 3) + build_packets(end, 5)
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    assert not tracker.feed(stream[: len(stream) - len(end) - 4])
    assert tracker.feed(stream[len(stream) - len(end) - 4 :])


@pytest.mark.parametrize("first", [OK, ERR, b"\xfe" + b"\xff" * 8])
def test_a_packet_of_megabytes_may_come_in_small_pieces(first: bytes) -> None:
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    sent = packets(first + bytes(3_000_000))
    pieces = [sent[at : at + 100] for at in range(0, len(sent), 100)]
    assert not any(tracker.feed(piece) for piece in pieces[:-1])
    assert tracker.feed(pieces[-1]) is (first != b"\xfe" + b"\xff" * 8)
    assert tracker.failed is (first == ERR)
    assert tracker.state != LOST


def test_a_cursor_ends_with_its_definitions() -> None:
    status = Status.AUTOCOMMIT | Status.CURSOR_EXISTS
    for capabilities in (NEW, OLD):
        tracker = AnswerTracker(capabilities)
        tracker.begin(Command.STMT_EXECUTE)
        assert tracker.feed(packets(b"\x01", COLUMN, build_end_of_rows(status, 0, capabilities)))


def test_local_file() -> None:
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    assert not tracker.feed(packets(b"\xfbfile.csv"))
    assert tracker.state == INFILE
    assert tracker.feed(packets(OK))


def test_progress_reports_end_nothing() -> None:
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    assert not tracker.feed(packets(b"\xff\xff\xff\x01\x01\x01\x00\x00\x00\x05alter"))
    assert tracker.feed(packets(OK))


def test_what_nobody_asked_for_loses_the_track_for_good() -> None:
    tracker = AnswerTracker(NEW)
    assert not tracker.feed(packets(OK))
    assert tracker.state == LOST
    tracker.begin(Command.PING)
    assert not tracker.feed(packets(OK))
    unknown = AnswerTracker(NEW)
    unknown.begin(Command.BINLOG_DUMP)
    assert unknown.state == LOST


@given(st.binary(max_size=200), st.sampled_from([NEW, OLD]))
def test_any_bytes_are_survived(data: bytes, capabilities: int) -> None:
    tracker = AnswerTracker(capabilities)
    tracker.begin(Command.QUERY)
    tracker.feed(data)
    tracker.feed(data)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=30)), max_size=6), st.data())
def test_commands_are_found_in_any_pieces(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(build_packets(bytes((command,)) + rest, 0) for command, rest in sent)
    reader = CommandReader()
    found = []
    at = 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream) - at))
        found += reader.feed(stream[at : at + step])
        at += step
    assert found == [command for command, _ in sent]
    assert reader.aligned


def test_a_command_of_16_mib_is_one_command() -> None:
    reader = CommandReader()
    framed = build_packets(b"\x03" + b"x" * MAX_PACKET_PAYLOAD, 0)
    assert reader.feed(framed[:-3]) == [3]
    assert not reader.aligned
    assert reader.feed(framed[-3:] + build_packets(b"\x0e", 0)) == [0x0E]
    assert reader.aligned


@given(st.lists(st.integers(1, 60), min_size=2, max_size=4), st.data())
def test_the_rest_of_a_command_is_told_from_the_next(sizes: list[int], data: st.DataObject) -> None:
    stream = b"".join(packets(b"\x03" + b"x" * size) for size in sizes)
    first = sizes[0] + 5
    cut = data.draw(st.integers(5, first))
    reader = CommandReader()
    reader.feed(stream[:cut])
    assert reader.reach(stream[cut:]) == first - cut
    assert reader.reach(stream[cut : cut + 1]) == min(1, first - cut)


def test_a_continued_command_reaches_over_its_packets() -> None:
    reader = CommandReader()
    head = MAX_PACKET_PAYLOAD.to_bytes(3, "little") + b"\0\x03"
    reader.feed(head)
    rest = bytes(MAX_PACKET_PAYLOAD - 1)
    assert reader.reach(rest + b"\2\0\0\1ab" + b"\1\0\0\0\x0e") == len(rest) + 6
    reader.feed(rest)
    assert reader.reach(b"\2\0") == 0  # as yet nobody knows how far it goes


def test_an_ok_behind_columns_ends_the_answer() -> None:
    tracker = AnswerTracker(0)
    tracker.begin(Command.STMT_EXECUTE)
    assert tracker.feed(packets(b"\1", b"definition", b"\0\0\0\2\0\0\0"))


def test_what_lasts_of_a_status_is_the_sessions_alone() -> None:
    tracker = AnswerTracker(NEW)
    tracker.begin(Command.QUERY)
    tracker.feed(packets(build_ok(Ok(status=MORE | Status.IN_TRANS)), build_err(1146, "42S02", "no such table")))
    assert tracker.state == IDLE
    assert tracker.lasting_status == Status.IN_TRANS | Status.AUTOCOMMIT


@pytest.mark.parametrize("capabilities", [NEW, OLD])
def test_the_same_pipelined_answers_come_again_and_again(capabilities: int) -> None:
    tracker = AnswerTracker(capabilities)
    data = packets(*result(capabilities, ROWS)) + packets(*result(capabilities, ROWS[:1])) * 2
    for cut in range(len(data)):
        for _ in range(3):
            tracker.begin(Command.QUERY)
        ended = [tracker.feed(piece) for piece in (data[:cut], data[cut:]) if piece]
        assert (ended[-1], tracker.state, tracker.rows) == (True, IDLE, 5), cut
        for _ in range(3):
            tracker.begin(Command.QUERY)
        assert tracker.feed(data), cut


@given(st.lists(st.tuples(st.sampled_from(ANSWERS[1:7]), st.booleans()), min_size=2, max_size=6), st.data())
@pytest.mark.parametrize("capabilities", [NEW, OLD])
def test_an_answer_is_followed_alike_whatever_came_before(
    capabilities: int, chosen: list[tuple[object, bool]], data: st.DataObject
) -> None:
    seasoned = AnswerTracker(capabilities)
    for (command, answer), one_row in chosen:  # type: ignore[misc]
        status = data.draw(st.sampled_from([Status.AUTOCOMMIT, Status.IN_TRANS, MORE]))
        row = data.draw(st.binary(min_size=3, max_size=4))
        stream = packets(*(result(capabilities, [row], status) if one_row else answer(capabilities)))
        cut = data.draw(st.integers(0, len(stream)) | st.just(0))
        told = []
        fresh = AnswerTracker(capabilities, seasoned.status)
        for tracker in (seasoned, fresh):
            tracker.begin(Command.QUERY if one_row else command)
            ended = [tracker.feed(piece) for piece in (stream[:cut], stream[cut:]) if piece]
            told.append((ended, tracker.state, tracker.status, tracker.rows, ended[-1] and tracker.failed))
        assert told[0] == told[1]
        if seasoned.state != IDLE:
            seasoned = AnswerTracker(capabilities)


@pytest.mark.parametrize("capabilities", [OLD, NEW])
def test_a_result_behind_another_answer_may_come_again(capabilities: int) -> None:
    tracker = AnswerTracker(capabilities)
    ok = build_packets(build_ok(Ok(status=Status.AUTOCOMMIT)), 1)
    data = ok + packets(*result(capabilities, [b"\x011"])) + ok
    for _ in range(3):
        for _ in range(3):
            tracker.begin(Command.QUERY)
        assert tracker.feed(data)
        assert tracker.state == IDLE
