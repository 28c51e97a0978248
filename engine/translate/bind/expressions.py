"""Parser nodes to typed expressions: one table from node to rule; what is not in it is refused."""

from collections.abc import Callable
from functools import partial

from sqlglot import exp

from engine.collate.presence import is_ascii
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.calls import CALLS, modulo
from engine.translate.bind.groups import aggregates
from engine.translate.bind.groups.aggregation import bind_aggregate
from engine.translate.bind.groups.signs import unless_negative
from engine.translate.bind.groups.windows import bind_window
from engine.translate.bind.kept import doubles
from engine.translate.bind.numbers import arithmetic, as_condition, as_double, ended, negated
from engine.translate.bind.tables import subqueries
from engine.translate.bind.tables.row_values import compare_rows, only_row, parts_of
from engine.translate.bind.temporal import dates, times, weeks
from engine.translate.bind.values import answers, byte_strings, control, parts_of_bytes, text
from engine.translate.bind.values.compare import (
    between,
    by_bytes,
    compare,
    equal_bits,
    one_of,
    require_certain_cases,
    require_one_collation,
    written_moments,
)
from engine.translate.checks.few_digits import (
    as_int,
    beside_decimal,
    require_counted_dividend,
    spelled_short_quotient,
    with_room,
)
from engine.translate.checks.misjudged import decides, is_asked_for_null, is_kept, is_misjudged
from engine.translate.checks.releases import require_same_div, require_same_quotient, require_same_xor
from engine.translate.checks.signed_room import quotient_with_room, with_signed_room
from engine.translate.members import LISTED, as_number_of
from engine.translate.nodes import child, children, kind, only
from engine.translate.packed import require_comparable
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import BOOL, Family

Rule = Callable[[Binder, exp.Expression], Expr]

# Nodes that stand on one level of precedence in MySQL but on several in the parser.
_PREDICATES = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.Is, exp.In, exp.Like, exp.Escape,
    exp.Between, exp.RegexpLike, exp.Not,
)  # fmt: skip


def _operands(node: exp.Expression) -> tuple[exp.Expression, exp.Expression]:
    only(node, "this", "expression")
    left, right = child(node), child(node, "expression")
    if isinstance(left, _PREDICATES) or isinstance(right, _PREDICATES):
        refuse("comparisons in a row without parentheses are not certain to be read alike")
    return left, right


def _comparison(operator: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        left, right = _operands(node)
        if isinstance(right, exp.All | exp.Any):
            return subqueries.quantified(binder, operator, binder.expr(left), right)
        parts = parts_of(left)
        if parts is not None:
            _require_null(binder, node)
            return _rows(binder, operator, parts, right)
        return subqueries.agreed(
            binder,
            lambda: compare(operator, *_sides(binder.side(left), binder.side(right))),
        )

    return rule


def _require_null(binder: Binder, node: exp.Expression) -> None:
    """Refuse a comparison of two rows where MariaDB does not look whether it is NULL."""
    if binder.context.backend == "mysql":
        return
    if is_kept(node):
        refuse("MariaDB takes a comparison of rows in a derived table for never NULL")
    if is_asked_for_null(node):
        refuse("MariaDB takes a comparison of rows for never NULL")


def _sides(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """What is compared by an operator, of the two values beside it."""
    return answers.unquoted(*written_moments(*by_bytes(left, right)))


def _rows(binder: Binder, operator: str, parts: list[exp.Expression], right: exp.Expression) -> Expr:
    left, others = [binder.side(part) for part in parts], parts_of(right)
    _note(binder, parts[0])
    if isinstance(right, exp.Subquery):
        return only_row(binder, operator, left, right)
    if others is None:
        refuse("a row is compared with a value")
    return compare_rows(operator, left, [binder.side(part) for part in others])


def _arithmetic(operator: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression", "typed", "safe")
        left, right = child(node), child(node, "expression")
        if isinstance(right, exp.Interval) and operator in ("add", "subtract"):
            return _shifted(binder, left, right, 1 if operator == "add" else -1)
        if isinstance(left, exp.Interval) and operator == "add":
            return _shifted(binder, right, left, 1)
        if operator == "mod":
            return modulo(binder, binder.expr(left), binder.expr(right))
        increment = binder.context.div_precision_increment
        is_mariadb = binder.context.backend == "mariadb"
        second = _number_of(binder, right)
        if operator == "div" and is_mariadb:
            require_same_div(second)
        if operator in ("divide", "div"):
            second = binder.divisor(second)
        first = _number_of(binder, left)
        if operator == "divide" and is_mariadb:
            require_counted_dividend(first)
            first = with_room(first)
        beside_decimals = Family.DECIMAL in (first.type.family, second.type.family)
        if is_mariadb and operator in ("add", "subtract", "multiply") and beside_decimals:
            first, second = beside_decimal(first), beside_decimal(second)
        if not is_mariadb and operator == "multiply" and beside_decimals:
            first, second = with_signed_room(first), with_signed_room(second)
        found = arithmetic(operator, first, second, increment, not is_mariadb)
        if not is_mariadb and operator == "divide":
            found = quotient_with_room(found, first, second.type.scale)
        if is_mariadb and operator == "divide":
            found = doubles.of_spelled(found)
        found = unless_negative(operator, found, is_mariadb)
        if is_mariadb:
            require_same_quotient(found)
            found = (
                doubles.whole_again(binder, ended(found))
                if operator in ("add", "subtract", "multiply")
                else ended(found)
            )
            found = spelled_short_quotient(as_int(found)) if found.op == "int_divide" else found
        return binder.result(found)

    return rule


def _number_of(binder: Binder, node: exp.Expression) -> Expr:
    """An operand; the number of an ENUM or SET is a double to MySQL, an integer to MariaDB."""
    value = binder.expr(node)
    if value.type.family not in LISTED:
        return value
    number = as_number_of(value)
    return as_double(number) if binder.context.backend == "mysql" else number


def _shifted(binder: Binder, base: exp.Expression, interval: exp.Expression, sign: int) -> Expr:
    only(interval, "this", "unit")
    return dates.shifted(binder, base, child(interval), child(interval, "unit").name.upper(), sign)


def _date_add(sign: int) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression", "unit")
        unit = child(node, "unit").name.upper()
        return dates.shifted(binder, child(node), child(node, "expression"), unit, sign)

    return rule


def _logical(operator: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        parts: list[Expr] = []
        pending = [node]
        while pending:  # long chains are deep to the left
            top = pending.pop()
            if type(top) is type(node):
                pending += [child(top, "expression"), child(top)]
            else:
                parts.append(as_condition(binder.expr(top)))
        return Expr(operator, BOOL, tuple(parts))

    return rule


def _xor(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    values = [binder.expr(child(node, name)) for name in ("this", "expression")]
    if binder.context.backend == "mariadb":
        require_same_xor(*values)
    sides = tuple(as_condition(value) for value in values)
    truths = any(part.op in ("is_true", "is_false") for side in sides for part in walk(side))
    if truths and binder.context.backend == "mysql" and binder.context.protocol == "binary":
        refuse("XOR of IS TRUE has another meaning in a prepared statement of MySQL")
    return Expr("xor", BOOL, sides)


def _not(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    condition = as_condition(binder.expr(child(node)))
    if condition.op == "not" and condition.args[0].op == "is_nonzero" and binder.context.backend != "mysql":
        refuse("NOT of NOT of a number may be the number itself on MariaDB")
    return Expr("not", BOOL, (condition,))


def _is(binder: Binder, node: exp.Expression) -> Expr:
    left, right = _operands(node)
    if isinstance(right, exp.Null) and (rows := subqueries.without_row(binder, left)) is not None:
        return rows
    value = binder.expr(left)
    if isinstance(right, exp.Null):
        return Expr("is_null", BOOL, (require_comparable(value),))
    if isinstance(right, exp.Boolean):
        return control.is_truth(value, bool(right.this))
    raise Refused("IS with this value is not supported")


def _between(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "low", "high")
    if isinstance(child(node), _PREDICATES):
        refuse("comparisons in a row without parentheses are not certain to be read alike")
    sides = tuple(binder.expr(child(node, name)) for name in ("this", "low", "high"))
    return binder.either(between, *sides)


def _in(binder: Binder, node: exp.Expression) -> Expr:
    if isinstance(child(node), _PREDICATES):
        refuse("comparisons in a row without parentheses are not certain to be read alike")
    query = node.args.get("query")
    if query is not None:
        only(node, "this", "query")
        return subqueries.membership(binder, child(node), child(node, "query"))
    only(node, "this", "expressions")
    items = children(node)
    parts = parts_of(child(node))
    if parts is not None:
        if len(items) == 1:
            _require_null(binder, node)
        return _in_rows(binder, parts, items)
    is_mysql = binder.context.backend == "mysql"
    if len(items) == 1:
        return one_of(binder.side(child(node)), [binder.side(items[0])], is_mysql)
    bound = [binder.expr(side) for side in (child(node), *items)]
    return binder.either(lambda value, *listed: one_of(value, list(listed), is_mysql), *bound)


def _equal_rows(left: list[Expr], right: list[Expr]) -> Expr:
    tests = tuple(equal_bits(a, b) for a, b in zip(left, right, strict=True))
    return tests[0] if len(tests) == 1 else Expr("and", BOOL, tests)


def _in_rows(binder: Binder, parts: list[exp.Expression], items: list[exp.Expression]) -> Expr:
    left = [binder.expr(part) for part in parts]
    rows = [parts_of(item) for item in items]
    if any(row is None for row in rows):
        refuse("a row is compared with a value")
    _note(binder, parts[0])
    rights = [[binder.expr(part) for part in row or ()] for row in rows]
    binder.require_settled(*left, *(side for right in rights for side in right))
    for column in zip(left, *rights, strict=False) if len(rights) > 1 else ():
        require_one_collation(list(column), "IN")
    if binder.context.backend == "mysql" and len(rights) > 1 and all(len(right) == len(left) for right in rights):
        tests = tuple(_equal_rows(left, right) for right in rights)
    else:
        tests = tuple(compare_rows("eq", left, right) for right in rights)
    return Expr("or", BOOL, tests) if len(tests) > 1 else tests[0]


def _like(binder: Binder, node: exp.Expression, escape: str = "\\") -> Expr:
    left, right = _operands(node)
    sides = (binder.expr(left), binder.expr(right), escape)
    found = parts_of_bytes.like(*sides) or text.like(*sides, binder.context.collation_connection)
    return Expr("not", BOOL, (found,)) if node.args.get("negate") else found


def _escape(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    escape = child(node, "expression")
    if not isinstance(child(node), exp.Like) or not isinstance(escape, exp.Literal) or len(escape.name) > 1:
        refuse("this ESCAPE is not supported")
    if not escape.name and binder.context.backend != "mysql":
        refuse("ESCAPE '' leaves the backslash an escape in MariaDB")
    return _like(binder, child(node), escape.name)


def _column(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "table", "db")
    return binder.column(node.name, node.text("table"), node.text("db"))


def _literal(binder: Binder, node: exp.Expression) -> Expr:
    facts = (binder.shared.written_in or binder.context.collation_connection,) if node.is_string else ()
    make = literals.string if node.is_string else literals.number
    trace = binder.shared.trace
    return make(str(node.this), *facts) if trace is None else trace.literal(node, make, *facts)


def _introduced(binder: Binder, node: exp.Expression) -> Expr:
    """_utf8mb4'text': a literal of that character set and its default collation, whatever the connection's are.

    Its bytes are the statement's as they stand: of ASCII they are one text in every character set of a client.
    """
    only(node, "this", "expression")
    charset, written = str(node.this).lower().lstrip("_"), child(node, "expression")
    collation = text.default_collation(charset, binder.context)
    if not isinstance(written, exp.Literal) or not written.is_string:
        refuse("an introducer before a number is not supported")
    make, trace = literals.string, binder.shared.trace
    made = make(str(written.this), collation) if trace is None else trace.literal(written, make, collation)
    if not is_ascii(made.type.presence):
        refuse("an introducer before characters beyond ASCII is not supported")
    return made


def _case(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "ifs", "default")
    operand = node.args.get("this")
    conditions, results = [], []
    for branch in children(node, "ifs"):
        conditions.append(binder.expr(child(branch)))
        results.append(binder.expr(child(branch, "true")))
    if operand is not None:
        subject = binder.expr(operand)  # once: it may be a CASE of CASEs itself
        if binder.context.backend == "mysql":
            require_certain_cases(subject, conditions)
        require_one_collation([subject, *conditions], "CASE")
        answers.require_texts([subject, *conditions], "CASE")
        equal = equal_bits if binder.context.backend == "mysql" else partial(compare, "eq")
        conditions = [binder.either(equal, subject, condition) for condition in conditions]
    default = node.args.get("default")
    made = control.case(conditions, results, literals.NULL_LITERAL if default is None else binder.expr(default))
    return control.written_apart(made) if binder.context.backend == "mysql" else made


def _if(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "true", "false")
    condition, *results = (binder.expr(child(node, name)) for name in ("this", "true", "false"))
    made = control.case([condition], [results[0]], results[1], "IF")
    return control.written_apart(made) if binder.context.backend == "mysql" else made


def _cast(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "to")
    to, value = child(node, "to"), child(node)
    name = str(to.this.name if hasattr(to.this, "name") else to.this).upper()
    sizes = [int(param.name) for param in children(to) if param.name.isdigit()]
    if name == "DATE":
        return dates.to_date(binder.expr(value))
    if name in ("DATETIME", "TIMESTAMPTZ", "TIMESTAMP"):
        return _moment(binder, name, value, sizes)
    bound = binder.expr(value)
    if name == "TIME":
        return times.to_time(bound, sizes[0] if sizes else 0)
    if name == "DECIMAL":
        digits, scale = (*(sizes or [10]), 0)[:2]
        return control.to_decimal(bound, digits, scale)
    if name in ("BIGINT", "UBIGINT"):
        return control.to_integer(bound, unsigned=name == "UBIGINT")
    if name == "BINARY" and not sizes:
        return byte_strings.to_binary(binder, bound)
    if name == "CHARACTER_SET":
        kind = (str(to.args.get("kind") or "").lower(), binder.context)
        return parts_of_bytes.converted(bound, *kind) or text.in_charset(bound, *kind)
    if name == "CHAR" and sizes:
        return text.as_short_string(bound, sizes[0], binder.context.collation_connection)
    if name == "CHAR" and not children(to):
        collation = binder.context.collation_connection
        return parts_of_bytes.as_char(bound, collation) or text.as_char(bound, collation)
    if name == "DOUBLE" and not sizes:
        return control.to_double(bound)
    raise Refused(f"CAST AS {name} is not supported")


def _collate(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    return text.collated(binder.expr(child(node)), child(node, "expression").name)


def _moment(binder: Binder, name: str, value: exp.Expression, sizes: list[int]) -> Expr:
    bound = binder.expr(value)
    if name != "DATETIME":  # TIMESTAMP '…', a literal
        text_value = literals.text_of(bound)
        if text_value is None:
            refuse(f"CAST AS {name} is not supported")
        return literals.midnight(literals.as_temporal(text_value))
    return dates.to_datetime(bound, sizes[0] if sizes else 0, binder.context.backend == "mysql")


def _aggregate(binder: Binder, node: exp.Expression) -> Expr:
    return bind_aggregate(binder, node)


def _window(binder: Binder, node: exp.Expression) -> Expr:
    return bind_window(binder, node)


def _paren(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    days = weeks.to_days(binder, child(node))
    return binder.expr(child(node)) if days is None else days


def _negate(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return binder.result(negated(binder.expr(child(node))))


def _subquery(binder: Binder, node: exp.Expression) -> Expr:
    return subqueries.scalar(binder, node)


def _exists(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    return subqueries.exists(binder, child(node))


_RULES: dict[type[exp.Expression], Rule] = {
    exp.Paren: _paren,
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Introducer: _introduced,
    exp.Boolean: lambda binder, node: literals.truth(bool(node.this)),
    exp.Null: lambda binder, node: literals.NULL_LITERAL,
    exp.EQ: _comparison("eq"),
    exp.NEQ: _comparison("ne"),
    exp.LT: _comparison("lt"),
    exp.LTE: _comparison("le"),
    exp.GT: _comparison("gt"),
    exp.GTE: _comparison("ge"),
    exp.NullSafeEQ: _comparison("null_safe_eq"),
    exp.Add: _arithmetic("add"),
    exp.Sub: _arithmetic("subtract"),
    exp.Mul: _arithmetic("multiply"),
    exp.Div: _arithmetic("divide"),
    exp.IntDiv: _arithmetic("div"),
    exp.Mod: _arithmetic("mod"),
    exp.Neg: _negate,
    exp.And: _logical("and"),
    exp.Or: _logical("or"),
    exp.Xor: _xor,
    exp.Not: _not,
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.Collate: _collate,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.DateAdd: _date_add(1),
    exp.DateSub: _date_add(-1),
    exp.Subquery: _subquery,
    exp.Select: _subquery,
    exp.Exists: _exists,
    exp.GroupConcat: _aggregate,
    exp.JSONObjectAgg: _aggregate,
    exp.Count: _aggregate,
    exp.Sum: _aggregate,
    exp.Avg: _aggregate,
    exp.Min: _aggregate,
    exp.Max: _aggregate,
    exp.AnyValue: _aggregate,
    **dict.fromkeys(aggregates.BIT_SUMS, _aggregate),
    exp.Window: _window,
    **dict.fromkeys(doubles.SPREADS, _aggregate),
    **doubles.NODES,
    **CALLS,
}


def bind_expression(binder: Binder, node: exp.Expression) -> Expr:
    """Bind one node by its rule; raises Refused when there is none."""
    rule = _RULES.get(type(node))
    if rule is None:
        refuse(f"{kind(node)} is not supported")
    if is_misjudged(node):
        _note(binder, node)
    return rule(binder, node)


def _note(binder: Binder, node: exp.Expression) -> None:
    binder.shared.misjudged |= decides(node)
