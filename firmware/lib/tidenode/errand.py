"""What a claim and a rotation need of the board: network, time, connections. Wires them.

It runs before anything of the agent is made, and the board starts anew after it, so that the
agent finds a heap that nothing has used.
"""

import gc
import json
import os
import time

import machine

from tidenode import greeting, identity, log
from tidenode.clock import Clock
from tidenode.errors import ConfigError
from tidenode.forgetting import forget
from tidenode.link import LINK_FAILURES, Link
from tidenode.resolver import Resolver
from tidenode.session import Session
from tidenode.timekeeper import Timekeeper
from tidenode.wall_clock import WallClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAILURES = LINK_FAILURES + (MemoryError,)  # TLS asks for 30 KB at a time


class Errand:
    """The surroundings that `settings`, a Config, describe; of it no more is kept than is used."""

    def __init__(self, settings: "Any") -> None:
        wall = WallClock(time, machine)
        self.clock = Clock(
            ticks_ms=time.ticks_ms,  # type: ignore[attr-defined]  # MicroPython's
            ticks_diff=time.ticks_diff,  # type: ignore[attr-defined]  # MicroPython's
            wall_ms=wall.read_ms(),
        )
        self.warn = log.warn
        self._broker = settings.broker
        self._limits = settings.link
        self._resolver = Resolver()
        online = ask = None
        if settings.wifi is not None:
            import network

            from tidenode.wifi import Wifi

            online = Wifi(network, settings.wifi).ensure
        if settings.clock.sntp_host is not None:
            from tidenode.sntp import Sntp

            ask = Sntp(settings.clock, self.clock, self._resolver).ask
        self.timekeeper = Timekeeper(
            clock=self.clock,
            ask=ask,
            online=online,
            set_wall_ms=wall.set_ms if ask else None,
            resync_ms=settings.clock.resync_s * 1_000,
            warn=log.warn,
        )

    async def ready(self) -> None:
        """Return when there is a network, and the time by which TLS checks dates."""
        await self.timekeeper.ready_to_dial()

    async def dial(
        self, client_id: str, certificate: bytes, key: bytes, filters: "list[str]"
    ) -> Session:
        """Return an open session. Raises LINK_FAILURES."""
        await self.ready()
        gc.collect()
        limits = self._limits
        # A claim leaves nothing behind; a thing's session is the agent's.
        clean_session = "." in client_id
        link = Link(
            resolver=self._resolver,
            host=self._broker.host,
            port=self._broker.port,
            greeting=greeting.connect(client_id, limits.keepalive_s, clean_session),
            connect_timeout_ms=limits.connect_timeout_ms,
            certificate=certificate,
            key=key,
            root=identity.read(identity.AUTHORITY),
        )
        session = Session(link, filters, limits.ack_timeout_ms)
        try:
            await session.open()
        except BaseException:
            session.close()
            raise
        return session

    def delay_ms(self, ceiling_ms: int) -> int:
        """Return a wait of half of `ceiling_ms` to all of it, so that a fleet spreads out."""
        half_ms = ceiling_ms // 2
        return half_ms + int.from_bytes(os.urandom(4), "big") % (half_ms + 1)


def settings_of(document: "Any") -> "Any":
    """Return the Config of `document` without its measurements. Raises ConfigError.

    Drivers would take the heap that TLS needs; the agent's own start checks what is theirs.
    """
    from tidenode import config

    if isinstance(document, dict):
        document = dict(document, measurements=[{"name": "none", "driver": "x", "period_ms": 10}])
    settings = config.parse(document, lambda _driver: ())
    forget("config")
    return settings


def json_of(path: str) -> "Any":
    """Return what the file at `path` holds. Raises ConfigError."""
    try:
        return json.loads(identity.read(path))
    except (OSError, ValueError) as error:
        raise ConfigError(["%r" % error], path[1:])


def made_request(settings: "Any", common_name: str) -> bool:
    """Make the new key and its request where they are not there; return whether it was done.

    After it the board starts anew: numbers of 256 bits leave a heap that TLS can't use.
    """
    if identity.has_request():
        return False
    if settings.wifi is not None:
        import network

        network.WLAN(network.STA_IF).active(True)  # the radio's noise makes good random numbers
    identity.make_request(os.urandom, common_name)
    return True


def serial_of(settings: "Any") -> str:
    """Return the board's serial number: the configuration's, else the chip's (its MAC)."""
    if settings.serial is not None:
        return str(settings.serial)
    return ":".join(["%02x" % byte for byte in machine.unique_id()])
