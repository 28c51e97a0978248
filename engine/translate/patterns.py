"""REGEXP with patterns that every regular expression library reads alike, on ASCII text without line ends."""

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.collate import presence
from engine.translate.literals import NULL_LITERAL, text_of
from engine.translate.nodes import child, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import BOOL, Family

if TYPE_CHECKING:
    from engine.translate.binder import Binder

# Characters, escaped punctuation, simple classes, groups, alternatives, anchors and greedy quantifiers.
_CHARACTER = r"[A-Za-z0-9 _,;:@#%&=<>/!\"'~-]|\\[.^$*+?()\[\]{}|\\/-]"
_CLASS = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9 _.,;@#%&=/!])+\]"
_PIECE = rf"(?:{_CHARACTER}|{_CLASS}|\.|\((?!\?)|\)|\||\^|\$)(?:[*+?]|\{{\d{{1,3}}(?:,\d{{0,3}})?\}})?"
_SIMPLE = re.compile(rf"(?:{_PIECE})+\Z")
_LINE_ENDS = frozenset({10, 11, 12, 13})
_LONGEST = 200


def bind(binder: "Binder", node: exp.Expression) -> Expr:
    """value REGEXP 'pattern' and REGEXP_LIKE(value, 'pattern' [, 'c' or 'i'])."""
    only(node, "this", "expression", "flag")
    value, pattern = binder.expr(child(node)), text_of(binder.expr(child(node, "expression")))
    flag = node.args.get("flag")
    if value.type.family is Family.NULL:
        return NULL_LITERAL.typed(BOOL)
    if value.type.family is not Family.STRING or value.op == "literal":
        refuse(f"REGEXP is applied to a {value.type.family.value}")
    held = value.type.presence
    if not presence.is_ascii(held) or presence.values(held) & _LINE_ENDS:
        refuse("REGEXP is applied to text beyond ASCII or with line ends")
    if pattern is None or len(pattern) > _LONGEST or not _SIMPLE.match(pattern) or not _compiles(pattern):
        refuse("REGEXP with this pattern is not supported")
    name = value.type.collation or ""
    blind = name.endswith("_ci")
    if flag is not None:
        if flag.name not in ("c", "i"):
            refuse("REGEXP_LIKE with these flags is not supported")
        blind = flag.name == "i"
    return Expr("regexp", BOOL, (value,), value=(pattern, blind))


def _compiles(pattern: str) -> bool:
    """Tell whether a pattern is well formed: a quantifier follows something, groups are closed."""
    if re.search(r"(?:^|[(|^])[*+?{]|[*+?}][*+?{]", pattern.replace("\\\\", "").replace("\\", "")):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
