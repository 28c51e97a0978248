"""Errors of the engine that the client is told, as no other server's answer can take the engine's place."""

from base.errors import BackendError
from wire.responses import Err

NOT_HERE = "WFM01"  # the engine's state for a model that it has to be brought
TOLD = frozenset({"45000", NOT_HERE})  # what a model complains of, and that one has to be brought


class ModelNotHere(BackendError):
    """The engine has to be brought the model first."""


def told(error: Err) -> BackendError:
    """The engine's error, to be raised."""
    kind = ModelNotHere if error.sqlstate == NOT_HERE else BackendError
    return kind(error.number, error.sqlstate, error.message)
