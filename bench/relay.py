"""What does the proxy cost on the OLTP path?

sysbench against the same server: direct, HAProxy (TCP), MySQL Router, a bare byte pump on uvloop (bench/pump.py) and
warmfront, in one run, alternating rounds; medians, ratios, and what a query takes of the proxy's own processor time,
which other work on the machine changes less. Each proxy is in a session of its own, as services are and as warmfront's
workers are: Linux shares the processors out among sessions (sched(7), autogroup), and one that shared sysbench's would
be woken later and find more to do at once. With --tls the clients speak TLS: HAProxy and MySQL Router pass it through
to the backend, warmfront ends it.

    python -m bench.relay --threads 1 32 --seconds 10 --rounds 3
    python -m bench.relay --threads 32 --tls --scripts oltp_write_only --mysqld PROGRAM
    python -m bench.relay --threads 32 --prepared --scripts oltp_point_select oltp_read_write
    python -m bench.relay --threads 32 --seconds 1 --rounds 5 --before FOLDER  # with another state of the code
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

from bench import report
from bench.instance import Instance, free_port, running, wait_port

ROWS = 100_000


@dataclass(frozen=True)
class Way:
    """A port that leads to the server, and the processes that stand between."""

    port: int
    processes: Sequence[psutil.Process] = ()

    def spent(self) -> float:
        """Seconds of processor time that they have used."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)


def through_warmfront(instance: Instance) -> Way:
    """The way through the instance's proxy workers."""
    found = instance.process.children(recursive=True)
    return Way(instance.port, [child for child in found if {"-m", "proxy"} <= set(child.cmdline())])


@contextlib.contextmanager
def haproxy(instance: Instance, folder: pathlib.Path) -> Iterator[Way | None]:
    """Run HAProxy in TCP mode before the backend; gives None where it is not installed."""
    program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if program is None:
        yield None
        return
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        f"listen mysql\n  bind 127.0.0.1:{port}\n  server one {instance.backend_host}:{instance.backend_port}\n"
    )
    with process([program, "-db", "-f", str(config)], port) as way:
        yield way


@contextlib.contextmanager
def mysql_router(instance: Instance, folder: pathlib.Path, program: str | None) -> Iterator[Way | None]:
    """Run MySQL Router with a static route to the backend; gives None where it is not installed."""
    program = shutil.which(program or "mysqlrouter")
    if program is None:
        yield None
        return
    port = free_port()
    config = folder / "router.conf"
    plugins = pathlib.Path(program).resolve().parents[1] / "lib" / "mysqlrouter" / "plugin"
    moved = f"plugin_folder={plugins}\n" if plugins.is_dir() else ""  # unpacked elsewhere than it was built for
    config.write_text(
        f"[DEFAULT]\nlogging_folder={folder}\nruntime_folder={folder}\ndata_folder={folder}\n{moved}max_total_connections=2000\n"
        f"[routing:one]\nbind_address=127.0.0.1\nbind_port={port}\nprotocol=classic\nrouting_strategy=first-available\n"
        f"destinations={instance.backend_host}:{instance.backend_port}\nmax_connections=2000\n"
        "client_ssl_mode=PASSTHROUGH\nserver_ssl_mode=AS_CLIENT\n"
    )
    with process([program, "-c", str(config)], port) as way:
        yield way


@contextlib.contextmanager
def pump(instance: Instance) -> Iterator[Way]:
    """Run the byte pump before the backend, one process per processor as warmfront does."""
    with contextlib.ExitStack() as stack:
        port = free_port()
        processes = []
        for _ in range(os.cpu_count() or 1):
            listener = socket.create_server(("127.0.0.1", port), backlog=4096, reuse_port=True)
            stack.enter_context(listener)
            to = [str(listener.fileno()), instance.backend_host, str(instance.backend_port)]
            child = subprocess.Popen(
                [sys.executable, "-m", "bench.pump", *to], pass_fds=[listener.fileno()], start_new_session=True
            )
            stack.callback(child.wait, 10)
            stack.callback(child.terminate)
            processes.append(psutil.Process(child.pid))
        yield Way(port, processes)


@contextlib.contextmanager
def workers_of(code: str | None, instance: Instance, folder: pathlib.Path) -> Iterator[Way | None]:
    """Run as many proxy workers of another state of the code beside the instance's own; gives None without one."""
    if code is None:
        yield None
        return
    port = free_port()
    settings = json.loads((instance.data_dir / "run" / "settings.json").read_text())
    path = folder / "settings.json"
    path.write_text(json.dumps(settings | {"port": port}))
    path.chmod(0o600)
    with contextlib.ExitStack() as stack:
        processes = []
        for _ in through_warmfront(instance).processes:
            command = [sys.executable, "-m", "proxy", str(path)]
            child = subprocess.Popen(command, cwd=code, stderr=subprocess.DEVNULL, start_new_session=True)
            stack.callback(child.wait, 10)
            stack.callback(child.terminate)
            processes.append(psutil.Process(child.pid))
        wait_port(port)
        yield Way(port, processes)


def certificates(instance: Instance, folder: pathlib.Path) -> None:
    """Put what MySQL made for its clients where sysbench looks for it, and warmfront's authority beside MySQL's."""
    source = instance.data_dir / "mysql" / "data"
    if not (source / "client-key.pem").exists():
        raise SystemExit("--tls needs an embedded MySQL, which makes certificates: give --mysqld")
    for name in ("client-cert.pem", "client-key.pem"):
        shutil.copy(source / name, folder / name)
    authorities = [(instance.data_dir / "tls" / "ca.pem").read_text(), (source / "ca.pem").read_text()]
    (folder / "cacert.pem").write_text("".join(text.rstrip("\0") for text in authorities))


@contextlib.contextmanager
def process(command: list[str], port: int) -> Iterator[Way]:
    """Run a program until the block ends, waiting for its port first."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_port(port)
        yield Way(port, [psutil.Process(child.pid)])
    finally:
        child.terminate()
        child.wait(10)


def sysbench(
    script: str,
    port: int,
    threads: int,
    action: str,
    seconds: int = 0,
    tls: pathlib.Path | None = None,
    prepared: bool = False,
) -> str:
    """Run one sysbench action and give its output; `tls` is the folder of the certificates."""
    command = [
        "sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}",
        "--mysql-user=sbtest", "--mysql-password=sbtest", "--mysql-db=sbtest", f"--mysql-ssl={'on' if tls else 'off'}",
        "--tables=1", f"--table-size={ROWS}", f"--threads={threads}", f"--time={seconds}",
        f"--db-ps-mode={'auto' if prepared else 'disable'}", "--report-interval=0", action,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tls)
    if done.returncode:
        raise SystemExit(f"sysbench failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def make_room(instance: Instance, threads: int) -> None:
    """Let the backend take so many connections."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_connections = {threads + 100}")


def measure(instance: Instance, arguments: argparse.Namespace, folder: pathlib.Path) -> None:
    """Run the rounds and print medians and ratios."""
    instance.sysbench_user("sbtest", "sbtest")
    make_room(instance, max(arguments.threads))
    if arguments.tls:
        certificates(instance, folder)
    sysbench(arguments.scripts[0], instance.backend_port, 1, "prepare")
    with (
        haproxy(instance, folder) as first,
        mysql_router(instance, folder, arguments.router) as second,
        pump(instance) as bare,
        workers_of(arguments.before, instance, folder) as before,
    ):
        ways = {
            "direct": Way(instance.backend_port),
            "HAProxy TCP": first,
            "MySQL Router": second,
            "bare pump on uvloop": bare,
            "warmfront before": before,
            "warmfront": through_warmfront(instance),
        }
        targets = {name: way for name, way in ways.items() if way}
        for name in set(ways) - set(targets) - {"warmfront before"}:
            report.console.print(f"{name}: not installed, left out")
        for script in arguments.scripts:
            for threads in arguments.threads:
                compare(script, targets, threads, arguments, folder if arguments.tls else None)


def compare(
    script: str, targets: dict[str, Way], threads: int, arguments: argparse.Namespace, tls: pathlib.Path | None
) -> None:
    """Run one workload at one number of threads over all targets, alternating."""
    rates: dict[str, list[float]] = {name: [] for name in targets}
    latencies: dict[str, list[float]] = {name: [] for name in targets}
    own: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(arguments.rounds):
        for name, way in targets.items():
            before = way.spent()
            out = sysbench(script, way.port, threads, "run", arguments.seconds, tls, arguments.prepared)
            queries = int(re.search(r"queries:\s+(\d+)\s+\(", out)[1])
            own[name].append((way.spent() - before) / queries * 1e6)
            rates[name].append(float(re.search(r"queries:\s+\d+\s+\(([\d.]+) per", out)[1]))
            latencies[name].append(float(re.search(r"avg:\s+([\d.]+)", out)[1]))
            time.sleep(0.5)
    rate = {name: statistics.median(values) for name, values in rates.items()}
    line = ("TLS" if tls else "no TLS") + (", prepared" if arguments.prepared else "")
    report.console.print(
        f"\n{script}, {threads} threads, {line}, {arguments.rounds} rounds of {arguments.seconds} s, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    compared = [name for name in ("direct", "HAProxy TCP", "MySQL Router") if name in rate]
    report.table(
        ["", "queries/s", "ms/transaction", "own µs/query", *(f"to {name}" for name in compared)],
        [
            [
                name,
                f"{rate[name]:,.0f}",
                statistics.median(latencies[name]),
                f"{statistics.median(own[name]):.1f}",
                *(rate[name] / rate[other] for other in compared),
            ]
            for name in targets
        ],
    )


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scripts", nargs="+", default=["oltp_point_select"])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--prepared", action="store_true", help="statements are prepared once, their values bound")
    parser.add_argument("--router", help="path of mysqlrouter; default: from PATH")
    parser.add_argument("--before", help="a folder with another state of the code, for its workers beside these")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="program of the embedded one")
    arguments = parser.parse_args()
    report.head("Relay: sysbench through proxies, alternating")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with (
        running(backend=arguments.backend, options=options) as instance,
        tempfile.TemporaryDirectory() as folder,
    ):
        measure(instance, arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()
