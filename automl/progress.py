"""How far a training is, and how much time it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

STEPS = ("Initialization", "Preprocessing", "Algorithm Selection", "Hyperparameter Tuning", "Refit", "Explanation")


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done: one of `STEPS`, the share of the whole that is done (0 to 1), and a word on it."""

    step: str
    done: float
    detail: str = ""


Report = Callable[[Progress], None]


@dataclass
class Budget:
    """Seconds for a training.

    What is tried is chosen by an estimate of what it costs (`planned`), which depends on the data alone, so that a seed
    gives the same model again; the clock only ends what takes much longer than estimated (`cut` then tells so).
    """

    seconds: float
    report: Report = lambda progress: None
    began: float = field(default_factory=time.monotonic)
    planned: float = 0.0
    cut: bool = False

    def take(self, cost: float) -> None:
        """Note what was tried, by its estimated seconds."""
        self.planned += cost

    def left(self, share: float) -> float:
        """Give the estimated seconds that are left of a share of the whole."""
        return self.seconds * share - self.planned

    def at(self, share: float) -> float:
        """Give the moment (`time.monotonic()`) at which a share of the seconds has passed."""
        return self.began + self.seconds * share

    def over(self, share: float) -> bool:
        """Tell whether a share of the time has passed, and note that the clock decided when it has."""
        late = time.monotonic() > self.at(share)
        self.cut |= late
        return late

    def tell(self, step: str, within: float, detail: str = "") -> None:
        """Report that a step is done to a share (0 to 1)."""
        self.report(Progress(step, (STEPS.index(step) + within) / len(STEPS), detail))


def seconds_for(rows: int, columns: int) -> float:
    """Give the budget of a training that was given none: by the number of values, from 5 seconds to 5 minutes."""
    return min(300.0, 5.0 + rows * columns / 150_000)
