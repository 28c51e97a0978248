"""Texts as words, in whole columns: which word of a vocabulary stands where, and TF-IDF."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BETWEEN = r"[^\pL\pN']+"
LONGEST_VOCABULARY = 5000
# Words that say nothing of what an English text is about.
_STOP = (
    "a about above after again all also an and any are as at be because been before being below between both but",
    "by can could did do does doing down during each few for from further had has have having he her here hers",
    "him his how i if in into is it its just me more most my no nor not now of off on once only or other our out",
    "over own same she should so some such than that the their them then there these they this those through to",
    "too under until up very was we were what when where which while who whom why will with would you your",
)
STOP = " ".join(_STOP).split()


def split(values: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """Give all words of a column in lower case, and the row that each is from. NULL has none."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    parts = pc.split_pattern_regex(pc.utf8_lower(pc.fill_null(whole, "")), BETWEEN)
    rows = pc.list_parent_indices(parts)
    flat = pc.list_flatten(parts)
    filled = pc.greater(pc.utf8_length(flat), 1)
    return pc.filter(flat, filled), pc.filter(rows, filled).to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Vocabulary:
    """The words that count, and the weight of each (the smoothed inverse document frequency)."""

    words: pa.Array
    weights: NDArray[np.float64]

    def counts(self, values: pa.ChunkedArray) -> Any:
        """Give how often each word is in each row, as a scipy CSR matrix."""
        from scipy import sparse

        flat, rows = split(values)
        places = pc.index_in(flat, value_set=self.words)
        known = places.is_valid().to_numpy(zero_copy_only=False)
        columns = pc.drop_null(places).to_numpy().astype(np.int64)
        shape = (len(values), len(self.words))
        return sparse.csr_matrix((np.ones(len(columns)), (rows[known], columns)), shape=shape)

    def weighted(self, values: pa.ChunkedArray) -> Any:
        """Give TF-IDF with sublinear counts, every row of length one, as a scipy CSR matrix."""
        found = self.counts(values)
        found.sum_duplicates()
        found.data = (1.0 + np.log(found.data)) * self.weights[found.indices]
        lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1))).ravel()
        found.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(found.indptr))
        return found


def learn_vocabulary(values: pa.ChunkedArray, longest: int = LONGEST_VOCABULARY, at_least: int = 2) -> Vocabulary:
    """Find the words that are in `at_least` rows and not in nearly all: the most frequent `longest`."""
    flat, rows = split(values)
    if not len(flat):
        return Vocabulary(pa.array([], pa.string()), np.zeros(0))
    pairs = pa.table({"word": flat, "row": rows}).group_by(["word", "row"]).aggregate([])
    found = pairs.group_by("word").aggregate([("row", "count")])
    found = found.filter(pc.invert(pc.is_in(found["word"], value_set=pa.array(STOP))))
    total = len(values)
    kept = found.filter(pc.greater_equal(found["row_count"], min(at_least, max(1, total // 2))))
    kept = kept.filter(pc.less_equal(kept["row_count"], max(2, 0.95 * total)))
    kept = kept.sort_by([("row_count", "descending"), ("word", "ascending")]).slice(0, longest)
    counts = kept["row_count"].to_numpy()
    return Vocabulary(kept["word"].combine_chunks(), np.log((1 + total) / (1 + counts)) + 1.0)
