"""Random statements built block by block: queries in FROM, in WITH and in every expression, over what they give.

A block gives typed columns (`Field`), over which the block around it writes expressions as over those of a table. Names
of columns may hide those of tables; HAVING, ORDER BY and windows name columns, aliases, places and expressions alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.expressions import Expressions, Scope
from bench.grammar import blocks
from bench.grammar.groups import FRAMES
from bench.table_kinds import Field, RandomTable

_SUBQUERIES = 0.05  # share of the leaves of expressions that are queries
_TESTS = 0.12  # share of the conditions that are
_OUTER = 0.4  # share of the sub-queries that name columns of the query around them
_ROOM = 4  # blocks of a statement
_CALM = 0.7  # share of the statements whose expressions are small: more of these are offloaded
_DISTINCT, _SET = 0.3, 0.2
Wanted = Sequence[str] | int  # kinds of columns, or how many


@dataclass(frozen=True)
class Block:
    """A query, its columns, and the names of those that tell its rows apart, if any do."""

    text: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...] = ()
    bare: bool = True  # without ORDER BY and LIMIT


@dataclass(frozen=True)
class Source:
    """What stands in a FROM: its columns, and expressions that tell its rows apart, if any do."""

    text: str
    columns: tuple[tuple[str, Field], ...]
    keys: tuple[str, ...]


class Nests(Expressions):
    """Makes statements; the same seed makes the same ones."""

    def __init__(self, seed: int, tables: Sequence[RandomTable], collation: str, server: str) -> None:
        super().__init__(seed, tables, collation, server)
        self._room, self._named, self._calm = 0, 0, False
        self._common: list[tuple[str, Block]] = []
        self._around: tuple[tuple[str, Field], ...] = ()

    def next(self) -> str:
        """Give the next statement."""
        self._room, self._named, self._common, self._around = self.chance.randint(1, _ROOM), 0, [], ()
        self._calm = self._is(_CALM)
        written = []
        for number in range(self.chance.choice((0, 0, 0, 1, 1, 2))):
            block = self._block(None, keyed=self._is(0.5))
            listed = f" ({', '.join(f.name for f in block.fields)})" if self._is(0.3) else ""
            written.append(f"y{number}{listed} AS ({block.text})")
            self._common.append((f"y{number}", block))
        block = self._block(None, keyed=self._is(0.8), last=True)
        return f"WITH {', '.join(written)} {block.text}" if written else block.text

    def _is(self, share: float) -> bool:
        return self.chance.random() < share

    def _alias(self) -> str:
        self._named += 1
        return f"q{self._named}"

    # Sources.

    def _item(self) -> Source:
        alias, kind = self._alias(), self.chance.random()
        if self._common and kind < 0.4:
            name, block = self.chance.choice(self._common)
            return _over(f"{name} {alias}", alias, block)
        if self._room > 0 and kind < 0.7:
            around, self._around = self._around, ()
            block = self._block(None, keyed=self._is(0.7))
            self._around = around
            return _over(f"({block.text}) {alias}", alias, block)
        table = self.chance.choice(self.tables)
        return Source(f"{table.name} {alias}", tuple((alias, f) for f in table.fields), (f"{alias}.id",))

    def _source(self) -> Source:
        whole = self._item()
        for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2))):
            whole = self._joined(whole, self._item())
        return whole

    def _joined(self, left: Source, right: Source) -> Source:
        keys = (*left.keys, *right.keys) if left.keys and right.keys else ()
        both = (*left.columns, *right.columns)
        names = sorted({f.name for _, f in left.columns} & {f.name for _, f in right.columns})
        word = self.chance.choice(blocks.JOINS)
        made = f"{left.text} {word} {right.text}"
        single = len({alias for alias, _ in left.columns}) == 1  # of several tables a name may be that of two columns
        if names and single and word != "STRAIGHT_JOIN" and self._is(0.3):
            return Source(f"{made} USING ({self.chance.choice(names)})", both, keys)
        on = self._matched(left.columns, right.columns)
        if self._is(0.3):
            on += f" AND {self.value('truth', Scope(both, self.collation), 1)}"
        return Source(f"{made} ON {on}", both, keys)

    def _matched(self, left: Sequence[tuple[str, Field]], right: Sequence[tuple[str, Field]]) -> str:
        pairs = [(a, f, b, g) for a, f in left for b, g in right if f.kind == g.kind]
        liked = [pair for pair in pairs if pair[1].kind == "integer"] or pairs
        if not pairs:
            return "FALSE"
        a, f, b, g = self.chance.choice(liked if self._is(0.7) else pairs)
        return f"{a}.{f.name} {self.chance.choice(('=', '=', '=', '<=>'))} {b}.{g.name}"

    # Blocks.

    def _block(self, kinds: Sequence[str] | None, keyed: bool = False, last: bool = False) -> Block:
        """Make a query that gives columns of these kinds, of any where None; `keyed` asks for columns that tell rows
        apart, `last` for what only the outermost query does."""
        self._room -= 1
        wanted = self.chance.choice((1, 2, 2, 3, 4)) if kinds is None else kinds
        if self._room > 0 and self._is(_SET):
            return self._combined(self._chosen(wanted, None))
        makers = ((self._plain, 5), (self._grouped, 4), (self._windowed, 3), (self._totals, 1))
        made = self.chance.choices([m for m, _ in makers], [w for _, w in makers])[0](wanted, keyed)
        return self._ordered(made, last)

    def _chosen(self, wanted: Wanted, scope: Scope | None) -> Sequence[str]:
        """The kinds of a block's columns: those wanted, or so many of those that are in scope."""
        if not isinstance(wanted, int):
            return wanted
        present = {field.kind for _, field in scope.columns} if scope else set()
        able = [kind for kind in blocks.KINDS if kind in present or self._is(0.1)]
        return [self.chance.choice(able or blocks.KINDS) for _ in range(wanted)]

    def _names(self, count: int) -> list[str]:
        return self.chance.sample(blocks.NAMES, count)

    def _scope(self, source: Source) -> Scope:
        return Scope((*source.columns, *self._around), self.collation)

    def _where(self, source: Source, share: float = 0.5) -> str:
        return f" WHERE {self.value('truth', self._scope(source), 2)}" if self._is(share) else ""

    def _plain(self, wanted: Wanted, keyed: bool) -> Block:
        source = self._source()
        kinds = self._chosen(wanted, self._scope(source))
        items = [self.value(kind, self._scope(source), 2) for kind in kinds]
        if not keyed and self._is(_DISTINCT):
            made = self._selected("SELECT DISTINCT", items, kinds, (), source)
            return replace(made, text=made.text + self._where(source))
        made = self._selected("SELECT", items, kinds, source.keys if keyed else (), source)
        return replace(made, text=made.text + self._where(source))

    def _selected(
        self, word: str, items: Sequence[str], kinds: Sequence[str], keys: Sequence[str], source: Source
    ) -> Block:
        names = self._names(len(items))
        shown = [f"{key} i{at}" for at, key in enumerate(keys)]
        shown += [f"{item} {name}" for item, name in zip(items, names, strict=True)]
        fields = [_field(f"i{at}", "integer", self.collation) for at in range(len(keys))]
        fields += [_field(name, kind, self.collation) for name, kind in zip(names, kinds, strict=True)]
        return Block(
            f"{word} {', '.join(shown)} FROM {source.text}", tuple(fields), tuple(f"i{at}" for at in range(len(keys)))
        )

    def _grouped(self, wanted: Wanted, keyed: bool) -> Block:
        source = self._source()
        scope = self._scope(source)
        kinds, chosen = self._chosen(wanted, scope), self._chosen(self.chance.choice((1, 1, 2)), scope)
        keys = [self.value(kind, scope, self.chance.choice((0, 0, 1))) for kind in chosen]
        keys = [key if "." in key else source.columns[0][0] + "." + source.columns[0][1].name for key in keys]
        after = self._after(source, [(key, kind) for key, kind in zip(keys, chosen, strict=True)], kinds)
        items = [self.value(kind, after, self.chance.choice((0, 1, 1, 2))) for kind in kinds]
        rolled = " WITH ROLLUP" if self._is(0.12) else ""  # whose totals have the keys of groups of NULL
        if self._is(0.2):
            items[0] = self._window(kinds[0], after, () if rolled else tuple(keys)) or items[0]
        names = self._names(len(items))
        shown = [f"{key} k{at}" for at, key in enumerate(keys)] if keyed or self._is(0.5) else []
        labels = [self.chance.choice((key, f"k{at}", str(at + 1)) if shown else (key,)) for at, key in enumerate(keys)]
        fields = [_field(f"k{at}", kind, self.collation) for at, kind in enumerate(chosen)] if shown else []
        having = self._having(after, names, bool(shown)) if self._is(0.35) else ""
        told = tuple(field.name for field in fields)
        shown += [f"{item} {name}" for item, name in zip(items, names, strict=True)]
        fields += [_field(name, kind, self.collation) for name, kind in zip(names, kinds, strict=True)]
        text = f"SELECT {', '.join(shown)} FROM {source.text}{self._where(source, 0.3)}"
        text += f" GROUP BY {', '.join(labels)}{rolled}{having}"
        return Block(text, tuple(fields), () if rolled else told)

    def _after(self, source: Source, keys: Sequence[tuple[str, str]], kinds: Sequence[str]) -> Scope:
        """What expressions beside GROUP BY are made of: its keys and aggregates."""
        columns = [("", _field(key, kind, self.collation)) for key, kind in keys]
        for kind in dict.fromkeys((*kinds, "integer", self.chance.choice(blocks.KINDS))):
            call = self._call(self.chance.choice(blocks.AGGREGATES_OF[kind]), self._scope(source), source.keys)
            columns.append(("", _field(call, kind, self.collation)))
        return Scope(tuple(columns), self.collation)

    def _call(self, template: str, scope: Scope, keys: Sequence[str]) -> str:
        settled = ", ".join(keys)
        if "{keys}" in template and not keys:
            template = "COUNT(*)" if "CONCAT" not in template else "MIN({text})"
        call = self._filled(template.replace("{keys}", settled), scope, 1)
        return call.replace("DISTINCT DISTINCT", "DISTINCT")

    def _having(self, after: Scope, names: Sequence[str], has_keys: bool) -> str:
        mixed = (*after.columns, *(("", _field(name, "integer", "")) for name in names))
        if has_keys:
            mixed = (*mixed, ("", _field("k0", "text", self.collation)))
        return f" HAVING {self.value('truth', Scope(mixed, self.collation), 1)}"

    def _totals(self, wanted: Wanted, keyed: bool) -> Block:
        """Aggregates of all rows: always one row."""
        source = self._source()
        kinds = self._chosen(wanted, self._scope(source))
        after = self._after(source, (), kinds)
        items = [self.value(kind, after, self.chance.choice((0, 1, 1))) for kind in kinds]
        if all("(" not in item for item in items):
            items[0] = self._call(self.chance.choice(blocks.AGGREGATES_OF[kinds[0]]), self._scope(source), source.keys)
        made = self._selected("SELECT", items, kinds, (), source)
        having = self._having(after, (), False) if self._is(0.15) else ""
        return replace(made, text=made.text + self._where(source) + having)

    # Windows.

    def _window(self, kind: str, scope: Scope, keys: tuple[str, ...], name: str = "") -> str:
        """A window of a kind; "" where rows in no certain order would decide it."""
        own = blocks.GIVEN[kind]
        call = self.chance.choice(own if keys else [c for c in own if blocks.ORDERLESS.match(c)] or [""])
        if not call:
            return ""
        call = self._filled(call, scope, 1)
        if name:
            return f"{call} OVER {name}"
        return f"{call} OVER ({self._over(call, scope, keys)})"

    def _over(self, call: str, scope: Scope, keys: tuple[str, ...]) -> str:
        partition = f"PARTITION BY {self._any(scope, self.chance.choice((0, 0, 1)))} " if self._is(0.6) else ""
        if not keys:
            return partition.strip()
        settled = ", ".join(keys)
        down = self.chance.choice(("", "", " DESC"))
        if blocks.RANKED.match(call) and self._is(0.5):
            return f"{partition}ORDER BY {self._any(scope, 1)}{down}"
        if blocks.FRAMED.match(call) and self._is(0.25):
            ranges = blocks.RANGED["" if self.server == "mariadb" else self.chance.choice(("", "date"))]
            at = self._leaf("date" if "INTERVAL" in ranges[0] else self.chance.choice(("integer", "exact")), scope)
            if "." in at or "(" in at:
                return f"{partition}ORDER BY {at}{down} {self.chance.choice(ranges)}"
        order = self.chance.choice((settled, f"{self._any(scope, 1)}{down}, {settled}", f"{settled}{down}"))
        frame = self.chance.choice(FRAMES) if blocks.FRAMED.match(call) or self.server == "mysql" else ""
        frame = "" if blocks.RANKED.match(call) and self.server == "mariadb" else frame
        return f"{partition}ORDER BY {order} {frame}".strip()

    def _windowed(self, wanted: Wanted, keyed: bool) -> Block:
        source = self._source()
        scope, named = self._scope(source), ""
        kinds = self._chosen(wanted, scope)
        items = []
        if source.keys and self._is(0.35):
            first = self._any(scope, 0)
            named = f" WINDOW w AS (PARTITION BY {first} ORDER BY {', '.join(source.keys)})"
            named += ", x AS (w ROWS 2 PRECEDING)" if self._is(0.4) else ""
        for kind in kinds:
            name = (
                self.chance.choice(("w", "x" if ", x AS" in named else "w", "(w)")) if named and self._is(0.6) else ""
            )
            window = self._window(kind, scope, source.keys, name)
            if window and self._is(0.4):  # computed of windows
                call = _field(window, kind, self.collation)
                window = self.value(kind, Scope((*scope.columns, ("", call), ("", call)), self.collation), 1)
            items.append(window or self.value(kind, scope, 1))
        made = self._selected("SELECT", items, kinds, source.keys if keyed else (), source)
        return replace(made, text=f"{made.text}{self._where(source, 0.3)}{named}")

    # Sets, orders.

    def _combined(self, kinds: Sequence[str]) -> Block:
        members = []
        for _ in range(self.chance.choice((2, 2, 3))):
            given = [kind if self._is(0.9) else self.chance.choice(blocks.KINDS) for kind in kinds]
            block = self._ordered(self._plain_or_grouped(given), False)
            members.append(block)
        first = members[0]
        text = first.text if first.bare else f"({first.text})"
        for block in members[1:]:
            text += f" {self.chance.choice(blocks.OPERATIONS)} {block.text if block.bare else f'({block.text})'}"
        width = min(len(block.fields) for block in members)
        if any(len(block.fields) != width for block in members):
            return self._plain(kinds, False)
        tail = self.chance.choice(("", "", "", f" ORDER BY {', '.join(str(n + 1) for n in range(width))}"))
        tail += self.chance.choice(("", " LIMIT 0", " LIMIT 1000")) if tail else ""
        return Block(text + tail, first.fields, (), not tail)

    def _plain_or_grouped(self, kinds: Sequence[str]) -> Block:
        while True:
            made = self.chance.choice((self._plain, self._plain, self._grouped, self._totals))(kinds, False)
            if len(made.fields) == len(kinds):
                return made

    def _ordered(self, block: Block, last: bool) -> Block:
        """Order a block by its columns, its places and what tells its rows apart, and take some of them."""
        if not self._is(0.6 if last else 0.2) or not block.bare:
            return block
        by = [f"{self.chance.choice((f.name, f.name, str(at + 1), f'COALESCE({f.name}, 0)', f'{f.name} IS NULL'))}"
              f"{self.chance.choice(('', '', ' DESC'))}" for at, f in enumerate(block.fields)]  # fmt: skip
        chosen = self.chance.sample(by, min(len(by), self.chance.choice((0, 1, 1, 2))))
        order = [*chosen, *block.keys]
        if not order:
            return block
        limit = self.chance.choice(blocks.LIMITS if block.keys else ("", "", " LIMIT 0", " LIMIT 1000"))
        return replace(block, text=f"{block.text} ORDER BY {', '.join(order)}{limit}", bare=False)

    # Expressions.

    def _leaf(self, kind: str, scope: Scope) -> str:
        if self._room > 0 and kind in blocks.GIVEN and self._is(_SUBQUERIES):
            return self._one(kind, scope)
        if kind == "truth" and self._room > 0 and self._is(_TESTS):
            return self._test(scope)
        return super()._leaf(kind, scope)

    def value(self, kind: str, scope: Scope, depth: int) -> str:
        """Make an expression of a kind, of which a part are queries."""
        if kind == "truth" and depth > 0 and self._room > 0 and self._is(_TESTS):
            return self._test(scope)
        if kind == "any":
            return self._any(scope, depth)
        if not self._calm or kind not in blocks.CALM:
            return super().value(kind, scope, depth)
        if depth <= 0 or self._is(0.35):
            return self._leaf(kind, scope)
        return self._filled(self._template(blocks.CALM[kind], scope), scope, depth)

    def _inner(self, kinds: Sequence[str], scope: Scope, keyed: bool = False) -> Block:
        before, self._around = self._around, tuple(scope.columns) if self._is(_OUTER) else ()
        self._around = tuple((a, f) for a, f in self._around if a)
        try:
            return self._block(kinds, keyed)
        finally:
            self._around = before

    def _one(self, kind: str, scope: Scope) -> str:
        """A query in the place of a value."""
        before, self._around = self._around, tuple((a, f) for a, f in scope.columns if a)
        self._room -= 1
        try:
            if self._is(0.6):
                return f"({self._totals([kind], False).text})"
            table, alias = self.chance.choice(self.tables), self._alias()
            source = Source(f"{table.name} {alias}", tuple((alias, f) for f in table.fields), (f"{alias}.id",))
            value = self.value(kind, Scope(source.columns, self.collation), 1)
            keys = [f"{a}.{f.name}" for a, f in self._around if f.kind == "integer"]
            if keys and self._is(0.5):
                return f"(SELECT {value} FROM {source.text} WHERE {alias}.id = {self.chance.choice(keys)})"
            where = f" WHERE {alias}.g = {self.chance.choice(keys)}" if keys else ""
            return f"(SELECT {value} FROM {source.text}{where} ORDER BY {alias}.k, {alias}.id DESC LIMIT 1)"
        finally:
            self._around = before

    def _test(self, scope: Scope) -> str:
        kinds = [self.chance.choice(blocks.KINDS) for _ in range(self.chance.choice((1, 1, 1, 2)))]
        self._room -= 1
        room, self._room = self._room, 0
        left = [self.value(kind, scope, 1) for kind in kinds]
        self._room = room
        block = self._inner(kinds, scope)
        if len(block.fields) != len(kinds):
            return f"{self.chance.choice(('', 'NOT '))}EXISTS ({block.text})"
        row = left[0] if len(left) == 1 else f"({', '.join(left)})"
        word = self.chance.choice(("ANY", "ALL", "SOME"))
        sign = f"{self.chance.choice(blocks.COMPARISONS)} {word}" if len(left) == 1 else "IN"
        return self.chance.choice(
            (
                f"({row} IN ({block.text}))",
                f"({row} NOT IN ({block.text}))",
                f"{self.chance.choice(('', 'NOT '))}EXISTS ({block.text})",
                f"({row} {sign} ({block.text}))",
            )
        )


def _field(name: str, kind: str, collation: str) -> Field:
    """A column of a block, a kind of value that expressions know."""
    return Field(name, "", "integer" if kind == "truth" else kind, (), collation if kind == "text" else "")


def _over(text: str, alias: str, block: Block) -> Source:
    return Source(text, tuple((alias, f) for f in block.fields), tuple(f"{alias}.{key}" for key in block.keys))
