"""What the watchdog learns of the uplink: that it turns, hangs, died, or finds no memory."""

import asyncio
import time
from collections import namedtuple

from tidenode.clock import Clock
from tidenode.uplink import Uplink
from tidenode.watchdog import Watchdog

Limits = namedtuple(
    "Limits",
    ("window", "keepalive_s", "ack_timeout_ms", "retry_delay_ms_min", "retry_delay_ms_max"),
)
PERIOD_MS = 200


class Link:
    """A link that can't be had: `open` raises `error`, or hangs for ever."""

    connect_timeout_ms = 20

    def __init__(self, error):
        self.error = error
        self.opened = 0

    async def open(self):
        self.opened += 1
        if self.error is None:
            await asyncio.Event().wait()
        raise self.error

    def close(self):
        pass


class Queue:
    """An outbox that has nothing."""


async def ready():
    pass


class Bench:
    """An uplink over a link, and the watchdog over it."""

    def __init__(self, error):
        self.link, self.late, self.fed = Link(error), [], 0
        clock = Clock(ticks_ms=time.ticks_ms, ticks_diff=time.ticks_diff, wall_ms=0)
        self.uplink = Uplink(
            link=self.link, outbox=Queue(), clock=clock, topic_of=None, ready=ready,
            urandom=bytes, warn=lambda message: None,
            limits=Limits(1, 60, 1_000, 1, 1),
        )  # fmt: skip
        self.watchdog = Watchdog(
            parts=[("link", self.uplink)], feed=self.feed, now_ms=clock.monotonic_ms,
            period_ms=PERIOD_MS, late=lambda name, _, again: self.late.append((name, again)),
        )  # fmt: skip

    def feed(self):
        self.fed += 1

    async def fed_after(self, wait_ms):
        await asyncio.sleep_ms(wait_ms)
        before = self.fed
        self.watchdog.turn()
        return self.fed > before


async def test_an_uplink_that_dials_in_vain_turns():
    bench = Bench(OSError(111))
    task = asyncio.create_task(bench.uplink.run())
    for _ in range(6):
        assert await bench.fed_after(PERIOD_MS // 2)
    assert bench.link.opened > 6
    task.cancel()


async def test_one_that_hangs_in_dialling_is_late_within_a_period():
    bench = Bench(None)
    task = asyncio.create_task(bench.uplink.run())
    assert await bench.fed_after(10)
    assert not await bench.fed_after(PERIOD_MS)
    assert bench.late == [("link", False)]
    task.cancel()


async def test_one_whose_task_died_is_late():
    bench = Bench(OSError(111))
    task = asyncio.create_task(bench.uplink.run())
    assert await bench.fed_after(10)
    task.cancel()  # as an error does that nobody raises again
    await asyncio.sleep_ms(0)
    assert not await bench.fed_after(PERIOD_MS)


async def test_one_that_never_finds_memory_gives_up():
    bench = Bench(MemoryError())
    try:
        await bench.uplink.run()
    except MemoryError:
        assert bench.link.opened == 8
        return
    raise AssertionError("it tried on")
