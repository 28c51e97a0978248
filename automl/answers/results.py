"""The JSON text `ml_results`, made in whole columns (real values: oracle-samples/heatwave-ml)."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.answers.digits import number_texts

Floats = NDArray[np.float64]
DIGITS = 4  # of a probability


def quoted(name: str) -> str:
    """Give a text as JSON has it."""
    return json.dumps(name, ensure_ascii=False)


def joined(*pieces: str | pa.Array) -> pa.Array:
    """Put constant texts and columns together, row by row."""
    return pc.binary_join_element_wise(*(pa.scalar(each) if isinstance(each, str) else each for each in pieces), "")


def regression(target: str, values: Floats) -> pa.Array:
    """Give `{"predictions": {"price": 2.5}}`."""
    return number_texts(values, f'{{"predictions": {{{quoted(target)}: ', "}}")


def _chance(value: float) -> str:
    return repr(round(float(value), DIGITS))


def _steps(chances: Floats) -> NDArray[np.int64]:
    """Give probabilities, a line a row, in whole steps; of two classes they make one whole."""
    found: NDArray[np.int64] = np.rint(chances * 10**DIGITS).astype(np.int64)
    if found.shape[1] == 2:
        found[:, 0] = 10**DIGITS - found[:, 1]
    return found


def classification_one(target: str, labels: Sequence[Any], answer: int, chances: Sequence[float]) -> dict[str, Any]:
    """Give the value for one row, the same as among many."""
    steps = [round(chance * 10**DIGITS) for chance in chances]  # halves to even, as `rint` does
    if len(steps) == 2:
        steps[0] = 10**DIGITS - steps[1]
    return {
        "predictions": {target: labels[answer]},
        "probabilities": {
            str(label): round(each / 10**DIGITS, DIGITS) for label, each in zip(labels, steps, strict=True)
        },
    }


def classification(target: str, labels: Sequence[Any], answers: NDArray[np.int64], chances: Floats) -> pa.Array:
    """Give `{"predictions": {"y": "no"}, "probabilities": {"no": 0.9, "yes": 0.1}}`.

    Probabilities have four digits, so two classes have no more than 20,002 different texts: these are made once and
    gathered. More classes are put together from columns.
    """
    steps = _steps(chances)
    if len(labels) == 2 and len(answers) > 1000:
        return _of_two(target, tuple(labels)).take(pa.array(answers * (10**DIGITS + 1) + steps[:, 1]))
    starts, keys = _starts(target, labels)
    pieces: list[str | pa.Array] = [pa.array(starts, pa.string()).take(pa.array(answers))]
    for place, key in enumerate(keys):
        pieces += [f"{', ' if place else ''}{key}: ", TABLE.take(pa.array(steps[:, place]))]
    return joined(*pieces, "}}")


def _starts(target: str, labels: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Give the texts before the probabilities for each answer, and the keys of the probabilities."""
    shown = [json.dumps(label, ensure_ascii=False) for label in labels]
    starts = [f'{{"predictions": {{{quoted(target)}: {each}}}, "probabilities": {{' for each in shown]
    return starts, [quoted(str(label)) for label in labels]


@functools.lru_cache(maxsize=8)
def _of_two(target: str, labels: tuple[Any, Any]) -> pa.Array:
    """Give all texts of two classes: for each answer and each probability of the second."""
    starts, keys = _starts(target, labels)
    last = 10**DIGITS
    shares = [_chance(step / last) for step in range(last + 1)]
    return pa.array(
        [
            f"{start}{keys[0]}: {shares[last - step]}, {keys[1]}: {shares[step]}}}}}"
            for start in starts
            for step in range(last + 1)
        ],
        pa.string(),
    )


TABLE = pa.array([_chance(step / 10**DIGITS) for step in range(10**DIGITS + 1)], pa.string())


_ESCAPED = (*(("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f")),)
_CONTROLS = r"[\x00-\x1f]"


_MARKED = np.zeros(256, bool)  # bytes that JSON escapes
_MARKED[[*range(32), ord('"'), ord("\\")]] = True


def _is_plain(texts: pa.Array) -> bool:
    """Tell whether no text has anything to escape: one look at their bytes costs less than a search for each mark."""
    if texts.type != pa.string():
        return False
    _, places, data = texts.buffers()
    if not len(texts) or data is None:
        return True
    ends = np.frombuffer(places, np.int32, len(texts) + 1, 4 * texts.offset)
    return not _MARKED[np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]].any()


def quoted_texts(texts: pa.Array) -> pa.Array:
    """Give texts as JSON has them."""
    if _is_plain(texts):
        return joined('"', texts, '"')
    for plain, escaped in _ESCAPED:
        texts = pc.replace_substring(texts, plain, escaped)
    if pc.any(pc.match_substring_regex(texts, _CONTROLS)).as_py():
        for code in range(32):
            texts = pc.replace_substring(texts, chr(code), f"\\u{code:04x}")
    return joined('"', texts, '"')


def of_one_row(columns: Mapping[str, pa.Array]) -> dict[str, Any]:
    """Give the answer's columns for one row as JSON values, `ml_results` as the object that it is."""
    found = {name: column[0].as_py() for name, column in columns.items()}
    return {**found, "ml_results": json.loads(found["ml_results"])}


def extended(texts: pa.Array, key: str, values: pa.Array) -> pa.Array:
    """Put one more key with a JSON value at the end of each object."""
    return joined(pc.utf8_slice_codeunits(texts, 0, -1), f", {quoted(key)}: ", values, "}")


def objects(columns: Mapping[str, Floats]) -> pa.Array:
    """Give `{"a": 1.5, "b": 2}` for columns of numbers."""
    pieces: list[str | pa.Array] = []
    for place, (name, values) in enumerate(columns.items()):
        pieces += [f"{', ' if place else '{'}{quoted(name)}: ", number_texts(values)]
    return joined(*pieces, "}") if pieces else pa.array([], pa.string())
