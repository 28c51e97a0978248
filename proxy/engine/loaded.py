"""Which tables the engine can answer from, and which of them are files."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LoadedTables:
    """The tables that the engine can answer from."""

    tables: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[str] = field(default=frozenset())
    lake: frozenset[tuple[str, str]] = frozenset()  # those whose rows are files, names as the backend has them
    lake_name: re.Pattern[bytes] | None = None
    lake_words: tuple[bytes, ...] = ()  # the same names in lower case, which most texts are seen at once not to have

    @classmethod
    def of(cls, tables: frozenset[tuple[str, str]], lake: frozenset[tuple[str, str]] = frozenset()) -> "LoadedTables":
        """Build from (schema, table) pairs; `lake` are some of them."""
        folded = frozenset((schema.casefold(), name.casefold()) for schema, name in tables)
        words = sorted({name for _, name in lake}, key=len, reverse=True)
        pattern = b"|".join(re.escape(word.replace("`", "``").encode()) for word in words)
        named = (
            re.compile(rb"(?<![\w$\x80-\xff])(?:" + pattern + rb")(?![\w$\x80-\xff])", re.IGNORECASE) if words else None
        )
        lowered = tuple(word.replace("`", "``").encode().lower() for word in words)
        return cls(folded, frozenset(name for _, name in folded), lake, named, lowered)

    def names_lake(self, text: bytes) -> bool:
        """Tell at little cost whether a text has the name of a lake table in it, whatever it means there."""
        if self.lake_name is None:
            return False
        lowered = text.lower()
        return any(word in lowered for word in self.lake_words) and self.lake_name.search(text) is not None

    def lake_in(self, text: bytes) -> list[tuple[str, str]]:
        """The lake tables whose names are in a text, of whatever schema."""
        found = (
            {bytes(name).decode("utf-8", "replace").casefold() for name in self.lake_name.findall(text)}
            if self.lake_name
            else set()
        )
        return sorted(name for name in self.lake if name[1].replace("`", "``").casefold() in found)

    def is_lake(self, schema: str | None, name: str) -> bool:
        """Tell whether a table is known as a lake table; for an unknown schema, whether any of this name is."""
        return any(
            known.casefold() == name.casefold() and (schema is None or its.casefold() == schema.casefold())
            for its, known in self.lake
        )

    def has(self, schema: str | None, name: str) -> bool:
        """Tell whether a table is loaded; for an unknown schema, whether any table of this name is.

        Case is folded: on a case-sensitive backend the engine has the last word.
        """
        if schema is None:
            return name.casefold() in self.names
        return (schema.casefold(), name.casefold()) in self.tables
