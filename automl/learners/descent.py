"""How a network of rectified units learns: Adam over small batches, with dropout and a penalty on the weights.

The step size rises for a tenth of the steps and falls with a cosine to nothing, so that the last weights are the best
ones and the number of steps can be set before. Where the clock is ahead of the steps it falls by the clock. The
penalty is that of scikit-learn's MLPClassifier, whose Adam has the same constants; that library is not used because
loading it takes a second of processor time, and it has no dropout.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.float32]
Layers = list[tuple[Halves, Halves]]  # weights, inputs x units, and where the units begin
_STEP = 0.01
_RISING = 0.1  # the share of the steps in which their size rises
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8  # Adam's
_LAST = 0.3  # of the usual size of weights: those that make margins
_LOOKS = 16  # steps between two looks at the clock


@dataclass(frozen=True, slots=True)
class Shape:
    """What a network is like: the units of its hidden layers, and how it learns."""

    hidden: tuple[int, ...]
    dropout: float  # the share of units that a step leaves out
    penalty: float  # how much weights are held down
    batch: int  # rows of a step


class Wrong(Protocol):
    """Tells of margins of rows by how much they are too great."""

    def __call__(self, margins: Halves, rows: NDArray[np.int64]) -> Halves:
        """Tell it of the rows at these places."""


def wrong_classes(codes: NDArray[np.int64], outputs: int) -> Wrong:
    """Tell by how much each probability of rows is too great."""
    if outputs == 1:
        truth = codes.astype(np.float32)[:, None]

        def two(margins: Halves, rows: NDArray[np.int64]) -> Halves:
            powers: Halves = np.exp(-np.clip(margins, -60.0, 60.0))
            return np.asarray(1.0 / (1.0 + powers) - truth[rows], np.float32)

        return two

    def many(margins: Halves, rows: NDArray[np.int64]) -> Halves:
        powers: Halves = np.exp(margins - margins.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        powers[np.arange(len(rows)), codes[rows]] -= 1.0
        return powers

    return many


def wrong_numbers(target: NDArray[np.float64], farthest: float) -> Wrong:
    """Tell by how much each number of rows is too great, and no more than `farthest` of it."""
    truth = target.astype(np.float32)[:, None]

    def number(margins: Halves, rows: NDArray[np.int64]) -> Halves:
        found: Halves = np.clip(margins - truth[rows], -farthest, farthest) / np.float32(min(farthest, 1.0))
        return found

    return number


def begun(inputs: int, outputs: int, hidden: Sequence[int], dice: np.random.Generator) -> Layers:
    """Give the weights that a network begins with (those of He et al. for rectified units)."""
    sizes = (inputs, *hidden, outputs)
    found: Layers = []
    for place, (wide, units) in enumerate(itertools.pairwise(sizes)):
        scale = math.sqrt(2.0 / wide) * (_LAST if place == len(hidden) else 1.0)
        weights = dice.standard_normal((wide, units), np.float32) * np.float32(scale)
        found.append((weights, np.zeros(units, np.float32)))
    return found


def learn(
    inputs: Halves, wrong: Wrong, outputs: int, shape: Shape, steps: int, seed: int, deadline: float = math.inf
) -> Layers:
    """Give the layers of a network that has learned from rows.

    Args:
        wrong: tells what is to become nothing.
        deadline: `time.monotonic()` from which no step begins.
    """
    began, late = time.monotonic(), 0.0
    dice = np.random.default_rng(seed)
    layers = begun(inputs.shape[1], outputs, shape.hidden, dice)
    values = [each for layer in layers for each in layer]
    first, second = ([np.zeros_like(each) for each in values] for _ in range(2))
    order, place = dice.permutation(len(inputs)), 0
    for step in range(1, steps + 1):
        if step % _LOOKS == 0:
            late = (time.monotonic() - began) / max(deadline - began, 1e-9)
            if late > 1.0:
                break
        if place + shape.batch > len(order):
            order, place = dice.permutation(len(inputs)), 0
        rows = order[place : place + shape.batch]
        place += shape.batch
        slopes = _slopes(inputs[rows], functools.partial(wrong, rows=rows), layers, shape.dropout, dice)
        done = max(step / steps, late)
        rate = _STEP * min(1.0, done / _RISING) * 0.5 * (1.0 + math.cos(math.pi * done))
        rate *= math.sqrt(1.0 - _SECOND**step) / (1.0 - _FIRST**step)
        for each, slope, mean, square in zip(values, slopes, first, second, strict=True):
            if each.ndim == 2:
                slope += np.float32(shape.penalty) * each
            _move(each, slope, mean, square, np.float32(rate))
    return layers


def _move(values: Halves, slope: Halves, mean: Halves, square: Halves, rate: np.float32) -> None:
    """Move values by one step of Adam. `slope` is used up."""
    mean *= np.float32(_FIRST)
    mean += np.float32(1.0 - _FIRST) * slope
    square *= np.float32(_SECOND)
    slope *= slope
    slope *= np.float32(1.0 - _SECOND)
    square += slope
    np.sqrt(square, out=slope)
    slope += np.float32(_TINY)
    np.divide(mean, slope, out=slope)
    slope *= rate
    values -= slope


def _slopes(
    rows: Halves, wrong: Callable[[Halves], Halves], layers: Layers, dropout: float, dice: np.random.Generator
) -> list[Halves]:
    """Give the mean slope of the loss by every weight, in the order of the layers."""
    cut = round(256 * dropout)
    scale = np.float32(256 / (256 - cut))
    given: list[Halves] = [rows]
    masks: list[Halves] = []
    for place, (weights, base) in enumerate(layers):
        sums = given[-1] @ weights
        sums += base
        if place < len(layers) - 1:
            here = sums > 0
            if dropout:
                here &= np.frombuffer(dice.bytes(sums.size), np.uint8).reshape(sums.shape) >= cut
            kept = here * scale
            sums *= kept
            masks.append(kept)
        given.append(sums)
    back = wrong(given.pop())
    back = (back / np.float32(len(rows))).astype(np.float32, copy=False)
    found: list[Halves] = []
    for place in range(len(layers) - 1, -1, -1):
        found += [back.sum(axis=0), given[place].T @ back]
        if place:
            back = back @ layers[place][0].T
            back *= masks[place - 1]
    return found[::-1]
