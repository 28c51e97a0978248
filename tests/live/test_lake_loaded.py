"""Lake tables that are loaded: the rows that are read in place, or an error and the rows of before."""

import datetime
import json
from pathlib import Path

import pytest

from tests.live.conftest import Instance
from tests.live.lake_kit import data, instance, lake, refused
from tests.live.test_lake_formats import MISTAKES

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live


def test_loaded_tables_are_as_of_their_load(instance: Instance, data: Path):
    (data / "load.csv").write_text("1,Ann\n2,ann\n")
    attribute = json.dumps({"placement": "loaded", "file": [{"uri": f"{data}/load.csv"}]})
    instance.run(f"CREATE TABLE lake.kept (id INT, name VARCHAR(9)) ENGINE=lakehouse ENGINE_ATTRIBUTE='{attribute}'")
    assert "SECONDARY_LOAD" in refused(instance, "SELECT * FROM lake.kept")
    instance.run("ALTER TABLE lake.kept SECONDARY_LOAD")
    (data / "load.csv").write_text("7,é\n")
    assert instance.run("SELECT * FROM lake.kept WHERE name = 'ANN' ORDER BY id") == [(1, "Ann"), (2, "ann")]
    instance.run("ALTER TABLE lake.kept SECONDARY_LOAD")
    assert instance.run("SELECT id FROM lake.kept WHERE name = 'É'") == [(7,)]
    (data / "load.csv").write_text("x,y\n")
    assert "line 1, column id: 'x'" in refused(instance, "ALTER TABLE lake.kept SECONDARY_LOAD")
    assert instance.run("SELECT id FROM lake.kept") == [(7,)]
    instance.run("ALTER TABLE lake.kept SECONDARY_UNLOAD")
    assert "SECONDARY_LOAD" in refused(instance, "SELECT * FROM lake.kept")


LOADED = """
 i INT, m MEDIUMINT UNSIGNED, b BIGINT UNSIGNED, d DECIMAL(9,2), u DECIMAL(5,1) UNSIGNED, f DOUBLE, day DATE,
 at DATETIME, fine DATETIME(3), t TIME(2), name VARCHAR(5), code CHAR(3), latin VARCHAR(9) CHARACTER SET latin1
"""
VALUES: list[list[str]] = [  # as they are written back, and in other ways
    ["1", "-2147483648", "007", "+5", " 6 ", "7.", "1.5", "-0", "\\N"],
    ["0", "16777215", "3.5", "\\N"],
    ["18446744073709551615", "0", "9.0"],
    ["1.00", "1234567.89", "5", ".5", "-3.456", "0.125", "-0.00"],
    ["0.0", "9999.9", "0.05"],
    ["1.5", "1e3", "-0.0", "1E-7", "0.1", "100000000000000000000000", "12345678901234567890"],
    ["2024-02-29", "0001-01-01", "9999-12-31", "\\N"],
    ["2024-02-29 01:02:03", "2024-02-29", "2024-02-29T01:02:03.5", "1999-12-31 23:59:59.4"],
    ["2024-02-29 01:02:03.456", "2024-02-29 01:02:03.4565", "2024-02-29 23:59"],
    ["01:02:03", "-838:59:59", "00:00:01.255"],
    ["", "abc", "ééééé", "a\\tb", '"a,b"', '"x""y"', "NULL", '"NULL"'],
    ["", "ab ", "é"],
    ["a", "é", "\\N"],
]


def test_loaded_rows_are_those_in_place(instance: Instance, data: Path):
    (data / "ways").mkdir()
    longest = max(map(len, VALUES))
    lines = [",".join(column[at % len(column)] for column in VALUES) for at in range(longest * 3)]
    for part in range(2):
        (data / "ways" / f"{part}.csv").write_text("".join(f"{line}\n" for line in lines[part::2]))
    for name, more in (("placed", {}), ("ways", {"placement": "loaded"})):
        attribute = {**more, "dialect": {"field_delimiter": ","}, "file": [{"uri": f"{data}/ways/"}]}
        instance.run(f"CREATE TABLE lake.{name} ({LOADED}) ENGINE=lakehouse ENGINE_ATTRIBUTE='{json.dumps(attribute)}'")
    instance.run("ALTER TABLE lake.ways SECONDARY_LOAD")
    assert "lake.ways is looked at more closely" not in instance.logs()
    for query in ("SELECT * FROM lake.{}", "SELECT COUNT(*), MAX(name), SUM(d) FROM lake.{} WHERE name LIKE 'É%'"):
        loaded, placed = (instance.run(query.format(name)) for name in ("ways", "placed"))
        assert sorted(map(repr, loaded)) == sorted(map(repr, placed))
    assert len(instance.run("SELECT * FROM lake.ways")) == len(lines)


NOT_LOADED = [
    *MISTAKES,
    ("1,2024-02-28\n2,\\N\n1,2024-02-27\n", "a value of the key (a) would be there twice"),
    ("1,2024-02-28\n2,2024-02-28\n", "a value of the key (d) would be there twice"),
    ("1,2024-02-28\n2\\,2024-02-27\n", "ends with the escape character"),
    ("1,2024-02-28\n2,2024-02-27\\\n", "line 2, column d: '2024-02-27\\n' is not a value of DATE"),
]


@pytest.mark.parametrize(("text", "message"), NOT_LOADED)
def test_what_cannot_be_read_exactly_is_not_loaded(instance: Instance, data: Path, text: str, message: str):
    (data / "no.csv").write_text("5,2024-02-28\n")
    dialect = {"field_delimiter": ",", "check_constraints": True}
    attribute = json.dumps({"placement": "loaded", "dialect": dialect, "file": [{"uri": f"{data}/no.csv"}]})
    columns = "a INT PRIMARY KEY, d DATE UNIQUE"
    instance.run(f"CREATE TABLE lake.no ({columns}) ENGINE=lakehouse ENGINE_ATTRIBUTE='{attribute}'")
    try:
        instance.run("ALTER TABLE lake.no SECONDARY_LOAD")
        (data / "no.csv").write_text(text)
        assert message in refused(instance, "ALTER TABLE lake.no SECONDARY_LOAD")
        assert instance.run("SELECT * FROM lake.no") == [(5, datetime.date(2024, 2, 28))]
    finally:
        instance.run("DROP TABLE lake.no")


def test_loading_a_table_that_is_read_in_place_looks_at_its_values(instance: Instance, data: Path):
    (data / "looked.csv").write_text("1\n2\n")
    instance.run(f"CREATE TABLE lake.inplace {lake('id INT', data / 'looked.csv')}")
    instance.run("ALTER TABLE lake.inplace SECONDARY_LOAD")
    (data / "looked.csv").write_text("1\nx\n")
    assert "line 2, column id" in refused(instance, "ALTER TABLE lake.inplace SECONDARY_LOAD")
