"""DuckDB for dates that may be zero or partial: the integers that MySQL packs them into, and what is read of these."""

from collections.abc import Callable

from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.tree import Expr
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]

# What each one has, zero dates too; QUARTER() of month 0 is 0.
PACKED_PARTS = {
    "YEAR": "(({0} >> 46) // 13)",
    "QUARTER": "((({0} >> 46) % 13 + 2) // 3)",
    "MONTH": "(({0} >> 46) % 13)",
    "DAY": "({0} >> 41 & 31)",
    "HOUR": "({0} >> 36 & 31)",
    "MINUTE": "({0} >> 30 & 63)",
    "SECOND": "({0} >> 24 & 63)",
    "MICROSECOND": "({0} & 16777215)",
}


def pack(moment: str) -> str:
    """Write a TIMESTAMP as the integer that MySQL packs it into."""
    day = f"((year({moment}) * 13 + month({moment})) * 32 + day({moment}))"
    clock = f"(hour({moment}) * 4096 + minute({moment}) * 64 + second({moment}))"
    return f"((CAST({day} AS BIGINT) * 131072 + {clock}) * 16777216 + microsecond({moment}) % 1000000)"


def _day(sql: str) -> str:
    parts = (PACKED_PARTS[part].format(sql) for part in ("YEAR", "MONTH", "DAY"))
    return f"make_date({', '.join(parts)})"


def _moment(sql: str) -> str:
    hours, minutes, seconds, micros = (
        PACKED_PARTS[part].format(sql) for part in ("HOUR", "MINUTE", "SECOND", "MICROSECOND")
    )
    clock = f"(({hours} * 60 + {minutes}) * 60 + {seconds}) * 1000000 + {micros}"
    return f"(CAST({_day(sql)} AS TIMESTAMP) + to_microseconds({clock}))"


def _unpacked(low: Lowering, expr: Expr) -> str:
    """A date like all others: one that is in no calendar fails in make_date, what has a zero in it before."""
    make = _day if expr.type.family is Family.DATE else _moment

    def write(sql: str) -> str:
        zero = " OR ".join(f"{PACKED_PARTS[part].format(sql)} = 0" for part in ("YEAR", "MONTH", "DAY"))
        return f"(CASE WHEN {zero} THEN error('a zero or partial date') ELSE {make(sql)} END)"

    return once(low.expr(expr.args[0]), write)


def _to_packed(low: Lowering, expr: Expr) -> str:
    return pack(f"CAST({low.expr(expr.args[0])} AS TIMESTAMP)")


def _packed_add_seconds(low: Lowering, expr: Expr) -> str:
    """Another time zone: a zero date stays one, all other TIMESTAMPs are dates."""
    sql = low.expr(expr.args[0])
    moved = f"({_moment(sql)} + to_seconds({expr.value}))"
    return f"(CASE WHEN {sql} = 0 THEN 0 ELSE {pack(moved)} END)"


PACKED_OPS: dict[str, Writer] = {
    "to_packed": _to_packed,
    "packed_add_seconds": _packed_add_seconds,
    "unpacked": _unpacked,
}
