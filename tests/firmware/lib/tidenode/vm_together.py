"""Coroutines that run as one begin together and end together."""

import asyncio

from tidenode.together import run_together


class Parts:
    """Coroutines that note how they ended."""

    def __init__(self):
        self.ended = []

    async def forever(self):
        try:
            while True:
                await asyncio.sleep_ms(1)
        finally:
            self.ended.append("forever")

    async def done(self):
        self.ended.append("done")

    async def failing(self):
        await asyncio.sleep_ms(5)
        raise ValueError("mine")


async def test_a_failure_ends_the_others_and_is_raised():
    parts = Parts()
    try:
        await run_together([parts.forever(), parts.done(), parts.failing()])
    except ValueError as error:
        assert error.args == ("mine",)
    else:
        raise AssertionError("it ended well")
    await asyncio.sleep_ms(0)
    assert parts.ended == ["done", "forever"]


async def test_a_stop_ends_all():
    parts, stop = Parts(), asyncio.Event()
    task = asyncio.create_task(run_together([parts.forever(), parts.forever()], stop))
    await asyncio.sleep_ms(5)
    stop.set()
    await task
    await asyncio.sleep_ms(0)
    assert parts.ended == ["forever", "forever"]


async def test_a_cancellation_reaches_all():
    parts = Parts()
    task = asyncio.create_task(run_together([parts.forever(), parts.forever()]))
    await asyncio.sleep_ms(5)
    task.cancel()
    await asyncio.sleep_ms(5)
    assert parts.ended == ["forever", "forever"]


async def test_a_part_that_somebody_cancels_is_done_and_the_others_go_on():
    parts = Parts()
    both = [parts.forever(), parts.forever()]
    task = asyncio.create_task(run_together(both))
    await asyncio.sleep_ms(5)
    both[0].cancel()
    await asyncio.sleep_ms(5)
    assert parts.ended == ["forever"]
    assert len(both) == 1  # and takes no more memory
    assert not task.done()
    task.cancel()
    await asyncio.sleep_ms(5)
    assert parts.ended == ["forever", "forever"]
