"""Publish the outbox, for ever.

Flow: outbox -> [uplink] -> broker
Bounded: `window` publishes are unacknowledged at a time; a batch leaves the outbox on its
PUBACK and not before. Whatever breaks, the uplink closes, waits with full jitter and dials
again: no error of network, TLS or broker ends it.
"""

import asyncio

from tidenode import mqtt
from tidenode.errors import LinkError, OutboxError
from tidenode.link import LINK_FAILURES
from tidenode.together import run_together
from tidenode.window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tidenode.clock import Clock
    from tidenode.entry import Entry
    from tidenode.link import Link
    from tidenode.outbox import Outbox
    from tidenode.talk import Talk

_FRAME_BYTES = 512  # grows to the largest publish sent
_WATCH_MS = 250  # how late a deadline may be noticed
_STARVED_MAX = 8  # times in a row without the memory for TLS; then only a restart helps


class Uplink:
    """Carry `outbox` over `link`; `topic_of(measurement)` names each publish, `limits` is
    the section `link` of the configuration.

    `acknowledged` counts samples, `connects` connections made and `failures` those lost or
    not made, all since the start. `due_ms` is for the watchdog. `talk`, if it is set, has the
    rest of what goes both ways.
    """

    def __init__(
        self,
        *,
        link: "Link",
        outbox: "Outbox",
        clock: "Clock",
        topic_of: "Callable[[str], bytes]",
        ready: "Callable[[], Awaitable[None]]",
        urandom: "Callable[[int], bytes]",
        warn: "Callable[[str], None]",
        limits: "Any",
    ) -> None:
        self.acknowledged = self.connects = self.failures = 0
        self.connected = False
        self.due_ms: int | None = None
        self.talk: Talk | None = None
        self._link = link
        self._outbox = outbox
        self._clock = clock
        self._topic_of = topic_of
        self._ready = ready  # waits for what dialling needs: network, time
        self._urandom = urandom
        self._warn = warn
        self._window = Window(limits.window)
        self._ping_after_ms = limits.keepalive_s * 500
        self._ack_timeout_ms = limits.ack_timeout_ms
        self._retry_delay_ms_min = limits.retry_delay_ms_min
        self._retry_delay_ms_max = limits.retry_delay_ms_max
        self._again: list[tuple[int, Entry]] = []  # to resend in the kept session
        self._sent_sequence = -1  # the newest that was sent in this session
        self._attempts = 0  # failures in a row
        self._starved = 0  # those for want of memory
        self._frame = bytearray(_FRAME_BYTES)
        self._wake = asyncio.Event()
        self._sent_at_ms = 0
        self._pinged_at_ms: int | None = None
        self._ping_wanted = False
        outbox.pushed = self._wake.set

    def carry(self, talk: "Talk") -> None:
        """Carry `talk` too, from the next connection on."""
        self.talk = talk
        talk.wake = self._wake.set
        self._link.inbox = talk.inbox

    async def run(self) -> None:
        """Keep connected and publish until cancelled. Raises MemoryError where it never can."""
        while True:
            self.due_ms = None
            began_ms = self._clock.monotonic_ms()
            try:
                await self._ready()
                began_ms = self._clock.monotonic_ms()
                self.due_ms = began_ms + self._link.connect_timeout_ms
                if self.talk is not None:
                    self.talk.dialled()
                await self._session(await self._link.open())
            except LINK_FAILURES as error:
                self._warn("link failed attempt=%d: %r" % (self._attempts + 1, error))
            except MemoryError:
                # TLS asks for 30 KB at a time; after a pause they may be there.
                self._warn("link failed attempt=%d: out of memory" % (self._attempts + 1))
                self._starved += 1
                if self._starved >= _STARVED_MAX:
                    raise
            finally:
                self.connected = False
                self._link.close()
                if self.talk is not None:
                    self.talk.closed()
            self.failures += 1
            if self._clock.monotonic_ms() - began_ms > self._retry_delay_ms_max:
                self._attempts = 0
            delay_ms = self._next_delay_ms()
            self.due_ms = self._clock.monotonic_ms() + delay_ms
            await asyncio.sleep_ms(delay_ms)  # type: ignore[attr-defined]  # MicroPython's

    def _next_delay_ms(self) -> int:
        """Full jitter: anything up to a ceiling that doubles, so that a fleet spreads out."""
        ceiling_ms: int = min(
            self._retry_delay_ms_max, self._retry_delay_ms_min << min(self._attempts, 16)
        )
        self._attempts += 1
        return int.from_bytes(self._urandom(4), "big") % (ceiling_ms + 1)

    async def _session(self, kept: bool) -> None:
        """Publish over the open link until something breaks, then raise it."""
        self.connects += 1
        self.connected = True
        self._starved = 0
        if kept:
            self._again = self._window.in_flight()
        else:
            self._again = []
            self._window.clear()
            self._sent_sequence = -1
        now_ms = self._clock.monotonic_ms()
        for packet_id, _ in self._again:
            self._window.sent_again(packet_id, now_ms)
        self._sent_at_ms = now_ms
        self._pinged_at_ms = None
        self._ping_wanted = False
        if self.talk is not None:
            self.talk.opened(kept)
        self._wake.set()
        await run_together([self._write(), self._read(), self._watch()])

    async def _write(self) -> None:
        """The only task that sends."""
        while True:
            self._wake.clear()
            frame = self.talk.next_frame(self._clock.monotonic_ms()) if self.talk else None
            if frame is not None:
                await self._link.send(frame)
                self._sent_at_ms = self._clock.monotonic_ms()
            elif self._ping_wanted:
                self._ping_wanted = False
                await self._link.send(mqtt.PINGREQ)
                self._sent_at_ms = self._pinged_at_ms = self._clock.monotonic_ms()
            elif self._again:
                packet_id, entry = self._again.pop(0)
                if self._outbox.holds(entry):
                    self._window.sent_again(packet_id, self._clock.monotonic_ms())
                    await self._publish(entry, packet_id, duplicate=True)
                else:
                    self._window.acknowledge(packet_id)  # dropped while we were away
            else:
                entry_or_none = self._outbox.next_after(self._sent_sequence)
                if entry_or_none is None or self._window.full:
                    await self._wake.wait()
                    continue
                entry = entry_or_none
                self._sent_sequence = entry.sequence
                packet_id = self._window.send(entry, self._clock.monotonic_ms())
                await self._publish(entry, packet_id, duplicate=False)

    async def _publish(self, entry: "Entry", packet_id: int, duplicate: bool) -> None:
        topic = self._topic_of(entry.measurement)
        frame_bytes = mqtt.HEAD_BYTES_MAX + len(topic) + entry.size_bytes
        if len(self._frame) < frame_bytes:
            self._frame = bytearray(frame_bytes)
        head_bytes = mqtt.write_publish_head(
            self._frame, topic, packet_id, entry.size_bytes, duplicate
        )
        view = memoryview(self._frame)[: head_bytes + entry.size_bytes]
        try:
            self._outbox.read_into(entry, view[head_bytes:])
        except OutboxError as error:
            self._window.acknowledge(packet_id)
            self._warn("batch dropped: %s" % error)
            return
        await self._link.send(view)
        self._sent_at_ms = self._clock.monotonic_ms()

    async def _read(self) -> None:
        while True:
            for kind, number in await self._link.receive():
                if kind == mqtt.PUBACK:
                    entry = self._window.acknowledge(number)
                    if entry is not None and self._outbox.acknowledge(entry):
                        self.acknowledged += entry.samples
                    self._attempts = 0
                    self._wake.set()
                elif kind == mqtt.PINGRESP:
                    self._pinged_at_ms = None
                else:
                    raise LinkError("the broker sent a second CONNACK")

    async def _watch(self) -> None:
        """Ping when it is time; give up when an answer is overdue."""
        while True:
            await asyncio.sleep_ms(_WATCH_MS)  # type: ignore[attr-defined]  # MicroPython's
            now_ms = self._clock.monotonic_ms()
            self.due_ms = now_ms + _WATCH_MS
            waiting_ms = 0
            for at_ms in (
                self._pinged_at_ms,
                self._window.oldest_sent_at_ms(),
                self.talk.asked_at_ms if self.talk else None,
            ):
                if at_ms is not None:
                    waiting_ms = max(waiting_ms, now_ms - at_ms)
            if waiting_ms > self._ack_timeout_ms:
                raise LinkError("no answer from the broker in %d ms" % waiting_ms)
            if self._pinged_at_ms is None and now_ms - self._sent_at_ms > self._ping_after_ms:
                self._ping_wanted = True
                self._wake.set()
