"""What waits in an outbox is read on this machine as the board would, damage left out."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tidectl.outbox_files import batches_of, renewed, ring_batches
from tidenode.errors import OutboxError

PAYLOADS = {number: b"payload %d" % number for number in range(5)}


def pushed(flash: Flash) -> None:
    outbox = flash.opened(sync_batches=5)
    for payload in PAYLOADS.values():
        outbox.push("climate", 10, payload)
    outbox.sync()


def test_a_segment_gives_its_batches(tmp_path: Path) -> None:
    pushed(Flash("segments", tmp_path / "outbox"))
    (path,) = (tmp_path / "outbox").iterdir()
    assert batches_of(path.name, path.read_bytes()) == PAYLOADS


def test_a_ring_gives_what_is_not_damaged(tmp_path: Path) -> None:
    flash = Flash("ring", tmp_path)
    pushed(flash)
    assert ring_batches(bytes(flash.cells)) == PAYLOADS
    flash.damage(PAYLOADS[2])
    whole = {number: payload for number, payload in PAYLOADS.items() if number != 2}
    assert ring_batches(bytes(flash.cells)) == whole


@pytest.mark.parametrize("left_bytes", [0, 5, 30])
def test_a_segment_that_was_cut_short_gives_what_is_whole(tmp_path: Path, left_bytes: int) -> None:
    pushed(Flash("segments", tmp_path / "outbox"))
    (path,) = (tmp_path / "outbox").iterdir()
    found = batches_of(path.name, path.read_bytes()[:left_bytes])
    assert found == {number: PAYLOADS[number] for number in range(left_bytes // 24)}


@pytest.mark.parametrize("name", ["new", "3.boots", "7.sent", "3.6.dropped", "notes", "a.b.c.d"])
def test_counters_and_strangers_hold_no_batch(name: str) -> None:
    assert batches_of(name, b"data") == {}
    assert renewed(name, b"data") is None


def test_a_file_of_the_first_layout_becomes_a_segment_of_one_batch() -> None:
    assert batches_of("7.60.5.climate", b"seven") == {7: b"seven"}
    new = renewed("7.60.5.climate", b"seven")
    assert new
    assert new[0] == "7.1.60.19"
    assert batches_of(*new) == {7: b"seven"}


def test_a_partition_that_is_too_small_is_told() -> None:
    with pytest.raises(OutboxError, match="4 at least"):
        ring_batches(b"\xff" * 4_096)
