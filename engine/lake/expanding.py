"""Text files whose compression DuckDB does not read: expanded into a file without a name, while a statement runs."""

import bz2
import tempfile
from contextlib import ExitStack
from pathlib import Path

from base.errors import LakeError
from lakehouse.heads import Lines
from lakehouse.places import Found, Places

_PIECE = 4 << 20  # bytes read at once
# A file that grows beyond this is taken for a bomb: bzip2 makes at most about 1:45,000,000 of zeros, text about 1:20.
_MOST_GROWTH = 200
_ALWAYS = 64 << 20  # bytes that any file may become


def expand(stack: ExitStack, places: Places, found: Found, folder: Path) -> str:
    """Expand a bzip2 file, and give the path of what is in it; it is gone with the stack. Raises LakeError."""
    folder.mkdir(parents=True, exist_ok=True)
    out = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
    most = max(_ALWAYS, found.size * _MOST_GROWTH)
    expander, lines, at = bz2.BZ2Decompressor(), Lines(found), 0
    try:
        while piece := places.read(found, at, _PIECE):
            at += len(piece)
            while piece:
                if expander.eof:
                    expander = bz2.BZ2Decompressor()  # files may be several streams, one behind the other
                data = expander.decompress(piece)
                lines.see(data)
                out.write(data)
                if out.tell() > most:
                    raise LakeError(f"{found.shown} becomes more than {most} bytes when it is decompressed")
                piece = expander.unused_data if expander.eof else b""
        if not expander.eof:
            raise LakeError(f"{found.shown} is cut short")
    except OSError as error:
        raise LakeError(f"{found.shown} cannot be decompressed: {error}") from None
    out.flush()
    return f"/proc/self/fd/{out.fileno()}"
