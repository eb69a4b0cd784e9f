"""The agent's counters, as a measurement."""

import sys
from types import SimpleNamespace

from tidenode.drivers import health

UPLINK = SimpleNamespace(connects=3, failures=2)
SAMPLERS = [SimpleNamespace(missed=1, errors=5), SimpleNamespace(missed=4, errors=0)]


class Queue:
    """An outbox of two batches."""

    dropped = 60
    erases = 7

    def __len__(self) -> int:
        return 2


class Station:
    """A Wi-Fi that is there while `rssi_dbm` is set."""

    def __init__(self, rssi_dbm: int | None) -> None:
        self.rssi_dbm = rssi_dbm

    def isconnected(self) -> bool:
        return self.rssi_dbm != 0

    def status(self, _what: str) -> int:
        if self.rssi_dbm is None:
            raise OSError("Wifi Not Connected")
        return self.rssi_dbm


def read(station: Station | None) -> dict[str, int | None]:
    sensor = health.Health(station)
    sensor.observe(UPLINK, Queue(), SAMPLERS)  # type: ignore[arg-type]  # stand in for the real ones
    return dict(zip([name for name, _ in health.FIELDS], sensor.read(), strict=True))


def test_it_tells_what_the_agent_counts() -> None:
    assert read(Station(-61)) == {
        "connects": 3,
        "link_failures": 2,
        "queued_batches": 2,
        "dropped_samples": 60,
        "erases": 7,
        "missed_samples": 5,
        "sensor_errors": 5,
        "rssi_dbm": -61,
    }


def test_no_network_and_one_that_goes_just_now_are_no_error() -> None:
    assert [read(station)["rssi_dbm"] for station in (None, Station(0), Station(None))] == [
        None
    ] * 3


def test_a_board_without_a_radio_has_it_too() -> None:
    assert "network" not in sys.modules
    assert isinstance(health.create({}, None), health.Health)
