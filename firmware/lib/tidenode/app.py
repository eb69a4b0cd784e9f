"""Wire the agent: the one place where stages, hardware and configuration meet.

`running` is the agent of this program, for a console beside it to watch and stop.
"""

import os
import time

import machine
import network

from tidenode import config, drivers, log, sntp
from tidenode.agent import Agent
from tidenode.batcher import Batcher
from tidenode.boots import count_boot
from tidenode.clock import Clock, set_wall_ms, wall_ms
from tidenode.link import Link
from tidenode.outbox import Outbox
from tidenode.resolver import Resolver
from tidenode.sampler import Sampler
from tidenode.timekeeper import Timekeeper
from tidenode.topics import Topics
from tidenode.uplink import Uplink
from tidenode.wifi import NoWifi, Wifi
from tidewire.encoder import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OUTBOX = "/outbox"
running: "Agent | None" = None


def build() -> Agent:
    """Return the agent that /config.json describes. Raises ConfigError."""
    global running
    settings = config.load("/config.json", drivers.options_of)
    clock = Clock(ticks_ms=time.ticks_ms, ticks_diff=time.ticks_diff, wall_ms=wall_ms(time))
    boot = count_boot(OUTBOX)
    outbox = Outbox(folder=OUTBOX, bytes_max=settings.outbox.bytes_max)
    wifi = Wifi(network=network, **settings.wifi._asdict()) if settings.wifi else NoWifi()
    resolver = Resolver()
    timekeeper = Timekeeper(
        clock=clock,
        ask=sntp.Sntp(settings.clock, clock, resolver).ask if settings.clock.sntp_host else None,
        ready=wifi.ensure,
        set_wall_ms=lambda utc_ms: set_wall_ms(time, machine, utc_ms),
        resync_ms=settings.clock.resync_s * 1_000,
        warn=log.warn,
    )

    async def before_dialling() -> None:
        await wifi.ensure()
        await timekeeper.known.wait()  # TLS checks dates

    uplink = Uplink(
        link=_link(settings, resolver),
        outbox=outbox,
        clock=clock,
        topic_of=Topics(settings.site, settings.thing, settings.basic_ingest),
        ready=before_dialling,
        below=_random_below,
        warn=log.warn,
        limits=settings.link,
    )
    samplers = [_sampler(one, settings, boot, outbox, clock) for one in settings.measurements]
    running = Agent(
        thing=settings.thing,
        boot=boot,
        samplers=samplers,
        outbox=outbox,
        uplink=uplink,
        timekeeper=timekeeper,
    )
    return running


def _link(settings: "Any", resolver: Resolver) -> Link:
    return Link(
        resolver=resolver,
        host=settings.broker.host,
        port=settings.broker.port,
        client_id=settings.thing,
        keepalive_s=settings.link.keepalive_s,
        connect_timeout_ms=settings.link.connect_timeout_ms,
        certificate=_bytes_of("/cert.der"),
        key=_bytes_of("/key.der"),
        root=_bytes_of("/root.der"),
    )


def _sampler(one: "Any", settings: "Any", boot: int, outbox: Outbox, clock: Clock) -> Sampler:
    driver = drivers.find(one.driver)
    batcher = Batcher(
        site=settings.site,
        thing=settings.thing,
        measurement=one.name,
        boot=boot,
        fields=driver.FIELDS,
        limits=settings.batch,
        outbox=outbox,
        clock=clock,
        encode=encode,
        warn=log.warn,
    )
    return Sampler(
        name=one.name,
        sensor=driver.create(one.options, machine),
        period_ms=one.period_ms,
        clock=clock,
        batcher=batcher,
        warn=log.warn,
    )


def _random_below(limit: int) -> int:
    return int.from_bytes(os.urandom(4), "big") % limit


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
