"""Series that forecasts are judged by: public ones that statsmodels carries, and made ones. Runs where that is there.

python bench/forecast_series.py FOLDER writes each as NAME.parquet and series.json: season and steps to forecast.
"""

import json
import pathlib
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet


def made() -> dict[str, tuple[Any, int, int]]:
    """Give values, season and steps to forecast of each series."""
    import statsmodels.api

    sets = statsmodels.api.datasets
    co2 = sets.co2.load_pandas().data["co2"].resample("MS").mean().ffill()
    elnino = sets.elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel()
    states = sets.macrodata.load_pandas().data
    dice = np.random.default_rng(3)
    months, hours = np.arange(144), np.arange(960)
    wave = 0.15 * np.sin(2 * np.pi * months / 12) + 0.05 * np.cos(4 * np.pi * months / 12)
    day = 10 * np.sin(2 * np.pi * hours / 24) + 5 * np.sin(2 * np.pi * hours / 168)
    return {
        "co2": (co2, 12, 24),
        "elnino": (elnino, 12, 24),
        "sunspots": (sets.sunspots.load_pandas().data["SUNACTIVITY"], 1, 20),
        "nile": (sets.nile.load_pandas().data["volume"], 1, 15),
        **{name: (states[name], 4, 8) for name in ("realgdp", "realcons", "unemp", "cpi")},
        "growing": (np.exp(4.8 + 0.01 * months + wave + dice.normal(0, 0.03, 144)), 12, 24),
        "hourly": (50 + day + dice.normal(0, 2, 960), 24, 48),
        "walk": (np.cumsum(dice.normal(0, 1, 300)) + 100, 1, 20),
    }


def main() -> None:
    """Write them."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    found = made()
    for name, (values, _, _) in found.items():
        pyarrow.parquet.write_table(pa.table({"value": np.asarray(values, float)}), folder / f"{name}.parquet")
    (folder / "series.json").write_text(json.dumps({name: entry[1:] for name, entry in found.items()}))


if __name__ == "__main__":
    main()
