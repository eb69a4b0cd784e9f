"""Be on the Wi-Fi before anything dials.

Of several networks the strongest that is in reach is tried first, then the others in order:
one may be hidden. One that failed comes after those that failed less often, and is tried again
in the next round; the rest between two rounds doubles up to REST_MS_MAX.
"""

import asyncio

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REST_MS_MAX = 30_000  # so late a network that came back is noticed
_REST_MS = 500
_POLL_MS = 100
_UNSEEN_DBM = -1_000


class Wifi:
    """A station; `network` is the board's module of that name, `settings` the section `wifi` of
    the configuration.
    """

    def __init__(self, network: "Any", settings: "Any") -> None:
        self._network = network
        self._settings = settings
        self._failures = [0] * len(settings.networks)
        self._rounds = 0  # in a row in which none could be joined
        self._static = False  # the station has an address that we gave it
        self._lock = asyncio.Lock()  # the uplink and the timekeeper both come here
        if settings.country:
            network.country(settings.country)
        if settings.hostname:
            network.hostname(settings.hostname)
        self._station = network.WLAN(network.STA_IF)

    async def ensure(self) -> None:
        """Return when connected. Raises LinkError when none of the networks can be joined."""
        async with self._lock:
            if self._station.isconnected():
                return
            if self._rounds:
                rest_ms = min(REST_MS_MAX, _REST_MS << min(self._rounds, 8))
                await asyncio.sleep_ms(rest_ms)  # type: ignore[attr-defined]  # MicroPython's
                if self._station.isconnected():  # the chip tries on by itself
                    return
            self._rounds += 1
            self._switch_on()
            told = []
            for number in self._order():
                failure = await self._join(self._settings.networks[number])
                if failure is None:
                    self._rounds = self._failures[number] = 0
                    return
                self._failures[number] += 1
                told.append(failure)
            raise LinkError("no Wi-Fi: %s" % ", ".join(told))

    def _switch_on(self) -> None:
        self._station.active(True)
        power_save = self._settings.power_save
        if power_save:
            wlan = self._network.WLAN
            # In MicroPython's words; on an ESP32 the middle one is what it starts with.
            modes = {"none": wlan.PM_NONE, "min": wlan.PM_PERFORMANCE, "max": wlan.PM_POWERSAVE}
            self._station.config(pm=modes[power_save])

    def _order(self) -> "list[int]":
        """Return the numbers of the networks, the most promising first."""
        networks = self._settings.networks
        if len(networks) == 1:
            return [0]  # a scan takes seconds, in which nothing else runs
        strength_dbm: dict[bytes, int] = {}
        try:
            for ssid, _, _, rssi_dbm, *_ in self._station.scan():
                strength_dbm[ssid] = max(rssi_dbm, strength_dbm.get(ssid, _UNSEEN_DBM))
        except OSError:
            pass  # then they are tried in order
        ranks = []
        for number, one in enumerate(networks):
            seen_dbm = strength_dbm.get(one.ssid.encode(), _UNSEEN_DBM)
            ranks.append((self._failures[number], -seen_dbm, number))
        return [number for _, _, number in sorted(ranks)]

    async def _join(self, one: "Any") -> "str | None":
        """Join; return what kept us from it."""
        station = self._station
        try:
            station.disconnect()  # a stale attempt makes connect() fail on ESP32
            if one.address:
                station.ifconfig((one.address, one.netmask, one.gateway, one.dns))
                self._static = True
            elif self._static:
                station.ifconfig("dhcp")
                self._static = False
            station.connect(one.ssid, one.password)
            for _ in range(self._settings.timeout_ms // _POLL_MS):
                if station.isconnected():
                    return None
                await asyncio.sleep_ms(_POLL_MS)  # type: ignore[attr-defined]  # MicroPython's
            return "%s: status %s" % (one.ssid, station.status())
        except OSError as error:
            return "%s: %r" % (one.ssid, error)
