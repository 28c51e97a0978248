"""Optimizer hints: SET_VAR, and which other hints may be dropped because they steer only a plan."""

import re

_HINT_BLOCK = re.compile(r"/\*\+(.*?)\*/", re.DOTALL)
_SET_VAR = re.compile(r"\bSET_VAR\s*\(\s*(?:@@)?`?(\w+)`?\s*=\s*('[^']*'|\"[^\"]*\"|[^)\s]+)\s*\)", re.IGNORECASE)
_LIMIT = re.compile(r"\bMAX_EXECUTION_TIME\s*\(\s*(\d+)\s*\)", re.IGNORECASE)

# SET_VAR of these does not change what a statement answers.
HARMLESS_VARIABLES = frozenset(
    {
        "use_secondary_engine",
        "secondary_engine_cost_threshold",
        "optimizer_switch",
        "optimizer_prune_level",
        "optimizer_search_depth",
        "join_buffer_size",
        "sort_buffer_size",
        "read_buffer_size",
        "read_rnd_buffer_size",
        "tmp_table_size",
        "max_heap_table_size",
        "range_optimizer_max_mem_size",
        "eq_range_index_dive_limit",
        "max_execution_time",
    }
)


def set_vars(statement: str) -> dict[str, str]:
    """Collect SET_VAR(name=value) of all hint blocks; names in lower case, the first one wins as in MySQL."""
    found: dict[str, str] = {}
    for block in _HINT_BLOCK.findall(statement):
        for name, value in _SET_VAR.findall(block):
            found.setdefault(name.lower(), value.strip("'\""))
    return found


def max_execution_time(statement: str) -> int | None:
    """Read the MAX_EXECUTION_TIME(n) hint in milliseconds; None when there is none."""
    for block in _HINT_BLOCK.findall(statement):
        if found := _LIMIT.search(block):
            return int(found[1])
    return None


def refused_hint(statement: str) -> str | None:
    """Name the first SET_VAR variable that may change an answer; None when there is none."""
    return min(set(set_vars(statement)) - HARMLESS_VARIABLES, default=None)
