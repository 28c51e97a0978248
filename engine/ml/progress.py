"""How far a routine is, as QEXEC_TEXT of performance_schema.rpd_query_stats shows it; and rpd_ml_stats.

Keys as in HeatWave's page on progress tracking; rpd_ml_stats counts per routine since the engine's start.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

IN_PROGRESS, COMPLETED, FAILED = "In Progress", "Completed", "Failed"


@dataclass(slots=True)
class RoutineProgress:
    """One run of a routine. `started` is in seconds since the epoch."""

    handle: str
    started: float = field(default_factory=time.time)
    status: str = IN_PROGRESS
    percentage: float = 0.0
    seconds: float | None = None
    items: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str, percentage: float, detail: str = "") -> None:
        """Begin a step: the one before is over."""
        self.percentage = max(self.percentage, round(percentage, 1))
        if self.items and self.items[-1]["type"] == name:
            self.items[-1]["detail"] = detail
            return
        self._finish_item(COMPLETED)
        self.items.append({"type": name, "status": IN_PROGRESS, "detail": detail})

    def end(self, failed: bool) -> None:
        """The run is over."""
        self.status = FAILED if failed else COMPLETED
        self._finish_item(self.status)
        self.seconds = round(time.time() - self.started, 3)
        self.percentage = self.percentage if failed else 100.0

    def _finish_item(self, status: str) -> None:
        if self.items:
            self.items[-1]["status"] = status

    def shown(self) -> dict[str, Any]:
        """The keys of QEXEC_TEXT."""
        return {
            "status": self.status,
            "completedSteps": [item["type"] for item in self.items if item["status"] == COMPLETED],
            "completionPercentage": self.percentage,
            "totalRunTime": self.seconds,
            "startTime": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.started)),
            "modelHandle": self.handle,
            "progressItems": list(self.items),
        }


class Statistics:
    """What each routine has done since the engine's start; safe to use from several threads."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def add(self, routine: str, **counts: int) -> None:
        """Count one run of a routine and what it took."""
        with self._lock:
            known = self._counts.setdefault(routine, {"n_calls": 0})
            known["n_calls"] += 1
            for name, value in counts.items():
                known[name] = known.get(name, 0) + value

    def rows(self) -> list[tuple[str, str]]:
        """Rows of rpd_ml_stats: the routine, and its counts as JSON."""
        with self._lock:
            return [(name, json.dumps(counts)) for name, counts in sorted(self._counts.items())]
