"""AutoML against FLAML and AutoGluon: same sets, same splits; medians over seeds.

python -m bench.automl [--seeds 0,1,2,3,4] [--seconds 30] [--sets a,b] [--against flaml,autogluon]

Each is installed into an environment of its own at first use; AutoGluon has twice the seconds, with its preset
medium_quality. For classifications all answer by probability in proportion to the class's share, which is what balanced
accuracy asks for. What others have answered is kept in the folder and not asked again.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from automl.api import Model, read_options, train
from automl.supervised.model import Supervised
from automl.table.source import Column, Kind, Source
from automl.terms.metrics import NUMBERS, Judged, balanced_accuracy, neg_log_loss
from bench.automl_sets import parted
from bench.report import console, head, table

HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True)
class Other:
    """Another AutoML: its packages, its script, and the share of the seconds that it has."""

    packages: tuple[str, ...]
    script: str
    share: float = 1.0


OTHERS = {
    "flaml": Other(("flaml[automl]", "statsmodels", "pyarrow"), "automl_flaml.py"),
    "autogluon": Other(
        ("autogluon.tabular[lightgbm,catboost,xgboost]", "statsmodels", "pyarrow"), "automl_gluon.py", 2.0
    ),
}
EARLIER = (0.1, 0.25, 0.5, 1.0)  # shares of the seconds at which ours is tried, for the time to FLAML's score


def prepared(folder: pathlib.Path, names: list[str]) -> dict[str, pathlib.Path]:
    """Give the Pythons of the others' environments, made when they are not there, and write the sets."""
    found = {}
    for name in names:
        python = folder / f"venv-{name}" / "bin" / "python"
        if not python.exists():
            venv.create(folder / f"venv-{name}", with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *OTHERS[name].packages], check=True)
        found[name] = python
    if not (folder / "sets.json").exists():
        subprocess.run([next(iter(found.values())), HERE / "automl_sets.py", folder], check=True)
    return found


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


def theirs(
    other: str, python: pathlib.Path, folder: pathlib.Path, name: str, seed: int, seconds: float
) -> tuple[Any, float]:
    """Give another's probabilities or numbers of the test rows, kept from an earlier run when there was one."""
    kept = folder / f"{other}-{name}-{seed}.npy"
    seconds *= OTHERS[other].share
    about = kept.with_suffix(f".{seconds:g}.json")
    if not about.exists():
        command = [python, HERE / OTHERS[other].script, folder, name, str(seed), str(seconds)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)
        about.write_text(out.stdout.strip().splitlines()[-1])
    return np.load(kept), json.loads(about.read_text())["seconds"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--sets")
    parser.add_argument("--environment", type=pathlib.Path, default=pathlib.Path("/tmp/warmfront-bench-automl"))
    parser.add_argument("--against", default="flaml", help="flaml, autogluon, both with a comma, or nothing")
    parser.add_argument(
        "--earlier", action="store_true", help="also train with less time, for the time to the first other's score"
    )
    options = parser.parse_args()
    options.environment.mkdir(parents=True, exist_ok=True)
    others = [name for name in options.against.split(",") if name]
    pythons = prepared(options.environment, others)
    tasks = json.loads((options.environment / "sets.json").read_text())
    seeds = [int(seed) for seed in options.seeds.split(",")]
    head(f"AutoML, {options.seconds:g} s for each training, seeds {options.seeds}, medians")
    lines = []
    for name in (options.sets or ",".join(tasks)).split(","):
        task = tasks[name]
        source, target = read(options.environment, name)
        codes = np.searchsorted(np.unique(target), target)
        mine: list[tuple[float, float, float]] = []
        rivals: dict[str, list[tuple[float, float, float]]] = {other: [] for other in others}
        needed = []
        for seed in seeds:
            first, rest = parted(target, task, seed)
            main_, second, took, model = ours(source, target, task, seed, options.seconds)
            mine.append((main_, second, took))
            priors = np.bincount(codes[first]) / len(first) if task == "classification" else None
            truth = codes[rest] if priors is not None else target[rest]
            for other in others:
                found, seconds = theirs(other, pythons[other], options.environment, name, seed, options.seconds)
                rivals[other].append((*measures(task, truth, found, priors), seconds))
            if options.earlier and others:
                needed.append(_needed(source, target, task, seed, options.seconds, rivals[others[0]][-1][1]))
            said = {other: [round(value, 4) for value in each[-1]] for other, each in rivals.items()}
            print(
                name,
                seed,
                [round(value, 4) for value in mine[-1]],
                model.about["algorithm_name"],
                said,
                file=sys.stderr,
            )
        lines.append(
            (
                name,
                *_middle(mine),
                *(value for each in rivals.values() for value in _middle(each)),
                *([statistics.median(needed)] if needed else []),
            )
        )
    columns = ["set", *(f"{who} {what}" for who in ("ours", *others) for what in ("BA/R²", "log-loss/R²", "s"))]
    table((*columns, *([f"s to {others[0]}'s"] if options.earlier and others else [])), lines)
    for place, other in enumerate(others):
        apart = [line[1] - line[4 + 3 * place] for line in lines]
        good = sum(each >= 0 for each in apart)
        console.print(f"{other}: as good or better on {good} of {len(lines)} sets; at worst {min(apart):+.3f}.")


def _middle(runs: list[tuple[float, float, float]]) -> list[float]:
    return [statistics.median(each) for each in zip(*runs, strict=True)]


def _needed(source: Source, target: Any, task: str, seed: int, seconds: float, wanted: float) -> float:
    """Give the seconds of the shortest training whose second measure is FLAML's or better; infinite for none."""
    for share in EARLIER:
        _, second, took, _ = ours(source, target, task, seed, max(1.0, seconds * share))
        if second <= wanted if task == "classification" else second >= wanted:
            return took
    return float("inf")


if __name__ == "__main__":
    main()
