"""A board's counters, by the names in its outbox alone."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tidectl.counters import Counters, counters_of
from tidectl.outbox_files import ring_counters
from tidenode.boots import count_boot


@pytest.mark.parametrize(
    ("names", "counters"),
    [
        ((), Counters(0, 0, 0, 0, 0)),
        (("1.boots",), Counters(1, 0, 0, 0, 0)),
        (("3.boots", "4.boots"), Counters(4, 0, 0, 0, 0)),
        (("2.boots", "41.sent"), Counters(2, 42, 0, 0, 0)),
        (("2.boots", "7.2.500.climate", "8.60.90.boots"), Counters(2, 9, 2, 62, 0)),
        (("2.boots", "120.6.dropped", "7.2.500.climate"), Counters(2, 8, 1, 2, 120)),
        (("1.boots", "7.3.90.500", "10.1.30.200"), Counters(1, 11, 4, 120, 0)),
        (("new", "notes.txt", "x.1.2.climate", ""), Counters(0, 0, 0, 0, 0)),
    ],
)
def test_names_tell_where_a_board_stands(names: tuple[str, ...], counters: Counters) -> None:
    assert counters_of(names) == counters


def test_they_say_what_the_firmware_itself_says(tmp_path: Path) -> None:
    folder = str(tmp_path / "outbox")
    count_boot(folder)
    boot = count_boot(folder)
    outbox = Flash("segments", tmp_path / "outbox").opened(sync_batches=2)
    for number in range(16):
        outbox.push("climate", 10 + number, b"x" * 1500)
    found = counters_of(path.name for path in (tmp_path / "outbox").iterdir())
    assert outbox.dropped > 0
    assert found.boot == boot
    assert found.next_sequence == outbox.next_sequence
    assert found.queued_batches == len(outbox)
    assert found.dropped_samples == outbox.dropped


def test_those_of_a_ring_are_what_the_firmware_itself_says(tmp_path: Path) -> None:
    flash = Flash("ring", tmp_path, blocks=4)
    outbox = flash.opened()
    for number in range(16):
        outbox.push("climate", 10 + number, b"x" * 1500)
    found = ring_counters(bytes(flash.cells), counters_of(["3.boots", "5.sent"]))
    assert outbox.dropped > 0
    kept = list(range(16))[-len(outbox) :]
    assert found == Counters(
        3, 16, len(outbox), sum(10 + number for number in kept), outbox.dropped
    )
