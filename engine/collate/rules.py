"""Decide, from weights and presence, the cheapest DuckDB expression that compares exactly as a collation does.

Everything here is pure and gives SQL text, or None for "refuse". See docs/collations.md for what to call when, and for
why each rule is exact.
"""

from engine.collate import reference
from engine.collate.folds import folder, may_fold
from engine.collate.forms import Form, Key, like_key, plan_equality, plan_order
from engine.collate.presence import Presence, of_text, union
from engine.collate.weights import Kind, Weights

NOTHING = "\U0010ffff"  # never in an ASCII column: the literal that equals no value


def equality_key(sql: str, weights: Weights, presence: Presence) -> str | None:
    """Give the expression whose bytes are equal exactly where the collation says equal; None to refuse."""
    key = plan_equality(weights, presence)
    return None if key is None else render(key, sql, weights)


def order_key(sql: str, weights: Weights, presence: Presence) -> str | None:
    """Give the expression whose bytes sort exactly as the collation does; None to refuse."""
    key = plan_order(weights, presence)
    return None if key is None else render(key, sql, weights)


def equality_literal(text: str, weights: Weights, presence: Presence) -> str | None:
    """Give the SQL literal to compare with `equality_key` of this presence; None to refuse.

    A text that no value of this presence can equal becomes a literal that never matches.
    """
    key = plan_equality(weights, presence)
    if key is None:
        return None
    if key.form is Form.WEIGHT or weights.kind is not Kind.TABLE:
        return _direct_literal(text, key, weights)
    if reference.levels_of(text, weights) is None:
        return None
    folded = _fold(text, key, weights)
    return quote(NOTHING if folded is None else folded)


def order_presence(presence: Presence, text: str) -> Presence:
    """Give the presence under which a column is compared by order with a literal."""
    return union(presence, of_text(text))


def order_literal(text: str, weights: Weights, presence: Presence) -> str | None:
    """Give the SQL literal to compare with `order_key` of this presence, made by `order_presence`; None to refuse."""
    key = plan_order(weights, presence)
    if key is None:
        return None
    if key.form is Form.WEIGHT or weights.kind is not Kind.TABLE:
        return _direct_literal(text, key, weights)
    folded = _fold(text, key, weights)
    return None if folded is None else quote(folded)


def like_folds(weights: Weights, presence: Presence) -> bool:
    """Tell whether `like` calls a function that `keys.register` makes."""
    return like_key(weights, presence) is None


def like(pattern: str, sql: str, weights: Weights, presence: Presence, escape: str = "\\") -> str | None:
    """Give a predicate for `sql LIKE 'pattern' ESCAPE 'escape'` (empty escape: none); None to refuse.

    LIKE compares character by character, never pads and never expands.
    """
    key = like_key(weights, presence)
    folds = folder(weights) if key is None and may_fold(weights, presence) else None
    if key is None and folds is None:
        return None
    parts: list[str] = []
    escaped = False
    for character, wild in like_tokens(pattern, escape):
        if wild:
            parts.append(character)
            continue
        matching = folds.fold(character) if folds else _like_character(character, key, weights)
        if matching is None:
            return None
        if matching in "%_\\":
            escaped = True
            matching = "\\" + matching
        parts.append(matching)
    # Without ESCAPE, DuckDB turns simple patterns into prefix, suffix and contains scans.
    text = "".join(parts)
    tail = " ESCAPE '\\'" if escaped else ""
    folded = f"{weights.function}_fold({sql})" if key is None else render(key, sql, weights)
    return f"({folded} LIKE {quote(text)}{tail})"


def like_computed(sql: str, pattern: str, weights: Weights, presence: Presence) -> str | None:
    """Give a predicate for `sql LIKE pattern`, both texts of this presence; None to refuse."""
    key = like_key(weights, presence)
    if key is None:
        if not may_fold(weights, presence) or not folder(weights).may_fold_pattern(presence):
            return None
        return f"({weights.function}_fold({sql}) LIKE {weights.function}_fold({pattern}) ESCAPE '\\')"
    return f"({render(key, sql, weights)} LIKE {render(key, pattern, weights)} ESCAPE '\\')"


def uses_weight_keys(sql: str) -> bool:
    """Tell whether a key expression calls a function that `keys.register` makes."""
    return "weight_key_" in sql


def render(key: Key, sql: str, weights: Weights) -> str:
    """Write a key as DuckDB SQL over an expression."""
    if key.form is Form.WEIGHT:
        return f"{weights.function}({sql})"
    inner = f"rtrim({sql}, ' ')" if key.trimmed else sql
    if key.form is Form.BARE:
        return inner
    return f"{key.form.value}({inner})"


def quote(text: str) -> str:
    """Write a text as a DuckDB string expression; NUL cannot stand in a literal."""
    pieces = ["'" + piece.replace("'", "''") + "'" for piece in text.split("\0")]
    return pieces[0] if len(pieces) == 1 else "(" + " || chr(0) || ".join(pieces) + ")"


def quote_blob(value: bytes) -> str:
    """Write bytes as a DuckDB BLOB literal."""
    return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"


def like_tokens(pattern: str, escape: str) -> list[tuple[str, bool]]:
    """Cut a LIKE pattern into (character, is a wildcard); an escape at the very end stands for itself, as in MySQL."""
    tokens: list[tuple[str, bool]] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == escape and at + 1 < len(pattern):
            at += 1
            tokens.append((pattern[at], False))
        else:
            tokens.append((character, character in "%_"))
        at += 1
    return tokens


def _direct_literal(text: str, key: Key, weights: Weights) -> str | None:
    if weights.kind is Kind.BYTES:
        return quote_blob(text.encode("utf-8", "surrogatepass"))
    if key.form is Form.WEIGHT:
        value = reference.weight_key(text, weights)
        return None if value is None else quote_blob(value)
    return quote(text.rstrip(" ") if weights.pad_space else text)


def _fold(text: str, key: Key, weights: Weights) -> str | None:
    """Spell a text in the characters of an ASCII key; None when no present characters spell it."""
    levels = reference.levels_of(text, weights)
    if levels is None:
        return None
    columns = [reference.units(level, weights.unit) for level in levels]
    if weights.pad_space:
        columns = [reference.trim(column, space) for column, space in zip(columns, weights.space, strict=True)]
        for column, space in zip(columns[1:], weights.space[1:], strict=True):
            column.extend([space] * (len(columns[0]) - len(column)))
    if any(len(column) != len(columns[0]) for column in columns):
        return None
    spelled = [key.classes.get(weight) for weight in zip(*columns, strict=True)]
    return None if None in spelled else "".join(filter(None, spelled))


def _like_character(character: str, key: Key | None, weights: Weights) -> str | None:
    if weights.kind is not Kind.TABLE or key is None:
        return character
    weight = weights.of(ord(character))
    return None if weight is None else key.classes.get(weight, NOTHING)
