"""ENGINE_ATTRIBUTE read and checked: what is meant, or the key that is wrong by its name."""

import pytest

from base.errors import LakeError
from lakehouse.descriptions.definition import read_definition

FILES = [{"uri": "/data/x.csv"}]


def test_defaults_are_heatwave_s():
    definition = read_definition({"file": FILES})
    dialect = definition.dialect
    assert (dialect.format, dialect.field_delimiter, dialect.escape_character) == ("csv", "auto", "\\")
    assert (dialect.quotation_marks, dialect.has_header, dialect.skip_rows, dialect.strict) == ('"', False, 0, None)
    assert definition.placement == "in_place"
    assert [entry.path for entry in definition.entries] == ["/data/x.csv"]


WRONG = [
    ({}, "file"),
    ({"file": FILES, "fiel": 1}, "fiel"),
    ({"file": FILES, "dialect": {"formt": "csv"}}, 'is it "format"'),
    ({"file": FILES, "dialect": {"format": "csv", "field_delimiter": "<sep>"}}, '"field_delimiter" has 1 to 4 bytes'),
    ({"file": FILES, "dialect": {"format": "xml"}}, "xml"),
    ({"file": FILES, "dialect": {"format": "parquet", "has_header": True}}, "has_header"),
    ({"file": FILES, "dialect": {"format": "avro", "encoding": "utf8mb4"}}, "encoding"),
    ({"file": FILES, "dialect": {"format": "json", "skip_rows": 1}}, "skip_rows"),
    ({"file": FILES, "dialect": {"skip_rows": -1}}, "skip_rows"),
    ({"file": FILES, "dialect": {"skip_rows": True}}, "skip_rows"),
    ({"file": FILES, "dialect": {"has_header": "yes"}}, "has_header"),
    ({"file": FILES, "dialect": {"field_delimiter": ""}}, "field_delimiter"),
    ({"file": FILES, "dialect": {"quotation_marks": "''"}}, "quotation_marks"),
    ({"file": FILES, "dialect": {"record_delimiter": ";"}}, "record_delimiter"),
    ({"file": FILES, "dialect": {"record_delimiter": "|\n"}}, "record_delimiter"),
    ({"file": FILES, "dialect": {"record_delimiter": ",\n", "field_delimiter": "|"}}, "record_delimiter"),
    ({"file": FILES, "dialect": {"record_delimiter": "|", "field_delimiter": "|"}}, "record_delimiter"),
    ({"file": FILES, "dialect": {"record_delimiter": "|\n", "format": "json"}}, "record_delimiter"),
    ({"file": FILES, "dialect": {"compression": "lzma"}}, "lzma"),
    ({"file": FILES, "dialect": {"version": 3}}, "version"),
    ({"file": FILES, "dialect": []}, "dialect"),
    ({"file": FILES, "placement": "nowhere"}, "nowhere"),
    ({"file": FILES, "auto_refresh_event_source": "ocid"}, "auto_refresh_event_source"),
    ({"file": [*FILES, *FILES], "dialect": {"format": "delta"}}, "delta"),
]


@pytest.mark.parametrize(("attribute", "word"), WRONG)
def test_a_wrong_key_is_named(attribute, word):
    with pytest.raises(LakeError, match=word):
        read_definition(attribute)


def test_a_record_may_end_with_a_field_delimiter_too():
    for given, end, closes in (
        ({}, "auto", False),
        ({"field_delimiter": "a"}, "auto", False),
        ({"field_delimiter": "|", "record_delimiter": "\r\n"}, "\r\n", False),
        ({"field_delimiter": "|", "record_delimiter": "|\r\n"}, "\r\n", True),
    ):
        dialect = read_definition({"file": FILES, "dialect": given}).dialect
        assert (dialect.line_end, dialect.closes_records) == (end, closes)


def test_a_column_s_own_formats():
    definition = read_definition({"file": FILES}, {"d": {"date_format": "%d.%m.%Y"}})
    assert definition.columns["d"].date_format == "%d.%m.%Y"
    with pytest.raises(LakeError, match="column d"):
        read_definition({"file": FILES}, {"d": {"format": "x"}})
    with pytest.raises(LakeError, match="parquet"):
        read_definition({"file": FILES, "dialect": {"format": "parquet"}}, {"d": {"date_format": "%Y"}})
