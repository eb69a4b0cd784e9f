"""Stand in for the board's module `network`: a station that joins at once.

`outage = True` takes the network away.
"""

STA_IF = 0
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201

outage = False


class WLAN:
    """A station."""

    def __init__(self, interface: int = STA_IF) -> None:
        self._active = False
        self._joined = False

    def active(self, on: "bool | None" = None) -> bool:
        """Switch the radio, or tell its state."""
        if on is not None:
            self._active = on
        return self._active

    def connect(self, ssid: str, password: "str | None" = None) -> None:
        """Join; any name will do."""
        if not self._active:
            raise OSError("Wifi Not Started")
        self._joined = True

    def disconnect(self) -> None:
        """Leave."""
        self._joined = False

    def isconnected(self) -> bool:
        """Return whether there is a network."""
        return self._active and self._joined and not outage

    def status(self) -> int:
        """Return why, or why not."""
        if self.isconnected():
            return STAT_GOT_IP
        return STAT_NO_AP_FOUND if self._joined else STAT_IDLE
