"""The list of functions is held to the statements that prove it."""

import re
from pathlib import Path

from statements.function_list import EXACT, NEVER, WHEN, entries, standing

STATEMENTS = Path(__file__).parent.parent / "semantics"
# Names that no call spells: operators, and functions written without parentheses.
SPELLED = {"->": "->", "->>": "->>", **{name: rf"\b{name}\b" for name in ("CASE", "LIKE", "REGEXP", "RLIKE")}}


def test_no_function_stands_twice() -> None:
    names = [*EXACT, *(name for names in WHEN.values() for name in names)]
    assert len(names) == len(set(names))
    assert not set(names) & {name for names in NEVER.values() for name in names}


def test_every_offloaded_function_has_a_statement() -> None:
    text = "\n".join(path.read_text().upper() for path in STATEMENTS.glob("*.test"))
    offloaded = [name for name, (kind, _) in entries().items() if kind != "never"]
    unproved = [name for name in offloaded if not re.search(SPELLED.get(name, rf"\b{name}\s*\("), text)]
    assert unproved == []


def test_families_of_names() -> None:
    assert standing("ST_CONTAINS") == ("never", "geometry is the server's")
    assert standing("NO_SUCH") is None
