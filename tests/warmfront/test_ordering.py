from warmfront.ordering import ordering


def test_columns_aliases_positions_and_expressions_are_found():
    text = "SELECT a, b + 1 AS c, COUNT(*) FROM t GROUP BY a, b ORDER BY c DESC, 3, a LIMIT 10"
    assert ordering(text) == ((1, 2, 0), 10)


def test_an_expression_that_is_not_selected_ends_what_is_known():
    assert ordering("SELECT a, b FROM t ORDER BY a, b + 1, b") == ((0,), None)


def test_no_order_is_none():
    assert ordering("SELECT a FROM t LIMIT 5") == (None, 5)


def test_the_right_order_by_counts():
    text = "WITH w AS (SELECT a FROM t ORDER BY a LIMIT 3) SELECT a, b FROM w UNION ALL SELECT 1, 2 ORDER BY b"
    assert ordering(text) == ((1,), None)
