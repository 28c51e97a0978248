"""AutoML against FLAML: same sets, same splits, same seconds; medians over seeds.

python -m bench.automl [--seeds 0,1,2,3,4] [--seconds 30] [--sets a,b] [--environment FOLDER] [--no-flaml]

FLAML is installed into an environment of its own at first use. For classifications both answer by probability in
proportion to the class's share, which is what balanced accuracy asks for.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time
import venv
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from automl.api import Model, read_options, train
from automl.metrics import NUMBERS, Judged, balanced_accuracy, neg_log_loss
from automl.source import Column, Kind, Source
from automl.supervised import Supervised
from bench.automl_sets import parted
from bench.report import console, head, table

HERE = pathlib.Path(__file__).parent
EARLIER = (0.1, 0.25, 0.5, 1.0)  # shares of the seconds at which ours is tried, for the time to FLAML's score


def prepared(folder: pathlib.Path) -> pathlib.Path:
    """Give the Python of the environment with FLAML, made when it is not there, and write the sets."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        packages = ["flaml[automl]", "statsmodels", "pyarrow"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    if not (folder / "sets.json").exists():
        subprocess.run([python, HERE / "automl_sets.py", folder], check=True)
    return python


def read(folder: pathlib.Path, name: str) -> tuple[Source, Any]:
    """Give a set as a source, and its target."""
    rows = pyarrow.parquet.read_table(folder / f"{name}.parquet")
    columns = tuple(
        Column(
            field.name,
            Kind.TEXT if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) else Kind.NUMBER,
        )
        for field in rows.schema
    )
    return Source(name, columns, rows), rows["target"].to_numpy()


def measures(task: str, truth: Any, found: Any, priors: Any) -> tuple[float, float]:
    """Give the main measure (balanced accuracy or R²) and the second (log-loss, or R² again)."""
    if task == "regression":
        score = NUMBERS["r2"](truth, found.ravel())
        assert score is not None
        return score, score
    answer = np.argmax(found / priors, axis=1)
    judged = Judged(truth, answer, found)
    return balanced_accuracy(judged), -neg_log_loss(judged)


def ours(source: Source, target: Any, task: str, seed: int, seconds: float) -> tuple[float, float, float, Model]:
    """Train on a split; give both measures of the test rows, the seconds, and the model."""
    first, rest = parted(target, task, seed)
    metric = "balanced_accuracy" if task == "classification" else "r2"
    options = read_options({"task": task, "optimization_metric": metric, "max_seconds": seconds, "seed": seed})
    began = time.monotonic()
    model = train(source.at(pa.array(first)), "target", options)
    took = time.monotonic() - began
    fitted = model.fitted
    assert isinstance(fitted, Supervised)
    outputs = fitted.outputs(fitted.encoder.encode(source.at(pa.array(rest))))
    if task == "regression":
        return *measures(task, target[rest], outputs, None), took, model
    # The model's own rule, which for balanced accuracy begins at the classes' shares.
    codes = np.searchsorted(np.unique(target), target[rest])
    judged = Judged(codes, fitted.answers(outputs), outputs)
    return balanced_accuracy(judged), -neg_log_loss(judged), took, model


def flaml(python: pathlib.Path, folder: pathlib.Path, name: str, seed: int, seconds: float) -> tuple[Any, float]:
    """Give FLAML's probabilities or numbers of the test rows, kept from an earlier run when there was one."""
    kept = folder / f"flaml-{name}-{seed}.npy"
    about = kept.with_suffix(f".{seconds:g}.json")
    if not about.exists():
        command = [python, HERE / "automl_flaml.py", folder, name, str(seed), str(seconds)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)
        about.write_text(out.stdout.strip().splitlines()[-1])
    return np.load(kept), json.loads(about.read_text())["seconds"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--sets")
    parser.add_argument("--environment", type=pathlib.Path, default=pathlib.Path("/tmp/warmfront-bench-automl"))
    parser.add_argument("--no-flaml", action="store_true")
    parser.add_argument(
        "--earlier", action="store_true", help="also train with less time, for the time to FLAML's score"
    )
    options = parser.parse_args()
    options.environment.mkdir(parents=True, exist_ok=True)
    python = prepared(options.environment)
    tasks = json.loads((options.environment / "sets.json").read_text())
    seeds = [int(seed) for seed in options.seeds.split(",")]
    head(f"AutoML, {options.seconds:g} s for each training, seeds {options.seeds}, medians")
    lines = []
    for name in (options.sets or ",".join(tasks)).split(","):
        task = tasks[name]
        source, target = read(options.environment, name)
        mine, theirs, needed = [], [], []
        for seed in seeds:
            first, rest = parted(target, task, seed)
            main_, second, took, model = ours(source, target, task, seed, options.seconds)
            mine.append((main_, second, took))
            if not options.no_flaml:
                codes = np.searchsorted(np.unique(target), target)
                priors = np.bincount(codes[first]) / len(first) if task == "classification" else None
                found, seconds = flaml(python, options.environment, name, seed, options.seconds)
                theirs.append(
                    (*measures(task, codes[rest] if priors is not None else target[rest], found, priors), seconds)
                )
                if options.earlier:
                    needed.append(_needed(source, target, task, seed, options.seconds, theirs[-1][1]))
            print(
                name,
                seed,
                [round(each, 4) for each in mine[-1]],
                model.about["algorithm_name"],
                theirs[-1:],
                file=sys.stderr,
            )
        mid = [statistics.median(each) for each in zip(*mine, strict=True)]
        other = [statistics.median(each) for each in zip(*theirs, strict=True)] if theirs else [float("nan")] * 3
        lines.append(
            (
                name,
                mid[0],
                other[0],
                mid[0] - other[0],
                mid[1],
                other[1],
                mid[2],
                statistics.median(needed) if needed else "-",
            )
        )
    columns = (
        "set",
        "ours BA/R²",
        "FLAML BA/R²",
        "difference",
        "ours log-loss/R²",
        "FLAML log-loss/R²",
        "ours s",
        "s to FLAML's",
    )
    table(columns, lines)
    if not options.no_flaml:
        good = sum(line[3] >= 0 for line in lines)
        console.print(f"{good} of {len(lines)} sets as good or better; at worst {min(line[3] for line in lines):+.3f}.")


def _needed(source: Source, target: Any, task: str, seed: int, seconds: float, wanted: float) -> float:
    """Give the seconds of the shortest training whose second measure is FLAML's or better; infinite for none."""
    for share in EARLIER:
        _, second, took, _ = ours(source, target, task, seed, max(1.0, seconds * share))
        if second <= wanted if task == "classification" else second >= wanted:
            return took
    return float("inf")


if __name__ == "__main__":
    main()
