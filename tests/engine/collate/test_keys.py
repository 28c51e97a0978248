"""Weight keys in DuckDB against the plain Python that defines them, and padding against its definition."""

import gc
import itertools

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.collate import keys, reference
from engine.collate.keys import Keyer, RefusedCharacter
from engine.collate.store import Collations, decode, encode
from engine.collate.weights import Kind, Weights
from engine.owned_texts import owned


@pytest.mark.parametrize("name", ["ai_ci", "ai_ci_padded", "as_cs", "general_ci", "points"])
def test_the_kernel_does_what_the_reference_says(request: pytest.FixtureRequest, name: str) -> None:
    weights: Weights = request.getfixturevalue(name)
    keyer = Keyer(weights)
    alphabet = "ab AZ\t9\x01é" if name != "general_ci" else "ab AZ\t9\x01"

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.none() | st.text(alphabet, max_size=12), max_size=12))
    def check(texts: list[str | None]) -> None:
        expected = [None if text is None else reference.weight_key(text, weights) for text in texts]
        for type_ in (pa.string(), pa.large_string()):
            assert keyer(pa.array(texts, type_)).to_pylist() == expected
            assert keyer(pa.array(["zz", None, *texts], type_).slice(2)).to_pylist() == expected

    check()


def test_padded_keys_order_as_endless_spaces_do(general_ci: Weights) -> None:
    texts = ["".join(t) for n in range(5) for t in itertools.product("a \t", repeat=n)] + ["a" + " " * 600 + "b"]
    texts += ["a" + " " * n + c for n in (254, 255, 256, 510, 511) for c in "\tb"]

    def padded(text: str) -> str:
        return text.upper().ljust(700)

    for one, other in itertools.product(texts, texts):
        a, b = reference.weight_key(one, general_ci), reference.weight_key(other, general_ci)
        assert a is not None
        assert b is not None
        assert (a < b, a == b) == (padded(one) < padded(other), padded(one) == padded(other)), (one, other)
    assert Keyer(general_ci)(pa.array(texts)).to_pylist() == [reference.weight_key(t, general_ci) for t in texts]


def test_a_key_may_be_registered_again_from_any_cursor(ai_ci: Weights) -> None:
    connection = duckdb.connect()
    for _ in range(2):
        keys.register(connection.cursor(), ai_ci)
        gc.collect()
    query = f"SELECT {ai_ci.function}(x) FROM (VALUES ('a'), (NULL), ('é'), ('ß')) t(x)"
    found = [row[0] for row in connection.execute(query).fetchall()]
    assert found == [b"\x1c\x47", None, reference.weight_key("é", ai_ci), reference.weight_key("ß", ai_ci)]


def test_a_key_lives_as_long_as_what_is_chosen_of_it(ai_ci: Weights) -> None:
    """DuckDB's coalesce would let go of it: of 130 texts some hundred had other keys at their next rows."""
    connection = duckdb.connect()
    keys.register(connection, ai_ci)
    key = f"{ai_ci.function}(x)"
    chosen = f"CASE WHEN x IS NULL THEN {ai_ci.function}('') ELSE {key} END"
    texts = "(SELECT 'a rather long text ' || i AS x FROM range(3000) t(i)), range(3)"
    for _ in range(5):
        apart = f"SELECT x, count(DISTINCT k) AS n FROM (SELECT x, {chosen} AS k FROM {texts}) GROUP BY x"
        assert connection.execute(f"SELECT max(n), count(*) FROM ({apart})").fetchall() == [(1, 3000)]


def test_an_owned_text_lives_as_long_as_what_is_chosen_of_it(ai_ci: Weights) -> None:
    connection = duckdb.connect()
    keys.register(connection, ai_ci)
    fold = owned(f"{ai_ci.function}_fold(x)")
    texts = "(SELECT 'a rather long text ' || i AS x FROM range(3000) t(i)), range(3)"
    for _ in range(5):
        apart = f"SELECT x, count(DISTINCT k) AS n FROM (SELECT x, coalesce({fold}, '') AS k FROM {texts}) GROUP BY x"
        assert connection.execute(f"SELECT max(n), count(*) FROM ({apart})").fetchall() == [(1, 3000)]


def test_a_refused_character_stops_the_query(ai_ci: Weights) -> None:
    connection = duckdb.connect()
    keys.register(connection, ai_ci)
    with pytest.raises(duckdb.Error, match="no weight of its own"):
        connection.execute(f"SELECT {ai_ci.function}('日')").fetchall()
    with pytest.raises(RefusedCharacter):
        Keyer(ai_ci)(pa.array(["日"]))


def test_other_weights_have_another_name(ai_ci: Weights, czech: Weights) -> None:
    other = Weights.of_table(ai_ci.collation, "utf8mb4", False, 1, {0x61: (b"aa",)})
    assert len({ai_ci.function, other.function, czech.function}) == 3


def test_binary_strings_have_no_keys() -> None:
    with pytest.raises(ValueError, match="binary"):
        Keyer(Weights.plain("binary", "binary", Kind.BYTES, False))


def test_files_are_read_back_whole_or_not_at_all(as_cs: Weights, points: Weights) -> None:
    content = encode(as_cs)
    again = decode(content)
    assert again is not None
    assert (again.collation, again.pad_space, again.levels) == (as_cs.collation, as_cs.pad_space, 3)
    assert all(again.of(point) == as_cs.of(point) for point in (*range(0x100), 0x41F, 0x10FFFF))
    assert decode(content[:-1]) is None
    assert decode(content[:100] + b"?" + content[101:]) is None
    assert decode(b"") is None
    back = decode(encode(points))
    assert back is not None
    assert back.kind is Kind.POINTS


def test_nothing_is_held_before_it_is_got(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Collations(tmp_path_factory.mktemp("collations")).peek("utf8mb4_bin") is None
