"""Be on the Wi-Fi before anything dials."""

import asyncio

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_POLL_MS = 100


class Wifi:
    """A station of one network; `network` is the board's module of that name."""

    def __init__(self, *, network: "Any", ssid: str, password: str, timeout_ms: int) -> None:
        self._station = network.WLAN(network.STA_IF)
        self._ssid = ssid
        self._password = password
        self._timeout_ms = timeout_ms
        self._lock = asyncio.Lock()  # the uplink and the timekeeper both come here

    async def ensure(self) -> None:
        """Return when connected. Raises LinkError after `timeout_ms`."""
        async with self._lock:
            if self._station.isconnected():
                return
            self._station.active(True)
            self._station.disconnect()  # a stale attempt makes connect() fail on ESP32
            self._station.connect(self._ssid, self._password)
            for _ in range(self._timeout_ms // _POLL_MS):
                if self._station.isconnected():
                    return
                await asyncio.sleep_ms(_POLL_MS)
            raise LinkError("no Wi-Fi %s: status %s" % (self._ssid, self._station.status()))


class NoWifi:
    """For a board that is wired, or that is a process."""

    async def ensure(self) -> None:
        """Return: there is nothing to join."""
