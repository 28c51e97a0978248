"""What a random table is: its columns, and the statements that make it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A column: its name, its definition in SQL, which kind of expression it is, and values to choose from.

    `kind` is a key of `bench.grammar.productions.PRODUCTIONS`; `collation` is a string's.
    """

    name: str
    definition: str
    kind: str
    values: tuple[str, ...]
    collation: str = ""


@dataclass(frozen=True)
class RandomTable:
    """A table with the statements that make and fill it."""

    name: str
    fields: tuple[Field, ...]
    statements: tuple[str, ...]
