"""Be on the Wi-Fi before anything dials."""

import asyncio

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_POLL_MS = 100


class Wifi:
    """A station of one network; `network` is the board's module
    of that name, `settings` the section `wifi` of the configuration."""

    def __init__(self, network: "Any", settings: "Any") -> None:
        self._station = network.WLAN(network.STA_IF)
        self._settings = settings
        self._lock = asyncio.Lock()  # the uplink and the timekeeper both come here

    async def ensure(self) -> None:
        """Return when connected. Raises LinkError after `timeout_ms`."""
        async with self._lock:
            if self._station.isconnected():
                return
            self._station.active(True)
            self._station.disconnect()  # a stale attempt makes connect() fail on ESP32
            self._station.connect(self._settings.ssid, self._settings.password)
            for _ in range(self._settings.timeout_ms // _POLL_MS):
                if self._station.isconnected():
                    return
                await asyncio.sleep_ms(_POLL_MS)  # type: ignore[attr-defined]
            status = self._station.status()
            raise LinkError("no Wi-Fi %s: status %s" % (self._settings.ssid, status))
