"""UPDATE and DELETE of one table, as far as asking models about its rows needs them taken apart."""

from dataclasses import dataclass

from sqlglot import Token, TokenType

from statements.ml import tokens_of

_AFTER_TABLE = frozenset({"SET", "WHERE", "ORDER", "LIMIT"})
_OTHERS = frozenset(
    {
        "IGNORE",
        "LOW_PRIORITY",
        "QUICK",
        "JOIN",
        "INNER",
        "LEFT",
        "RIGHT",
        "CROSS",
        "NATURAL",
        "STRAIGHT_JOIN",
        "USING",
        "PARTITION",
        "FOR",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """`table` as written, with its alias; `schema` is what is written before its name, "" or with the dot; `where` is
    the condition, "" without one, which stands from `at` on."""

    table: str
    schema: str
    where: str
    at: int


def read_change(statement: str) -> Change | None:
    """Take UPDATE … SET or DELETE FROM of one table apart; None for another form."""
    tokens = tokens_of(statement)
    if not tokens:
        return None
    word = tokens[0].text.upper()
    first = {"UPDATE": 1, "DELETE": 2}.get(word, 0)
    if not first or len(tokens) <= first or (word == "DELETE" and tokens[1].token_type is not TokenType.FROM):
        return None
    outside = _outside(tokens)
    end = next((place for place in outside if place > first and _word(tokens[place]) in _AFTER_TABLE), len(tokens))
    if any(tokens[place].text.upper() in _OTHERS for place in range(first, end)):
        return None
    if any(tokens[place].token_type is TokenType.COMMA for place in range(first, end)) or not _is_table(
        tokens[first:end]
    ):
        return None
    if word == "UPDATE" and (end == len(tokens) or tokens[end].text.upper() != "SET"):
        return None
    table = statement[tokens[first].start : tokens[end - 1].end + 1]
    has_schema = end > first + 2 and tokens[first + 1].token_type is TokenType.DOT
    schema = statement[tokens[first].start : tokens[first + 1].end + 1] if has_schema else ""
    begin = next((place for place in outside if place >= end and tokens[place].token_type is TokenType.WHERE), None)
    if begin is None:
        return Change(table, schema, "", len(statement))
    behind = ("ORDER", "LIMIT", "RETURNING")
    last = next((place for place in outside if place > begin and _word(tokens[place]) in behind), len(tokens))
    return Change(
        table, schema, statement[tokens[begin].end + 1 : tokens[last - 1].end + 1].strip(), tokens[begin].start
    )


def _outside(tokens: list[Token]) -> list[int]:
    """Give the places outside of parentheses."""
    found, depth = [], 0
    for place, token in enumerate(tokens):
        if not depth:
            found.append(place)
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
    return found


def _is_table(tokens: list[Token]) -> bool:
    """Tell whether tokens are a name, `schema.` before it or not, and an alias or none."""
    rest = [token for token in tokens if token.token_type is not TokenType.ALIAS]
    if any(token.token_type in (TokenType.L_PAREN, TokenType.STRING) for token in rest):
        return False
    names = rest[2:] if len(rest) > 2 and rest[1].token_type is TokenType.DOT else rest
    return 1 <= len(names) <= 2


def _word(token: Token) -> str:
    """The first word of a token, as ORDER of ORDER BY."""
    return token.text.upper().partition(" ")[0]
