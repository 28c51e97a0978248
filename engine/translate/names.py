"""Names: which column of which source a name means, as MySQL searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr, Output

Named = Mapping[str, Sequence[Output]]


def by_name(columns: Sequence[Output]) -> Named:
    """Give columns by their names in which case does not count."""
    named: dict[str, list[Output]] = {}
    for output in columns:
        named.setdefault(output.name.casefold(), []).append(output)
    return named


@dataclass(slots=True)
class Visible:
    """A source as names see it. `key` holds positions of the primary key's columns, `excluded` reasons by column."""

    name: str
    schema: str
    alias: str
    columns: Sequence[Output]
    key: tuple[int, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()  # not in *: invisible columns, or the right side of USING
    named: Named | None = None  # the columns by folded name, when they are known
    folded: str = field(init=False)  # the name, in which case does not count

    def __post_init__(self) -> None:
        self.folded = self.name.casefold()

    def find(self, folded: str) -> Expr | None:
        """Find a column by its folded name; raises Refused when it is not carried or stands twice."""
        if folded in self.excluded:
            refuse(self.excluded[folded])
        if self.named is None:
            self.named = by_name(self.columns)
        found = self.named.get(folded, ())
        if len(found) > 1:
            refuse(f"the column name {found[0].name} is not unique")
        return found[0].expr if found else None

    def has(self, folded: str) -> bool:
        """Tell whether a column has this folded name."""
        if self.named is None:
            self.named = by_name(self.columns)
        return folded in self.named or folded in self.excluded

    def is_of(self, schema: str) -> bool:
        """Tell whether this source is of a schema; none named is any."""
        return not schema or self.schema.casefold() == schema.casefold()


@dataclass(slots=True)
class Scope:
    """The sources one SELECT sees, and the scopes around it. `merged` maps a USING column to its one meaning, `star`
    is what * stands for."""

    parent: "Scope | None" = None
    sources: list[Visible] = field(default_factory=list)
    merged: dict[str, Expr] = field(default_factory=dict)
    aliases: dict[str, list[Expr]] = field(default_factory=dict)
    star: Sequence[Output] = ()
    aggregates: bool = False  # an aggregate was read, whatever has become of it

    def called(self, table: str, schema: str = "") -> list[Visible]:
        """Give the sources that a qualified name means."""
        wanted = table.casefold()
        return [source for source in self.sources if source.folded == wanted and source.is_of(schema)]

    def own(self, column: str, table: str = "", schema: str = "") -> Expr | None:
        """Find a name among this SELECT's sources; raises Refused when it is ambiguous."""
        folded = column.casefold()
        sources = self.sources
        if table:
            sources = self.called(table, schema)
            if len(sources) > 1 and len({source.name for source in sources}) < len(sources):
                refuse(f"the table name {table} is not unique")
        elif folded in self.merged:
            return self.merged[folded]
        found = [expr for source in sources if (expr := source.find(folded)) is not None]
        if len(found) > 1:
            refuse(f"the column name {column} is not unique")
        return found[0] if found else None

    def is_of_several(self, column: str) -> bool:
        """Tell whether a name without a table means columns of several sources."""
        folded = column.casefold()
        return folded not in self.merged and sum(source.has(folded) for source in self.sources) > 1

    def resolve(self, column: str, table: str = "", schema: str = "") -> Expr:
        """Find a name here or in an enclosing SELECT; raises Refused."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.own(column, table, schema)
            if found is not None:
                return found
            scope = scope.parent
        raise Refused(f"the column {column} is not found")

    def alias(self, name: str) -> Expr | None:
        """Find a select list alias; raises Refused when several expressions share it."""
        found = self.aliases.get(name.casefold(), [])
        if len(set(found)) > 1:
            refuse(f"the alias {name} is not unique")
        return found[0] if found else None

    def determined(self, column: Expr, keys: set[Expr]) -> bool:
        """Tell whether the group keys hold the whole primary key of the source that a column is from."""
        source = self._source(column)
        if source is None or not source.key:
            return False
        return all(source.columns[at].expr in keys for at in source.key)

    def is_row(self, keys: set[Expr]) -> bool:
        """Tell whether values of these columns belong to one row: they hold the primary key of the only source."""
        return (
            len(self.sources) == 1
            and bool(self.sources[0].key)
            and all(self.sources[0].columns[at].expr in keys for at in self.sources[0].key)
        )

    def owns(self, column: Expr) -> bool:
        """Tell whether a column is of this SELECT's sources."""
        return self._source(column) is not None

    def is_key(self, column: Expr) -> bool:
        """Tell whether a column is part of its source's primary key."""
        source = self._source(column)
        return source is not None and any(column == source.columns[at].expr for at in source.key)

    def _source(self, column: Expr) -> Visible | None:
        value = column.value
        alias = value[0] if isinstance(value, tuple) else None
        return next((source for source in self.sources if source.alias == alias), None)
