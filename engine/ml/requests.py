"""What the proxy asks of the machine-learning part: the attribute `wf_ml`, JSON with `act` and what belongs to it."""

import json
from dataclasses import dataclass, field
from typing import Any

from base.errors import MalformedPacket
from engine.ml.models import ModelKey


@dataclass(frozen=True, slots=True)
class MLRequest:
    """One request. `model` is set for what is done with a model, `options` are as the user gave them, None for NULL.

    `table` names the source in messages; `most` is the bytes of a piece that the proxy can write; `part` counts from 0.
    `attached` are the tokens of further sources, `statement` is what the user runs, for SHOW PROCESSLIST.
    """

    act: str
    connection_id: int = 0
    model: ModelKey | None = None
    options: dict[str, Any] | None = None
    table: str = ""
    target: str | None = None
    metric: str = ""
    function: str = ""
    statement: str = ""
    handle: str = ""
    schema: str = ""
    token: str = ""
    part: int = 0
    most: int = 0
    attached: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> ModelKey:
        """The model. Raises MalformedPacket when none is named."""
        if self.model is None:
            raise MalformedPacket("name of a model")
        return self.model


def read_request(raw: bytes) -> MLRequest:
    """Read the attribute. Raises MalformedPacket."""
    try:
        asked = json.loads(raw)
        if model := asked.pop("model", None):
            asked["model"] = ModelKey(*model)
        return MLRequest(**asked)
    except (ValueError, TypeError) as error:
        raise MalformedPacket("request to the machine-learning part") from error
