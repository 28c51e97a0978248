"""Names of tables in the arguments of AutoML's routines."""

import pytest

from proxy.ml.backend import MLError
from proxy.ml.names import TableName, read_name


@pytest.mark.parametrize(
    ("text", "schema", "table"),
    [
        ("shop.people", "shop", "people"),
        (" shop . people ", "shop", "people"),
        ("shop.`a.b``c ü`", "shop", "a.b`c ü"),
        ("`my shop`.people", "my shop", "people"),
    ],
)
def test_names_are_read(text: str, schema: str, table: str) -> None:
    assert read_name(text, "The table") == TableName(schema, table)


@pytest.mark.parametrize(
    ("text", "hint"),
    [(None, False), ("", False), ("people", False), ("shop.", False), ("shop.a.b", True), ("shop.a`b", True)],
)
def test_what_is_no_name_tells_how_it_is_written(text: str | None, hint: bool) -> None:
    with pytest.raises(MLError, match=r"The table has to be named as 'schema\.table'") as raised:
        read_name(text, "The table")
    assert ("stands in backticks, as 'shop.`a.b`'" in str(raised.value)) is hint
