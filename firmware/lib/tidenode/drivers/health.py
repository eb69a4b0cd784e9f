"""The agent itself as a sensor: its link, its queue, its losses, its radio.

What a fleet is watched by; `chip` beside it has the memory. All counts begin with the start,
but `dropped_samples`, which is the flash's.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tidenode.config import Spec
    from tidenode.outbox import Outbox
    from tidenode.sampler import Sampler
    from tidenode.uplink import Uplink

FIELDS = (
    ("connects", 0),
    ("link_failures", 0),
    ("queued_batches", 0),
    ("dropped_samples", 0),
    ("erases", 0),
    ("missed_samples", 0),
    ("sensor_errors", 0),
    ("rssi_dbm", 0),
)
OPTIONS: "Spec" = ()


class Health:
    """Reads the counters of the agent it is given; `station` is the Wi-Fi's, or None."""

    def __init__(self, station: "Any") -> None:
        self._station = station
        self._uplink: Any = None
        self._outbox: Any = None
        self._samplers: Any = None

    def observe(self, uplink: "Uplink", outbox: "Outbox", samplers: "Sequence[Sampler]") -> None:
        """Take what to read from."""
        self._uplink, self._outbox, self._samplers = uplink, outbox, samplers

    def read(self) -> "tuple[int | None, ...]":
        """Return the FIELDS; None for the signal where there is none, all None without an agent."""
        if self._uplink is None:
            return (None,) * len(FIELDS)
        return (
            self._uplink.connects,
            self._uplink.failures,
            len(self._outbox),
            self._outbox.dropped,
            self._outbox.erases,
            sum([sampler.missed for sampler in self._samplers]),
            sum([sampler.errors for sampler in self._samplers]),
            self._rssi_dbm(),
        )

    def _rssi_dbm(self) -> "int | None":
        try:
            if self._station and self._station.isconnected():
                return int(self._station.status("rssi"))
        except (OSError, ValueError):
            pass  # the network went just now
        return None


def create(_options: "dict[str, Any]", _hardware: "Any") -> Health:
    """Return the agent this runs in."""
    try:
        import network
    except ImportError:  # a board without a radio
        return Health(None)
    return Health(network.WLAN(network.STA_IF))
