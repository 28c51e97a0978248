"""Does the copy stay exact whatever is killed?

Random tables, random transactions and DDL from several connections, readers that check a sum over three tables and
that no acknowledged commit is missing, while engine, backend and proxy are killed, paused and cut off. After every
dozen of kills everything is compared with the backend at one position.

    python -m bench.chaos --minutes 5 --seed 1 --backend mysql
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

from bench import report
from tests.chaos.run import Report, Run
from tests.live.servers import KINDS, program_of, start_backend


def show(found: Report, seconds: float) -> None:
    """Print what happened."""
    killed = ", ".join(f"{name} {n}" for name, n in sorted(found.killed.items()))
    report.console.print(f"seed {found.seed}: {found.kills} kills survived in {seconds:.0f} s ({killed})")
    rows = [
        *(("trouble: " + name, n) for name, n in sorted(found.troubles.items())),
        *(("done: " + name, n) for name, n in sorted(found.done.items())),
        *(("reader: " + name, n) for name, n in sorted(found.outcomes.items())),
        *((f"error {name}", n) for name, n in sorted(found.errors.items())),
        ("comparisons", found.comparisons),
        ("tables at the end", found.tables),
    ]
    report.table(["", "n"], rows)


def main() -> None:
    """Parse arguments, start a backend, run, and keep the folder when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--backend", choices=KINDS, default="mysql")
    parser.add_argument("--keep", action="store_true", help="keep the folder even when all went well")
    arguments = parser.parse_args()
    report.head(f"Chaos: {arguments.backend}, seed {arguments.seed}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chaos-"))
    backend = start_backend(program_of(arguments.backend), folder / "backend")
    begun = time.monotonic()
    run = Run(backend, folder / "data", arguments.seed, report.console.print, ddl_pause=1.0)
    try:
        run.run(arguments.minutes * 60)
    except BaseException as error:
        traceback.print_exc()
        again = f"python -m bench.chaos --minutes {arguments.minutes} --seed {arguments.seed}"
        report.console.print(f"{error}\nkept in {folder}; again: {again} --backend {arguments.backend}", markup=False)
        sys.exit(1)
    finally:
        backend.server.stop()
        show(run.report, time.monotonic() - begun)
    if not arguments.keep:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
