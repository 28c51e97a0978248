"""String functions on inputs where characters, bytes and case mean the same to the engine as to MySQL."""

import re
from collections.abc import Callable
from dataclasses import replace

from engine.collate import presence
from engine.translate.bind.numbers import as_value, settled
from engine.translate.checks.few_digits import with_text_room
from engine.translate.checks.fixed_decimals import has_decimals_of_pi
from engine.translate.given import answered, derived
from engine.translate.literals import NULL_LITERAL, is_literal, is_text, text_of
from engine.translate.members import spelled
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import AGGREGATES, WINDOW, Expr, is_stored, walk
from engine.translate.types import BOOL, INT, WHOLE, Family, Type, unify_strings, whole_digits
from statements.context import SessionContext

AS_DOUBLES = frozenset({"to_double", "text_to_double", "average_double"})  # conversions of exact numbers
_KEPT_APART = AGGREGATES | {WINDOW}  # values that a table may have as a field, and not what CAST makes of them
_UTF8 = ("utf8mb4", "utf8mb3", "utf8", "ascii")
_UNICODE = _UTF8[:3]
_BEYOND_UTF8MB3 = frozenset(range(0xF0, 0xF8))  # first bytes of the characters that utf8mb3 has not
_PLAIN_TIMES = frozenset({"time_of_day", "make_time", "seconds_as_time", "time_difference", "time_added"})
_DOCUMENTS, _GATHERING = frozenset({"column", "json_object", "json_array"}), frozenset({"GROUP_CONCAT", "CONCAT"})
_DOCUMENT_TEXT = Type(Family.STRING, collation="utf8mb4_bin", charset="utf8mb4", presence=presence.ANYTHING)
_SPELLED = frozenset({"int_to_text", "decimal_to_text", "date_to_text", "datetime_to_text"})
_CHOICES = frozenset({"least", "greatest", "case", "coalesce"})


def as_string(expr: Expr, what: str, collation: str) -> Expr:
    """Make a string of an argument: numbers and dates in MySQL's spelling; raises Refused for others."""
    expr = spelled(as_value(expr))
    family = expr.type.family
    if family is Family.STRING or family is Family.NULL:
        return expr
    if expr.type.zerofill:
        refuse(f"{what} is applied to a ZEROFILL column")
    if family in WHOLE:
        return with_text_room(Expr("int_to_text", _plain(collation), (expr,)), expr)
    if family is Family.DATE:
        return Expr("date_to_text", _plain(collation), (expr,))
    if family is Family.DECIMAL and not expr.type.unpadded and not expr.type.vague:
        written = Expr("decimal_to_text", _plain(collation), (settled(expr),), value=expr.type.scale)
        if is_literal(expr) or not _is_all_fraction(expr):
            return written
        # The 0 before the point is not counted: what a table keeps of -0.9 as DECIMAL(1,1) is cut. An UNSIGNED one has
        # no room for a sign either, and every text of it is.
        if any(part.type.positive and part.type.family is Family.DECIMAL for part in walk(expr)):
            refuse(f"{what} is applied to an UNSIGNED decimal without digits before the point")
        return Expr("fits_text", written.type, (written,), value=expr.type.scale + 2)
    if family is Family.DATETIME:
        return Expr("datetime_to_text", _plain(collation), (expr,), value=expr.type.fsp)
    if family is Family.JSON and expr.op in _DOCUMENTS and what in _GATHERING:
        return Expr("document_text", _DOCUMENT_TEXT, (expr,))
    if family is Family.TIME and _is_plain_time(expr):
        return Expr("time_to_text", _plain(collation), (expr,), value=expr.type.fsp)
    if expr.type.chosen and what != "GROUP_CONCAT":
        return _of_chosen(expr, what, collation)
    if expr.type.single or (expr.op in _CHOICES and any(part.type.family is Family.FLOAT for part in walk(expr))):
        refuse(f"{what} is applied to one of several floats")  # MariaDB writes it as a float
    if has_decimals_of_pi(expr):
        refuse(f"{what} is applied to a double with a fixed number of decimals")
    if family is Family.DOUBLE and not is_literal(expr) and not any(part.type.fixed for part in walk(expr)):
        return Expr("double_to_text", _plain(collation), (expr,))
    raise Refused(f"{what} is applied to a {family.value}")


def _of_chosen(expr: Expr, what: str, collation: str) -> Expr:
    """Write what MySQL's CASE or IF chooses among doubles and decimals, each as what it is."""
    if expr.op != "case":
        refuse(f"{what} is applied to a double that may be a decimal")
    half = len(expr.args) // 2
    texts = [
        _of_chosen(part, what, collation)
        if part.op == "case" and part.type.family is Family.DOUBLE
        else as_string(part.args[0] if part.op in AS_DOUBLES else part, what, collation)
        for part in expr.args[half:]
    ]
    return Expr("case", _plain(collation), (*expr.args[:half], *texts))


def _is_plain_time(expr: Expr) -> bool:
    """Tell whether a time is a column's, or computed of moments or numbers: with as many decimals as its type has. Of
    ADDTIME with decimals MySQL writes six, or none where they are zero."""
    while expr.op in ("group_value", "min", "max"):
        (expr,) = expr.args
    return is_stored(expr) or (expr.op in _PLAIN_TIMES and not (expr.op == "time_added" and expr.type.fsp))


def _is_all_fraction(expr: Expr) -> bool:
    """Tell whether a decimal has no digits before the point as servers count; ROUND to fewer places adds one."""
    while expr.op == "settled":
        expr = expr.args[0]
    if expr.op == "truncate" or (expr.op == "round" and expr.type.scale >= expr.args[0].type.scale):
        return expr.args[0].type.family is Family.DECIMAL and _is_all_fraction(expr.args[0])
    return whole_digits(expr.type) == 0


def as_char(expr: Expr, collation: str) -> Expr:
    """CAST(expr AS CHAR): a text of the connection's character set and collation, which are as firm as a column's, for
    what is made of numbers and literals too. Raises Refused."""
    text = as_string(expr, "CAST AS CHAR", collation)
    if text.type.family is Family.STRING and text.type.coercible:
        type_ = replace(text.type, coercible=False)
        return Expr("same", type_, (text,)) if is_literal(text) or text.op in _KEPT_APART else text.typed(type_)
    if text.type.family is not Family.STRING or text.type.collation == collation:
        return Expr("same", text.type, (text,)) if text.op in _KEPT_APART else text
    charset = collation.split("_", 1)[0]
    if not _is_kept(text.type, charset):
        refuse(f"CAST AS CHAR makes {charset}, the connection's character set, of text beyond it")
    type_ = replace(text.type, charset=charset, collation=collation, explicit=False, characters=0)
    return Expr("same", type_, (text,))


def _is_kept(type_: Type, charset: str) -> bool:
    """Tell whether no character of a text is lost in another character set: the servers put `?` in its place."""
    if charset in ("utf8mb4", type_.charset) or presence.is_ascii(type_.presence):
        return True
    return charset in _UNICODE and not presence.values(type_.presence) & _BEYOND_UTF8MB3


def as_short_string(expr: Expr, size: int, collation: str) -> Expr:
    """CAST(expr AS CHAR(size)): MySQL warns when it cuts, there the engine fails. Raises Refused."""
    expr = as_value(expr)
    if expr.type.family is Family.STRING and is_literal(expr):
        if len(str(expr.value)) > size:
            refuse("CAST AS CHAR that cuts a text off gives a warning")
        return Expr("sized", replace(expr.type, coercible=False), (expr,), value=size)
    text = as_char(expr, collation)
    return text if text.type.family is Family.NULL else Expr("short_enough", text.type, (text,), value=size)


def in_charset(expr: Expr, charset: str, context: SessionContext) -> Expr:
    """CONVERT(expr USING utf8mb4) and CAST(expr AS CHAR CHARACTER SET utf8mb4) of what is Unicode or ASCII already."""
    expr = as_string(expr, "CONVERT", context.collation_connection)
    if charset != "utf8mb4" or expr.type.family is not Family.STRING:
        refuse("CONVERT to this character set is not supported")
    if expr.type.charset not in _UTF8 and not presence.is_ascii(expr.type.presence):
        refuse(f"CONVERT of a {expr.type.charset} string is not supported")
    collation = default_collation(charset, context)
    return Expr("same", replace(expr.type, charset=charset, collation=collation, coercible=False), (expr,))


def default_collation(charset: str, context: SessionContext) -> str:
    """Give a character set's own collation: that of _utf8mb4'x' and CONVERT(x USING utf8mb4). Raises Refused."""
    if charset != "utf8mb4" or not context.default_collation:
        refuse(f"the collation that {charset} has of itself is not known")
    return context.default_collation


def collated(expr: Expr, collation: str) -> Expr:
    """expr COLLATE collation, of the character set that the text has."""
    if expr.type.family is not Family.STRING or not collation.isascii():
        refuse(f"COLLATE of a {expr.type.family.value} is not supported")
    collation, charset = collation.lower(), expr.type.charset or ""
    if collation.split("_", 1)[0] != charset:
        refuse(f"COLLATE {collation} of a {charset} string is not supported")
    return Expr("same", replace(expr.type, collation=collation, coercible=False, explicit=True), (expr,))


def _plain(collation: str) -> Type:
    """The type of a number or date as text."""
    charset = collation.split("_", 1)[0]
    return Type(Family.STRING, collation=collation, charset=charset, presence=presence.of_digits(), coercible=True)


def concat_with(args: list[Expr], collation: str) -> Expr:
    """CONCAT_WS: NULLs are left out, but a separator that is NULL makes all NULL."""
    parts = [as_string(arg, "CONCAT_WS", collation) for arg in args]
    if parts[0].type.family is not Family.STRING:
        refuse("CONCAT_WS with this separator is not supported")
    type_ = unify_strings([part.type for part in parts if part.type.family is Family.STRING], "CONCAT_WS", made=True)
    return Expr("concat_with", type_, tuple(parts))


def position(text: Expr, needle: Expr, begin: int, backend: str) -> Expr:
    """INSTR and LOCATE, by the collation of the text, from a place on; the place goes along with whose rules hold."""
    found, how = text_of(needle), (begin, backend)
    if found is None and needle.type.family is Family.STRING and text.type.family is Family.STRING:
        if text.type.coercible:
            refuse("INSTR or LOCATE of this is not supported")
        unify_strings([text.type, needle.type], "INSTR or LOCATE")
        return Expr("position_computed", INT, (text, needle), value=how)
    signs = found is not None and re.fullmatch(r"[ -@\[-`{-~]+", found)
    if signs and text.type.family is Family.STRING and not text.type.coercible and text.type.charset in _UNICODE:
        return Expr("position_plain", INT, (text, needle), value=how)
    if not found or found.endswith(" ") or text.type.family is not Family.STRING or text.type.coercible:
        refuse("INSTR or LOCATE of this is not supported")
    return Expr("position", INT, (text, needle), value=how)


def like(value: Expr, pattern: Expr, escape: str, collation: str) -> Expr:
    """value LIKE pattern. Numbers and dates are matched as they are spelled."""
    value, pattern = _characters(spelled(value), _cased_literal(pattern))
    text = is_text(pattern)
    if value.type.family in (Family.INT, Family.DECIMAL, Family.DATE, Family.DATETIME) and not is_literal(value):
        value = as_string(value, "LIKE", collation)
        if text and not answered(str.isascii, pattern):
            refuse("LIKE of a number or date has a pattern beyond ASCII")
        value = value.typed(replace(value.type, coercible=False))
    elif value.op in _SPELLED and text and answered(str.isascii, pattern):
        value = value.typed(replace(value.type, coercible=False))
    if Family.NULL in (value.type.family, pattern.type.family):
        return NULL_LITERAL.typed(BOOL)
    if value.type.family is not Family.STRING or value.type.coercible:
        refuse(f"LIKE is applied to a {value.type.family.value}")
    if not text:
        if pattern.type.family is not Family.STRING or escape != "\\":
            refuse("LIKE with this pattern or ESCAPE is not supported")
        unify_strings([value.type, pattern.type], "LIKE")
        return Expr("like_computed", BOOL, (value, pattern))
    if not pattern.type.coercible:  # a user variable's has a collation of its own
        unify_strings([value.type, pattern.type], "LIKE")
    if value.type.charset not in _UTF8 and not answered(str.isascii, pattern):
        refuse("LIKE has a pattern with characters of another character set")
    return Expr("like", BOOL, (value, pattern), value=escape)


def _cased_literal(pattern: Expr) -> Expr:
    """LOWER('%Text%'), as ORMs write it, as the literal that it is: then the pattern is known."""
    if pattern.op not in _CASED or not is_text(pattern.args[0]) or not answered(_plainly_cased, pattern.args[0]):
        return pattern
    if _OWN_CASES.search(pattern.type.collation or ""):
        return pattern
    return derived(_CASED[pattern.op], pattern.args[0], pattern.type)


def _plainly_cased(text: str) -> bool:
    """Tell whether Python and both servers give the text the same other case: ASCII, Latin and Cyrillic letters."""
    return all(sign.isascii() or (sign not in "ßİıŉſ" and re.match("[À-žА-я]", sign)) for sign in text)


def _lowered(literal: Expr, type_: Type) -> Expr:
    return Expr("literal", type_, value=str(literal.value).lower())


def _uppered(literal: Expr, type_: Type) -> Expr:
    return Expr("literal", type_, value=str(literal.value).upper())


_CASED = {"lower": _lowered, "upper": _uppered}
_OWN_CASES = re.compile("turkish|_tr_|_az_")  # I and i are not each other's there


def _characters(value: Expr, pattern: Expr) -> tuple[Expr, Expr]:
    """LIKE of bytes where bytes and characters match alike: those of UTF-8 do but for `_`, which stands for a byte."""
    if not any(side.op == "as_bytes" for side in (value, pattern)):
        return value, pattern
    value, pattern = (side.args[0] if side.op == "as_bytes" else side for side in (value, pattern))
    if value.type.family is not Family.STRING or not is_text(pattern):
        refuse("LIKE of bytes is not supported")
    if not presence.is_ascii(value.type.presence) and (
        value.type.charset not in _UNICODE or not answered(_matches_bytes, pattern)
    ):
        refuse("LIKE of bytes beyond ASCII with this pattern is not supported")
    return value.typed(replace(value.type, collation="utf8mb4_bin", coercible=False, explicit=False)), pattern


def _matches_bytes(pattern: str) -> bool:
    return "_" not in pattern


def concat(args: list[Expr], collation: str) -> Expr:
    """CONCAT: NULL when an argument is NULL."""
    parts = [as_string(arg, "CONCAT", collation) for arg in args]
    if any(part.type.family is Family.NULL for part in parts):
        return NULL_LITERAL
    type_ = unify_strings([part.type for part in parts], "CONCAT", made=True)
    if all(text_of(part) is not None for part in parts):
        return Expr("literal", type_, value="".join(str(part.value) for part in parts))
    return Expr("concat", type_, tuple(parts))


def substring(args: list[Expr], collation: str) -> Expr:
    """SUBSTRING(text, position [, length]) with constant position and length, by character."""
    text = as_string(args[0], "SUBSTRING", collation)
    if not all(is_literal(arg) for arg in args[1:]):
        return _cut("substring", text, args[1:])
    position = _constant(args[1], "SUBSTRING's position")
    length = _constant(args[2], "SUBSTRING's length") if len(args) > 2 else None
    type_ = replace(text.type, presence=presence.of_substring(text.type.presence))
    if position == 0 or (length is not None and length <= 0):
        return Expr("empty_unless_null", type_, (text,))
    return Expr("substring", type_, (text,), value=(position, length))


def _cut(operation: str, text: Expr, numbers: list[Expr]) -> Expr:
    """Cut by computed positions and lengths, which must be integers."""
    numbers = [as_value(number) for number in numbers]
    if text.type.family is not Family.STRING or any(number.type.family not in WHOLE for number in numbers):
        refuse(f"{operation.upper()} of these arguments is not supported")
    type_ = replace(text.type, presence=presence.of_substring(text.type.presence))
    return Expr("cut", type_, (text, *numbers), value=operation)


def _side(operation: str) -> Callable[[list[Expr], str], Expr]:
    def bind(args: list[Expr], collation: str) -> Expr:
        text = as_string(args[0], operation.upper(), collation)
        if not is_literal(args[1]):
            return _cut(operation, text, args[1:])
        count = _constant(args[1], f"{operation.upper()}'s length")
        type_ = replace(text.type, presence=presence.of_substring(text.type.presence))
        return Expr(operation, type_, (text,), value=max(0, count))

    return bind


def _case(operation: str) -> Callable[[list[Expr], str], Expr]:
    change = presence.of_upper if operation == "upper" else presence.of_lower

    def bind(args: list[Expr], collation: str) -> Expr:
        text = as_string(args[0], operation.upper(), collation)
        if text.type.charset not in _UTF8:
            text = _ascii(text, operation.upper())
        return Expr(operation, replace(text.type, presence=change(text.type.presence)), (text,))

    return bind


def _ascii(text: Expr, what: str) -> Expr:
    if text.type.family is Family.STRING and not presence.is_ascii(text.type.presence):
        refuse(f"{what} is applied to text beyond ASCII")
    return text


def _constant(expr: Expr, what: str) -> int:
    value = expr.value
    if not is_literal(expr) or not isinstance(value, int) or isinstance(value, bool):
        refuse(f"{what} is not an integer constant")
    return value


def trim(text: Expr, side: str, characters: Expr | None, collation: str) -> Expr:
    """TRIM of spaces, LTRIM, RTRIM; `side` is "both", "leading" or "trailing"."""
    text = as_string(text, "TRIM", collation)
    removed = " " if characters is None else text_of(characters)
    if not removed:
        refuse("TRIM of this text is not supported")
    if len(removed) > 1:
        if text.type.family is not Family.STRING or not removed.isascii():
            refuse("TRIM of this text is not supported")
        type_ = replace(text.type, presence=presence.of_substring(text.type.presence))
        return Expr("trim_word", type_, (text,), value=(side, removed))
    if characters is not None and removed != " ":
        if text.type.family is not Family.STRING or not presence.is_ascii(characters.type.presence):
            refuse("TRIM of this text is not supported")
        type_ = replace(text.type, presence=presence.of_substring(text.type.presence))
        return Expr(f"trim_text_{side}", type_, (text, characters))
    end = presence.of_trimmed if side != "leading" else (lambda p: p)
    return Expr(f"trim_{side}", replace(text.type, presence=end(text.type.presence)), (text,))


def _length(args: list[Expr], collation: str) -> Expr:
    text = args[0]
    if text.type.family is Family.BINARY:
        return Expr("blob_length", INT, (text,))
    text = as_string(text, "LENGTH", collation)
    if text.type.charset not in _UTF8:
        _ascii(text, f"LENGTH of a {text.type.charset} string")
    return Expr("byte_length", INT, (text,))


def _char_length(args: list[Expr], collation: str) -> Expr:
    return Expr("char_length", INT, (as_string(args[0], "CHAR_LENGTH", collation),))


def _replace(args: list[Expr], collation: str) -> Expr:
    parts = [as_string(arg, "REPLACE", collation) for arg in args]
    if any(part.type.family is Family.NULL for part in parts):
        return NULL_LITERAL
    unify_strings([part.type for part in parts], "REPLACE")
    type_ = unify_strings([parts[0].type, parts[2].type], "REPLACE")
    type_ = replace(type_, presence=presence.of_substring(type_.presence))
    return Expr("replace", type_, tuple(parts))


def _size(value: object) -> int:
    return len(str(value))


def replaced_by_known(replaced: Expr) -> Expr:
    """Let REPLACE by NULL fail where MariaDB 10.11 may give the text as it is, which it does where what is sought is ''
    or, in a collation that goes by code or bytes, is not in it (`Item_func_replace::val_str_internal`)."""
    if replaced.op != "replace":
        refuse("REPLACE of, or by, NULL is not supported")
    sought = replaced.args[1]
    by_characters = all(
        part.type.charset in _UTF8 and not (part.type.collation or "_bin").endswith("_bin") for part in replaced.args
    )
    if is_literal(replaced.args[2]) or (by_characters and is_literal(sought) and answered(_size, sought)):
        return replaced
    return replace(replaced, value="known")


def with_room_to_grow(replaced: Expr) -> Expr:
    """Let REPLACE fail that gives more than MySQL 9.7 has room for in a temporary table, which is as many characters
    times those of the new text less one: of a VARCHAR(5) no more than five where one character becomes two."""
    source, sought, put = replaced.args
    new = answered(_size, put) if is_literal(put) else 2
    if new < 2 or (is_literal(sought) and is_literal(put) and answered(_size, sought) >= new):
        return replaced
    if source.type.characters:
        return Expr("fits_text", replaced.type, (replaced,), value=source.type.characters * (new - 1))
    return Expr("fits_growth", replaced.type, (replaced, source), value=new - 1)


def _reverse(args: list[Expr], collation: str) -> Expr:
    text = as_string(args[0], "REVERSE", collation)
    return Expr("reverse", replace(text.type, presence=presence.of_substring(text.type.presence)), (text,))


# name -> (least and most arguments, rule)
FUNCTIONS: dict[str, tuple[int, int, Callable[[list[Expr], str], Expr]]] = {
    "CONCAT": (1, 99, concat),
    "SUBSTRING": (2, 3, substring),
    "SUBSTR": (2, 3, substring),
    "MID": (2, 3, substring),
    "LEFT": (2, 2, _side("left")),
    "RIGHT": (2, 2, _side("right")),
    "UPPER": (1, 1, _case("upper")),
    "UCASE": (1, 1, _case("upper")),
    "LOWER": (1, 1, _case("lower")),
    "LCASE": (1, 1, _case("lower")),
    "LENGTH": (1, 1, _length),
    "OCTET_LENGTH": (1, 1, _length),
    "CHAR_LENGTH": (1, 1, _char_length),
    "CHARACTER_LENGTH": (1, 1, _char_length),
    "REPLACE": (3, 3, _replace),
    "REVERSE": (1, 1, _reverse),
}
