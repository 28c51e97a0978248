"""What takes both sides' packets for itself until it is over: an authentication amid a session."""

from typing import Protocol


class Dialogue(Protocol):
    """Packets that go to and fro before the next command."""

    def poke(self) -> None:
        """Something came, or the session ended."""

    async def run(self) -> None:
        """Go on until it is over."""
