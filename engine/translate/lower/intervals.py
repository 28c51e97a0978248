"""DuckDB for functions of the C library whose arguments lie between two bounds: bounds of what they give.

Each server's own function is within one unit of the last place of the true value, and so is the engine's: eight are
taken. A sine or cosine is no further from another than its argument is.
"""

_ROOM = "1.8e-15"
_DOMAIN = "e.x.l >= -1 AND e.x.h <= 1"
_OUTSIDE = "e.x.l > 1 OR e.x.h < -1"
_EVEN = "e.y.l = trunc(e.y.l) AND e.y.l > 0 AND e.y.l % 2 = 0"
_WHOLE = "e.y.l = trunc(e.y.l) AND e.y.l > 0"


def pair(bottom: str, top: str) -> str:
    """Write bounds."""
    return f"{{'l': {bottom}, 'h': {top}}}"


def _between(bottom: str, top: str) -> str:
    return pair(f"{bottom} - abs({bottom}) * {_ROOM}", f"{top} + abs({top}) * {_ROOM}")


def _rising(name: str) -> str:
    return f"CASE WHEN e.x.l IS NOT NULL THEN {_between(f'{name}(e.x.l)', f'{name}(e.x.h)')} END"


def _near(name: str) -> str:
    width = f"((e.x.h - e.x.l) * 1.000001 + {_ROOM})"
    return f"CASE WHEN e.x.l IS NOT NULL THEN {pair(f'{name}(e.x.l) - {width}', f'{name}(e.x.l) + {width}')} END"


def _within_one(made: str) -> str:
    return f"CASE WHEN e.x.l IS NULL OR {_OUTSIDE} THEN NULL WHEN {_DOMAIN} THEN {made} ELSE {{0}} END"


# Bodies over e.x, and e.y of two arguments: {0} is what fails where the bounds do not tell.
_FUNCTIONS = {
    **{name: _rising(name) for name in ("exp", "ln", "log2", "log10", "atan")},
    "sin": _near("sin"),
    "cos": _near("cos"),
    "asin": _within_one(_between("asin(e.x.l)", "asin(e.x.h)")),
    "acos": _within_one(_between("acos(e.x.h)", "acos(e.x.l)")),
    "pow": (
        "CASE WHEN e.x.l IS NULL OR e.y.l IS NULL THEN NULL WHEN e.y.l <> e.y.h THEN {0}"
        f" WHEN e.x.l >= 0 AND e.y.l >= 0 THEN {_between('pow(e.x.l, e.y.l)', 'pow(e.x.h, e.y.l)')}"
        f" WHEN {_EVEN} AND e.x.h <= 0 THEN {_between('pow(e.x.h, e.y.l)', 'pow(e.x.l, e.y.l)')}"
        f" WHEN {_EVEN} THEN {_between('0.0', 'greatest(pow(e.x.l, e.y.l), pow(e.x.h, e.y.l))')}"
        f" WHEN {_WHOLE} THEN {_between('pow(e.x.l, e.y.l)', 'pow(e.x.h, e.y.l)')} ELSE {{0}} END"
    ),
    "atan2": (
        "CASE WHEN e.x.l IS NULL OR e.y.l IS NULL THEN NULL"
        " WHEN e.x.l >= 0 AND e.y.l >= 0 AND (e.x.l > 0 OR e.y.l > 0)"
        f" THEN {_between('atan2(e.x.l, e.y.h)', 'atan2(e.x.h, e.y.l)')} ELSE {{0}} END"
    ),
}


def body(name: str, failure: str) -> str | None:
    """Write what a function gives of e.x (and e.y), or fails with; None for one of which that is not known."""
    made = _FUNCTIONS.get(name)
    return None if made is None else made.replace("{0}", failure)
