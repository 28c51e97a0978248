"""Status variables of logged statements, as MySQL 9.7 wrote them."""

import pytest

from wire.binlog_query import sql_mode_of, updated_schemas

HEAD = "0000000000012000a04500000000060373746404ff00ff00ff00"


@pytest.mark.parametrize(
    ("tail", "names"),
    [
        ("0c0273330073310012ff001500", ("s3", "s1")),
        ("0c0173330012ff00", ("s3",)),
        ("0901000000000000000cfe12ff001500", None),  # too many, or foreign keys that may reach further
        ("12ff00", None),
        ("0c0012ff00", None),
        ("0c0373330073310012ff", None),
        ("0c02733300", None),
        ("0c010012ff00", None),
        ("ee0c0173330012ff00", None),
        ("05", None),
        ("0c", None),
    ],
)
def test_schemas_that_a_statement_writes_to(tail: str, names: tuple[str, ...] | None) -> None:
    status = bytes.fromhex(HEAD + tail)
    assert updated_schemas(status) == names
    assert sql_mode_of(status) == 0x45A00020
