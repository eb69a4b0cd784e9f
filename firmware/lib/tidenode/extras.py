"""Wire what only some boards have. Loaded where one of them is asked for, forgotten with the start.

A function that only some boards call is here and not in `tidenode.app`, and so is the import of
what it wires.
"""

import time

from tidenode import log
from tidenode.forgetting import forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    from tidenode.agent import Agent
    from tidenode.batcher import Batcher
    from tidenode.clock import Clock
    from tidenode.resolver import Resolver
    from tidenode.sampler import Sampler
    from tidenode.timekeeper import Timekeeper
    from tidenode.uplink import Uplink

    Fields = tuple[tuple[str, int], ...]
    Part = Coroutine[Any, Any, None]


def network(settings: "Any") -> "Callable[[], Awaitable[None]]":
    """Return what brings the Wi-Fi up; `settings` is the section `wifi`."""
    import network

    from tidenode.wifi import Wifi

    return Wifi(network, settings).ensure


def time_server(
    settings: "Any", clock: "Clock", resolver: "Resolver"
) -> "tuple[Callable[[], Awaitable[int]], Callable[[int], None]]":
    """Return what asks for the time, and what sets the chip's clock to it."""
    import machine

    from tidenode.sntp import Sntp
    from tidenode.wall_clock import WallClock

    return Sntp(settings, clock, resolver).ask, WallClock(time, machine).set_ms


def no_outbox() -> "Any":
    """Return what stands in the outbox's place in a start that an update has for itself."""
    from tidenode.no_outbox import NoOutbox

    return NoOutbox()


def improved(
    sensor: "Any", fields: "Fields", measurement: "Any"
) -> "tuple[Any, Fields, Callable[..., Any] | None]":
    """Return the sensor calibrated and rated, its fields, and what rates samples taken together.

    `measurement` is the Config's.
    """
    rated = None
    if measurement.conditions and any(measurement.conditions.polynomials):
        from tidenode.conditioning import Calibrated

        sensor = Calibrated(sensor, measurement.conditions.polynomials)
    if measurement.quality:
        from tidenode import quality

        sensor, rated = quality.Rated(sensor), quality.rated
        fields += (quality.FIELD,)
    return sensor, fields, rated


def conditioned(
    batcher: "Batcher", measurement: "Any", clock: "Clock", rated: "Any"
) -> "tuple[Any, int]":
    """Return what samples go through on their way to `batcher`, and their period."""
    from tidenode.conditioning import Conditioner

    conditions, period_ms = measurement.conditions, measurement.period_ms
    stage = Conditioner(
        batcher=batcher, conditions=conditions, period_ms=period_ms, clock=clock, rated=rated
    )
    return stage, period_ms // conditions.count


def adapt(sampler: "Sampler", sensor: "Any", measurement: "Any", fields: int) -> None:
    """Give `sampler` what it takes for a sensor that is rated, or awaited."""
    if measurement.quality:
        from tidenode import quality

        sampler.missing = quality.missing(fields)
    if hasattr(sensor, "measure"):
        from tidenode.measuring import measure

        sampler.measure = measure


def start_anew(agent: "Agent", after_ms: int) -> "Part":
    """Return what makes, in another start, the driver that was not made in this one."""
    from tidenode.streak import leave_safe_mode

    return leave_safe_mode(agent, after_ms)


def safe_mode(agent: "Agent") -> "Part":
    """Say why there are no sensors, and return what ends it."""
    from tidenode.streak import leave_safe_mode

    why = "an update" if agent.alone else "safe mode"
    log.warn("%s: no sensors, until the next start" % why)
    return leave_safe_mode(agent)


def control(  # noqa: PLR0917  # each is another stage
    settings: "Any",
    boot: int,
    clock: "Clock",
    uplink: "Uplink",
    agent: "Agent",
    samplers: "list[Sampler]",
    on_trial: bool,
) -> "list[Part]":
    """Return what listens to the cloud, and reports to Device Defender where it is asked to."""
    from tidenode.control import trial

    trial.report(on_trial)
    forget("control.trial", "control.settings", "control.store", "control.files", "control")
    from tidenode.control.dispatcher import Control
    from tidenode.talk import Talk

    log.keep()
    talk = Talk(settings.control.message_bytes_max, log.warn)
    uplink.carry(talk)
    listener = Control(
        thing=settings.thing,
        boot=boot,
        talk=talk,
        clock=clock,
        uplink=uplink,
        samplers=samplers,
        limits=settings.control,
        on_trial=on_trial,
        warn=log.warn,
    )
    listener.agent = agent
    agent.proved = listener.begin
    parts = [listener.run()]
    if settings.control.defender_s:
        from tidenode.defender import report_for_ever

        parts.append(
            report_for_ever(settings.thing, agent, uplink, clock, settings.control.defender_s)
        )
    return parts


def let_prove(agent: "Agent", thing: str, clock: "Clock", uplink: "Uplink") -> None:
    """Have what the board was updated to prove itself."""
    from tidenode.update import proving

    agent.proving = True
    agent.beside.append(proving.proof(thing, clock, uplink, agent.safe_mode))


def news(
    settings: "Any", boot: int, outbox: "Any", clock: "Clock", timekeeper: "Timekeeper"
) -> "Part":
    """Return what tells of incidents."""
    from tidenode import event

    origin = (settings.site, settings.thing, boot)
    return event.tell_when_known(timekeeper.known, outbox, clock, origin, log.warn)
