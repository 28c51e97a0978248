"""What does the proxy cost on the OLTP path?

sysbench oltp_point_select against the same server: direct, HAProxy (TCP), MySQL Router and warmfront, in one run,
alternating rounds; medians, and ratios to MySQL Router and to direct.

    python -m bench.relay --threads 1 32 --seconds 10 --rounds 3
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator

from bench import report
from bench.instance import Instance, free_port, running, wait_port

ROWS = 100_000


@contextlib.contextmanager
def haproxy(instance: Instance, folder: pathlib.Path) -> Iterator[int | None]:
    """Run HAProxy in TCP mode before the backend; gives its port, None where it is not installed."""
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
    with process([program, "-db", "-f", str(config)], port):
        yield port


@contextlib.contextmanager
def mysql_router(instance: Instance, folder: pathlib.Path, program: str | None) -> Iterator[int | None]:
    """Run MySQL Router with a static route to the backend; gives its port, None where it is not installed."""
    program = shutil.which(program or "mysqlrouter")
    if program is None:
        yield None
        return
    port = free_port()
    config = folder / "router.conf"
    plugins = pathlib.Path(program).resolve().parents[1] / "lib" / "mysqlrouter" / "plugin"
    moved = f"plugin_folder={plugins}\n" if plugins.is_dir() else ""  # unpacked elsewhere than it was built for
    config.write_text(
        f"[DEFAULT]\nlogging_folder={folder}\nruntime_folder={folder}\ndata_folder={folder}\n{moved}"
        f"[routing:one]\nbind_address=127.0.0.1\nbind_port={port}\nprotocol=classic\nrouting_strategy=first-available\n"
        f"destinations={instance.backend_host}:{instance.backend_port}\nmax_connections=2000\n"
        "client_ssl_mode=PASSTHROUGH\nserver_ssl_mode=AS_CLIENT\n"
    )
    with process([program, "-c", str(config)], port):
        yield port


@contextlib.contextmanager
def process(command: list[str], port: int) -> Iterator[None]:
    """Run a program until the block ends, waiting for its port first."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_port(port)
        yield
    finally:
        child.terminate()
        child.wait(10)


def sysbench(script: str, port: int, password: str, threads: int, action: str, seconds: int = 0) -> str:
    """Run one sysbench action and give its output."""
    command = [
        "sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={port}",
        "--mysql-user=sbtest", f"--mysql-password={password}", "--mysql-db=sbtest", "--mysql-ssl=off",
        "--tables=1", f"--table-size={ROWS}", f"--threads={threads}", f"--time={seconds}",
        "--db-ps-mode=disable", "--report-interval=0", action,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sysbench failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def measure(instance: Instance, arguments: argparse.Namespace, folder: pathlib.Path) -> None:
    """Run the rounds and print medians and ratios."""
    instance.sysbench_user("sbtest", "sbtest")
    sysbench(arguments.script, instance.backend_port, "sbtest", 1, "prepare")
    with haproxy(instance, folder) as first, mysql_router(instance, folder, arguments.router) as second:
        ports = {
            "direct": instance.backend_port,
            "HAProxy TCP": first,
            "MySQL Router": second,
            "warmfront": instance.port,
        }
        targets = {name: port for name, port in ports.items() if port}
        for name in set(ports) - set(targets):
            report.console.print(f"{name}: not installed, left out")
        for threads in arguments.threads:
            rates: dict[str, list[float]] = {name: [] for name in targets}
            latencies: dict[str, list[float]] = {name: [] for name in targets}
            for _ in range(arguments.rounds):
                for name, port in targets.items():
                    out = sysbench(arguments.script, port, "sbtest", threads, "run", arguments.seconds)
                    rates[name].append(float(re.search(r"queries:\s+\d+\s+\(([\d.]+) per", out)[1]))
                    latencies[name].append(float(re.search(r"avg:\s+([\d.]+)", out)[1]))
                    time.sleep(0.5)
            rate = {name: statistics.median(values) for name, values in rates.items()}
            report.console.print(
                f"\n{arguments.script}, {threads} threads, {arguments.rounds} rounds of {arguments.seconds} s"
            )
            report.table(
                ["", "queries/s", "ms/query", "to direct", "to MySQL Router"],
                [
                    [
                        name,
                        f"{rate[name]:,.0f}",
                        statistics.median(latencies[name]),
                        rate[name] / rate["direct"],
                        rate[name] / rate["MySQL Router"] if "MySQL Router" in rate else "-",
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
    parser.add_argument("--script", default="oltp_point_select")
    parser.add_argument("--router", help="path of mysqlrouter; default: from PATH")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    report.head("Relay: sysbench through proxies, alternating")
    with running(backend=arguments.backend) as instance, tempfile.TemporaryDirectory() as folder:
        measure(instance, arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()
