"""AutoGluon on one set, in an environment of its own: automl_gluon.py FOLDER SET SEED SECONDS prints JSON."""

import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor
from automl_sets import parted


def main() -> None:
    """Train with the preset medium_quality, and print probabilities or numbers of the test rows."""
    folder, name, seed, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    task = json.loads((folder / "sets.json").read_text())[name]
    frame = pd.read_parquet(folder / f"{name}.parquet")
    train, test = parted(frame["target"].to_numpy(), task, seed)
    metric = "log_loss" if task == "classification" else "r2"
    with tempfile.TemporaryDirectory() as place:
        classes = frame["target"].nunique()
        kind = "regression" if task == "regression" else "binary" if classes == 2 else "multiclass"
        model = TabularPredictor("target", problem_type=kind, eval_metric=metric, path=place, verbosity=0)
        began = time.monotonic()
        model.fit(frame.iloc[train].reset_index(drop=True), time_limit=seconds, presets="medium_quality", num_cpus=2)
        took = time.monotonic() - began
        rest = frame.iloc[test].drop(columns="target").reset_index(drop=True)
        found = model.predict_proba(rest) if task == "classification" else model.predict(rest)
        best = model.model_best
    np.save(folder / f"autogluon-{name}-{seed}.npy", np.asarray(found))
    print(json.dumps({"seconds": took, "estimator": best}))


if __name__ == "__main__":
    main()
