"""Attacks from the other side: what a broken or hostile backend does to a worker, and what others on it notice.

A server that anybody may log in to answers `SELECT 1` as it should, and each of `FLOODS` with bytes that do not end, or
mean nothing. A real worker of the proxy stands before it. One client asks for the flood and reads whatever comes;
another asks `SELECT 1` again and again on a session of its own. Printed are that one's waits and the memory of the
worker; it exits non-zero when the other was answered wrong, or the worker died.

    python -m bench.hostile_backend [--seconds 3] [--only NAME ...]
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import psutil

from base.settings import Settings, Upstream
from bench import report
from bench.attacks import read_packet
from wire.constants import Capability, Status
from wire.framing import build_packets
from wire.handshake import Greeting, Login, build_greeting, build_login
from wire.responses import (
    ColumnDefinition,
    Ok,
    build_column_definition,
    build_end_of_rows,
    build_err,
    build_ok,
    build_text_row,
)

CAPABILITIES = int(
    Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH | Capability.DEPRECATE_EOF
)
_PLUGIN = "mysql_native_password"
_PIECE = 1 << 18
_MORE = build_ok(Ok(status=Status.AUTOCOMMIT | Status.MORE_RESULTS_EXISTS))
_HEAD = b"\xff\xff\xff\1"  # of a packet that another one continues
_PING = b"\x01\0\0\0\x0e"


def answer(*rows: bytes) -> bytes:
    """A result of one column."""
    packets = [
        b"\1",
        build_column_definition(ColumnDefinition("1", 8)),
        *(build_text_row([row]) for row in rows),
        build_end_of_rows(Status.AUTOCOMMIT, 0, CAPABILITIES),
    ]
    return b"".join(build_packets(packet, number) for number, packet in enumerate(packets, 1))


ONE = answer(b"1")


def _again(part: bytes) -> Iterator[bytes]:
    """The same bytes without an end, in pieces of a size that the proxy reads at once."""
    return itertools.repeat(part * max(1, _PIECE // len(part)))


def _begun(part: bytes) -> Iterator[bytes]:
    """A result that begins as it should, and goes on with these bytes without an end."""
    return itertools.chain([answer()[: -len(build_packets(build_end_of_rows(Status.AUTOCOMMIT, 0, CAPABILITIES), 0))]],
                           _again(part))  # fmt: skip


def _in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "rows": lambda: _begun(build_packets(b"\x05abcde", 7)),
    "rows of nothing": lambda: _begun(b"\0\0\0\0"),
    "a row without an end": lambda: _begun(_HEAD + bytes((1 << 24) - 1)),
    "a column count without an end": lambda: _again(_HEAD + b"\x05" * ((1 << 24) - 1)),
    "definitions of 2^64 columns": lambda: itertools.chain(
        [build_packets(b"\xfe" + b"\xff" * 8, 1)], _again(build_packets(b"\0", 2))
    ),
    "OK packets that promise more": lambda: _again(build_packets(_MORE, 1)),
    "results that promise more": lambda: _again(
        ONE[: ONE.rindex(b"\xfe")] + build_end_of_rows(Status.MORE_RESULTS_EXISTS, 0, CAPABILITIES)
    ),
    "requests for local files": lambda: _again(build_packets(b"\xfbx", 1)),
    "reports of progress": lambda: _again(build_packets(build_err(0xFFFF, "HY000", "1"), 1)),
    "an OK packet of 16 MB": lambda: _in_pieces(build_packets(build_ok(Ok()) + bytes(16_000_000), 1), _PIECE),
    "an OK packet of 16 MB in pieces of 2 kB": lambda: _in_pieces(
        build_packets(build_ok(Ok()) + bytes(16_000_000), 1), 2000
    ),
    "an error of 16 MB in pieces of 2 kB": lambda: _in_pieces(
        build_packets(build_err(1064, "42000", "x") + b"x" * 16_000_000, 1), 2000
    ),
    "end of rows of 16 MB in pieces of 2 kB": lambda: itertools.chain(
        [ONE[: ONE.rindex(b"\xfe") - 4]],
        _in_pieces(build_packets(build_end_of_rows(Status.AUTOCOMMIT, 0, CAPABILITIES) + bytes(16_000_000), 1), 2000),
    ),
    "answers that nobody asked for": lambda: itertools.chain([ONE], _again(ONE)),
    "wrong sequence numbers": lambda: iter([build_packets(build_ok(Ok()), 77)]),
    "random bytes": lambda: _again(bytes((i * 7919 + 13) % 251 for i in range(100_003))),
    "half a header": lambda: iter([b"\x07\0"]),
    "a change of user: data without an end": lambda: _again(build_packets(b"\1" + bytes(60), 1)),
    "a change of user: switches without an end": lambda: _again(build_packets(b"\xfedialog\0abc", 1)),
    "a change of user: a packet of 16 MB": lambda: _again(_HEAD + b"\1" * ((1 << 24) - 1)),
}


class Backend:
    """The server. A flood goes as fast as the other side takes it."""

    async def serve(self, sock: socket.socket) -> None:
        """Answer until cancelled."""
        server = await asyncio.start_server(self._talk, sock=sock)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(
                build_packets(build_greeting(Greeting("9.7.4", 7, b"n" * 20, CAPABILITIES, 45, 2, _PLUGIN)), 0)
            )
            await self._packet(reader)
            writer.write(build_packets(build_ok(Ok()), 2))
            while True:
                command = await self._packet(reader)
                name = (command[1 : command.index(b"\0")] if command[:1] == b"\x11" else command[1:]).decode()
                for piece in FLOODS[name]() if name in FLOODS else [ONE]:
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    async def _packet(self, reader: asyncio.StreamReader) -> bytes:
        return await reader.readexactly(int.from_bytes((await reader.readexactly(4))[:3], "little"))


def run_backend(sock: socket.socket) -> None:
    """The server's process."""
    asyncio.run(Backend().serve(sock))


def log_in(port: int) -> socket.socket:
    """A session through the worker."""
    sock = socket.create_connection(("127.0.0.1", port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    read_packet(sock)
    sock.sendall(build_packets(build_login(Login(CAPABILITIES, 1 << 24, 45, b"u", b"x" * 20, plugin=_PLUGIN)), 1))
    if read_packet(sock)[:1] != b"\0":
        raise ConnectionError("the login was refused")
    return sock


def ask_one(sock: socket.socket) -> bool:
    """Ask `SELECT 1`; tell whether the answer is right."""
    sock.sendall(build_packets(b"\x03SELECT 1", 0))
    came = b""
    while len(came) < len(ONE):
        part = sock.recv(len(ONE) - len(came))
        if not part:
            return False
        came += part
    return came == ONE


def take_flood(port: int, name: str, until: float, reads: bool) -> int:
    """Ask for a flood, and read it or not; gives how many bytes came."""
    came = 0
    with contextlib.suppress(OSError), log_in(port) as sock:
        change = b"\x11" + name.encode() + b"\0\0\0\x2d\0" + _PLUGIN.encode() + b"\0"
        sock.sendall(build_packets(change if name.startswith("a change") else b"\x03" + name.encode(), 0))
        while time.monotonic() < until:
            sock.settimeout(max(0.01, until - time.monotonic()))
            if reads:
                part = len(sock.recv(1 << 20))
                if not part:
                    break
                came += part
            else:
                time.sleep(0.05)
    return came


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[tuple[int, psutil.Process]]:
    """A worker before the server; gives its port, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        backend = multiprocessing.get_context("fork").Process(target=run_backend, args=(listener,), daemon=True)
        backend.start()
        upstream = Upstream("mysql", "127.0.0.1", listener.getsockname()[1], None, "nobody", "", "9.7.4")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(data_dir=folder, tls="disabled", backend_tls="disabled", port=port, upstream=upstream)
    path = folder / "settings.json"
    path.write_text(settings.to_json())
    path.chmod(0o600)
    worker = subprocess.Popen([sys.executable, "-m", "proxy", str(path)], stderr=(folder / "log").open("wb"))
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), log_in(port):
                break
            time.sleep(0.1)
        yield port, psutil.Process(worker.pid)
    finally:
        for process in (worker, backend):
            process.terminate()
        worker.wait(20)
        backend.join(20)


def attack(port: int, worker: psutil.Process, name: str, seconds: float, reads: bool) -> tuple[list[object], bool]:
    """Run one flood; gives the line of the table, and whether all went well."""
    until = time.monotonic() + seconds
    before = most = worker.memory_info().rss
    spent = sum(worker.cpu_times()[:2])
    waits, right, took = list[float](), True, list[int]()
    thread = threading.Thread(target=lambda: took.append(take_flood(port, name, until, reads)))
    with log_in(port) as sock:
        thread.start()
        while time.monotonic() < until:
            began = time.perf_counter()
            right = ask_one(sock) and right
            waits.append(time.perf_counter() - began)
            most = max(most, worker.memory_info().rss)
            time.sleep(0.01)
    thread.join()
    time.sleep(0.2)
    after = worker.memory_info().rss
    grown = f"{(most - before) / 2**20:.1f} / {(after - before) / 2**20:.1f}"
    busy = (sum(worker.cpu_times()[:2]) - spent) / seconds
    line = [
        name,
        "yes" if reads else "no",
        f"{took[0] / 2**20:,.1f}",
        *(f"{1000 * each:.1f}" for each in (statistics.median(waits), max(waits))),
        grown,
        f"{busy:.2f}",
    ]
    return [*line, "" if right else "wrong"], right and worker.is_running()


def main() -> None:
    """Run the floods, each with a client that reads and one that does not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="+", choices=list(FLOODS))
    options = parser.parse_args()
    report.head("Floods from a backend, and what others on the same worker notice")
    rows, well = [], True
    with tempfile.TemporaryDirectory() as folder, running(pathlib.Path(folder)) as (port, worker):
        for name in options.only or FLOODS:
            for reads in (True, False):
                line, fine = attack(port, worker, name, options.seconds, reads)
                report.console.print(*line, sep=" | ")
                rows.append(line)
                well = well and fine
        said = (pathlib.Path(folder) / "log").read_text()
    report.table(["flood", "read", "MiB came", "others p50 ms", "max", "MiB, most / left", "processor", ""], rows)
    report.console.print(f"the worker's log: {len(said.splitlines())} lines\n" + said[-3000:])
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
