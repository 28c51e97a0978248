"""DDL of lake tables: taken apart, written for the backend, and read again out of what the backend shows."""

import pytest

from base.errors import LakeError
from statements.lake import (
    may_create_lake,
    read_alter,
    read_create,
    shadow_create,
    stored_attribute,
    stored_form,
    unique_keys,
)
from statements.schema import Column, Table

PLAIN = """CREATE TABLE `s`.t (a INT NOT NULL, `b c` VARCHAR(10) ENGINE_ATTRIBUTE='{"date_format": "%Y"}' COMMENT 'x',
 PRIMARY KEY (a)) ENGINE = Lakehouse SECONDARY_ENGINE=RAPID
 ENGINE_ATTRIBUTE='{"dialect": {"record_delimiter": "\\\\n"}, "file": [{"uri": "/d/it''s"}]}' COMMENT='hi';"""


def test_the_parts_of_a_definition_are_cut_out_and_the_rest_stays():
    made = read_create(PLAIN)
    assert made is not None
    assert (made.schema, made.table, made.if_not_exists) == ("s", "t", False)
    assert made.body.replace("\n", "") == "(a INT NOT NULL, `b c` VARCHAR(10)  COMMENT 'x', PRIMARY KEY (a))"
    assert made.options == "COMMENT='hi'"
    assert made.attribute == {"dialect": {"record_delimiter": "\n"}, "file": [{"uri": "/d/it's"}]}
    assert made.columns == {"b c": {"date_format": "%Y"}}


@pytest.mark.parametrize("is_mariadb", [False, True])
def test_what_is_stored_comes_back_out_of_the_table_s_text(is_mariadb):
    made = read_create(PLAIN)
    assert made is not None
    text = shadow_create(made, stored_form(made.attribute, made.columns), is_mariadb)
    assert "lakehouse" not in text.lower().replace("warmfront_lakehouse", "")
    assert "ENGINE_ATTRIBUTE='{\"date" not in text
    assert stored_attribute(text) == (made.attribute, made.columns)
    assert stored_attribute("CREATE TABLE `t` (`a` int COMMENT 'warmfront_lake') ENGINE=InnoDB") is None


CLAUSES = [
    (
        "create external table if not exists t (a int) file_format = (format csv header on fields terminated by '|' "
        "optionally enclosed by '\"' lines terminated by '\\n') files = (uri = 's3://b/x/' strict_load=off, "
        "uri='/x/y.csv') verify_key_constraints=on",
        {
            "dialect": {
                "format": "csv",
                "has_header": True,
                "field_delimiter": "|",
                "quotation_marks": '"',
                "record_delimiter": "\n",
                "check_constraints": True,
            },
            "file": [{"uri": "s3://b/x/", "is_strict_mode": False}, {"uri": "/x/y.csv"}],
        },
    ),
    (
        "CREATE EXTERNAL TABLE t (a INT) FILE_FORMAT = (FORMAT parquet) FILES = (URI = '/x/' ALLOW_MISSING_FILES = ON) "
        "AUTO_REFRESH = ON",
        {"dialect": {"format": "parquet"}, "file": [{"uri": "/x/", "allow_missing_files": True}], "auto_refresh": True},
    ),
]


@pytest.mark.parametrize(("statement", "attribute"), CLAUSES)
def test_clauses_say_the_same_as_json(statement, attribute):
    made = read_create(statement)
    assert made is not None
    assert made.attribute == attribute
    assert made.options == ""


REFUSED = [
    ("(a INT AUTO_INCREMENT PRIMARY KEY)", "", "AUTO_INCREMENT"),
    ("(a INT, b INT AS (a + 1))", "", "computed"),
    ("(a INT, b INT GENERATED ALWAYS AS (a))", "", "generated"),
    ("(a INT DEFAULT (1))", "", "computed"),
    ("(a TIMESTAMP DEFAULT CURRENT_TIMESTAMP)", "", "computed defaults"),
    ("(a INT, KEY (a))", "", "indexes"),
    ("(a INT, FOREIGN KEY (a) REFERENCES x (a))", "", "foreign keys"),
    ("(a INT CHECK (a > 1))", "", "CHECK"),
    ("(a INT, CHECK (a > 1))", "", "CHECK"),
    ("(a INT)", "PARTITION BY HASH (a)", "PARTITION BY"),
    ("(a INT)", "SELECT 1", "SELECT"),
    ("(a INT)", "SECONDARY_ENGINE=other", "SECONDARY_ENGINE"),
]


@pytest.mark.parametrize(("body", "options", "word"), REFUSED)
def test_what_files_cannot_have_is_refused_by_name(body, options, word):
    attribute = """ENGINE_ATTRIBUTE='{"file": [{"uri": "/x"}]}'"""
    with pytest.raises(LakeError, match=word):
        read_create(f"CREATE TABLE t {body} ENGINE=lakehouse {attribute} {options}")


DEEP = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize("attribute", ["", *(f"ENGINE_ATTRIBUTE='{text}'" for text in ("{", "[]", DEEP))])
def test_a_lake_table_needs_a_json_object(attribute):
    with pytest.raises(LakeError, match="ENGINE_ATTRIBUTE"):
        read_create(f"CREATE TABLE t (a INT) ENGINE=lakehouse {attribute}")


def test_unique_keys_of_whole_columns_are_read():
    shown = """CREATE TABLE `t` (
  `id` int NOT NULL,
  `a``b` int DEFAULT NULL COMMENT 'UNIQUE KEY `x` (`id`)\\n  UNIQUE KEY `y` (`id`)',
  `c` varchar(9) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `first` (`a``b`),
  UNIQUE KEY `both` (`c`,`a``b` DESC) USING BTREE,
  UNIQUE KEY `again` (`id`),
  UNIQUE KEY `part` (`c`(3)),
  UNIQUE KEY `made` ((`id` + 1)),
  KEY `k` (`c`)
) ENGINE=InnoDB"""
    columns = tuple(Column(name, at, "int", "int") for at, name in enumerate(("id", "a`b", "c")))
    assert unique_keys(shown, Table("s", "t", columns, ("id",))) == (("a`b",), ("c", "a`b"))


def test_other_statements_are_none():
    assert read_create("CREATE TABLE t (a INT) ENGINE=InnoDB") is None
    assert read_create("CREATE TABLE t (a INT COMMENT 'ENGINE=lakehouse')") is None
    assert read_create("CREATE TEMPORARY TABLE t (a INT) ENGINE=lakehouse") is None
    assert read_create("CREATE VIEW lakehouse AS SELECT 1") is None
    assert not may_create_lake(b"CREATE TABLE t (a INT)")
    assert may_create_lake(b"create external table t (a int)")


def test_alter_with_an_attribute_alone_is_read():
    alter = read_alter("ALTER TABLE s.t ENGINE_ATTRIBUTE = '{\"file\": []}';")
    assert alter is not None
    assert (alter.schema, alter.table, alter.attribute) == ("s", "t", {"file": []})
    assert read_alter("ALTER TABLE t ENGINE_ATTRIBUTE='{}', ADD COLUMN x INT") is None
    assert read_alter("ALTER TABLE t ADD COLUMN x INT") is None
