"""Globs and patterns over many names at once, by RE2: no pattern of a user can take more than linear time."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from base.errors import LakeError

_LONGEST = 1024  # characters of a pattern


def glob_as_regex(glob: str) -> str:
    """Write a glob as a regular expression for a whole name.

    `*` and `?` stay inside a folder, a part that is `**` is any number of folders, `[…]` is a class of characters.
    Raises LakeError when it is not closed.
    """
    out, at = "", 0
    while at < len(glob):
        mark = glob[at]
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            out, at = out + "(?:[^/]+/)*", at + 3
        elif glob[at:] == "**" and (at == 0 or glob[at - 1] == "/"):
            out, at = out + ".+", at + 2
        elif mark == "*":
            out, at = out + "[^/]*", at + 1
        elif mark == "?":
            out, at = out + "[^/]", at + 1
        elif mark == "[":
            part, at = _class(glob, at)
            out += part
        else:
            out, at = out + re.escape(mark), at + 1
    return out


def _class(glob: str, at: int) -> tuple[str, int]:
    start = at + 1
    negated = glob[start : start + 1] in ("!", "^")
    start += negated
    end = glob.find("]", start + 1)
    if end < 0:
        raise LakeError("the [ of the glob is not closed")
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", glob[start:end])
    return f"[{'^/' if negated else ''}{inside}]", end + 1


def fixed_part(glob: str) -> str:
    """The folders before a glob's first mark, with the last slash."""
    found = re.search(r"[?*\[]", glob)
    before = glob[: found.start()] if found else glob
    return before[: before.rfind("/") + 1]


def matching(names: Sequence[str], regex: str) -> list[bool]:
    """Tell for each name whether the whole of it matches. Raises LakeError for what RE2 does not read."""
    if len(regex) > _LONGEST:
        raise LakeError(f"a pattern may have {_LONGEST} characters")
    try:
        found = pc.match_substring_regex(pa.array(names, pa.string()), f"^(?s:{regex})$")
    except pa.ArrowInvalid as error:
        raise LakeError(f"the pattern is not a regular expression: {str(error).splitlines()[0][:200]}") from None
    answer: list[bool] = found.to_pylist()
    return answer
