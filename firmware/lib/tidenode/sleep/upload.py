"""Bring what the wakes have gathered to the cloud, then sleep. Wires it: the agent is not there.

Flow: memory of the RTC > [upload] > outbox > uplink
Bounded: `sleep.upload_timeout_s` for all of it. Samples leave the RTC's memory when they are on
flash; where the time is not known they stay, until there is no room for them.
"""

import asyncio
import os
import sys
import time

from tidenode import config, drivers, greeting, log
from tidenode.boots import count_boot
from tidenode.clock import Clock
from tidenode.errors import ConfigError, OutboxError
from tidenode.forgetting import forget
from tidenode.link import LINK_FAILURES, Link
from tidenode.outbox import Outbox
from tidenode.resolver import Resolver
from tidenode.sleep import memory as memories
from tidenode.sleep import rest_ms
from tidenode.together import run_together
from tidenode.topics import Topics
from tidenode.uplink import Uplink
from tidewire.batch import Batch
from tidewire.column import DECIMAL, INTEGER, Column
from tidewire.encoder import encode
from tidewire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.sleep.memory import Memory
    from tidenode.wall_clock import WallClock

running: "Upload | None" = None  # for a console beside it
_OUTBOX = "/outbox"
_CHECK_MS = 20
# An erase of a ring at each seventh upload so seldom is nothing, less than 800 a year for each of
# 96 blocks, and spares the radio what the newest block has sent before.
_SETTLED_S_MIN = 60
_GATHERED = 64  # all batches of an upload go into one file


class Upload:
    """One use of the radio; `settings` is the Config, `memory` what the wakes left, or None."""

    def __init__(
        self, settings: "Any", memory: "Memory | None", rtc: "Any", wall: "WallClock"
    ) -> None:
        self._settings = settings
        self._rtc = rtc
        self._wall = wall
        self._clock = _clock(wall)
        self._boot = count_boot(_OUTBOX)
        from tidenode.storage import storage_of

        self._storage = storage_of(settings.outbox, _OUTBOX)[0]
        self._outbox = Outbox(
            storage=self._storage,
            now_ms=self._clock.monotonic_ms,
            warn=log.warn,
            sync_batches=_GATHERED,
            sync_age_ms=0,
        )
        plan = plan_of(settings)
        if memory is None or memory.plan != plan:
            held, memory = memory, memories.Memory(plan)
            if held:  # another configuration: what was sampled is not known any more
                memory.lost = held.lost + held.samples
                memory.anchor_ms = held.anchor_ms
        elif memory.moving:
            # Cut off. In files all batches are there by one write, or none is; in a ring some.
            memory.forget_first(self._outbox.next_sequence - memory.moving + 1)
        memory.wakes = 0
        self._memory = memory
        self._samples = memory.samples
        self._held = 0
        self._time_known = self._stopped = False
        self._uplink: Uplink | None = None

    def stop(self, drain_timeout_ms: int) -> None:  # noqa: ARG002  # as the agent has it
        """End in place of sleeping."""
        self._stopped = True

    async def run(self) -> bool:
        """Return whether to sleep now."""
        global running
        running = self
        timeout_ms = self._settings.sleep.upload_timeout_s * 1_000
        try:
            try:
                await asyncio.wait_for_ms(self._upload(), timeout_ms)  # type: ignore[attr-defined]  # MicroPython's
            except asyncio.TimeoutError:
                log.warn("no upload in %d ms" % timeout_ms)
            except LINK_FAILURES as error:
                log.warn("no upload: %r" % error)
            if not self._time_known and self._memory.is_nearly_full:
                self._move()
        except Exception as error:  # the outermost loop: started anew at once it would be awake
            log.warn("no upload: %r" % error)
            sys.print_exception(error, sys.stderr)  # type: ignore[attr-defined]  # MicroPython's
            if self._memory.moving:  # as above, and now: wakes bring more samples of each
                self._memory.forget_first(self._storage.next_sequence - self._memory.moving + 1)
        self._rtc.memory(self._memory.dumped())
        sleep = self._settings.sleep
        if self._stopped or sleep.period_s * sleep.wakes_per_upload >= _SETTLED_S_MIN:
            self._outbox.settle()
        return not self._stopped

    def stats(self) -> "dict[str, object]":
        """Return the counts that ARCHITECTURE.md names under Board."""
        uplink = self._uplink
        return {
            "thing": self._settings.thing,
            "boot": self._boot,
            "sampled": self._samples,
            "accepted": self._outbox.accepted,
            "acknowledged": uplink.acknowledged if uplink else 0,
            "dropped": self._outbox.dropped,
            "held": self._held,
            "queued_batches": len(self._outbox),
            "connects": uplink.connects if uplink else 0,
            "connected": bool(uplink and uplink.connected),
        }

    async def _upload(self) -> None:
        resolver = Resolver()
        settings = self._settings
        if settings.wifi is not None:
            import network

            from tidenode.wifi import Wifi

            await Wifi(network, settings.wifi).ensure()
        if settings.clock.sntp_host is not None:
            from tidenode.sntp import Sntp

            utc_ms = await Sntp(settings.clock, self._clock, resolver).ask()
            if not self._clock.set_utc_ms(utc_ms):
                log.warn("the time server's time can't be: %d" % utc_ms)
                return
            self._memory.correct(self._wall.read_ms(), utc_ms)
            self._rtc.memory(self._memory.dumped())  # before the clock, by which they were wrong
            self._wall.set_ms(utc_ms)
        if not self._clock.trusted:
            log.warn("the clock isn't set and clock.sntp_host is null: nothing is sent")
            return
        self._time_known = True
        self._move()
        uplink = Uplink(
            link=_link(settings, resolver),
            outbox=self._outbox,
            clock=self._clock,
            topic_of=Topics(settings.site, settings.thing, settings.basic_ingest),
            ready=_ready,
            urandom=os.urandom,
            warn=log.warn,
            limits=settings.link,
        )
        self._uplink = uplink
        ended = asyncio.Event()
        await run_together([uplink.run(), self._until_drained(ended)], ended)

    async def _until_drained(self, ended: asyncio.Event) -> None:
        while len(self._outbox) and not self._stopped:
            await asyncio.sleep_ms(_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
        ended.set()

    def _move(self) -> None:
        """Put the samples into the outbox, a batch for each measurement.

        The sequence that they begin with is noted before: if this is cut off behind a write of
        the flash, the next upload knows which of them are there.
        """
        memory = self._memory
        if not self._time_known and not memory.anchor_ms:
            memory.lost += memory.samples  # nobody will ever know when they were taken
            memory.forget()
        memory.forget_impossible(self._clock.can_be)
        if memory.lost:
            self._outbox.lose(memory.lost)
            memory.lost = 0
            self._rtc.memory(memory.dumped())
        if not memory.samples:
            return
        memory.moving = self._outbox.next_sequence + 1
        self._rtc.memory(memory.dumped())
        for number in range(len(self._settings.measurements)):
            rows = [row for row in memory.all() if row[0] == number]
            if rows:
                self._push(self._settings.measurements[number], rows)
        if not self._outbox.sync():
            raise MemoryError
        memory.forget()
        self._rtc.memory(memory.dumped())

    def _push(self, measurement: "Any", rows: "list[Any]") -> None:
        rows.sort(key=lambda row: row[1])  # a clock that was set back
        fields = drivers.find(measurement.driver).FIELDS
        if measurement.quality:
            from tidenode import quality

            fields += (quality.FIELD,)
            rows = [
                (number, time_ms, values + [quality.BAD if quality.rating(values) is None else 0])
                for number, time_ms, values in rows
            ]
        if measurement.conditions:
            from tidenode.sleep.conditioned import conditioned

            before = len(rows)
            rows = conditioned(rows, measurement.conditions, measurement.period_ms)
            self._held += before - len(rows)
        times_ms: list[int] = []
        for _, time_ms, _ in rows:
            # A store keeps one sample per instant.
            times_ms.append(max(time_ms, times_ms[-1] + 1) if times_ms else time_ms)
        columns = [
            Column(name, DECIMAL if decimals else INTEGER, decimals, [row[2][at] for row in rows])
            for at, (name, decimals) in enumerate(fields)
        ]
        batch = Batch(
            self._settings.site,
            self._settings.thing,
            measurement.name,
            self._boot,
            self._outbox.next_sequence,
            times_ms,
            columns,
        )
        try:
            self._outbox.push(measurement.name, len(rows), encode(batch))
        except OutboxError as error:
            log.warn("batch dropped measurement=%s: %s" % (measurement.name, error))
        except WireError as error:
            self._outbox.lose(len(rows))
            log.warn("batch not encoded measurement=%s: %r" % (measurement.name, error))


def run(memory: "Memory | None", rtc: "Any", hardware: "Any", wall: "WallClock") -> None:
    """Upload, then sleep. Raises ConfigError."""
    settings = config.load("/config.json", drivers.options_of)
    if settings.sleep is None:
        hardware.reset()  # it was taken out: the agent is what starts then
    forget("config", "field_options", "wifi_config")
    if settings.watchdog_s:
        # Nobody feeds it: it ends what blocks, and what goes on for ever `upload_timeout_s`.
        awake_s = settings.sleep.upload_timeout_s + settings.watchdog_s
        hardware.WDT(timeout=awake_s * 1_000)
    upload = Upload(settings, memory, rtc, wall)
    forget("boots", "recovery", "storage")
    if asyncio.run(upload.run()):
        hardware.deepsleep(rest_ms(settings.sleep.period_s * 1_000, wall.read_ms()))


def plan_of(settings: "Any") -> "dict[str, Any]":
    """Return what a wake has to know. Raises ConfigError where it takes too much room."""
    period_ms = settings.sleep.period_s * 1_000
    measurements = []
    for one in settings.measurements:
        module = drivers.find(one.driver)
        options = {row[0]: one.options[row[0]] for row in module.OPTIONS}
        for row in module.OPTIONS:
            if options[row[0]] == row[2]:
                del options[row[0]]
        every = max(1, one.period_ms // period_ms)
        entry = [one.driver, options, len(module.FIELDS), every]
        measurements.append(entry + [1] if one.quality else entry)
    plan = {
        "period_s": settings.sleep.period_s,
        "wakes_per_upload": settings.sleep.wakes_per_upload,
        "measurements": measurements,
    }
    if settings.watchdog_s != memories.WATCHDOG_S:
        plan["watchdog_s"] = settings.watchdog_s
    plan_bytes = memories.BYTES_MAX - memories.Memory(plan).room_bytes
    if plan_bytes > memories.PLAN_BYTES_MAX:
        raise ConfigError(
            [
                "sleep: the measurements take %d of the RTC's bytes, %d at most"
                % (plan_bytes, memories.PLAN_BYTES_MAX)
            ]
        )
    return plan


async def _ready() -> None:
    """Wait for nothing: network and time are there."""


def _clock(wall: "WallClock") -> Clock:
    from tidenode.certificate_date import floor_ms

    with open("/cert.der", "rb") as file:
        certificate = file.read()
    clock = Clock(
        ticks_ms=time.ticks_ms,  # type: ignore[attr-defined]  # MicroPython's
        ticks_diff=time.ticks_diff,  # type: ignore[attr-defined]  # MicroPython's
        wall_ms=wall.read_ms(),
        floor_ms=floor_ms(certificate),
    )
    forget("certificate_date")
    return clock


def _link(settings: "Any", resolver: Resolver) -> Link:
    files = []
    for path in ("/cert.der", "/key.der", "/root.der"):
        with open(path, "rb") as file:
            files.append(file.read())
    return Link(
        resolver=resolver,
        host=settings.broker.host,
        port=settings.broker.port,
        greeting=greeting.connect(settings.thing, settings.link.keepalive_s, clean_session=False),
        connect_timeout_ms=settings.link.connect_timeout_ms,
        certificate=files[0],
        key=files[1],
        root=files[2],
    )
