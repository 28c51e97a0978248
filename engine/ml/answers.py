"""The values of ML_PREDICT_ROW and ML_EXPLAIN_ROW for whole columns: each input with the answer's columns beside it.

MySQL keeps the keys of a document sorted, the shorter ones first; MariaDB has them as they were written.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl import api
from automl.answers import results
from automl.answers.digits import number_texts
from engine.ml.json_rows import beside
from engine.translate.bind.values.answers import PREDICTION, Asked

_PLAIN = 1e10  # of a double that has no exponent
_ACTS: dict[str, Callable[..., pa.Table]] = {"predict": api.predict, "explain": api.explain_rows}
_JSON = json.JSONEncoder(default=str, ensure_ascii=False)  # `json.dumps` makes one each time


def looks_at_all(task: str, options: Mapping[str, Any] | None) -> bool:
    """Tell whether a model's answer for a row depends on the other rows that it is asked about."""
    return task == "log_anomaly_detection" or (task == "anomaly_detection" and "topk" in (options or {}))


def answer(model: api.Model, asked: Asked, columns: Sequence[pa.ChunkedArray], rows: int) -> pa.Array:
    """Answer a call for rows of columns. Raises AutoMLError."""
    task = str(model.task)
    options = json.loads(asked.model.options) if asked.model.options else None
    if looks_at_all(task, options):
        raise api.AutoMLError(f"The model ({task}) looks at all rows together: use sys.ML_PREDICT_TABLE.")
    act = _ACTS[asked.model.function]
    if not asked.keys and asked.forms:
        return of_documents(columns[0].combine_chunks(), lambda texts: _found(act, model, texts, options))
    act = api.predictions if act is api.predict and asked.columns == (PREDICTION,) else act
    found = act(model, api.rows_from_columns(model, asked.keys, columns), options)
    if found.num_columns and found.num_rows != rows:
        raise api.AutoMLError("The model gave another number of rows than it was asked about.")
    if asked.columns:
        found = found.select([name for name in found.column_names if name in asked.columns])
        if not found.num_columns:
            return pa.nulls(rows, pa.float64() if asked.number else pa.string())
        if asked.number:
            return _numbers(found.column_names[0], found.column(0).combine_chunks())
    given = [] if asked.columns else zip(asked.keys, columns, asked.forms, asked.fsp, strict=True)
    members = {key: _member(column, form, fsp, asked.backend) for key, column, form, fsp in given}
    members |= {name: _answered(name, found.column(name).combine_chunks()) for name in found.column_names}
    names = list(members)
    if asked.backend == "mysql":
        names.sort(key=lambda name: (len(name.encode()), name.encode()))
    pieces: list[str | pa.Array] = []
    for place, name in enumerate(names):
        pieces += [f"{', ' if place else '{'}{results.quoted(name)}: ", members[name]]
    return results.joined(*pieces, "}")


def _numbers(name: str, column: pa.Array) -> pa.Array:
    """Give answers as the doubles that their texts are read as. Raises pyarrow.ArrowInvalid for those of no number."""
    if pa.types.is_float64(column.type) and not column.null_count and np.isfinite(column.to_numpy()).all():
        return pc.add(column, 0.0)  # of -0 a text is read as 0
    return pc.cast(_answered(name, column), pa.float64())


def of_documents(texts: pa.Array, found: Callable[[pa.Array], pa.Table]) -> pa.Array:
    """Answer for JSON texts; NULL for NULL."""
    given = pc.is_valid(texts)
    asked = texts.filter(given)
    answers = _extended(asked, found(asked)) if len(asked) else pa.array([], pa.string())
    places = pc.subtract(pc.cumulative_sum(given.cast(pa.int64())), 1)
    return answers.take(pc.if_else(given, places, None))


def beside_text(text: bytes, row: Mapping[str, Any], answered: Mapping[str, Any]) -> bytes:
    """The same for one row: its text as it is, and behind it what an answer has more than the row."""
    added = {name: value for name, value in answered.items() if name not in row}
    if len(added) + len(row) != len(answered) or any(answered[name] != value for name, value in row.items()):
        return _JSON.encode(answered).encode()
    written = _JSON.encode(added).encode()
    return text.rstrip()[:-1].rstrip() + (b", " if row else b"") + written[1:]


def _extended(texts: pa.Array, found: pa.Table) -> pa.Array:
    """Put the answer's columns behind the members of each object, whose own text stays; of keys alike the answer's."""
    if any(pc.any(pc.match_substring(texts, results.quoted(name))).as_py() for name in found.column_names):
        return beside(texts, found)
    bodies = pc.utf8_rtrim_whitespace(pc.utf8_rtrim(pc.utf8_trim_whitespace(texts), "}"))
    pieces: list[str | pa.Array] = [pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(texts), 0, -1)]
    pieces.append(pc.if_else(pc.equal(bodies, "{"), "", ", "))
    for place, name in enumerate(found.column_names):
        column = _answered(name, found.column(name).combine_chunks())
        pieces += [f"{', ' if place else ''}{results.quoted(name)}: ", column]
    return results.joined(*pieces, "}")


def _found(act: Callable[..., pa.Table], model: api.Model, texts: pa.Array, options: object) -> pa.Table:
    return act(model, api.rows_from_json(model, texts), options)


def _answered(name: str, column: pa.Array) -> pa.Array:
    """A column of answers as JSON values; `ml_results` is JSON already."""
    if name == "ml_results":
        return column
    kind = column.type
    if pa.types.is_floating(kind):
        return number_texts(column.to_numpy(zero_copy_only=False))
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _or_null(pc.cast(column, pa.string()))
    return _or_null(results.quoted_texts(pc.cast(column, pa.string())))


def _or_null(texts: pa.Array) -> pa.Array:
    return pc.fill_null(texts, "null") if texts.null_count else texts


def _member(column: pa.ChunkedArray, form: str, fsp: int, backend: str) -> pa.Array:
    """A column of the input as JSON values, spelled as the server does."""
    values = column.combine_chunks()
    if form == "null" or pa.types.is_null(values.type):
        return pa.array(["null"] * len(values), pa.string())
    decimals = 6 if backend == "mysql" else fsp
    match form:
        case "double":
            return _doubles(values.to_numpy(zero_copy_only=False), backend)
        case "text":
            return _or_null(results.quoted_texts(values))
        case "date":
            return _or_null(results.joined('"', pc.cast(values, pa.string()), '"'))
        case "moment":
            return _or_null(
                results.joined('"', _cut(pc.cast(values.cast(pa.timestamp("us")), pa.string()), decimals), '"')
            )
        case "time":
            return _or_null(results.joined('"', _cut(_times(values), decimals), '"'))
        case _:
            return _or_null(pc.cast(values, pa.string()))


def _cut(texts: pa.Array, decimals: int) -> pa.Array:
    """Leave so many of six decimals."""
    return texts if decimals == 6 else pc.utf8_slice_codeunits(texts, 0, (decimals or -1) - 6)


def _doubles(values: NDArray[np.float64], backend: str) -> pa.Array:
    """Doubles, NaN for NULL, as the server's JSON_OBJECT spells them: MySQL whole numbers with a decimal."""
    texts = number_texts(values)
    sizes = np.abs(values)
    if (sizes >= _PLAIN).any():
        texts = pc.replace_substring(texts, "e+", "e")
    if backend != "mysql":
        return texts
    whole = (values == np.floor(values)) & (sizes < _PLAIN)
    return pc.if_else(pa.array(whole), pc.binary_join_element_wise(texts, ".0", ""), texts)


def _times(values: pa.Array) -> pa.Array:
    """Microseconds as times of day with six decimals."""
    numbers = np.abs(values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))
    parts = (numbers // 3_600_000_000, numbers // 60_000_000 % 60, numbers // 1_000_000 % 60)
    hours, minutes, seconds = (_padded(part, 2) for part in parts)
    sign = pc.if_else(pc.less(values, 0), "-", "")
    return results.joined(sign, hours, ":", minutes, ":", seconds, ".", _padded(numbers % 1_000_000, 6))


def _padded(numbers: np.ndarray, width: int) -> pa.Array:
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
