"""Wire the agent: the place where stages, hardware and configuration meet.

What only some boards have is wired by `tidenode.extras`, imported where it is asked for: a module
is kilobytes of heap, and its names stay for ever.
"""

import gc
import os
import sys
import time

import machine

from tidenode import config, drivers, greeting, log, streak
from tidenode.agent import Agent
from tidenode.boots import count_boot
from tidenode.certificate_date import floor_ms
from tidenode.clock import Clock
from tidenode.forgetting import forget
from tidenode.link import Link
from tidenode.outbox import Outbox
from tidenode.proof import prove_when_healthy
from tidenode.resolver import Resolver
from tidenode.storage import storage_of
from tidenode.timekeeper import Timekeeper
from tidenode.topics import Topics
from tidenode.uplink import Uplink
from tidenode.wall_clock import WallClock
from tidenode.watchdog import Watchdog, note_late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.sampler import Sampler

OUTBOX = "/outbox"
REST_MS = 3_600_000  # of a sensor that hung: each try may cost the others a watchdog's period
_AT_START = " at its start"  # behind the name of one whose driver is being made


def build() -> Agent:
    """Return the agent that /config.json describes. Raises ConfigError."""
    boot = count_boot(OUTBOX)
    alone = _is_alone()  # asked for always: it is for one start, whatever that one becomes
    safe_mode, blocker = _after_fault(boot)
    safe_mode = safe_mode or alone
    on_trial = _try_settings(not safe_mode)
    settings = config.load("/config.json", _ask_no_driver if safe_mode else drivers.options_of)
    feed = _started_watchdog(settings.watchdog_s)
    forget("config", "field_options", "wifi_config")  # 8 KB, which the stages of many sensors need
    clock = Clock(
        ticks_ms=time.ticks_ms,  # type: ignore[attr-defined]  # MicroPython's
        ticks_diff=time.ticks_diff,  # type: ignore[attr-defined]  # MicroPython's
        wall_ms=0 if on_trial == "clock" else WallClock(time, machine).read_ms(),
        floor_ms=floor_ms(_bytes_of("/cert.der")),
    )
    outbox = _outbox(settings.outbox, clock, alone)
    resolver = Resolver()
    timekeeper = _timekeeper(settings, clock, resolver)
    uplink = _uplink(settings, outbox, clock, timekeeper, resolver)
    mark = machine.RTC().memory if feed else _mark_nothing  # outlives a reset, and takes no time
    measurements = () if safe_mode else settings.measurements
    samplers = _samplers(
        measurements, settings, boot, outbox, clock, uplink, blocker, mark, on_trial
    )
    agent = Agent(
        thing=settings.thing,
        boot=boot,
        samplers=samplers,
        outbox=outbox,
        uplink=uplink,
        timekeeper=timekeeper,
        waiting_bytes_max=-1 if clock.trusted else settings.clock.waiting_bytes_max,
    )
    if feed:
        _watch_blocking(samplers, blocker, mark, agent)
        parts = [("link", uplink), ("time", timekeeper)] + [("", one) for one in samplers]
        agent.watchdog = _watchdog(parts, feed, clock, settings.watchdog_s)
    agent.safe_mode, agent.alone = safe_mode, alone
    if safe_mode:
        from tidenode import extras

        agent.beside.append(extras.safe_mode(agent))
    else:
        agent.beside.append(prove_when_healthy(boot, uplink))
    if settings.control is not None:
        from tidenode import extras

        agent.beside.extend(
            extras.control(settings, boot, clock, uplink, agent, samplers, bool(on_trial))
        )
    if _has_to_prove():
        from tidenode import extras

        extras.let_prove(agent, settings.thing, clock, uplink)
    if not alone and _has_news():
        from tidenode import extras

        agent.beside.append(extras.news(settings, boot, outbox, clock, timekeeper))
    return agent


def _samplers(  # noqa: PLR0917  # each is another part of them
    measurements: "Sequence[Any]",
    settings: "Any",
    boot: int,
    outbox: Outbox,
    clock: Clock,
    uplink: Uplink,
    blocker: str,
    mark: "Callable[[str], object]",
    on_trial: str,
) -> "list[Sampler]":
    """Return a sampler of each measurement, having marked whose driver runs meanwhile.

    Apart from `build`, so that what a `try` leaves on the stack is over before the agent runs.
    """
    samplers: list[Sampler] = []
    try:
        for one in measurements:
            unmade = blocker == one.name + _AT_START
            mark("" if unmade else one.name + _AT_START)
            samplers.append(_sampler(one, settings, boot, outbox, clock, unmade))
        for sampler in samplers:
            if hasattr(sampler.sensor, "observe"):
                mark(sampler.name + _AT_START)
                sampler.sensor.observe(uplink, outbox, samplers)
    except Exception as error:
        _end_trial(on_trial, error)
        raise
    finally:
        mark("")  # who raises does not hang
    return samplers


def forget_start() -> None:
    """Give back the heap of what only the start needs, this module too.

    It is 15 KB, of a heap in which TLS has to fit. Modules are emptied, since something on
    the stack may still name them; no stage may have been given a function of theirs. What
    `tidectl.bundle` lays into this module goes with it.
    """
    modules, collect = sys.modules, gc.collect
    for name, module in list(modules.items()):
        if name.startswith("tidenode.") and name != "tidenode.app":
            for only_for_the_start in ("OPTIONS", "create", "i2c_bus", "input_pin"):
                module.__dict__.pop(only_for_the_start, None)
    forget("extras", "drivers", "i2c_bus", "input_pin")
    modules["tidenode"].__dict__.pop("app", None)
    modules.pop("tidenode.app").__dict__.clear()
    collect()


def _outbox(settings: "Any", clock: Clock, alone: bool) -> "Any":
    if alone:
        from tidenode import extras

        return extras.no_outbox()
    storage, sync_batches = storage_of(settings, OUTBOX)
    return Outbox(
        storage=storage,
        now_ms=clock.monotonic_ms,
        warn=log.warn,
        sync_batches=sync_batches,
        sync_age_ms=settings.sync_age_ms,
    )


def _timekeeper(settings: "Any", clock: Clock, resolver: Resolver) -> Timekeeper:
    ask = set_wall_ms = online = None
    if settings.clock.sntp_host is not None:
        from tidenode import extras

        ask, set_wall_ms = extras.time_server(settings.clock, clock, resolver)
    if settings.wifi is not None:
        from tidenode import extras

        online = extras.network(settings.wifi)
    return Timekeeper(
        clock=clock,
        ask=ask,
        online=online,
        set_wall_ms=set_wall_ms,
        resync_ms=settings.clock.resync_s * 1_000,
        warn=log.warn,
    )


def _uplink(
    settings: "Any", outbox: Outbox, clock: Clock, timekeeper: Timekeeper, resolver: Resolver
) -> Uplink:
    return Uplink(
        link=_link(settings, resolver),
        outbox=outbox,
        clock=clock,
        topic_of=Topics(settings.site, settings.thing, settings.basic_ingest),
        ready=timekeeper.ready_to_dial,
        urandom=os.urandom,
        warn=log.warn,
        limits=settings.link,
    )


def _is_alone() -> bool:
    """Return whether an update needs the heap of the sensors, for this start."""
    try:
        os.remove("/update/alone")
    except OSError:
        return False
    return True


def _after_fault(boot: int) -> "tuple[bool, str]":
    """Return whether this start is one in safe mode, and whose driver the watchdog ended.

    Note why the last one ended, if badly.
    """
    blocker = ""
    cause = machine.reset_cause()
    after_fault = cause in (machine.HARD_RESET, machine.WDT_RESET)
    safe_mode = streak.begin(boot, after_fault)
    if after_fault:
        from tidenode import incident

        bitten = cause == machine.WDT_RESET
        marked = machine.RTC().memory() if bitten else b""
        blocker = incident.note_start(bitten, safe_mode, marked)
        forget("incident")
        if _has_to_prove() or "trial.json" in _names_in("/control"):
            blocker = (
                ""  # what is on trial hangs: it is to be given up, not to prove itself without
            )
    return safe_mode, blocker


def _ask_no_driver(_name: str) -> "Any":
    """Leave a driver's options unread: it may be the one at fault."""
    return None


def _started_watchdog(period_s: int) -> "Callable[[], object] | None":
    return machine.WDT(timeout=period_s * 1_000).feed if period_s else None


def _mark_nothing(_name: str) -> None:
    """Nothing will end a driver that blocks."""


def _watch_blocking(
    samplers: "list[Sampler]", blocker: str, mark: "Callable[[str], object]", agent: Agent
) -> None:
    """Have what blocks the board for ever be known to the start after; let `blocker` rest."""
    for sampler in samplers:
        sampler.mark = mark
        if blocker in (sampler.name, sampler.name + _AT_START):
            sampler.rest_ms = REST_MS
            log.warn("%s hung until the watchdog bit: left out for an hour" % blocker)
            if blocker != sampler.name:
                from tidenode import extras

                agent.beside.append(extras.start_anew(agent, REST_MS))
                sampler.rest_ms += REST_MS  # there is nothing to be read in this start


def _watchdog(
    parts: "list[tuple[str, Any]]", feed: "Callable[[], object]", clock: Clock, period_s: int
) -> "Any":
    return Watchdog(
        parts=parts,
        feed=feed,
        now_ms=clock.monotonic_ms,
        period_ms=period_s * 1_000,
        late=note_late,
    )


def _try_settings(sensing: bool) -> str:
    """Bring settings that came from afar into force; return what is on trial, as `begin` does."""
    try:
        os.stat("/control")
    except OSError:
        return ""
    from tidenode.control import trial

    on_trial = trial.begin(config.parse, drivers.options_of, sensing=sensing)
    forget("control.trial", "control.settings", "control.store", "control.files", "control")
    return on_trial


def _end_trial(on_trial: str, error: Exception) -> None:
    """Go on without settings on trial whose options don't go together; all else ends in a reset."""
    if not on_trial:
        return
    from tidenode.control import trial
    from tidenode.errors import ConfigError

    if isinstance(error, ConfigError):
        trial.end(error.mistakes)
        machine.reset()  # at its prompt it could not be told to take them back


def _has_to_prove() -> bool:
    """Return whether the board was updated, and what it was updated to has yet to prove itself."""
    notes = _names_in("/update")
    return any(note.endswith(".trial") or note.startswith("switched.") for note in notes)


def _has_news() -> bool:
    """Return whether there are incidents to tell of."""
    return not all(name.endswith(".proved") for name in _names_in("/health"))


def _names_in(folder: str) -> "list[str]":
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _link(settings: "Any", resolver: Resolver) -> Link:
    return Link(
        resolver=resolver,
        host=settings.broker.host,
        port=settings.broker.port,
        greeting=greeting.connect(settings.thing, settings.link.keepalive_s, clean_session=False),
        connect_timeout_ms=settings.link.connect_timeout_ms,
        certificate=_bytes_of("/cert.der"),
        key=_bytes_of("/key.der"),
        root=_bytes_of("/root.der"),
    )


def _sampler(  # noqa: PLR0917  # each is another part of it
    one: "Any", settings: "Any", boot: int, outbox: Outbox, clock: Clock, unmade: bool
) -> "Sampler":
    """Return the sampler of the measurement `one`; if `unmade` there is no sensor behind it."""
    from tidenode.batcher import Batcher
    from tidenode.sampler import Sampler
    from tidewire.encoder import encode

    driver = drivers.find(one.driver)
    fields, rated = driver.FIELDS, None
    sensor: Any = None if unmade else driver.create(one.options, machine)
    period_ms = one.period_ms
    if one.conditions or one.quality:
        from tidenode import extras

        sensor, fields, rated = extras.improved(sensor, fields, one)
    # No more than become `age_ms_max` old: what a batch may hold is reserved from the start.
    samples_max = min(settings.batch.samples_max, settings.batch.age_ms_max // one.period_ms + 2)
    # Nor than the outbox takes in one piece: 9 bytes a value at the worst, and their names.
    fits_samples = (outbox.batch_bytes_max - 512) // (9 * (len(fields) + 1))
    samples_max = min(samples_max, fits_samples)
    batcher = Batcher(
        origin=(settings.site, settings.thing, one.name, boot),
        fields=fields,
        samples_max=samples_max,
        age_ms_max=settings.batch.age_ms_max,
        outbox=outbox,
        clock=clock,
        encode=encode,
        warn=log.warn,
    )
    stage: Any = batcher
    if one.conditions:
        from tidenode import extras

        stage, period_ms = extras.conditioned(batcher, one, clock, rated)
    sampler = Sampler(
        name=one.name,
        sensor=sensor,
        period_ms=period_ms,
        clock=clock,
        batcher=stage,
        warn=log.warn,
    )
    if one.quality or hasattr(sensor, "measure"):
        from tidenode import extras

        extras.adapt(sampler, sensor, one, len(driver.FIELDS))
    return sampler


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
