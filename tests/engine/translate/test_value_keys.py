"""Keys of GROUP BY that are made once for each text, as DuckDB SQL."""

from engine.translate.lower.early_keys import by_value, grouped_by_value

_KEY = 'weight_key_utf8mb4_general_ci_0123(t1."a")'
_BY_VALUE = '(SELECT weight_key_utf8mb4_general_ci_0123(v) FROM (SELECT t1."a" AS v))'


def test_a_weight_key_is_asked_of_its_text() -> None:
    assert by_value(_KEY) == _BY_VALUE


def test_what_is_no_weight_key_stays() -> None:
    for key in ('t1."a"', 'lower(t1."a")', 't1."weight_key_a"', f"({_KEY})"):
        assert by_value(key) == key


def test_a_key_that_is_named_outside_of_group_by_stays() -> None:
    clauses = ["GROUP BY", f'{_KEY}, t1."b"']
    alone = " ".join(["SELECT count(*)", *clauses])
    assert grouped_by_value([_KEY, 't1."b"'], clauses, alone) == ["GROUP BY", f'{_BY_VALUE}, t1."b"']
    assert grouped_by_value([_KEY], clauses, f"SELECT count(DISTINCT {_KEY}) {alone}") == clauses
