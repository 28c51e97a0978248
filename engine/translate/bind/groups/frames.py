"""Window frames: ROWS and RANGE, with distances in rows, in numbers or in time."""

from sqlglot import exp

from engine.translate.nodes import child, only, whole_number
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import WHOLE, Family

_ENDS = frozenset({"UNBOUNDED", "CURRENT ROW"})
# Unit of an interval -> DuckDB's, and how many of them.
_UNITS = {
    "SECOND": ("SECOND", 1), "MINUTE": ("MINUTE", 1), "HOUR": ("HOUR", 1), "DAY": ("DAY", 1), "WEEK": ("DAY", 7),
    "MONTH": ("MONTH", 1), "QUARTER": ("MONTH", 3), "YEAR": ("MONTH", 12),
}  # fmt: skip
_MOST_ROWS = 1 << 31  # far from where DuckDB's places of rows overflow
_OF_DATES = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def frame_of(spec: exp.Expression | None, order: list[tuple[Expr, bool]]) -> str:
    """Write a frame over rows in this order; raises Refused for one that is not certain."""
    if spec is None:
        return ""
    only(spec, "kind", "start", "start_side", "end", "end_side")
    kind = str(spec.args.get("kind")).upper()
    if kind not in ("ROWS", "RANGE"):
        refuse("this window frame is not supported")
    key = order[0][0] if kind == "RANGE" and len(order) == 1 else None
    ends = [_end(spec, "start", kind, key), _end(spec, "end", kind, key) if spec.args.get("end") else "CURRENT ROW"]
    return f"{kind} BETWEEN {ends[0]} AND {ends[1]}"


def covers_all(spec: exp.Expression) -> bool:
    """Tell whether a frame has all rows of the partition, in whatever order."""
    ends = [str(spec.args.get(name) or "").upper() for name in ("start", "start_side", "end", "end_side")]
    return ends == ["UNBOUNDED", "PRECEDING", "UNBOUNDED", "FOLLOWING"]


def is_apart(frame: str) -> bool:
    """Tell whether a frame has rows before or behind the current one only."""
    begin, _, end = frame.partition(" AND ")
    return (end.endswith("PRECEDING") and not end.startswith("0 ")) or (
        begin.endswith("FOLLOWING") and " BETWEEN 0 " not in begin
    )


def has_distance(frame: str) -> bool:
    """Tell whether a frame counts by the values of its key, whose sums must not leave the engine's narrow types."""
    return frame.startswith("RANGE") and any(letter.isdigit() for letter in frame)


def _end(spec: exp.Expression, name: str, kind: str, key: Expr | None) -> str:
    value, side = spec.args.get(name), str(spec.args.get(f"{name}_side") or "").upper()
    if not isinstance(value, exp.Expression):
        if str(value).upper() not in _ENDS:
            refuse("this window frame is not supported")
        return f"{str(value).upper()} {side}".strip()
    if kind == "ROWS":
        rows = whole_number(value, "a window frame")
        if rows > _MOST_ROWS:
            refuse("a window frame of this many rows is not supported")
        return f"{rows} {side}"
    return f"{_distance(value, key)} {side}"


def _distance(value: exp.Expression, key: Expr | None) -> str:
    if key is None:
        refuse("a RANGE window frame with distances over several keys is not supported")
    if not isinstance(value, exp.Interval):
        if key.type.family not in WHOLE or key.type.unsigned or key.type.family is Family.YEAR:
            refuse(f"a RANGE window frame with distances over {key.type.family.value} values is not supported")
        return str(whole_number(value, "a window frame"))
    only(value, "this", "unit")
    amount, unit = child(value), child(value, "unit").name.upper()
    timed = key.type.family is Family.DATETIME or (key.type.family is Family.DATE and unit in _OF_DATES)
    if not timed or unit not in _UNITS or not isinstance(amount, exp.Literal) or not amount.name.isdigit():
        refuse("this RANGE window frame is not supported")
    name, factor = _UNITS[unit]
    return f"INTERVAL {int(amount.name) * factor} {name}"
