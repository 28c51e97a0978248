"""Topic modelling: which words stand together in texts, and which of these topics a text is of."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers import results
from automl.errors import AutoMLError
from automl.progress import Budget
from automl.stored.parts import BadModel, Parts
from automl.table.columns import texts
from automl.table.rows import row_source
from automl.table.source import Column, Kind, Source
from automl.table.words import Vocabulary, learn_vocabulary
from automl.terms.families import chosen, own_name
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task
from automl.training import Trained

Floats = NDArray[np.float64]
TAGS = 5
MOST_ROWS = 100_000
_LEAST = 10
_STEPS = 40


@dataclass(frozen=True)
class Topics:
    """A vocabulary and the weights of its words in each topic (`family` nmf: of TF-IDF; lda: shares of a topic)."""

    column: Column
    family: str
    vocabulary: Vocabulary
    weights: Floats  # topics x words
    task: Task = Task.TOPICS

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""
        return (self.column,)

    @property
    def tags(self) -> list[list[str]]:
        """The words that tell most of each topic."""
        order = np.argsort(-self.weights, axis=1, kind="stable")[:, :TAGS]
        words = self.vocabulary.words.to_pylist()
        return [[words[place] for place in row] for row in order]

    def shares(self, values: pa.ChunkedArray) -> Floats:
        """Give each text's share of each topic: rows x topics; all alike for texts without a known word."""
        if self.family == "nmf":
            found = _positive(self.vocabulary.weighted(values), self.weights)
        else:
            found = _mixture(self.vocabulary.counts(values), self.weights)
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 1e-12, found / np.maximum(total, 1e-12), 1.0 / len(self.weights))

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` (the number of the topic) and `ml_results` with its tags and all shares."""
        if source.find(self.column.name) is None:
            raise AutoMLError(f"The input lacks the column '{self.column.name}', the texts.")
        shares = self.shares(texts(self.column.name, source.values(self.column.name)))
        best = np.argmax(shares, axis=1)
        said = pa.array(["[" + ", ".join(results.quoted(tag) for tag in row) + "]" for row in self.tags])
        by_topic = {f"topic_{each}": np.round(shares[:, each], 4) for each in range(shares.shape[1])}
        lines = results.joined(
            '{"predictions": {"tags": ',
            said.take(pa.array(best)),
            '}, "probabilities": ',
            results.objects(by_topic),
            "}",
        )
        return {"Prediction": pa.array(best), "ml_results": lines}

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        if self.column.name.casefold() not in {name.casefold() for name in row}:
            raise AutoMLError(f"The input lacks the column '{self.column.name}', the texts.")
        return results.of_one_row(self.predict(row_source(self.columns, row), options))

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """There is nothing to score topics by."""
        raise AutoMLError("A topic_modeling model cannot be scored.")

    def parts(self) -> Parts:
        """Give what this is made of."""
        tree = {"column": self.column.name, "kind": str(self.column.kind), "family": self.family}
        arrays = {"weights": self.weights, "rarity": self.vocabulary.weights}
        return Parts(tree, arrays, {"words": self.vocabulary.words.to_pylist()})

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Topics":
        """Make it of its parts."""
        words = parts.words("words")
        weights, family = parts.array("weights", None, len(words)), parts.value("family", str)
        if family not in ("nmf", "lda") or not 1 <= len(weights) <= 1000 or (weights < 0).any():
            raise BadModel("its topics are out of range")
        column = Column(parts.value("column", str), Kind(parts.value("kind", str)))
        return Topics(
            column, family, Vocabulary(pa.array(words, pa.string()), parts.array("rarity", len(words))), weights
        )


def _positive(found: Any, weights: Floats) -> Floats:
    """Give the shares of topics whose sum is nearest to each row (multiplicative updates, Lee and Seung 2001)."""
    side = np.asarray(found @ weights.T)
    gram = weights @ weights.T
    shares = np.full_like(side, 0.1)
    for _ in range(_STEPS):
        shares *= side / np.maximum(shares @ gram, 1e-12)
    return shares


def _mixture(counts: Any, weights: Floats) -> Floats:
    """Give the shares of topics that make each row's words likeliest, beginning with all alike."""
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    topics = len(weights)
    shares = np.full((counts.shape[0], topics), 1.0 / topics)
    chance = np.ascontiguousarray(weights.T)[counts.indices]
    for _ in range(_STEPS // 2):
        told = shares[rows] * chance
        told *= (counts.data / np.maximum(told.sum(axis=1), 1e-12))[:, None]
        sums = np.column_stack([np.bincount(rows, told[:, each], counts.shape[0]) for each in range(topics)])
        shares = (sums + 0.1) / (sums.sum(axis=1, keepdims=True) + 0.1 * topics)
    return np.where(np.diff(counts.indptr)[:, None] > 0, shares, 0.0)


def fit(source: Source, target: str | None, options: TrainOptions, budget: Budget) -> Trained:
    """Find topics in a column of texts."""
    from sklearn.decomposition import NMF, LatentDirichletAllocation

    if target is not None:
        raise AutoMLError("A topic modelling has no target column: pass NULL.")
    assert options.document_column is not None
    column = source.column(options.document_column, "document column")
    if column.kind is not Kind.TEXT:
        raise AutoMLError(f"Column '{column.name}' holds {column.kind} values, and topics are found in texts.")
    values = texts(column.name, source.values(column.name)).drop_null()
    if len(values) < _LEAST:
        raise AutoMLError(f"A topic modelling needs {_LEAST} texts or more; column '{column.name}' has {len(values)}.")
    if len(values) > MOST_ROWS:
        dice = np.random.default_rng(options.seed)
        values = values.take(pa.array(np.sort(dice.choice(len(values), MOST_ROWS, replace=False))))
    vocabulary = learn_vocabulary(values)
    if len(vocabulary.words) < 3:
        raise AutoMLError(f"The texts of column '{column.name}' have too few words that come again.")
    budget.tell("Preprocessing", 1.0, f"{len(vocabulary.words)} words")
    family = chosen(options.task, options.model_list, options.exclude_model_list)[0]
    count = int(np.clip(round(np.sqrt(len(values)) / 4), 2, min(20, len(vocabulary.words) - 1)))
    if family == "nmf":
        learner = NMF(count, init="nndsvda", random_state=options.seed, max_iter=200, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # topics that have nearly converged serve as well
            learner.fit(vocabulary.weighted(values))
        weights = np.asarray(learner.components_)
        weights = weights[weights.max(axis=1) > 1e-9]
    else:
        learner = LatentDirichletAllocation(count, random_state=options.seed, max_iter=15, learning_method="batch")
        learner.fit(vocabulary.counts(values))
        weights = learner.components_ / learner.components_.sum(axis=1, keepdims=True)
    budget.tell("Refit", 1.0)
    model = Topics(column, family, vocabulary, weights)
    about = {"topics": len(weights), "tags": model.tags}
    return Trained(model, None, None, own_name(options.task, family), about, [column], len(values))
