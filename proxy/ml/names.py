"""Names of tables in arguments: `schema.table` as one text, and as the backend is given them."""

import re
from dataclasses import dataclass

from proxy.backend.preflight import quote_name
from proxy.ml.backend import MLError

_PART = r"(?:`((?:[^`]|``)+)`|([^`.]+))"
_MARKED = re.compile(r"\..*\.|`")  # a dot or backtick that may be part of a name
_NAME = re.compile(rf"\s*{_PART}(?:\.{_PART})?\s*")


@dataclass(frozen=True, slots=True)
class TableName:
    """A table by its names."""

    schema: str
    table: str

    @property
    def quoted(self) -> str:
        """For statements."""
        return f"{quote_name(self.schema)}.{quote_name(self.table)}"

    @property
    def shown(self) -> str:
        """For messages and catalogs."""
        return f"{self.schema}.{self.table}"

    def beside(self, suffix: str) -> "TableName":
        """A table of the same schema whose name has something behind it."""
        return TableName(self.schema, self.table + suffix)


def read_name(text: str | None, what: str) -> TableName:
    """Read an argument. Raises MLError when it is no name with a schema."""
    found = _NAME.fullmatch(text or "")
    if found is None or (found[3] or found[4]) is None:
        hint = (
            "; a name with a dot or a backtick stands in backticks, as 'shop.`a.b`'"
            if _MARKED.search(text or "")
            else ""
        )
        raise MLError(f"{what} has to be named as 'schema.table', not {'NULL' if text is None else repr(text)}{hint}")
    return TableName(_plain(found[1], found[2]), _plain(found[3], found[4]))


def _plain(quoted: str | None, bare: str | None) -> str:
    return quoted.replace("``", "`") if quoted is not None else (bare or "").strip()
