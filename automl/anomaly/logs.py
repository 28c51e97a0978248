"""Log anomaly detection: lines as templates (Drain), windows of lines as counts of templates, strange windows.

Numbers, addresses and the like are masked in whole columns, and lines that are then the same are looked at once: Drain
and the matching of templates see different masked lines only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.anomaly.detectors import Nearest, fit_nearest
from automl.anomaly.drain import ANY
from automl.anomaly.drain import templates as find_templates
from automl.anomaly.model import score_known
from automl.anomaly.scale import Scale, columns, learn_scale
from automl.answers.results import extended, of_one_row, quoted
from automl.errors import AutoMLError, near
from automl.progress import Budget
from automl.stored.parts import BadModel, Parts
from automl.table.columns import texts
from automl.table.rows import row_source
from automl.table.source import Column, Kind, Source
from automl.terms.options import TrainOptions, number, truth
from automl.terms.tasks import Task
from automl.training import Trained, chosen_columns

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
MOST_TEMPLATES = 400
MOST_LINES = 500_000
_LEAST = 50
_SUMMED = 3  # templates that a summary names
_SUMMARY_THRESHOLD = number(0, 1, "a number from 0 to 1")
_MASKS = (
    (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", ANY),
    (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(:\d+)?\b", ANY),
    (r"\b0x[0-9a-fA-F]+\b", ANY),
    (r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d([.,]\d+)?)?", ANY),
    (r"\b\d\d:\d\d:\d\d([.,]\d+)?\b", ANY),
    (r"[-+]?\b\d+([.,]\d+)*\b", ANY),
)


def masked(values: pa.ChunkedArray, more: Sequence[str]) -> pa.ChunkedArray:
    """Put `<*>` for what differs from line to line.

    Raises:
        AutoMLError: a pattern is none for RE2, which has no look-around and no back references.
    """
    found = pc.fill_null(values, "")
    for pattern, mask in (*((each, ANY) for each in more), *_MASKS):
        try:
            found = pc.replace_substring_regex(found, pattern, mask)
        except pa.ArrowInvalid as problem:
            raise AutoMLError(
                f"Option 'additional_masking_regex' has a pattern that cannot be used: {problem}."
            ) from None
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(found, r"\s+", " "))


class Matcher:
    """Finds the template of a line: as many words, and the same where the template has no `<*>`; most words alike."""

    def __init__(self, templates: Sequence[str]) -> None:
        self._by_size: dict[int, list[tuple[int, list[str]]]] = {}
        for code, template in enumerate(templates):
            tokens = template.split()
            self._by_size.setdefault(len(tokens), []).append((code, tokens))
        self._unknown = len(templates)

    def code(self, line: str) -> int:
        """Give the number of the template, or their count for a line that has none."""
        tokens = line.split()
        best, most = self._unknown, -1
        for code, template in self._by_size.get(len(tokens), ()):
            alike = 0
            for mine, other in zip(tokens, template, strict=True):
                if other == mine:
                    alike += 1
                elif other != ANY:
                    break
            else:
                if alike > most:
                    best, most = code, alike
        return best


@dataclass(frozen=True)
class Logs:
    """Templates, how windows are cut, and the windows of the training among which new ones are near or far."""

    column: str
    origin: str | None
    masks: tuple[str, ...]
    templates: tuple[str, ...]
    rarity: Floats
    size: int
    stride: int
    detector: Nearest
    scale: Scale
    task: Task = Task.LOG_ANOMALY

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""
        origin = (Column(self.origin, Kind.TEXT),) if self.origin else ()
        return (Column(self.column, Kind.TEXT), *origin)

    def chances(self, source: Source) -> Floats:
        """Give each line the greatest probability of the windows that it is in."""
        return self._look(source).chances

    def _look(self, source: Source) -> "_Looked":
        for column in self.columns:
            if source.find(column.name) is None:
                raise AutoMLError(f"The input lacks the column '{column.name}'.")
        found = masked(texts(self.column, source.values(self.column)), self.masks).combine_chunks().dictionary_encode()
        matcher = Matcher(self.templates)
        by_line = np.array([matcher.code(line) for line in found.dictionary.to_pylist()], np.int64)
        codes = by_line[found.indices.to_numpy()] if len(by_line) else np.zeros(0, np.int64)
        order, starts, ends = windows(_origins(source, self.origin), self.size, self.stride)
        if not len(starts):
            return _Looked(np.zeros(0), np.zeros(0, np.int64), codes, found, order, starts, ends)
        chances = self.scale.chances(self.detector.score(vectors(codes[order], starts, ends, self.rarity)))
        greatest, strangest = np.full(len(codes), -1.0), np.zeros(len(codes), np.int64)
        for offset in range(self.size):
            inside = np.flatnonzero(starts + offset < ends)
            places = starts[inside] + offset
            more = chances[inside] > greatest[places]  # a line has one window only for each offset
            greatest[places[more]], strangest[places[more]] = chances[inside[more]], inside[more]
        back, window = np.empty(len(codes)), np.empty(len(codes), np.int64)
        back[order], window[order] = greatest, strangest
        return _Looked(back, window, codes, found, order, starts, ends)

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` and `ml_results` of each line. All lines must come at once, in their order."""
        asked = _asked(options.get("logad_options") or {})
        looked = self._look(source)
        found = columns(looked.chances, {key: value for key, value in options.items() if key != "logad_options"})
        if not asked.summarize_logs:
            return found
        strange = looked.chances >= asked.summary_threshold
        shown = {
            int(window): quoted(self._summary(looked, int(window))) for window in np.unique(looked.window[strange])
        }
        known = pa.array([*shown.values(), "null"], pa.string())
        places = np.searchsorted(np.array(list(shown), np.int64), looked.window) if shown else looked.window * 0
        summaries = known.take(pa.array(np.where(strange, places, len(shown))))
        return {**found, "ml_results": extended(found["ml_results"], "summary", summaries)}

    def _summary(self, looked: "_Looked", window: int) -> str:
        """Name the templates that make a window strange, the rarest first, with how many of its lines have them."""
        lines = looked.order[looked.starts[window] : looked.ends[window]]
        codes, firsts, counts = np.unique(looked.codes[lines], return_index=True, return_counts=True)
        told = []
        for place in np.argsort(-self.rarity[codes] * np.sqrt(counts), kind="stable")[:_SUMMED]:
            code = int(codes[place])
            new = code == len(self.templates)
            shown = looked.lines[int(lines[firsts[place]])].as_py() if new else self.templates[code]
            told.append(f"{counts[place]} of {len(lines)} lines{', not seen in training' if new else ''}: {shown}")
        return "; ".join(told)

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one line of JSON values."""
        folded = {name.casefold() for name in row}
        needed = [column for column in self.columns if column.name.casefold() in folded]
        return of_one_row(self.predict(row_source(needed, row), options))

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the metric of the lines whose target is 0 or 1."""
        return score_known(source, target, metric, self.chances, options)

    def parts(self) -> Parts:
        """Give what this is made of."""
        tree = {"column": self.column, "origin": self.origin, "size": self.size, "stride": self.stride}
        lists = {"masks": list(self.masks), "templates": list(self.templates)}
        whole = Parts(tree, {"rarity": self.rarity}, lists)
        whole.put("detector", self.detector.parts())
        whole.put("scale", self.scale.parts())
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Logs":
        """Make it of its parts."""
        templates, origin = tuple(parts.words("templates")), parts.tree.get("origin")
        if len(templates) > MOST_TEMPLATES or not (origin is None or isinstance(origin, str)):
            raise BadModel("its templates are out of range")
        width = len(templates) + 1
        return Logs(
            parts.value("column", str),
            origin,
            tuple(parts.words("masks")),
            templates,
            parts.array("rarity", width),
            parts.whole("size", 1, 10_000),
            parts.whole("stride", 1, 10_000),
            Nearest.restore(parts.under("detector"), width),
            Scale.restore(parts.under("scale")),
        )


@dataclass(frozen=True)
class _Looked:
    """Lines that were looked at: the probability of each, its strangest window, its template, its masked text."""

    chances: Floats
    window: Codes
    codes: Codes
    lines: pa.Array
    order: Codes
    starts: Codes
    ends: Codes


@dataclass(frozen=True)
class _Asked:
    """The options of a prediction (mys-hwaml-ml-predict-table)."""

    summarize_logs: bool = False
    summary_threshold: float = 0.5


def _asked(given: Mapping[str, Any]) -> _Asked:
    for key in given:
        if key not in ("summarize_logs", "summary_threshold"):
            raise AutoMLError(
                f"Unknown key '{key}' in option 'logad_options' of a prediction."
                f"{near(key, ('summarize_logs', 'summary_threshold'))}"
            )
    asks, threshold = given.get("summarize_logs"), given.get("summary_threshold")
    return _Asked(
        asks is not None and truth("logad_options.summarize_logs", asks, Task.LOG_ANOMALY),
        0.5
        if threshold is None
        else _SUMMARY_THRESHOLD("logad_options.summary_threshold", threshold, Task.LOG_ANOMALY),
    )


def _origins(source: Source, name: str | None) -> Codes:
    if name is None:
        return np.zeros(source.rows.num_rows, np.int64)
    values = texts(name, source.values(name)).combine_chunks().dictionary_encode()
    codes: Codes = pc.fill_null(values.indices, len(values.dictionary)).to_numpy().astype(np.int64)
    return codes


def windows(origins: Codes, size: int, stride: int) -> tuple[Codes, Codes, Codes]:
    """Cut the lines of each origin into windows: the order of lines, where windows begin and where they end."""
    order = np.argsort(origins, kind="stable")
    sorted_ = origins[order]
    firsts = np.flatnonzero(np.diff(sorted_, prepend=-1))
    starts, ends = [], []
    for first, last in zip(firsts, np.append(firsts[1:], len(sorted_)), strict=True):
        begin = np.arange(first, max(first + 1, last - size + stride), stride)
        begin = np.minimum(begin, max(first, last - size))  # the last window is a whole one
        starts.append(np.unique(begin))
        ends.append(np.minimum(np.unique(begin) + size, last))
    none = np.zeros(0, np.int64)
    return order, np.concatenate(starts) if starts else none, np.concatenate(ends) if ends else none


def vectors(codes: Codes, starts: Codes, ends: Codes, rarity: Floats) -> Floats:
    """Give each window's counts of templates per line, damped, and weighted by how rare a template is."""
    from scipy import sparse

    lengths = ends - starts
    rows = np.repeat(np.arange(len(starts)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(starts, lengths)
    shape = (len(starts), len(rarity))
    counts = np.asarray(sparse.csr_matrix((np.ones(len(rows)), (rows, codes[places])), shape=shape).todense())
    found: Floats = np.sqrt(counts / np.maximum(lengths, 1)[:, None]) * rarity
    return found


def _log_column(source: Source, options: TrainOptions) -> str:
    """Give the column with the lines: the text column with the longest texts, beside that of the origin."""
    names = chosen_columns(source, options, (options.log.log_source_column or "",))
    found = [name for name in names if source.column(name).kind is Kind.TEXT]
    if not found:
        raise AutoMLError(f"Table {source.table} has no text column with log lines.")
    return max(found, key=lambda name: pc.mean(pc.utf8_length(texts(name, source.values(name)))).as_py() or 0.0)


def fit(source: Source, target: str | None, options: TrainOptions, budget: Budget) -> Trained:
    """Train a log anomaly detection: lines in the order in which they come."""
    if target is not None:
        raise AutoMLError("A log anomaly detection learns without a target: pass NULL.")
    origin = options.log.log_source_column
    if origin is not None:
        origin = source.column(origin, "log_source_column").name
    name = _log_column(source, options)
    rows = source.at(pa.array(np.arange(min(source.rows.num_rows, MOST_LINES))))
    if rows.rows.num_rows < _LEAST:
        raise AutoMLError(
            f"A log anomaly detection needs {_LEAST} lines or more, and {source.table} has {rows.rows.num_rows}."
        )
    found = (
        masked(texts(name, rows.values(name)), options.log.additional_masking_regex)
        .combine_chunks()
        .dictionary_encode()
    )
    lines = found.dictionary.to_pylist()
    indices = found.indices.to_numpy()
    budget.tell("Preprocessing", 1.0, f"{len(lines)} different lines")
    templates = find_templates(lines, np.bincount(indices, minlength=len(lines)).tolist(), MOST_TEMPLATES)
    budget.tell("Algorithm Selection", 1.0, f"{len(templates)} templates")
    matcher = Matcher(templates)
    codes = np.array([matcher.code(line) for line in lines], np.int64)[indices]
    order, starts, ends = windows(_origins(rows, origin), options.log.window_size, options.log.window_stride)
    presence = vectors(codes[order], starts, ends, np.ones(len(templates) + 1)) > 0
    rarity = np.log((1 + len(starts)) / (1 + presence.sum(axis=0))) + 1.0
    rarity[-1] = np.log(1 + len(starts)) + 1.0
    points = vectors(codes[order], starts, ends, rarity)
    if len(points) <= 10:
        raise AutoMLError(
            f"The lines make {len(points)} windows, too few to learn from: lower window_size or window_stride."
        )
    detector = fit_nearest(points, options.seed)
    budget.tell("Refit", 1.0)
    scale = learn_scale(detector.score(points), options.contamination)
    model = Logs(
        name,
        origin,
        options.log.additional_masking_regex,
        tuple(templates),
        rarity,
        options.log.window_size,
        options.log.window_stride,
        detector,
        scale,
    )
    about = {"templates": len(templates), "windows": len(points), "contamination": options.contamination}
    used = [source.column(name), *([source.column(origin)] if origin else [])]
    return Trained(model, None, None, "Drain + GkNN", about, used, rows.rows.num_rows)
