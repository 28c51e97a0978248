"""Facts of statements, and what sqlglot would misread."""

import pytest
from sqlglot import exp

from statements.facts import read_statement, statement_facts
from statements.sqlmode import of_names, refused_mode


@pytest.mark.parametrize(
    ("statement", "kind", "tables"),
    [
        ("select a from t1 join s.t2 using (a)", "select", {("", "t1"), ("s", "t2")}),
        ("select (select max(x) from u) from t where exists (select 1 from v)", "select", {("", t) for t in "tuv"}),
        ("with x as (select * from t) select * from x", "select", {("", "t")}),
        ("with t as (select * from t) select * from t", "select", {("", "t")}),
        ("with recursive t as (select 1 union all select * from t) select * from t", "select", set()),
        ("select * from (with x as (select 1) select * from x) d, x", "select", {("", "x")}),
        ("with x as (select 1) select * from s.x", "select", {("s", "x")}),
        ("explain select * from t", "explain", {("", "t")}),
        ("insert into a select * from b", "insert_select", {("", "a"), ("", "b")}),
        ("create table a as select * from b", "create_select", {("", "a"), ("", "b")}),
        ("update t set a = 1", "other", {("", "t")}),
        ("(select 1 from t) union all (select 2 from u)", "select", {("", "t"), ("", "u")}),
    ],
)
def test_kind_and_tables(statement: str, kind: str, tables: set[tuple[str, str]]) -> None:
    facts = statement_facts(statement)
    assert (facts.kind, facts.tables) == (kind, frozenset(tables))


@pytest.mark.parametrize(
    "statement",
    [
        "select a /*!80000 , b */ from t",
        "select utc_timestamp from t",
        "select a from t qualify row_number() over () = 1",
        "select a::int from t",
        "select a from t where a ilike 'x'",
        "select sum(a) filter (where a > 1) from t",
        "select * from t tablesample (10 percent)",
        "select a from t into outfile 'x'",
        "select a into @x from t",
        "select a from t for update",
        "select a from t lock in share mode",
        "select @x := a from t",
        "select rand() from t",
        "select sysdate() from t",
        "select f.g(1) from t",
        "select /*+ SET_VAR(sql_mode='') */ a from t",
        "select 1; select 2",
        "",
        "select a from t where",
        "select " + "(" * 3000 + "1" + ")" * 3000,
    ],
)
def test_refused(statement: str) -> None:
    assert statement_facts(statement).reason


def test_ordinary_statement_may_be_offloaded() -> None:
    facts = statement_facts("select /*+ SET_VAR(use_secondary_engine=FORCED) */ a, now() from t where b = ?")
    assert facts.reason is None
    assert facts.set_vars == {"use_secondary_engine": "FORCED"}
    assert facts.parameters == 1


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES", "REAL_AS_FLOAT,ANSI"])
def test_modes_that_change_meaning_are_refused(mode: str) -> None:
    assert statement_facts("select 1 from t", mode).reason


def test_default_mode_is_not_refused() -> None:
    mode = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO"
    assert statement_facts("select 1 from t", mode).reason is None


NUMBERS = ",".join(map(str, range(2000)))
TEXTS = ", ".join(f"'it {i}'" for i in range(500))


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (f"SELECT a FROM t WHERE a IN ({NUMBERS}) AND b NOT IN ( {TEXTS} )", {("", "t")}),
        (f"SELECT a FROM t WHERE a IN ({NUMBERS}, (SELECT MAX(b) FROM u))", {("", "t"), ("", "u")}),
        (f"SELECT a FROM t WHERE a IN ({NUMBERS}, x'41', SLEEP(1)) OR FIELD(b, {NUMBERS})", {("", "t")}),
        (f"SELECT a FROM `({NUMBERS})`", {("", f"({NUMBERS})")}),
        (f"SELECT '`', a FROM t WHERE a IN ({NUMBERS})", {("", "t")}),
        (f"SELECT '({NUMBERS})' FROM t /* ({TEXTS}) */ JOIN u USING (a)", {("", "t"), ("", "u")}),
    ],
)
def test_long_lists_of_literals_hide_nothing(statement: str, tables: set[tuple[str, str]]) -> None:
    facts = statement_facts(statement)
    assert facts.tables == tables
    assert facts == read_statement(statement)[1]


@pytest.mark.parametrize(
    "target", ["into outfile 'x'", "INTO DUMPFILE\n'x'", "into outfile'x' fields terminated by ','"]
)
def test_files_of_the_backend_have_a_reason_of_their_own(target: str) -> None:
    for statement in (f"select a from t {target}", f"select a {target} from t"):
        facts = statement_facts(statement)
        assert facts.has_into
        assert "OUTFILE" in (facts.reason or "")


def test_what_stands_behind_a_list_of_bounds_is_a_name() -> None:
    tree, _ = read_statement("select interval(a, 1, 2) b, a + interval (c) day from t order by interval(a, 1)")
    assert tree is not None
    assert tree.selects[0].alias == "B"  # the parser writes units in capitals
    assert tree.selects[1].find(exp.Interval).text("unit") == "DAY"


def test_a_select_of_names_alone_feels_fewer_modes() -> None:
    assert of_names("ANSI_QUOTES,STRICT_TRANS_TABLES,no_backslash_escapes") == "STRICT_TRANS_TABLES"
    assert refused_mode(of_names("REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI")) is None
    for felt in (
        "PAD_CHAR_TO_FULL_LENGTH",
        "TIME_TRUNCATE_FRACTIONAL",
        "ORACLE",
        "MAX_SORT_LENGTH",
        "DEFAULT_REGEX_FLAGS",
    ):
        assert refused_mode(of_names(f"ANSI_QUOTES,{felt}")) == felt
