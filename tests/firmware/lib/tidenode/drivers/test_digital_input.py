"""A digital input has a level, and counts its changes between reads too."""

import pytest

from tests.firmware.lib.tidenode.drivers.board import Board
from tests.firmware.sim.stand_in import stand_in
from tidenode.drivers import digital_input
from tidenode.edge_counter import EdgeCounter
from tidenode.input_pin import OPTIONS, open_pin

sim = stand_in("contact")


class Bench(Board):
    def __init__(self, *, invert: bool = False, debounce_ms: int = 0, **options: bool) -> None:
        super().__init__()
        self.contact = sim.Contact()
        self.machine.parts[4] = self.contact
        values = {row[0]: row[2] for row in OPTIONS} | {"pin": 4} | options
        pin = open_pin(values, self.machine)
        edges = EdgeCounter(pin, 3, debounce_ms, self)
        self.sensor = digital_input.DigitalInput(pin, edges, int(invert))


@pytest.mark.parametrize(("invert", "levels"), [(False, (1, 0)), (True, (0, 1))])
def test_a_contact_to_ground_is_read_by_its_pull(invert: bool, levels: tuple[int, int]) -> None:
    bench = Bench(invert=invert)
    assert bench.sensor.read() == (levels[0], 0)
    bench.contact.turn()
    assert bench.sensor.read() == (levels[1], 1)


@pytest.mark.parametrize(
    ("pull_up", "pull_down", "level"), [(True, True, 1), (False, True, 0), (False, False, 0)]
)
def test_an_open_line_has_the_level_of_its_pull(pull_up: bool, pull_down: bool, level: int) -> None:
    assert Bench(pull_up=pull_up, pull_down=pull_down).sensor.read() == (level, 0)


def test_changes_between_two_reads_are_counted() -> None:
    bench = Bench()
    for _ in range(6):
        bench.contact.turn()
    assert bench.sensor.read() == (1, 6)
    assert bench.sensor.read() == (1, 6)


def test_bouncing_is_one_change() -> None:
    bench = Bench(debounce_ms=10)
    for _ in range(7):
        bench.contact.turn()
        bench.now_ms += 1
    assert bench.sensor.read() == (0, 1)
