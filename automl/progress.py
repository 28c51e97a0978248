"""How far a training is, and how much time it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

STEPS = ("Initialization", "Preprocessing", "Algorithm Selection", "Hyperparameter Tuning", "Refit", "Explanation")
_STARTING = 1.5  # seconds in which a process is there, has loaded its libraries and read the rows
_KEPT = 0.5  # seconds in which a model is stored


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
    ends: float = 0.0  # `time.monotonic()` at which all has to be done; 0 for `seconds` behind `began`
    slow: float = 1.0  # how many times longer than usual things take on this machine now

    @staticmethod
    def of_call(seconds: float, report: Report, called: float) -> "Budget":
        """Give what is left for the training itself of the seconds that a user waits who called at a moment.

        What is tried goes by what usually is left, so that it is the same whenever the machine is not much slower.
        """
        kept = min(_KEPT, 0.1 * seconds)
        usual = max(seconds - _STARTING - kept, 0.4 * seconds)
        now = time.monotonic()
        slow = max(1.0, (now - called) / _STARTING)
        return Budget(usual, report, now, ends=max(now, called + seconds - kept * slow), slow=slow)

    def take(self, cost: float) -> None:
        """Note what was tried, by its estimated seconds."""
        self.planned += cost

    def left(self, share: float) -> float:
        """Give the estimated seconds that are left of a share of the whole."""
        return self.seconds * share - self.planned

    def at(self, share: float) -> float:
        """Give the moment (`time.monotonic()`) at which a share of the time has passed."""
        return self.began + ((self.ends - self.began) if self.ends else self.seconds) * share

    def over(self, share: float) -> bool:
        """Tell whether a share of the time has passed, and note that the clock decided when it has."""
        late = time.monotonic() > self.at(share)
        self.cut |= late
        return late

    def short(self, share: float, usual: float) -> bool:
        """Tell whether what usually takes some seconds would end behind a share of the time."""
        late = time.monotonic() + usual * self.slow > self.at(share)
        self.cut |= late
        return late

    def tell(self, step: str, within: float, detail: str = "") -> None:
        """Report that a step is done to a share (0 to 1)."""
        self.report(Progress(step, (STEPS.index(step) + within) / len(STEPS), detail))


def seconds_for(rows: int, columns: int) -> float:
    """Give the budget of a training that was given none: by the number of values, from 5 seconds to 5 minutes."""
    return min(300.0, 5.0 + rows * columns / 150_000)
