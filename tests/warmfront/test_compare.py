"""What counts as the same answer."""

from warmfront.compare import Answer, Column, difference

A, B = Column("a", 3, 63, 0), Column("b", 253, 255, 0)


def answer(*rows, columns=(A, B)):
    return Answer(columns, rows)


def test_equal_rows_in_order():
    assert difference(answer(("1", "x"), ("2", "y")), answer(("1", "x"), ("2", "y")), (0,)) is None


def test_order_matters_where_there_is_one():
    left, right = answer(("1", "x"), ("2", "y")), answer(("2", "y"), ("1", "x"))
    assert difference(left, right, (0,)) is not None
    assert difference(left, right, None) is None


def test_ties_come_in_any_order_but_must_be_the_same_rows():
    left = answer(("1", "x"), ("1", "y"), ("2", "z"))
    assert difference(left, answer(("1", "y"), ("1", "x"), ("2", "z")), (0,)) is None
    assert "only on one side" in difference(left, answer(("1", "y"), ("1", "y"), ("2", "z")), (0,))


def test_a_limit_may_cut_through_a_tie_but_only_the_last():
    left, right = answer(("1", "x"), ("2", "y")), answer(("1", "x"), ("2", "z"))
    assert difference(left, right, (0,), limit=2) is None
    assert difference(left, right, (0,), limit=3) is not None
    assert difference(left, right, (0,)) is not None


def test_names_types_and_counts():
    other = Column("a", 8, 63, 0)
    assert "column" in difference(answer(), answer(columns=(other, B)), (0,))
    assert difference(answer(), answer(columns=(A,)), (0,)) == "2 columns against 1"
    assert difference(answer(("1", "x")), answer(), (0,)) == "1 rows against 0"


def test_text_is_compared_as_text():
    assert difference(answer(("1.0", "x")), answer(("1.00", "x")), (1,)) is not None
    assert difference(answer((None, "x")), answer(("", "x")), (1,)) is not None
