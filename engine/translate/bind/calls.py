"""Function calls to typed expressions, by the parser's node or by name."""

from collections.abc import Callable

from sqlglot import exp

from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.kept import doubles
from engine.translate.bind.numbers import arithmetic, as_number, as_value, compared
from engine.translate.bind.temporal import clock, dates, moments, read_dates, times, weeks
from engine.translate.bind.texts import codes, patterns, pieces, places
from engine.translate.bind.values import (
    answers,
    bits,
    byte_strings,
    control,
    documents,
    parts_of_bytes,
    session_literals,
    text,
)
from engine.translate.checks.few_digits import of_truth, spelled_short
from engine.translate.given import answered
from engine.translate.literals import is_literal
from engine.translate.nodes import child, children, kind, only, undated
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import WHOLE, YEAR_NUMBER, Family, Type, of_first, whole_digits
from statements.ml import ASKED
from statements.session_values import CALLS as SESSION_CALLS

Rule = Callable[[Binder, exp.Expression], Expr]


def _text(name: str, *arguments: str) -> Rule:
    """A string function whose arguments the parser put into these places."""
    least, _, function = text.FUNCTIONS[name]

    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, *arguments)
        nodes = [node.args[a] for a in arguments if node.args.get(a) is not None]
        if len(nodes) < least:
            refuse(f"{name} has too few arguments")
        bound = [binder.expr(n) for n in nodes]
        return parts_of_bytes.called(name, bound) or function(bound, binder.context.collation_connection)

    return rule


def _length(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    name = "LENGTH" if node.args.get("binary") else "CHAR_LENGTH"
    bound = [binder.expr(child(node))]
    return parts_of_bytes.called(name, bound) or text.FUNCTIONS[name][2](bound, binder.context.collation_connection)


def _trim(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "position", "expression")
    side = str(node.args.get("position") or "both").lower()
    removed = None if (written := node.args.get("expression")) is None else binder.expr(written)
    found = text.trim(binder.expr(child(node)), side, removed, binder.context.collation_connection)
    if removed is None or Family.NULL in (found.type.family, removed.type.family):
        return found
    return found.typed(of_first(found.type, found.type, [removed.type], "TRIM", binder.context.backend))


def _concat_call(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "expressions")
    return text.concat([binder.expr(item) for item in children(node)], binder.context.collation_connection)


def _date(name: str) -> Rule:
    function = dates.FUNCTIONS[name]
    takes_time = name in ("HOUR", "MINUTE", "SECOND")

    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        value = binder.expr(child(node) if takes_time else undated(child(node)))
        found = times.part(name, value) if takes_time else None
        if found is None:
            found = function(value)
            is_unsigned = name == "YEAR" and found.op == "date_part" and binder.context.backend == "mysql"
            return found.typed(YEAR_NUMBER) if is_unsigned else found
        return spelled_short(found, 2) if name == "HOUR" and binder.context.backend == "mariadb" else found

    return rule


def _to_date(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return dates.to_date(binder.expr(undated(child(node))))


def _extract(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    unit, value = child(node).name.upper(), binder.expr(child(node, "expression"))
    if unit == "WEEK":
        return weeks.week_in_mode(value, binder.context.default_week_format)
    found = times.part(unit, value) if unit in times.PARTS else None
    if found is not None:  # of negative times the servers give signs, of long ones different hours
        return Expr("within_day", found.type, (value, found))
    return weeks.compound_part(unit, value) if unit in weeks.COMPOUND_PARTS else dates.part(unit, value)


def _difference(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    return dates.difference(binder.expr(undated(child(node))), binder.expr(undated(child(node, "expression"))))


def _format(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "format")
    value = child(node)
    if isinstance(value, exp.TsOrDsToDate) and child(node, "format").name == "%B":  # the parser's form of MONTHNAME
        return weeks.named(binder, "monthname", binder.expr(undated(value)))
    if isinstance(value, exp.TsOrDsToTimestamp):  # put around every DATE_FORMAT argument by the parser
        only(value, "this")
        value = child(value)
    return weeks.formatted(binder, binder.expr(value), child(node, "format"))


def _coalesce(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expressions")
    values = [binder.expr(child(node)), *(binder.expr(item) for item in children(node))]
    return binder.result(control.coalesce(values))


_REPLACED = _text("REPLACE", "this", "expression", "replacement")


def _replace(binder: Binder, node: exp.Expression) -> Expr:
    found = _REPLACED(binder, node)
    if found.op == "bytes_replaced":
        return found
    if found.op == "replace":
        first, *others = (arg.type for arg in found.args)
        found = found.typed(of_first(found.type, first, others, "REPLACE", binder.context.backend))
    if binder.context.backend != "mysql":
        return text.replaced_by_known(found)
    return text.with_room_to_grow(found) if found.op == "replace" else found


def _nullif(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    left, right = binder.expr(child(node)), binder.expr(child(node, "expression"))
    if binder.context.backend == "mysql":
        _require_no_lost_constant(left, right)
        return control.nullif(left, right)
    return control.nullif(left, right, compared)


def _is_negative(value: object) -> bool:
    return isinstance(value, int) and value < 0


def _require_no_lost_constant(left: Expr, right: Expr) -> None:
    """Refuse what MySQL 9.7 takes for NULL in `NULLIF(-1, price) IS NOT NULL`: a constant integer that is no plain
    literal, beside what is no integer. `NULLIF(1, price)` it reads as it should."""
    if left.type.family not in WHOLE or right.type.family in WHOLE:
        return
    if is_literal(left) and not answered(_is_negative, left):
        return
    if all(is_literal(part) for part in walk(left) if not part.args):
        refuse("NULLIF of a constant integer, beside what is no integer, is NULL in conditions of MySQL's")


def _extreme(operation: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expressions")
        values = [binder.expr(child(node)), *(binder.expr(item) for item in children(node))]
        return binder.result(control.extreme(operation, values, binder.context.backend == "mariadb"))

    return rule


def _rounding(operation: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "decimals")
        places = node.args.get("decimals")
        value = binder.expr(child(node))
        count = None if places is None else binder.expr(places)
        if count is not None and binder.context.backend == "mysql":
            count = _no_more_places(as_number(value, operation.upper()).type, count)
        elif count is not None and literals.is_literal(value) and value.type.family in WHOLE:
            refuse(f"{operation.upper()} of a whole literal to some places has too few digits in MariaDB")
        rounded = control.round_to(operation, value, count)
        is_decimal = rounded.type.family is Family.DECIMAL
        if rounded.op == "round_before_point" and binder.context.backend != "mysql" and is_decimal:
            # MariaDB stores it with no more digits than there were.
            rounded = Expr("within", rounded.type, (rounded,), value=whole_digits(as_value(value).type))
        return doubles.stored_again(binder, rounded)

    return rule


def _no_more_places(type_: Type, count: Expr) -> Expr:
    """MySQL rounds a decimal to no more places than it has: ROUND(1.5, 6) is 1.5, where MariaDB's is 1.500000."""
    if type_.family is not Family.DECIMAL or not literals.is_literal(count) or not isinstance(count.value, int):
        return count
    return literals.integer(min(count.value, type_.scale))


def _whole(operation: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        units = _whole_units(binder, child(node)) if operation == "floor" else None
        if units is not None:
            return units
        keep = doubles.whole_again if operation == "floor" else doubles.stored_again
        return keep(binder, control.floor_or_ceil(operation, binder.expr(child(node))))

    return rule


def _whole_units(binder: Binder, node: exp.Expression) -> Expr | None:
    """FLOOR(UNIX_TIMESTAMP(moment with a fraction) / 3600), which counts hours: what DIV gives of numbers that are not
    negative. How many decimals the servers compute of that quotient differs from row to row; None for all else."""
    seconds, unit = (node.args.get(part) for part in ("this", "expression"))
    if not isinstance(node, exp.Div) or not isinstance(unit, exp.Literal) or unit.is_string or not unit.name.isdigit():
        return None
    if not isinstance(seconds, exp.Anonymous) or seconds.name.upper() != "UNIX_TIMESTAMP":
        return None
    if binder.expr(seconds).op != "unix_time_fraction":
        return None
    return binder.expr(exp.IntDiv(this=seconds, expression=unit))


def _with_digits(rule: Rule) -> Rule:
    """A function that gives an integer as it is, and for which MariaDB counts its digits anew."""

    def counted(binder: Binder, node: exp.Expression) -> Expr:
        found = rule(binder, node)
        return found if binder.context.backend == "mysql" else of_truth(found)

    return counted


def _one(function: Callable[[Expr], Expr]) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        return function(binder.expr(child(node)))

    return rule


def _concat_with(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "expressions", "safe", "coalesce")
    return text.concat_with([binder.expr(item) for item in children(node)], binder.context.collation_connection)


def _elapsed(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression", "unit")
    unit = child(node, "unit").name.upper()
    count = weeks.months_between if unit in ("MONTH", "QUARTER", "YEAR") else dates.elapsed
    return count(unit, binder.expr(child(node, "expression")), binder.expr(child(node)))


def _added(binder: Binder, node: exp.Expression) -> Expr:
    """TIMESTAMPADD(unit, amount, date)."""
    only(node, "this", "expression", "unit")
    unit = child(node, "unit").name.upper()
    base = binder.expr(child(node))
    if literals.is_literal(base):
        refuse("TIMESTAMPADD to a literal is not supported")
    return dates.shift(base, binder.expr(child(node, "expression")), unit, 1, binder.context.backend)


def _absolute(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return binder.result(control.absolute(binder.expr(child(node))))


def _named(binder: Binder, node: exp.Expression) -> Expr:
    """A call that the parser knows by name only."""
    only(node, "this", "expressions")
    name, arguments = str(node.this).upper(), children(node)
    if name in SESSION_CALLS and not arguments:
        return session_literals.bind(binder, node)
    if name.startswith(ASKED):
        return answers.call(binder, name, arguments)
    if name in clock.NAMES:
        return clock.value(binder, name, arguments)
    if name == "UNIX_TIMESTAMP" and not arguments:
        return clock.unix_time(binder)
    if name in ("ADDDATE", "SUBDATE") and len(arguments) == 2:
        return _add_date(binder, arguments, 1 if name == "ADDDATE" else -1)
    if name in dates.FUNCTIONS and len(arguments) == 1:
        value = binder.expr(arguments[0])
        found = times.part(name, value) if name == "MICROSECOND" else None
        return dates.FUNCTIONS[name](value) if found is None else found
    for table in (
        weeks.NAMED,
        pieces.NAMED,
        codes.NAMED,
        places.NAMED,
        times.NAMED,
        moments.NAMED,
        byte_strings.NAMED,
        documents.NAMED,
    ):
        if name in table and table[name][0] <= len(arguments) <= table[name][1]:
            return table[name][2](binder, arguments)
    if name in text.FUNCTIONS:
        least, most, function = text.FUNCTIONS[name]
        if least <= len(arguments) <= most:
            bound = [binder.expr(a) for a in arguments]
            return parts_of_bytes.called(name, bound) or function(bound, binder.context.collation_connection)
    if name == "MOD" and len(arguments) == 2:
        left, right = (binder.expr(a) for a in arguments)
        return modulo(binder, left, right)
    raise Refused(f"{kind(node)} is not supported")


def modulo(binder: Binder, left: Expr, right: Expr) -> Expr:
    """left MOD right; of decimals MariaDB gives a negative zero, which looks different."""
    found = arithmetic("mod", left, binder.divisor(right), 0)
    if binder.context.backend != "mysql" and found.op == "decimal_modulo":
        return Expr("plain_zero_of", found.type, (found, found.args[0]))
    return found


def _add_date(binder: Binder, arguments: list[exp.Expression], sign: int) -> Expr:
    amount, unit = arguments[1], "DAY"
    if isinstance(amount, exp.Interval):
        only(amount, "this", "unit")
        amount, unit = child(amount), child(amount, "unit").name.upper()
    return dates.shifted(binder, arguments[0], amount, unit, sign)


_NAMED = (
    weeks.NAMED,
    pieces.NAMED,
    codes.NAMED,
    places.NAMED,
    times.NAMED,
    moments.NAMED,
    byte_strings.NAMED,
    documents.NAMED,
)
CALLS: dict[type[exp.Expression], Rule] = {
    **dict.fromkeys(clock.NODES, clock.bind),
    **dict.fromkeys(session_literals.NODES, session_literals.bind),
    exp.Anonymous: _named,
    exp.Substring: _text("SUBSTRING", "this", "start", "length"),
    exp.Left: _text("LEFT", "this", "expression"),
    exp.Right: _text("RIGHT", "this", "expression"),
    exp.Upper: _text("UPPER", "this"),
    exp.Lower: _text("LOWER", "this"),
    exp.Replace: _replace,
    exp.Reverse: _text("REVERSE", "this"),
    exp.Length: _length,
    exp.Trim: _trim,
    exp.Concat: _concat_call,
    exp.Year: _date("YEAR"),
    exp.Quarter: _date("QUARTER"),
    exp.Month: _date("MONTH"),
    exp.Day: _date("DAY"),
    exp.DayOfMonth: _date("DAYOFMONTH"),
    exp.Hour: _date("HOUR"),
    exp.Minute: _date("MINUTE"),
    exp.Second: _date("SECOND"),
    exp.LastDay: _date("LAST_DAY"),
    exp.DayOfWeek: _date("DAYOFWEEK"),
    exp.TsOrDsToDate: _to_date,
    exp.Extract: _extract,
    exp.DateDiff: _difference,
    exp.DayOfYear: _date("DAYOFYEAR"),
    exp.TimestampDiff: _elapsed,
    exp.TimestampAdd: _added,
    exp.Week: weeks.week,
    exp.WeekOfYear: weeks.week_of_year,
    exp.StrToDate: read_dates.bind,
    exp.StrToTime: read_dates.bind,
    exp.Dayname: weeks.day_name,
    **pieces.NODES,
    **codes.NODES,
    **byte_strings.NODES,
    **places.NODES,
    **times.NODES,
    **moments.NODES,
    **documents.NODES,
    **patterns.NODES,
    **bits.NODES,
    exp.ConcatWs: _concat_with,
    exp.TimeToStr: _format,
    exp.Coalesce: _coalesce,
    exp.Nullif: _with_digits(_nullif),
    exp.Greatest: _extreme("greatest"),
    exp.Least: _extreme("least"),
    exp.Round: _with_digits(_rounding("round")),
    exp.Trunc: _with_digits(_rounding("truncate")),
    exp.Floor: _with_digits(_whole("floor")),
    exp.Ceil: _with_digits(_whole("ceil")),
    exp.Abs: _with_digits(_absolute),
    exp.Sign: _one(control.sign),
}
