"""The last pass: typed tree to DuckDB SQL. Only this module and its tables know the engine."""

from collections.abc import Callable
from datetime import datetime

from engine.checksums import Checksum
from engine.collate import rules
from engine.collate.cases import Cases
from engine.collate.presence import Presence, union
from engine.collate.weights import Weights
from engine.translate.answers import Asked
from engine.translate.doubles import is_loose
from engine.translate.given import answered
from engine.translate.lower_answers import ANSWER_OPS
from engine.translate.lower_answers import order_key as answer_order_key
from engine.translate.lower_bytes import BYTE_OPS
from engine.translate.lower_codes import CODE_OPS
from engine.translate.lower_dates import DATE_OPS
from engine.translate.lower_documents import DOCUMENT_OPS
from engine.translate.lower_doubles import DOUBLE_OPS, bare, sort_key
from engine.translate.lower_early_keys import EarlyKeys, grouped_by_value
from engine.translate.lower_groups import GROUP_OPS, group_key
from engine.translate.lower_json_tables import CELL_OPS, json_rows
from engine.translate.lower_moments import MOMENT_OPS
from engine.translate.lower_read_dates import READ_DATE_OPS
from engine.translate.lower_sets import both_sides, distinct_recursion
from engine.translate.lower_strings import TEXT_OPS
from engine.translate.lower_times import TIME_OPS
from engine.translate.lower_values import VALUE_OPS
from engine.translate.members import LISTED, require_order
from engine.translate.numbers import is_zero
from engine.translate.origins import Origins
from engine.translate.refusal import NOT_YET, ONE_NOT_YET, refuse
from engine.translate.row_values import as_filter
from engine.translate.tree import (
    Block,
    CteSource,
    Expr,
    Join,
    JsonRows,
    OrderItem,
    Output,
    Query,
    QuerySource,
    Recursion,
    SetOperation,
    Source,
    TableSource,
)
from engine.translate.types import Family, Type
from engine.translate.unions import UNION_ALIAS
from engine.zones import ZoneTable

Weigh = Callable[[str, Presence], Weights | None]
FindZone = Callable[[str], ZoneTable | None]
FindCases = Callable[[str], Cases | None]
# Whether no two values of a column (a table's name in the store, the column) have the same key (SQL over v, and the
# function of weights that it calls, "" for none).
AreSingle = Callable[[str, str, str, str], bool]
_OPS: dict[str, Callable[["Lowering", Expr], str]] = {
    **VALUE_OPS,
    **GROUP_OPS,
    **TEXT_OPS,
    **DATE_OPS,
    **DOUBLE_OPS,
    **CODE_OPS,
    **TIME_OPS,
    **DOCUMENT_OPS,
    **CELL_OPS,
    **READ_DATE_OPS,
    **MOMENT_OPS,
    **BYTE_OPS,
    **ANSWER_OPS,
}
_GROUPING = {(False, False): "{}", (True, False): "ROLLUP ({})", (True, True): "CUBE ({})"}
_MOST_WRITTEN = 1 << 18  # characters of one expression: four times the longest statement that is read
_SORT_KEY = 1024  # bytes: max_sort_length, of which a session may not have less (proxy.preflight)
_JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "cross": "CROSS JOIN"}


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


class Lowering:
    """Writes one statement. `weights_used`, `zones_used` and `asked` gather those whose functions the SQL calls.

    `reads_files` says that some tables are lake tables. `any_spelling` says that of equal strings any spelling may
    stand for all: MySQL has no rows of lake tables and so shows none that it had to be, and a session may want it so.
    `orders_rollups` is False where the statement's own ORDER BY leaves nothing of the order in which ROLLUP gives its
    rows. `origins` knows what is behind columns. `asks_models` is
    of statements that no other can answer: their sums of doubles, of which only bounds are certain elsewhere, are what
    the engine makes them.
    """

    def __init__(
        self,
        weigh: Weigh,
        find_zone: FindZone,
        find_cases: FindCases,
        are_single: AreSingle = lambda table, column, key, function: False,
    ) -> None:
        self._weigh, self._find_zone, self._find_cases, self._are_single = weigh, find_zone, find_cases, are_single
        self.weights_used: dict[str, Weights] = {}
        self.zones_used: dict[str, ZoneTable] = {}
        self.asked: dict[str, Asked] = {}  # calls of models, by their tokens
        self.looked_into: frozenset[str] = frozenset()  # the tokens of those that only parts are shown of
        self.functions: list[Checksum] = []
        self.reads_files = False
        self.any_spelling = False
        self.orders_rollups = True
        self.asks_models = False
        self.origins = Origins(())
        self._singles: dict[tuple[str, str, str, str], bool] = {}
        self._early = EarlyKeys()

    def expr(self, expr: Expr) -> str:
        """Write an expression; raises Refused for what the engine cannot do exactly."""
        written = bare(self, expr) if is_loose(expr) else _OPS[expr.op](self, expr)
        if len(written) > _MOST_WRITTEN:
            refuse("an expression is too long for the engine")
        return written

    def weights(self, type_: Type, presence: Presence) -> Weights:
        """Give the weights of a string's collation for such data; raises Refused when they are not known."""
        found = self._weigh(type_.collation or "", presence)
        if found is None:
            refuse(f"the weights of collation {type_.collation} are {NOT_YET}")
        return found

    def cases(self, collation: str) -> Cases:
        """Give what LOWER and UPPER do in a collation; raises Refused when it is not known."""
        found = self._find_cases(collation)
        if found is None:
            refuse(f"the cases of collation {collation} are {NOT_YET}")
        return found

    def from_utc(self, sql: str, zone: int | str) -> str:
        """Write a moment of UTC in a zone: an offset in seconds, or a name; raises Refused when it is not known."""
        return self._moved(sql, zone, "")

    def to_utc(self, sql: str, zone: int | str) -> str:
        """Write a local time of a zone in UTC; raises Refused when the zone is not known."""
        return self._moved(sql, zone, "_back")

    def is_certain(self, zone: str, local: datetime) -> bool:
        """Tell whether a local time is that of one moment; raises Refused when the zone is not known."""
        return self._zone(zone).is_certain(local)

    def _moved(self, sql: str, zone: int | str, way: str) -> str:
        if isinstance(zone, str):
            table = self._zone(zone)
            if len(table.offsets) > 1:
                self.zones_used[table.function] = table
                return f"{table.function}{way}({sql})"
            zone = int(table.offsets[0])
        return sql if zone == 0 else f"({sql} + to_seconds({-zone if way else zone}))"

    def _zone(self, zone: str) -> ZoneTable:
        table = self._find_zone(zone)
        if table is None:
            refuse(f"time zone {zone} is {ONE_NOT_YET}")
        return table

    def equality_key(self, expr: Expr, presence: Presence | None = None) -> str:
        """Write what is equal where MySQL says equal; the expression itself unless it is a string."""
        return self._key(rules.equality_key, expr, presence)

    def order_key(self, expr: Expr, presence: Presence | None = None) -> str:
        """Write what sorts as MySQL sorts; raises Refused for types whose order is not known."""
        require_order(expr.type, "the order of")
        if expr.type.family is Family.ANSWER:
            return answer_order_key(self, expr)
        self.require_whole_keys(expr)
        return sort_key(expr, self._key(rules.order_key, expr, presence))

    def require_whole_keys(self, expr: Expr) -> None:
        """Raise Refused where MariaDB may sort by a part of the key only.

        Its sort keys end at max_sort_length, and those of UCA 14.0.0 have the first level of the longest possible text
        before the second: of a longer column accents and cases come in any order, and a group may come twice.
        """
        if expr.type.family is Family.STRING and "_uca1400_" in (expr.type.collation or ""):
            levels = self.weights(expr.type, expr.type.presence).levels
            longest = _SORT_KEY // (2 * levels)
            if levels > 1 and not (expr.op == "column" and 0 < expr.type.characters <= longest):
                refuse(f"MariaDB sorts texts beyond {longest} characters by a part of {expr.type.collation}")

    def _key(self, make: Callable[[str, Weights, Presence], str | None], expr: Expr, presence: Presence | None) -> str:
        sql = self.expr(expr)
        if expr.type.family is not Family.STRING:
            return sql
        presence = expr.type.presence if presence is None else presence
        weights = self.weights(expr.type, presence)
        key = make(sql, weights, presence)
        if key is None:
            refuse(f"strings in collation {expr.type.collation} hold characters the engine cannot compare")
        if rules.uses_weight_keys(key):
            self.weights_used[weights.function] = weights
        return key

    def is_bare(self, expr: Expr) -> bool:
        """Tell whether bytes are equal exactly where MySQL says equal."""
        return self.equality_key(expr) == self.expr(expr)

    def tells_apart(self, expr: Expr) -> bool:
        """Tell whether the bytes of two values of an expression differ exactly where MySQL says that they do."""
        return self.is_bare(expr) or self._is_single(expr)

    def own_key(self, expr: Expr) -> str:
        """Write what is equal where MySQL says equal of two values of this expression; others have other keys."""
        key = self.equality_key(expr)
        return self.expr(expr) if self._is_single(expr) else key

    def _is_single(self, expr: Expr) -> bool:
        """Tell whether it has the values of a stored column in which every text has one spelling."""
        origin = None if expr.type.family is not Family.STRING or self.reads_files else self.origins.of(expr)
        if origin is None:
            return False
        weights = self.weights(expr.type, expr.type.presence)
        key = rules.equality_key("v", weights, expr.type.presence)
        if key is None or key == "v":
            return False
        question = (*origin, key, weights.function if rules.uses_weight_keys(key) else "")
        if question not in self._singles:  # asked once: a key and what is shown of it are of one form
            self._singles[question] = self._are_single(*question)
        return self._singles[question]

    def query(self, query: Query, shown: list[Expr] | None = None) -> str:
        """Write a query; `shown` are the outputs in the form they leave the engine."""
        ctes = ", ".join(self._common(label, body) for label, body in query.ctes)
        body = self._block(query, shown) if isinstance(query, Block) else self._set_operation(query, shown)
        word = "WITH RECURSIVE" if any(isinstance(cte, Recursion) for _, cte in query.ctes) else "WITH"
        return f"{word} {ctes} {body}" if ctes else body

    def _common(self, label: str, body: Query | Recursion) -> str:
        if not isinstance(body, Recursion):
            return f"{label} AS ({self.query(body)})"
        columns = ", ".join([f"c{place}" for place in range(len(body.outputs))])
        depth = f"{body.alias}.depth"
        deeper = f"CASE WHEN {depth} >= {body.limit} THEN error('a recursive query goes too deep') ELSE {depth} + 1 END"
        values = [f"{self.expr(output.expr)} AS c{place}" for place, output in enumerate(body.step.outputs)]
        step = self._select(body.step, [*values, f"{deeper} AS depth"])
        first = f"SELECT {columns}, 1 AS depth FROM ({self.query(body.first)})"
        if body.distinct:
            return distinct_recursion(self, label, body, first, step)
        return f"{label}({columns}, depth) AS ({first} UNION ALL {step})"

    def compared_query(self, query: Query, type_: Type, presence: Presence) -> str:
        """Write a sub-query of one string column as its equality keys in the collation of a type."""
        if not isinstance(query, Block):
            refuse("this sub-query is not supported in a comparison")
        key = self.equality_key(query.outputs[0].expr.typed(type_), presence)
        return self._select(query, [f"{key} AS c0"])

    def _block(self, block: Block, shown: list[Expr] | None) -> str:
        exprs = shown or [output.expr for output in block.outputs]
        return self._select(block, [f"{self.expr(e)} AS c{at}" for at, e in enumerate(exprs)])

    def _select(self, block: Block, outputs: list[str]) -> str:
        if block.distinct:
            self._require_bare(block.outputs, "DISTINCT")
        keys = [(key, group_key(self, key)) for key in block.groups]
        early = self._early.replaced(block, keys)
        selected = early.written(" ".join(["SELECT DISTINCT" if block.distinct else "SELECT", ", ".join(outputs)]))
        grouped = [*map(early.written, self._grouped(block, keys))]
        tail = [*map(early.written, self._tail(block.order, block.outputs, block.limit, block.offset))]
        if keys and not block.rollup:  # GROUPING names keys as they stand in GROUP BY
            grouped = grouped_by_value([sql for _, sql in keys], grouped, " ".join([selected, *grouped, *tail]))
        made = " ".join([selected, *self._rows(block), *grouped])
        if block.uncut and block.limit is not None:
            most = self.expr(block.limit)
            guard = (
                f"CASE WHEN count(*) > {most} THEN error('a LIMIT without ORDER BY leaves rows out') ELSE {most} END"
            )
            return f"{made} LIMIT (SELECT {guard} FROM ({made}))"
        return " ".join([made, *tail])

    def _rows(self, block: Block) -> list[str]:
        parts = [] if block.source is None else ["FROM", self.source(block.source)]
        return parts if block.where is None else [*parts, "WHERE", self.expr(as_filter(block.where))]

    def _grouped(self, block: Block, keys: list[tuple[Expr, str]]) -> list[str]:
        parts = []
        if keys:
            for key in block.groups if block.rollup else ():
                self.require_whole_keys(key)
            parts = ["GROUP BY", _GROUPING[block.rollup, block.cube].format(", ".join(sql for _, sql in keys))]
        if block.having is not None:
            parts += ["HAVING", self.expr(block.having)]
        if block.qualify is not None:
            parts += ["QUALIFY", self.expr(as_filter(block.qualify))]
        if block.rollup and not block.order and self.orders_rollups:
            parts.append(self._rollup_order(block))
        return parts

    def _rollup_order(self, block: Block) -> str:
        """Order rows as ROLLUP gives them in MySQL: sorted, each sum behind what it sums."""
        items = (f"GROUPING({group_key(self, key)}), min({self.order_key(key)}) NULLS FIRST" for key in block.groups)
        return "ORDER BY " + ", ".join(items)

    def _tail(
        self, order: list[OrderItem], outputs: list[Output], limit: Expr | None, offset: Expr | None
    ) -> list[str]:
        items = [item for item in order if item.expr.op != "literal"]
        parts = []
        if items:
            parts = ["ORDER BY", ", ".join(self._order_item(item, outputs) for item in items)]
        if limit is not None:
            parts.append(f"LIMIT {self.expr(limit)}")
        if offset is not None and not answered(is_zero, offset):
            parts.append(f"OFFSET {self.expr(offset)}")
        return parts

    def _order_item(self, item: OrderItem, outputs: list[Output]) -> str:
        expr = item.expr
        key = self.order_key(expr)
        if key == self.expr(expr) and expr.type.family not in LISTED:  # those are shown in another form
            key = next((f"c{at}" for at, output in enumerate(outputs) if output.expr == expr), key)
        return key + (" DESC NULLS LAST" if item.descending else " ASC NULLS FIRST")

    def _require_bare(self, outputs: list[Output], what: str) -> None:
        for output in outputs:
            if output.expr.type.frac != output.expr.type.scale:
                refuse(f"{what} of a quotient is not supported")
            if output.expr.type.family is Family.STRING and not self.is_bare(output.expr):
                refuse(f"{what} of strings that may be equal in different spellings is not supported")

    def _set_operation(self, query: SetOperation, shown: list[Expr] | None) -> str:
        exprs = shown or [output.expr for output in query.outputs]
        columns = ", ".join(f"{self.expr(e)} AS c{at}" for at, e in enumerate(exprs))
        parts = [f"SELECT {columns} FROM ({both_sides(self, query)}) AS {UNION_ALIAS}"]
        return " ".join(parts + self._tail(query.order, query.outputs, query.limit, query.offset))

    def source(self, source: Source) -> str:
        """Write an item of FROM."""
        if isinstance(source, TableSource):
            sample = "" if source.sample is None else f" TABLESAMPLE {source.sample}"
            table = f"{source.name} AS {source.alias}{sample}"
            if source.only is not None:
                table = f"(SELECT * FROM {table} WHERE {self.expr(as_filter(source.only))}) AS {source.alias}"
            return self._early.table(source, table)
        if isinstance(source, CteSource):
            return f"{source.cte} AS {source.alias}"
        if isinstance(source, JsonRows):
            return json_rows(self, source)
        if isinstance(source, QuerySource):
            return f"{'LATERAL ' if source.lateral else ''}({self.query(source.query)}) AS {source.alias}"
        return self._join(source)

    def _join(self, join: Join) -> str:
        right = self.source(join.right)
        if isinstance(join.right, Join):
            right = f"({right})"
        on = "" if join.on is None else f" ON {self.expr(join.on)}"
        return f"{self.source(join.left)} {_JOINS[join.kind]} {right}{on}"

    def pair_presence(self, left: Expr, right: Expr) -> Presence:
        """Unite the presence of two strings that are compared."""
        return union(left.type.presence, right.type.presence)

    def pair_type(self, left: Expr, right: Expr) -> Type:
        """Give the type whose collation compares two strings: a column's before a literal's."""
        return right.type if left.type.coercible or right.type.explicit else left.type
