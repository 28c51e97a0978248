"""How a CSV file is written: delimiters, headers and names found out from its beginning."""

import time

import pytest

from lakehouse.descriptions.definition import Dialect
from lakehouse.text.sniff import names_of, sniff


@pytest.mark.parametrize(
    ("head", "delimiter", "header", "names"),
    [
        ("id,name\n1,a\n2,b\n", ",", True, ("id", "name")),
        ("1|a,b,c|2\n2|d,e|3\n", "|", False, ("col_1", "col_2", "col_3")),
        ("a;b\n1,5;2\n3,5;4\n", ";", True, ("a", "b")),
        ("day\tn\n2024-01-01\t1\n", "\t", True, ("day", "n")),
        ('"first, last",n\n"x, y",1\n"p ""q"", r",2\n', ",", True, ("first, last", "n")),
        ("a,b\nc,d\ne,f\n", ",", False, ("col_1", "col_2")),  # words above words may be a row
        ("a,a\n1,2\n", ",", False, ("col_1", "col_2")),  # names are different
        ("a,\n1,2\n", ",", False, ("col_1", "col_2")),
        ("1\n2\n", "|", False, ("col_1",)),
        ('x,"multi\nline",3\r\ny,z,4\r\n', ",", False, ("col_1", "col_2", "col_3")),
        ("", "|", False, ("col_1",)),
    ],
)
def test_found_out(head: str, delimiter: str, header: bool, names: tuple[str, ...]) -> None:
    seen = sniff(head, Dialect(), header_is_said=False)
    assert (seen.delimiter, seen.has_header, seen.names) == (delimiter, header, names)


@pytest.mark.parametrize(
    ("head", "goes_on", "is_cut"),
    [
        ("a" * 70_000, True, True),
        ("1,2," + "a" * 70_000, True, True),
        ('1,"' + "a,\n" * 30_000, True, False),  # a quote that does not end is none
        ("1,2\n" + "a" * 70_000, True, False),
        ("1," + "a" * 60_000, False, False),
        ("", False, False),
    ],
)
def test_a_first_record_that_is_cut_is_none(head: str, goes_on: bool, is_cut: bool) -> None:
    seen = sniff(head, Dialect(), header_is_said=False, goes_on=goes_on)
    assert seen.is_cut is is_cut
    assert is_cut or len(seen.names) == 1 + head.startswith("1")


def test_what_is_said_holds() -> None:
    seen = sniff("note\na:b\n1:2\n", Dialect(field_delimiter=":", has_header=True, skip_rows=1), header_is_said=True)
    assert (seen.delimiter, seen.names) == (":", ("a", "b"))


def test_names_are_such_that_a_table_may_have_them() -> None:
    assert names_of(["a", "A", "", "x`y\n", "n" * 70, "\U0001f600"], 7) == (
        *("a", "A_2", "col_3", "xy", "n" * 64, "col_6", "col_7"),
    )


def test_hostile_text_takes_no_time() -> None:
    started = time.monotonic()
    for text in ('"' * 200_000, '",' * 100_000, '"a"x,' * 50_000, ('""' * 999 + "x,") * 100, "," * 200_000):
        sniff(text, Dialect(), header_is_said=False)
    assert time.monotonic() - started < 20
