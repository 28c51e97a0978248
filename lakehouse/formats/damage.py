"""What damaged or hostile metadata brings about, as an error that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from base.errors import LakeError

# Values of other types than they should have, documents without an end or nested without one, and what Arrow says.
_BROUGHT_ABOUT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    pa.ArrowException,
)


@contextmanager
def understood(shown: str, what: str) -> Iterator[None]:
    """Raise LakeError, that `shown` is not what it should be, for whatever reading it brings about."""
    try:
        yield
    except LakeError:
        raise
    except _BROUGHT_ABOUT as error:
        raise LakeError(f"{shown} is {what}, or is damaged ({type(error).__name__})") from None
