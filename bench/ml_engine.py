"""How fast the engine alone answers for tables: rows out of a table of the column store, answers into another.

A model of 100 trees of 31 leaves and a linear one, 20 columns of numbers. What is written is the key, `Prediction` and
`ml_results`. Wall time, and the processor time of all threads, which other work on the machine does not change much.
Beside it what DuckDB alone needs to write the same answers once more, and to read the columns that a model needs.
What would be left if DuckDB computed the weighted sum itself, in the statement that writes: with its text, and without.
Tables are written twice over: as DuckDB does, and without dictionaries, of which it otherwise makes one to see whether
it is worth keeping; no text of a linear model comes twice.

    python -m bench.ml_engine --rows 1000000
"""

import argparse
import itertools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa

from automl.api import Model, predict, read_options, train
from automl.learners.blend import Blend
from automl.learners.boosters import Trees
from automl.stored.tree_text import checked
from automl.supervised.model import Supervised
from automl.table import encoder
from automl.table.labels import Labels
from automl.table.source import Column, Kind, Source
from automl.terms.tasks import Task
from bench import report

COLUMNS = 20
_BATCH = 16_384  # whose columns malloc gives again and again, without the kernel's pages
_CORES = os.cpu_count() or 1
_SUM = "SELECT id, {} AS p FROM given".format(" + ".join(f"{place + 0.37} * x{place}" for place in range(COLUMNS)))
_ITSELF = {
    "the sum and its text": f"""SELECT id, p, '{{"predictions": {{"y": ' || p || '}}}}' AS ml_results FROM ({_SUM})""",
    "the sum alone": _SUM,
}
_WRITINGS = {"": "", ", no dictionaries": "dictionary"}  # of tables, and compressions that are not tried
_NAMES = [f"x{place}" for place in range(COLUMNS)]
_KINDS = tuple(Column(name, Kind.NUMBER) for name in _NAMES)


def made(database: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Make the table: a key and numbers."""
    numbers = ", ".join(f"random() * 10 AS {name}" for name in _NAMES)
    database.execute(f"CREATE TABLE given AS SELECT range::BIGINT AS id, {numbers} FROM range({rows})")


def models(sample: Source) -> dict[str, Model]:
    """Give the two models, of a target that the first columns decide."""
    matrix = np.column_stack([sample.values(name).to_numpy() for name in _NAMES])
    target = matrix[:, 0] * matrix[:, 1] + 3 * matrix[:, 2]
    roles = encoder.learn(sample)
    data = lightgbm.Dataset(roles.encode(sample), (target > np.median(target)).astype(float))
    booster = lightgbm.train({"objective": "binary", "num_leaves": 31, "verbosity": -1}, data, 100)
    text, count = checked(booster.model_to_string(), COLUMNS, 1)
    blend = Blend((Trees(text, 1, count),), (1.0,), COLUMNS, 1)
    labels, factors = Labels(("no", "yes"), False), np.ones(2)
    trees = Supervised(Task.CLASSIFICATION, "y", roles, blend, labels, factors)
    rows = sample.rows.append_column("y", pa.array(target))
    options = read_options({"task": "regression", "model_list": ["LinearRegression"], "max_seconds": 5})
    linear = train(Source("bench", (*_KINDS, Column("y", Kind.NUMBER)), rows), "y", options)
    return {"100 trees": Model(trees, {}), "linear": linear}


def answers(database: duckdb.DuckDBPyConnection, model: Model) -> Iterator[pa.RecordBatch]:
    """Yield the key with the answers, batch after batch; as many at once as there are processors."""
    reader = database.cursor().execute("SELECT * FROM given").to_arrow_reader(_BATCH)

    def answered(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = pa.Table.from_batches([batch])
        found = predict(model, Source("bench", _KINDS, rows.select(_NAMES))).append_column("id", rows["id"])
        return found.combine_chunks().to_batches()[0]

    with ThreadPoolExecutor(_CORES) as pool:
        waiting = [pool.submit(answered, batch) for _, batch in zip(range(_CORES + 1), reader, strict=False)]
        while waiting:
            found = waiting.pop(0).result()
            waiting += [pool.submit(answered, batch) for _, batch in zip(range(1), reader, strict=False)]
            yield found


def written(database: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Write a table of answers in one statement, which takes them as they come."""
    batches = answers(database, model)
    first = next(batches)
    database.register("found", pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches)))
    database.execute("CREATE TABLE answered AS FROM found")
    database.unregister("found")


def rate(rows: int, act: Callable[[], object]) -> tuple[str, str]:
    """Give rows a second, and for each two processors' second."""
    began, worked = time.perf_counter(), time.process_time()
    act()
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    return f"{rows / seconds:,.0f}", f"{rows / processor * _CORES:,.0f}"


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    report.head("Machine learning in the engine: a table into a table")
    lines = []
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(pathlib.Path(folder) / "bench.duckdb") as database:
        made(database, rows)
        sample = database.execute(f"SELECT {', '.join(_NAMES)} FROM given LIMIT 20000").to_arrow_table()
        found = models(Source("bench", _KINDS, sample))
        for (name, model), (how, left_out) in itertools.product(found.items(), _WRITINGS.items()):
            database.execute(f"SET disabled_compression_methods = '{left_out}'")
            lines.append((name + how, *rate(rows, lambda model=model: written(database, model))))  # type: ignore[misc]
            again = rate(rows, lambda: database.execute("CREATE TABLE again AS FROM answered"))
            lines.append((f"{name}{how}: DuckDB alone writes the same", *again))
            database.execute("DROP TABLE answered")
            database.execute("DROP TABLE again")
        for what, query in _ITSELF.items():  # no dictionaries, as above
            itself = rate(rows, lambda query=query: database.execute(f"CREATE TABLE again AS {query}"))  # type: ignore[misc]
            lines.append((f"DuckDB alone reads, computes and writes {what}", *itself))
            database.execute("DROP TABLE again")
        cursor = database.cursor()
        read = rate(rows, lambda: [*cursor.execute("SELECT * FROM given").to_arrow_reader(_BATCH)])
        lines.append(("DuckDB alone reads into Arrow", *read))
    report.table(("what", "rows/s", f"rows per second of {_CORES} processors' time"), lines)


if __name__ == "__main__":
    main()
