"""REGEXP, REGEXP_LIKE, REGEXP_INSTR, REGEXP_SUBSTR and REGEXP_REPLACE with patterns that ICU, PCRE2 and RE2 read alike.

Which texts they read alike depends on the pattern: `.`, `^` and `$` stop at other line ends, classes like
`[[:alpha:]]` know other characters beyond ASCII, and without regard to case ICU, which folds letters that stand side by
side in a pattern as a text (`URX_STRING_I` in regexcmp.cpp), finds 'ss' in 'ß'. Such texts fail in the engine. A single
letter, or a class, is one character to all three: the long s is an s, the Kelvin sign a k, and 'ß' neither.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate.bind.binder import Binder
from engine.translate.literals import NULL_LITERAL, text_of
from engine.translate.nodes import child, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import BOOL, INT, UTF8, Family, unify_strings

Rule = Callable[[Binder, exp.Expression], Expr]
_ESCAPED = r"\\[.^$*+?()\[\]{}|\\/-]"
_NAMED = r"\[:(?:alpha|digit|alnum|xdigit|space):\]"
_IN_CLASS = rf"[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9 _.,;:@#%&=/!+*?()']|{_ESCAPED}|\\[dws]|{_NAMED}"
_CLASS = rf"\[\^?-?(?:{_IN_CLASS})+-?\]"
_CHARACTER = rf"[A-Za-z0-9 _,;:@#%&=<>/!\"'~-]|{_ESCAPED}|\\[dDwWsSb]"
_TIMES = r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})\??"
_PIECE = rf"(?:{_CHARACTER}|{_CLASS}|\.|\((?:\?:)?(?!\?)|\)|\||\^|\$)(?:{_TIMES})?"
_SIMPLE = re.compile(rf"(?:{_PIECE})+\Z")
_NEW_DOLLARS = re.compile(r"\$(\d)(?!\d)|\\([0-9$\\/. -])|(.)", re.DOTALL)
_NEW_SLASHES = re.compile(r"\\(\d)()|(.)", re.DOTALL)
_LINE_ENDS = frozenset({10, 11, 12, 13})
_LONGEST = 200
# Characters that not all libraries read alike, as RE2 writes them: in ASCII, and beyond.
_LINES = (r"\n\r\x0b\x0c", r"\x{85}\x{2028}\x{2029}")
_FOLDED = {  # by the letters that ICU folds them to
    "s": r"\x{df}\x{1e9e}",
    "f": r"\x{fb00}",
    "fi": r"\x{fb01}\x{fb03}",
    "fl": r"\x{fb02}\x{fb04}",
    "st": r"\x{fb05}\x{fb06}",
}
_CLASSED = (r"\x0b", r"\x{80}-\x{10ffff}")


def bind(binder: Binder, node: exp.Expression) -> Expr:
    """value REGEXP 'pattern' and REGEXP_LIKE(value, 'pattern' [, 'c' or 'i'])."""
    only(node, "this", "expression", "flag")
    value, pattern = _sides(binder, node)
    flag = node.args.get("flag")
    if value.type.family is Family.NULL:
        return NULL_LITERAL.typed(BOOL)
    return Expr("regexp", BOOL, (value,), value=_read(binder, value, pattern, None if flag is None else flag.name))


def _sides(binder: Binder, node: exp.Expression) -> tuple[Expr, str | None]:
    """What is searched, and the pattern if it is known; a user variable's may have a collation of its own."""
    value, pattern = binder.expr(child(node)), binder.expr(child(node, "expression"))
    if value.type.family is pattern.type.family is Family.STRING and not pattern.type.coercible:
        unify_strings([value.type, pattern.type], "REGEXP")
    return value, text_of(pattern)


def _cut(binder: Binder, node: exp.Expression) -> Expr:
    """REGEXP_SUBSTR(value, 'pattern'): where nothing is found NULL on MySQL, nothing on MariaDB."""
    only(node, "this", "expression")
    value, pattern = _sides(binder, node)
    read = _read(binder, value, pattern, None)
    type_ = replace(value.type, presence=presence.of_substring(value.type.presence), characters=0)
    return Expr("regexp_cut", type_, (value,), value=(read, binder.context.backend == "mysql"))


def _found(binder: Binder, node: exp.Expression) -> Expr:
    """REGEXP_INSTR(value, 'pattern'): the character where the first match begins, 0 where there is none."""
    only(node, "this", "expression")
    value, pattern = _sides(binder, node)
    return Expr("regexp_found", INT, (value,), value=_read(binder, value, pattern, None))


def _replaced(binder: Binder, node: exp.Expression) -> Expr:
    """REGEXP_REPLACE(value, 'pattern', 'new'), of all that is found."""
    only(node, "this", "expression", "replacement")
    value, pattern = _sides(binder, node)
    new = text_of(binder.expr(child(node, "replacement")))
    read = _read(binder, value, pattern, None)
    compiled = _compiled(read[0])
    if re.fullmatch(compiled, "") or _may_be_empty(compiled):
        refuse("REGEXP_REPLACE of what may be empty is not supported")
    written = None if new is None else _rewritten(new, compiled.groups, binder.context.backend == "mysql")
    if new is None or written is None:
        refuse("REGEXP_REPLACE by this text is not supported")
    held = presence.of_substring(presence.of_concat(value.type.presence, presence.of_text(new)))
    return Expr("regexp_replaced", replace(value.type, presence=held, characters=0), (value,), value=(read, written))


def _read(binder: Binder, value: Expr, pattern: str | None, flag: str | None) -> tuple[str, bool, str]:
    """The pattern, whether case is one, and the class of characters that make a text fail; raises Refused."""
    if value.type.family is not Family.STRING or value.op == "literal":
        refuse(f"REGEXP is applied to a {value.type.family.value}")
    held = value.type.presence
    if not presence.is_ascii(held) and value.type.charset not in UTF8:
        refuse(f"REGEXP is applied to {value.type.charset} text beyond ASCII")
    if pattern is None or len(pattern) > _LONGEST or not _SIMPLE.match(pattern) or "&&" in pattern:
        refuse("REGEXP with this pattern is not supported")
    plain = _without_classes(pattern)
    if not _is_well_formed(plain, pattern):
        refuse("REGEXP with this pattern is not supported")
    if flag not in (None, "c", "i"):
        refuse("REGEXP_LIKE with these flags is not supported")
    blind = _is_blind(value.type.collation or "") if flag is None else flag == "i"
    pieces = [_LINES] if re.search("[.^$]", plain) else []
    if blind and binder.context.backend == "mysql":
        letters = set(_without_classes(pattern).lower())
        pieces += [("", others) for folded, others in _FOLDED.items() if letters.issuperset(folded)]
    pieces += [_CLASSED] if re.search(rf"\\[dDwWsSb]|{_NAMED}", pattern.replace("\\\\", "")) else []
    lines, beyond = presence.values(held) & _LINE_ENDS, not presence.is_ascii(held)
    unread = "".join((ascii_ if lines else "") + (others if beyond else "") for ascii_, others in pieces)
    return pattern, blind, unread


def _is_blind(collation: str) -> bool:
    """Tell whether case is no difference for REGEXP: MariaDB sees none in any collation of UCA 14.0.0, nor in _w2."""
    return collation.endswith(("_ci", "_w2")) or "_uca1400_" in collation


def _without_classes(pattern: str) -> str:
    """A pattern with x in the place of escaped characters and of classes, for what has a meaning outside of them."""
    return re.sub(r"\[\^?-?(?:\[:\w+:\]|[^\]])+\]", "x", re.sub(r"\\.", "x", pattern))


def _is_well_formed(plain: str, pattern: str) -> bool:
    """Tell whether a quantifier follows something, once, and groups are closed."""
    plain = re.sub(r"([*+?}])\?", r"\1", plain.replace("(?:", "("))
    if re.search(r"(?:^|[(|^])[*+?{]|[*+?}][*+?{]", plain):
        return False
    try:
        _compiled(pattern)
    except re.error:
        return False
    return True


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\[:\w+:\]", "a-z", pattern))


def _may_be_empty(compiled: re.Pattern[str]) -> bool:
    """Tell whether a pattern may match nothing somewhere in a text: that is so if it does between any characters."""
    return any(found.end() == found.start() for text in ("a", "0", " ", "a b") for found in compiled.finditer(text))


def _rewritten(new: str, groups: int, dollars: bool) -> str | None:
    r"""The replacement as RE2 writes it, \N for a group; None where it is not plain.

    MySQL has $N for a group, and \ before a character that stands for itself; MariaDB has \N.
    """
    written = ""
    for group, itself, other in (_NEW_DOLLARS if dollars else _NEW_SLASHES).findall(new):
        if group and not 0 < int(group) <= groups:
            return None
        if not (group or itself) and other in "$\\"[not dollars :]:
            return None
        written += f"\\{group}" if group else (itself or other).replace("\\", "\\\\")
    return written


NODES: dict[type[exp.Expression], Rule] = {
    exp.RegexpInstr: _found,
    exp.RegexpSubstr: _cut,
    exp.RegexpReplace: _replaced,
    exp.RegexpLike: bind,
}
