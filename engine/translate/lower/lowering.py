"""What is written while a statement becomes DuckDB SQL: keys by collations, moments of time zones, and what they need.

Operations are written by functions of a `Lowering`, one table of them for each family of values; `statement` puts the
tables together and writes queries. They know this form of it only, and so need not know one another.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from engine.collate import rules
from engine.collate.cases import Cases
from engine.collate.ends import odd_end
from engine.collate.presence import Presence, union
from engine.collate.weights import Weights
from engine.functions import Function
from engine.translate.bind.values.answers import Asked
from engine.translate.origins import Origins
from engine.translate.refusal import NOT_YET, ONE_NOT_YET, refuse
from engine.translate.tree import Expr, Query, Source
from engine.translate.types import Family, Type, compared_as
from engine.zones import ZoneTable

Weigh = Callable[[str, Presence], Weights | None]
FindZone = Callable[[str], ZoneTable | None]
FindCases = Callable[[str], Cases | None]
# Whether no two values of a column (a table's name in the store, the column) have the same key (SQL over v, and the
# function of weights that it calls, "" for none).
AreSingle = Callable[[str, str, str, str], bool]
IsWide = Callable[[], bool]  # whether products of the statement may have more than 18 digits
IsOrdered = Callable[[], bool]  # whether doubles are to be added up in the backend's order
_SORT_KEY = 1024  # bytes: max_sort_length, of which a session may not have less (proxy.backend.preflight)


class Lowering(ABC):
    """A statement being written. `weights_used`, `zones_used` and `asked` gather those whose functions the SQL calls.

    `reads_files` says that some tables are lake tables. `any_spelling` says that of equal strings any spelling may
    stand for all: MySQL has no rows of lake tables and so shows none that it had to be, and a session may want it so.
    `orders_rollups` is False where the statement's own ORDER BY leaves nothing of the order in which ROLLUP gives its
    rows. `sends_early` says that rows leave while others are computed, and that nothing is summed up before.
    `origins` knows what is behind columns. `asks_models` is of statements that no other can answer: their sums of
    doubles, of which only bounds are certain elsewhere, are what the engine makes them. `key_order` are the columns in
    whose order the backend adds up doubles, where that is known. `shows_digits` says that what is being written is
    shown with all digits, `spells_first` that of equal texts the first in that order is shown. `missing_dates` are the
    MIN and MAX that must not meet NULL. `backend` is the kind of the server whose answers are wanted.
    """

    def __init__(
        self,
        weigh: Weigh,
        find_zone: FindZone,
        find_cases: FindCases,
        are_single: AreSingle = lambda table, column, key, function: False,
        is_wide: IsWide = lambda: False,
        is_ordered: IsOrdered = lambda: False,
    ) -> None:
        self._weigh, self._find_zone, self._find_cases, self._are_single = weigh, find_zone, find_cases, are_single
        self.is_wide, self.is_ordered = is_wide, is_ordered
        self.backend = "mysql"
        self.key_order: tuple[Expr, ...] = ()
        self.missing_dates: frozenset[Expr] = frozenset()
        self.weights_used: dict[str, Weights] = {}
        self.zones_used: dict[str, ZoneTable] = {}
        self.asked: dict[str, Asked] = {}  # calls of models, by their tokens
        self.narrowed: dict[str, Asked] = {}  # by tokens, what is asked in the place of calls
        self.functions: dict[str, Function] = {}  # by their names
        self.shows_digits = False
        self.spells_first = False
        self.reads_files = False
        self.any_spelling = False
        self.orders_rollups = True
        self.sends_early = False
        self.asks_models = False
        self.origins = Origins(())
        self._singles: dict[tuple[str, str, str, str], bool] = {}

    @abstractmethod
    def expr(self, expr: Expr) -> str:
        """Write an expression; raises Refused for what the engine cannot do exactly."""

    @abstractmethod
    def query(self, query: Query, shown: list[Expr] | None = None) -> str:
        """Write a query; `shown` are the outputs in the form they leave the engine."""

    @abstractmethod
    def compared_query(self, query: Query, type_: Type, presence: Presence) -> str:
        """Write a sub-query of one string column as its equality keys in the collation of a type."""

    @abstractmethod
    def source(self, source: Source) -> str:
        """Write an item of FROM."""

    @abstractmethod
    def order_key(self, expr: Expr, presence: Presence | None = None) -> str:
        """Write what sorts as MySQL sorts; raises Refused for types whose order is not known."""

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

    def is_certain_moment(self, zone: str, second: int) -> bool:
        """Tell whether the local time of a moment is that of no other; raises Refused when the zone is not known."""
        return self._zone(zone).is_certain_moment(second)

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
        return self.expr(expr) if self._is_single(expr) else self.ended_key(expr, key)

    def ended_key(self, expr: Expr, key: str) -> str:
        """Let a key fail of a text for which it depends on the backend's plan whether another one is the same."""
        if not rules.uses_weight_keys(key) or expr.type.family is not Family.STRING:
            return key
        odd = odd_end(self.weights(expr.type, expr.type.presence), expr.type.presence)
        if not odd:
            return key
        failure = f"WHEN regexp_matches({self.expr(expr)}, {rules.quote(odd)}) THEN error('what weighs as a space')"
        return f"(CASE {failure} ELSE {key} END)"

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

    def pair_presence(self, left: Expr, right: Expr) -> Presence:
        """Unite the presence of two strings that are compared."""
        return union(left.type.presence, right.type.presence)

    def pair_type(self, left: Expr, right: Expr) -> Type:
        """Give the type whose collation compares two strings."""
        return compared_as(left.type, right.type)
