"""The last pass: typed tree to DuckDB SQL. Only this folder knows the engine."""

from collections.abc import Callable

from engine.collate import rules
from engine.collate.presence import Presence
from engine.translate.bind.kept.doubles import is_loose
from engine.translate.bind.numbers import is_zero
from engine.translate.bind.tables.row_values import as_filter
from engine.translate.checks.lost_groups import needs_rows_together
from engine.translate.given import answered
from engine.translate.lower.answers import ANSWER_OPS
from engine.translate.lower.answers import order_key as answer_order_key
from engine.translate.lower.byte_strings import BYTE_OPS
from engine.translate.lower.codes import CODE_OPS
from engine.translate.lower.dates import DATE_OPS
from engine.translate.lower.documents import DOCUMENT_OPS
from engine.translate.lower.doubles import DOUBLE_OPS, bare
from engine.translate.lower.early_keys import EarlyKeys, grouped_by_value
from engine.translate.lower.groups import GROUP_OPS, group_key
from engine.translate.lower.json_tables import CELL_OPS, json_rows
from engine.translate.lower.lowering import AreSingle, FindCases, FindZone, IsOrdered, IsWide, Lowering, Weigh
from engine.translate.lower.moments import MOMENT_OPS
from engine.translate.lower.over import sort_key
from engine.translate.lower.packed import PACKED_OPS
from engine.translate.lower.read_dates import READ_DATE_OPS
from engine.translate.lower.sets import both_sides, distinct_recursion
from engine.translate.lower.strings import TEXT_OPS
from engine.translate.lower.text_numbers import TEXT_NUMBER_OPS
from engine.translate.lower.times import TIME_OPS
from engine.translate.lower.values import VALUE_OPS
from engine.translate.members import LISTED, require_order
from engine.translate.refusal import refuse
from engine.translate.tree import (
    UNION_ALIAS,
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
    walk,
)
from engine.translate.types import Family, Type

_OPS: dict[str, Callable[[Lowering, Expr], str]] = {
    **VALUE_OPS,
    **GROUP_OPS,
    **TEXT_OPS,
    **DATE_OPS,
    **PACKED_OPS,
    **DOUBLE_OPS,
    **CODE_OPS,
    **TIME_OPS,
    **DOCUMENT_OPS,
    **CELL_OPS,
    **READ_DATE_OPS,
    **MOMENT_OPS,
    **BYTE_OPS,
    **TEXT_NUMBER_OPS,
    **ANSWER_OPS,
}
_GROUPING = {(False, False): "{}", (True, False): "ROLLUP ({})", (True, True): "CUBE ({})"}
_MOST_WRITTEN = 1 << 18  # characters of one expression: four times the longest statement that is read
_JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "cross": "CROSS JOIN"}


class Statement(Lowering):
    """Writes one statement."""

    def __init__(
        self,
        weigh: Weigh,
        find_zone: FindZone,
        find_cases: FindCases,
        are_single: AreSingle = lambda table, column, key, function: False,
        is_wide: IsWide = lambda: False,
        is_ordered: IsOrdered = lambda: False,
    ) -> None:
        super().__init__(weigh, find_zone, find_cases, are_single, is_wide, is_ordered)
        self._early = EarlyKeys()

    def expr(self, expr: Expr) -> str:
        """Write an expression; raises Refused for what the engine cannot do exactly."""
        written = bare(self, expr) if is_loose(expr) else _OPS[expr.op](self, expr)
        if len(written) > _MOST_WRITTEN:
            refuse("an expression is too long for the engine")
        return written

    def order_key(self, expr: Expr, presence: Presence | None = None) -> str:
        """Write what sorts as MySQL sorts; raises Refused for types whose order is not known."""
        require_order(expr.type, "the order of")
        if expr.type.family is Family.ANSWER:
            return answer_order_key(self, expr)
        self.require_whole_keys(expr)
        return sort_key(expr, self._key(rules.order_key, expr, presence))

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
        shown = query.outputs[0].expr.typed(type_)
        key = self.equality_key(shown, presence)
        key = self.ended_key(shown, key) if self.backend == "mysql" else key
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
            failure = "error('a LIMIT without ORDER BY leaves rows out')"
            guard = f"CASE WHEN count(*) > {most} THEN {failure} ELSE count(*) END"
            return f"{made} LIMIT (SELECT {guard} FROM ({made}))"
        return " ".join([made, *tail])

    def _rows(self, block: Block) -> list[str]:
        parts = [] if block.source is None else ["FROM", self.source(block.source)]
        return parts if block.where is None else [*parts, "WHERE", self.expr(as_filter(block.where))]

    def _grouped(self, block: Block, keys: list[tuple[Expr, str]]) -> list[str]:
        parts = []
        if keys:
            for key in block.groups if block.rollup or _sorts_rows(block) else ():
                self.require_whole_keys(key)
            if block.rollup and len({sql for _, sql in keys}) < len(keys):
                refuse("two keys of ROLLUP are the same for these rows")  # DuckDB makes one of them
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
        otherwise = expr.type.family in LISTED or (expr.op == "case" and expr.type.unpadded)  # shown in another form
        if key == self.expr(expr) and not otherwise:
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


def _sorts_rows(block: Block) -> bool:
    """Tell whether MariaDB surely sorts the rows to group them."""
    exprs = [*(output.expr for output in block.outputs), *(item.expr for item in block.order)]
    exprs += [] if block.having is None else [block.having]
    return any(needs_rows_together(part) for expr in exprs for part in walk(expr))
