"""What a collation's weights cost at first use: seconds, and processor time here and in the server.

python -m bench.weights --mysqld PROGRAM [COLLATION ...]
"""

import argparse
import time
from pathlib import Path

import psutil

from bench.backend import connect, private_backend
from engine.collate.store import fetch_weights

COLLATIONS = ("utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs", "utf8mb4_uca1400_ai_ci", "utf8mb4_general_ci")


def main() -> None:
    """Print a line for each collation that the server has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mysqld")
    parser.add_argument("collations", nargs="*", default=COLLATIONS, metavar="COLLATION")
    options = parser.parse_args()
    with private_backend(options.mysqld) as upstream, connect(upstream) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@pid_file")
        version, pid_file = cursor.fetchone()
        processes = psutil.Process(), psutil.Process(int(Path(pid_file).read_text()))
        print(f"{version}: seconds, the fastest of three")
        print(f"{'collation':26}{'all':>8}{'here':>8}{'server':>8}")
        for collation in options.collations:
            runs = []
            for _ in range(3):
                before, start = _spent(processes), time.perf_counter()
                if fetch_weights(cursor, collation) is None:
                    break
                spent = [after - was for after, was in zip(_spent(processes), before, strict=True)]
                runs.append((time.perf_counter() - start, *spent))
            if runs:
                print(f"{collation:26}" + "".join(f"{cell:8.2f}" for cell in min(runs)), flush=True)


def _spent(processes: tuple[psutil.Process, ...]) -> list[float]:
    return [sum(process.cpu_times()[:2]) for process in processes]


if __name__ == "__main__":
    main()
