"""What the column store reads of open files: they themselves, or what has to be written anew of them first."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from engine.lake import mapped
from engine.lake.definitions import LakeTable
from engine.lake.expanding import readable
from engine.lake.layout import groups_of
from lakehouse.descriptions.definition import TEXTS
from lakehouse.formats.listing import Listing
from lakehouse.stores.places import Places

Readable = Callable[[], Sequence[str]]


def what_is_readable(
    stack: ExitStack, places: Places, known: LakeTable, listing: Listing, paths: Sequence[str], folder: Path
) -> Readable:
    """Give what gives the paths of what DuckDB can read of a table's open files, which it looks at for that once.

    Behind them are the paths of what tells of deleted rows. What is written anew lies in `folder`, and is gone with the
    stack. Calling it may raise LakeError.
    """

    @cache
    def made() -> Sequence[str]:
        dialect, found = known.definition.dialect, listing.found
        if dialect.format in TEXTS and found:
            width = len(known.table.columns) - len(groups_of(known.table, known.definition, listing)[1])
            return readable(stack, places, dialect, width, found, paths, known.escaped, folder)
        if any(listing.deleted or ()):
            return [*paths, mapped.write_rows(stack, places, listing, folder)]
        return paths

    return made
