"""Statements that are stopped while, or before, they wait."""

import asyncio
import gc
import warnings

import pytest

from base.errors import QueryInterrupted
from engine.running.cancel import RunningStatements


@pytest.mark.parametrize("early", [True, False])
def test_work_of_a_stopped_statement_is_dropped_without_a_word(early):
    began = []

    async def fresh():
        began.append(True)
        await asyncio.sleep(60)

    async def scene():
        running = RunningStatements().start(1)
        if early:
            running.cancel(QueryInterrupted())
        else:
            asyncio.get_running_loop().call_soon(running.cancel, QueryInterrupted())
        with pytest.raises(QueryInterrupted):
            await running.wait_for(fresh())

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        asyncio.run(scene())
        gc.collect()
    assert not said
    assert bool(began) is not early
