"""A table that the log names before it is there: it is looked for again when all that the log says can be seen."""

from pathlib import Path
from typing import Any

import pytest

from engine.load import copy
from tests.engine.store_kit import KEYED, Kit


class Server:
    """What is asked of a connection here."""

    is_mariadb = False

    def __init__(self, gtid_mode: str) -> None:
        self.gtid_mode = gtid_mode

    def query(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Answer what is asked before a table is looked for again."""
        return [(0,)] if arguments else [(self.gtid_mode,)]


@pytest.mark.parametrize("gtid_mode", ["ON", "OFF"])
def test_a_table_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gtid_mode: str) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYED)
    answers = [None, KEYED, None, None]
    monkeypatch.setattr(copy, "describe_table", lambda *_: answers.pop(0))
    server: Any = Server(gtid_mode)
    assert copy._describe_named(server, kit.store, ("shop", "orders"), frozenset()) == KEYED
    with pytest.raises(copy.TableGone):
        copy._describe_named(server, kit.store, ("shop", "orders"), frozenset())
    kit.store.close()
