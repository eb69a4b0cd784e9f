"""The real link and uplink on the VM, with batches that need no flash: `uplink_run.py FOLDER CASE`.

FOLDER has certificate, key and root as DER; the case is JSON: "case" names one of the functions
below, the rest are its arguments. Prints JSON.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections import namedtuple

from tidenode import greeting
from tidenode.entry import Entry
from tidenode.link import LINK_FAILURES, Link
from tidenode.resolver import Resolver
from tidenode.talk import Talk
from tidenode.uplink import Uplink

Limits = namedtuple(
    "Limits",
    ("window", "keepalive_s", "ack_timeout_ms", "retry_delay_ms_min", "retry_delay_ms_max"),
)


class Clock:
    """Ticks."""

    def monotonic_ms(self):
        return time.ticks_ms()


class Batches:
    """An outbox of `total` batches of `size` bytes, each filled with its number."""

    def __init__(self, total, size):
        self.size, self.total, self.acknowledged = size, total, 0
        self.ended = asyncio.Event()
        self.first_ms = self.last_ms = self.longest_ms = 0
        self.pushed = None

    def next_after(self, sequence):
        if sequence + 1 < self.total:
            return Entry(max(sequence + 1, self.acknowledged), 1, self.size, "m")
        return None

    def holds(self, _):
        return True

    def read_into(self, entry, view):
        number = entry.sequence.to_bytes(4, "big")
        for at in range(0, self.size, 4):
            view[at : at + 4] = number

    def acknowledge(self, _):
        now_ms = time.ticks_ms()
        if self.acknowledged:
            self.longest_ms = max(self.longest_ms, time.ticks_diff(now_ms, self.last_ms))
        else:
            self.first_ms = now_ms
        self.last_ms = now_ms
        self.acknowledged += 1
        if self.acknowledged == self.total:
            self.ended.set()
        return True


class Moving:
    """A resolver whose answers take turns."""

    def __init__(self, ports):
        self.asked, self._ports = 0, ports

    async def resolve(self, host, port):
        port = self._ports[self.asked % len(self._ports)]
        self.asked += 1
        return await Resolver().resolve(host, port)


def der(name):
    with open("%s/%s.der" % (sys.argv[1], name), "rb") as file:
        return file.read()


def link(host, port, resolver=None, timeout_ms=5_000):
    return Link(
        resolver=resolver or Resolver(),
        host=host,
        port=port,
        greeting=greeting.connect("board-1", 60, clean_session=False),
        connect_timeout_ms=timeout_ms,
        certificate=der("certificate"),
        key=der("key"),
        root=der("root"),
    )


async def nothing():
    pass


def uplink(line, batches, warn, *, window=16, keepalive_s=60, ack_timeout_ms=20_000):
    return Uplink(
        link=line,
        outbox=batches,
        clock=Clock(),
        topic_of=lambda _: b"dt/tidegauge/farm/board-1/m",
        ready=nothing,
        urandom=os.urandom,
        warn=warn,
        limits=Limits(window, keepalive_s, ack_timeout_ms, 1, 1),
    )


def heap_bytes():
    gc.collect()
    return gc.mem_alloc()


async def dial(host, port, times=1, timeout_ms=5_000, ports=None):
    """Open a link `times`; return the last failure and what the heap grew after a tenth."""
    try:
        line = link(host, port, ports and Moving(ports), timeout_ms)
    except LINK_FAILURES as error:
        return {"made": False, "error": repr(error)}
    error, before = None, 0
    for count in range(times):
        if count == times // 10:
            before = heap_bytes()
        try:
            await line.open()
            await line.receive()
            error = None
        except LINK_FAILURES as failure:
            error = failure
        line.close()
    return {"made": True, "error": error and repr(error), "grown_bytes": heap_bytes() - before}


async def carry(ports, total=0, size=64, losses=0, idle=False, **limits):
    """Carry `total` batches, or as many as it takes to lose the link `losses` times.

    The ports take turns. `took_ms` is from the first acknowledgement to the last;
    `longest_ms` from an acknowledgement to the next; the heap is looked at after a tenth.
    """
    resolver = Moving(ports)
    batches = Batches(0 if idle else total or 1 << 30, size)
    lost, grown_bytes = [0], [0]

    def warn(_):
        lost[0] += 1
        if lost[0] == losses // 10:
            grown_bytes[0] = -heap_bytes()
        if lost[0] == losses:
            batches.ended.set()

    up = uplink(link("127.0.0.1", 0, resolver), batches, warn, **limits)
    task = asyncio.create_task(up.run())
    await batches.ended.wait()
    task.cancel()
    return {
        "took_ms": time.ticks_diff(batches.last_ms, batches.first_ms),
        "longest_ms": batches.longest_ms,
        "acknowledged": batches.acknowledged,
        "connects": up.connects,
        "lost": lost[0],
        "asked": resolver.asked,
        "grown_bytes": grown_bytes[0] and grown_bytes[0] + heap_bytes(),
    }


async def echo(port, connections, bytes_max):
    """Answer each message on `say/...` with its length on `heard`, beside batches that flow.

    Ends in the last of so many connections, when it is told `say/end`.
    """
    batches, ended, warnings = Batches(1 << 30, 64), asyncio.Event(), []
    line = link("127.0.0.1", port)
    up = uplink(line, batches, warnings.append)
    talk = up.talk = Talk(bytes_max, warnings.append)
    talk.wake = batches.pushed
    line.inbox = talk.inbox

    def heard(topic, payload):
        if topic == "say/end" and up.connects == connections:
            ended.set()
        talk.publish("heard", "%s %s" % (topic, -1 if payload is None else len(payload)))

    talk.subscribe("say/+", heard)
    talk.began = lambda: talk.publish("began", b"%d" % up.connects)
    task = asyncio.create_task(up.run())
    await ended.wait()
    await talk.sent(1_000)
    await asyncio.sleep_ms(50)  # the last acknowledgement is on its way
    task.cancel()
    return {"connects": up.connects, "too_long": talk.inbox.too_long, "dropped": talk.dropped}


async def pour(port, frames):
    """Send `frames` numbered publishes of 200 bytes as fast as they are taken."""
    line = link("127.0.0.1", port)
    await line.open()
    frame = bytearray(b"\x30\xc6\x01\x00\x01t") + bytearray(195)
    turns = [0]

    async def count_turns():
        while True:
            turns[0] += 1
            await asyncio.sleep_ms(0)

    task = asyncio.create_task(count_turns())
    for number in range(frames):
        for at in range(6, 198, 4):
            frame[at : at + 4] = number.to_bytes(4, "big")
        await line.send(frame)
    task.cancel()
    try:
        while True:
            await line.receive()
    except LINK_FAILURES:
        return {"waited": turns[0]}


async def main():
    arguments = json.loads(sys.argv[2])
    case = globals()[arguments.pop("case")]
    print(json.dumps(await asyncio.wait_for(case(**arguments), 90)))


asyncio.run(main())
