"""Forecasts against the last season again, and how many true values their intervals hold: from three places each.

MASE is the mean absolute error in proportion to that of the last season's values within the training rows (Hyndman and
Koehler, 2006).

python bench/forecast_series.py /tmp/series     (in an environment with statsmodels)
python -m bench.forecasts /tmp/series
"""

import argparse
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from automl import api
from automl.table.source import Column, Kind, Source
from bench import report

_SECONDS = 20
_AT, _VALUE = Column("at", Kind.NUMBER), Column("value", Kind.NUMBER)


def judge(values: np.ndarray, season: int, steps: int) -> tuple[float, float, float, float, float, str]:
    """Give error in proportion to seasonal naive's, MASE and seasonal naive's, share inside the interval, its width in
    such errors, and models."""
    errors, inside, widths, usual, names = [], [], [], [], []
    scales = []
    for back in (0, steps // 2, steps):
        count = len(values) - steps - back
        before, truth = values[:count], values[count : count + steps]
        rows = pa.table({"at": np.arange(count), "value": before})
        options = {"task": "forecasting", "datetime_index": "at", "endogenous_variables": ["value"]}
        asked = api.read_options({**options, "max_seconds": _SECONDS})
        model = api.train(Source("series", (_AT, _VALUE), rows), "value", asked)
        ahead = Source("series", (_AT,), pa.table({"at": np.arange(count, count + steps)}))
        found = [json.loads(text)["predictions"] for text in api.predict(model, ahead)["ml_results"].to_pylist()]
        middle = np.array([each["value"] for each in found])
        low, high = np.array([each["prediction_interval_value"] for each in found]).T
        errors.append(np.abs(truth - middle).mean())
        usual.append(np.abs(truth - before[-season:][np.arange(steps) % season]).mean())
        scales.append(np.abs(before[season:] - before[:-season]).mean())
        inside.append(((low <= truth) & (truth <= high)).mean())
        widths.append((high - low).mean())
        names.append(str(model.metadata()["algorithm_name"]))
    naive = float(np.mean(usual))
    scaled, naive_scaled = (float(np.mean(np.array(each) / scales)) for each in (errors, usual))
    share, width = float(np.mean(inside)), float(np.mean(widths)) / naive
    return float(np.mean(errors)) / naive, scaled, naive_scaled, share, width, names[0]


def main() -> None:
    """Judge every series of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    report.head("Forecasts: error in proportion to seasonal naive's, 95 % intervals")
    lines = []
    for name, (season, steps) in json.loads((folder / "series.json").read_text()).items():
        values = pyarrow.parquet.read_table(folder / f"{name}.parquet")["value"].to_numpy()
        lines.append([name, *judge(values, season, steps)])
    report.table(("series", "error", "MASE", "seasonal naive's MASE", "inside", "width", "models"), lines)
    better = sum(line[2] < line[3] for line in lines)
    inside = np.mean([line[4] for line in lines])
    report.console.print(f"a smaller MASE on {better} of {len(lines)}; inside: {inside:.3f}")


if __name__ == "__main__":
    main()
