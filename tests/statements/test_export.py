"""INTO OUTFILE URI and WITH PARAMETERS: the query and the description are taken apart as written."""

import pytest

from base.errors import ParseError
from statements.export import may_export, read_export


@pytest.mark.parametrize(
    ("statement", "query", "dialect"),
    [
        ("SELECT a INTO OUTFILE URI 's3://b/x/' FROM t", "SELECT a FROM t", {}),
        ("SELECT a FROM t INTO OUTFILE URL 's3://b/x/'", "SELECT a FROM t", {}),
        ("SELECT a FROM t INTO OUTFILE URI 's3://b/x/' FOR SHARE", "SELECT a FROM t FOR SHARE", {}),
        (
            "SELECT 'into outfile uri' a into outfile uri 's3://b/x/' format parquet compression 'zstd' from t",
            "SELECT 'into outfile uri' a from t",
            {"format": "parquet", "compression": "zstd"},
        ),
        (
            r"""SELECT a INTO OUTFILE URI 's3://b/x/' FORMAT CSV CHARACTER SET latin1 HEADER OFF
            COLUMNS NULL AS '' TERMINATED BY '\t' ENCLOSED BY '\'' ESCAPED BY '\\'
            LINES STARTING BY "" TERMINATED BY '\r\n' FROM t""",
            "SELECT a FROM t",
            {
                "format": "csv",
                "encoding": "latin1",
                "has_header": False,
                "null_value": "",
                "field_delimiter": "\t",
                "quotation_marks": "'",
                "quote_all": True,
                "escape_character": "\\",
                "record_start": "",
                "record_delimiter": "\r\n",
            },
        ),
    ],
)
def test_clauses(statement: str, query: str, dialect: dict[str, object]) -> None:
    assert may_export(statement.encode())
    assert read_export(statement) == (query, {"file": [{"uri": "s3://b/x/"}], "dialect": dialect})


def test_parameters_are_json_in_a_literal() -> None:
    given = r"""{"field_delimiter": "\\t", "q": "it''s", "none": "", "quotation_marks": "\\""}"""
    wanted = {"field_delimiter": "\t", "q": "it's", "none": "", "quotation_marks": '"'}
    statement = f"""SELECT 1 INTO OUTFILE WITH PARAMETERS '{{"dialect": {given}}}' FROM t"""
    assert read_export(statement) == ("SELECT 1 FROM t", {"dialect": wanted})


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a INTO OUTFILE URI FROM t",
        "SELECT a INTO OUTFILE URI x FROM t",
        "SELECT a INTO OUTFILE WITH PARAMETERS FROM t",
        "SELECT a INTO OUTFILE WITH PARAMETERS '[]' FROM t",
        """SELECT a INTO OUTFILE WITH PARAMETERS '{"file": 1, "file": 2}' FROM t""",
        "SELECT a INTO OUTFILE URI 's3://b/x/' FORMAT CSV FORMAT CSV FROM t",
        "SELECT a INTO OUTFILE URI 's3://b/x/' CHARACTER latin1 FROM t",
        "SELECT a INTO OUTFILE URI 's3://b/x/' LINES FROM t",
        "SELECT a INTO OUTFILE URI 's3://b/x/' FIELDS OPTIONALLY ESCAPED BY '' FROM t",
        "SELECT a INTO OUTFILE URI 's3://b/x/' FORMAT",
    ],
)
def test_a_wrong_clause_is_a_syntax_error(statement: str) -> None:
    with pytest.raises(ParseError):
        read_export(statement)


@pytest.mark.parametrize(
    "statement",
    ["SELECT a INTO OUTFILE '/tmp/x' FROM t", "SELECT 'outfile uri'", "SELECT a INTO @outfile FROM t", "SELECT `"],
)
def test_others_are_left_alone(statement: str) -> None:
    assert read_export(statement) is None
