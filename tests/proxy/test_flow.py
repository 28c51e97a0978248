"""When what a client is being sent from is read."""

import asyncio

from proxy.line.flow import Flow


class Line(asyncio.Transport):
    """Notes whether it is read, and whether it was ever not."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closing = False
        self.calls = 0

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.closing
        self.reads = False
        self.calls += 1

    def resume_reading(self) -> None:
        assert not self.closing
        self.reads = True
        self.calls += 1


def test_a_source_that_sent_enough_rests_for_a_turn() -> None:
    async def run() -> None:
        line = Line()
        flow = Flow(line)
        flow.rest()
        flow.rest()
        assert (line.reads, line.calls) == (False, 1)
        await asyncio.sleep(0)
        assert (line.reads, line.calls) == (True, 2)
        flow.rest()
        assert not line.reads
        await asyncio.sleep(0)
        assert line.reads

    asyncio.run(run())


def test_a_turn_does_not_wake_a_source_whose_client_is_full() -> None:
    async def run() -> None:
        line = Line()
        flow = Flow(line)
        flow.rest()
        flow.pause()
        await asyncio.sleep(0)
        assert not line.reads
        flow.resume()
        assert line.reads
        flow.pause()
        flow.rest()
        await asyncio.sleep(0)
        assert not line.reads

    asyncio.run(run())


def test_another_source_leaves_the_first_one_reading() -> None:
    async def run() -> None:
        for full in (False, True):
            backend, engine = Line(), Line()
            flow = Flow(backend)
            if full:
                flow.pause()
            flow.rest()
            flow.send_from(engine)
            assert (backend.reads, engine.reads) == (True, not full)
            await asyncio.sleep(0)
            assert (backend.reads, engine.reads) == (True, not full)

    asyncio.run(run())


def test_a_line_that_has_ended_is_left_alone() -> None:
    async def run() -> None:
        line = Line()
        flow = Flow(line)
        flow.rest()
        line.closing = True
        await asyncio.sleep(0)
        flow.pause()
        flow.resume()
        flow.rest()
        flow.send_from(Line())
        assert line.calls == 1

    asyncio.run(run())
