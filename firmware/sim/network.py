"""Stand in for the board's module `network`: a station that joins at once, an access point.

`outage = True` takes the network away. `around` maps the networks in reach, where a test wants
some, to (RSSI, password); as it is, any name and password will do. What the access point would
be reached at is loopback, at `portal_ports` (HTTP, DNS).
"""

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STA_IF, AP_IF = 0, 1
AUTH_OPEN, AUTH_WPA2_PSK = 0, 3
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201
STAT_WRONG_PASSWORD = 202
PORTS = (8080, 8053)

_RSSI_DBM = -61

outage = False
around: "dict[str, tuple[int, str]] | None" = None
portal_ports = tuple(json.loads(os.getenv("TIDEGAUGE_BOARD") or "{}").get("portal_ports", PORTS))
settings: "dict[str, Any]" = {}  # what was set, of country, hostname and the like
_active: "dict[int, bool]" = {}  # by interface: an object of it is only a handle, as on a chip
_status: "dict[int, int]" = {}


class WLAN:
    """A station or an access point."""

    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    def __init__(self, interface: int = STA_IF) -> None:
        self._interface = interface

    def active(self, on: "bool | None" = None) -> bool:
        """Switch the radio, or tell its state."""
        if on is not None:
            _active[self._interface] = on
        return _active.get(self._interface, False)

    def connect(self, ssid: str, password: "str | None" = None) -> None:
        """Join, if it is there."""
        if not self.active():
            raise OSError("Wifi Not Started")
        settings.setdefault("tried", []).append(ssid)
        status = STAT_GOT_IP
        if around is not None:
            if ssid not in around:
                status = STAT_NO_AP_FOUND
            elif around[ssid][1] != (password or ""):
                status = STAT_WRONG_PASSWORD
        _status[self._interface] = status

    def disconnect(self) -> None:
        """Leave."""
        _status[self._interface] = STAT_IDLE

    def isconnected(self) -> bool:
        """Return whether there is a network."""
        joined = _status.get(self._interface) == STAT_GOT_IP
        return self.active() and joined and not outage

    def status(self, what: "str | None" = None) -> int:
        """Return why, or why not; or how strong the network is, if that is asked for."""
        if what == "rssi":
            if not self.isconnected():
                raise OSError("Wifi Not Connected")
            return _RSSI_DBM
        status = _status.get(self._interface, STAT_IDLE)
        return STAT_NO_AP_FOUND if status == STAT_GOT_IP and not self.isconnected() else status

    def scan(self) -> "list[tuple[bytes, bytes, int, int, int, bool]]":
        """Return (ssid, bssid, channel, RSSI, security, hidden) of each network in reach."""
        found = []
        for ssid, (rssi_dbm, password) in (around or {}).items():
            security = AUTH_WPA2_PSK if password else AUTH_OPEN
            found.append((ssid.encode(), b"\2\0\0\0\0\1", 6, rssi_dbm, security, False))
        return found

    def config(self, **values: object) -> None:
        """Set up."""
        settings.update(values)

    def ifconfig(self, addresses: "object | None" = None) -> "tuple[str, str, str, str]":
        """Set the addresses, or return them."""
        if addresses is not None:
            settings["ifconfig"] = addresses
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")


def country(code: str) -> None:
    """Set the country."""
    settings["country"] = code


def hostname(name: str) -> None:
    """Set the name."""
    settings["hostname"] = name
