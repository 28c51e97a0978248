"""Random expressions of a kind over the columns in scope, made of `bench.grammar`."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.grammar.choices import CHOICES, LITERALS, RARE
from bench.grammar.groups import AGGREGATES, WRAPPED
from bench.grammar.productions import PRODUCTIONS
from bench.table_kinds import Field, RandomTable

_HOLE = re.compile(r"\{(\w+)\}")
_UNKNOWN = {  # templates that a server does not know
    "mariadb": re.compile(r"REGEXP_LIKE|GROUPING|ANY_VALUE"),
    "mysql": re.compile(r"SHA1|MD5"),
}
VALUE_KINDS = ("integer", "integer", "exact", "exact", "double", "text", "text", "date", "moment", "time", "truth")
_WRAPPING = 0.3  # share of the aggregates and windows that are part of an expression


@dataclass(frozen=True)
class Scope:
    """The columns that an expression may name, as (alias, field), and the collation that its strings should have.

    Without an alias a field's name is what is written for it.
    """

    columns: tuple[tuple[str, Field], ...]
    collation: str = ""


class Expressions:
    """Makes expressions; the same seed makes the same ones."""

    def __init__(self, seed: int, tables: Sequence[RandomTable], collation: str, server: str) -> None:
        self.chance = random.Random(seed)
        self.tables = tables
        self.collation = collation
        self.server = server

    def next(self) -> str:
        """Give the next statement."""
        raise NotImplementedError

    def value(self, kind: str, scope: Scope, depth: int) -> str:
        """Make an expression of a kind."""
        if depth <= 0 or kind not in PRODUCTIONS or self.chance.random() < 0.25:
            return self._leaf(kind, scope)
        return self._filled(self._template(PRODUCTIONS[kind], scope), scope, depth)

    def _template(self, templates: Sequence[str], scope: Scope) -> str:
        """Choose a template that the server knows, of a rare kind only where there is a column of it."""
        present, unknown = {field.kind for _, field in scope.columns}, _UNKNOWN[self.server]
        while True:
            template = self.chance.choice(templates)
            if unknown.search(template) is None and not RARE.intersection(_HOLE.findall(template)) - present:
                return template

    def _aggregate(self, scope: Scope, depth: int = 1) -> str:
        return self._wrapped(self._filled(self._template(AGGREGATES, scope), scope, depth))

    def _wrapped(self, value: str) -> str:
        return self.chance.choice(WRAPPED).format(value) if self.chance.random() < _WRAPPING else value

    def _filled(self, template: str, scope: Scope, depth: int) -> str:
        def fill(hole: re.Match[str]) -> str:
            name = hole[1]
            return self.chance.choice(CHOICES[name]) if name in CHOICES else self.value(name, scope, depth - 1)

        return _HOLE.sub(fill, template)

    def _leaf(self, kind: str, scope: Scope) -> str:
        if kind == "truth":
            return self._filled(
                self.chance.choice(("({integer} > 1)", "({text} = {word})", "({date} IS NULL)")), scope, 0
            )
        kinds = ("exact", "integer") if kind == "exact" else ("moment", "date") if kind == "moment" else (kind,)
        found = [(alias, field) for alias, field in scope.columns if field.kind in kinds]
        if kind == "text" and self.chance.random() < 0.93:
            found = [(alias, field) for alias, field in found if field.collation == scope.collation] or found
        if not found or self.chance.random() < 0.12:
            return self.chance.choice(LITERALS[kind])
        return _named(*self.chance.choice(found))

    def _any(self, scope: Scope, depth: int) -> str:
        if self.chance.random() < 0.08:  # a column as it is, of any kind
            return _named(*self.chance.choice(scope.columns))
        return self.value(self.chance.choice(VALUE_KINDS), scope, depth)

    def _outputs(self, scope: Scope, most: int, depth: int) -> str:
        return ", ".join(f"{self._any(scope, depth)} v{at}" for at in range(self.chance.randint(1, most)))

    def _aggregates(self, scope: Scope, most: int) -> str:
        return ", ".join(f"{self._aggregate(scope, 2)} a{at}" for at in range(self.chance.randint(1, most)))


def _named(alias: str, field: Field) -> str:
    """Name a column; without an alias the name is an expression."""
    return f"{alias}.{field.name}" if alias else field.name
