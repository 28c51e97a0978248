"""FLAML on one set, in an environment of its own: python bench/automl_flaml.py FOLDER SET SEED SECONDS prints JSON."""

import json
import logging
import pathlib
import sys
import time

import numpy as np
import pandas as pd
from automl_sets import parted
from flaml import AutoML


def main() -> None:
    """Train, and print probabilities or numbers of the test rows."""
    folder, name, seed, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    task = json.loads((folder / "sets.json").read_text())[name]
    frame = pd.read_parquet(folder / f"{name}.parquet")
    target = frame.pop("target").to_numpy()
    for column in frame.select_dtypes(exclude=[np.number]).columns:
        frame[column] = frame[column].astype("category")
    train, test = parted(target, task, seed)
    logging.disable(logging.INFO)
    model = AutoML()
    began = time.monotonic()
    model.fit(
        frame.iloc[train].reset_index(drop=True),
        target[train],
        task=task,
        metric="log_loss" if task == "classification" else "r2",
        time_budget=seconds,
        seed=seed,
        verbose=0,
        n_jobs=2,
    )
    took = time.monotonic() - began
    rest = frame.iloc[test].reset_index(drop=True)
    found = model.predict_proba(rest) if task == "classification" else model.predict(rest)
    np.save(folder / f"flaml-{name}-{seed}.npy", np.asarray(found))
    print(json.dumps({"seconds": took, "estimator": model.best_estimator}))


if __name__ == "__main__":
    main()
