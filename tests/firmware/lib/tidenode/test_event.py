"""What went badly wrong is kept, told once, and then gone, wherever the power goes."""

from pathlib import Path

import pytest

from tests.firmware.lib.tidenode.storages import Flash
from tidenode import event, incident
from tidenode.entry import Entry
from tidenode.outbox import Outbox
from tidewire import Batch, decode, limits, real_values

ORIGIN = ("farm", "board-1", 7)


def told(outbox: Outbox) -> list[Batch]:
    batches = []
    entry: Entry | None = outbox.next_after(-1)
    while entry:
        payload = bytearray(entry.size_bytes)
        outbox.read_into(entry, memoryview(payload))
        batches.append(decode(bytes(payload)))
        entry = outbox.next_after(entry.sequence)
    return batches


def test_what_is_kept_becomes_one_batch_and_is_gone(tmp_path: Path) -> None:
    folder, outbox = str(tmp_path / "health"), Flash("segments", tmp_path / "outbox").opened()
    incident.note(incident.CRASH, "Traceback: no memory", folder)
    incident.note(incident.WATCHDOG, "", folder)
    event.tell(outbox, 1_800_000_000_000, ORIGIN, folder)
    event.tell(outbox, 1_800_000_000_001, ORIGIN, folder)
    (batch,) = told(outbox)
    assert batch[:4] == ("farm", "board-1", "event", 7)
    assert batch.times_ms == [1_800_000_000_000] * 2
    assert [(one.name, real_values(one)) for one in batch.columns] == [
        ("kind", ["crash", "watchdog"]),
        ("text", ["Traceback: no memory", ""]),
    ]
    assert list((tmp_path / "health").iterdir()) == []


def test_the_newest_are_kept_and_of_each_its_end(tmp_path: Path) -> None:
    folder = str(tmp_path)
    for number in range(2 * incident.KEPT_MAX):
        incident.note(incident.CRASH, "ä" * 3_000 + f"!{number}", folder)
    texts = [incident.text_of(name, folder) for name in incident.kept(folder)]
    first = incident.KEPT_MAX
    assert [text[-2:] for text in texts] == [f"!{first + one}" for one in range(incident.KEPT_MAX)]
    assert all(len(text.encode()) < limits.TEXT_BYTES_MAX for text in texts)
    assert {text[0] for text in texts} == {"ä"}


@pytest.mark.parametrize("storage", ["segments", "ring"])
def test_as_much_of_all_is_told_as_the_outbox_takes_in_one_batch(
    tmp_path: Path, storage: str
) -> None:
    folder, outbox = str(tmp_path / "health"), Flash(storage, tmp_path / "outbox").opened()
    for number in range(incident.KEPT_MAX):
        incident.note(incident.CRASH, "ä" * 3_000 + f"!{number}", folder)
    event.tell(outbox, 1_800_000_000_000, ORIGIN, folder)
    (batch,) = told(outbox)
    texts = real_values(batch.columns[1])
    assert [text[-2:] for text in texts] == [f"!{number}" for number in range(incident.KEPT_MAX)]
    assert {text[0] for text in texts} == {"ä"}
    assert outbox.dropped == 0
    assert list((tmp_path / "health").iterdir()) == []


def test_a_start_after_a_crash_has_its_trace_and_no_other_reason(tmp_path: Path) -> None:
    folder = str(tmp_path)
    for bitten, safe_mode, kinds in (
        (False, False, ["reset"]),
        (True, False, ["reset", "watchdog"]),
    ):
        incident.note_start(bitten, safe_mode, folder=folder)
        assert [name.split(".")[1] for name in incident.kept(folder)] == kinds
    incident.note(incident.CRASH, "Traceback", folder)
    incident.note_start(False, True, folder=folder)
    assert [name.split(".")[1] for name in incident.kept(folder)][-2:] == ["crash", "safe_mode"]


LATE_CLIMATE, AGAIN = (incident.LATE, "climate"), (incident.LATE, "climate" + incident.AGAIN)


@pytest.mark.parametrize(
    ("before", "marked", "blocker", "text"),
    [
        ([], b"", "", ""),  # something else
        ([], b"attic", "attic", "attic"),
        ([LATE_CLIMATE], b"", "climate", ""),
        ([LATE_CLIMATE], b"attic", "climate", ""),  # the loop turned: attic was read in passing
        ([LATE_CLIMATE, AGAIN], b"attic", "attic", "attic"),
        ([LATE_CLIMATE, (incident.CRASH, "x")], b"attic", "attic", "attic"),
        ([], bytes(200), "", ""),  # samples of a board that slept
        ([], b"\xff\xfe", "", ""),
    ],
)
def test_who_had_the_board_reset_is_known_by_the_next_start(
    tmp_path: Path, before: list[tuple[str, str]], marked: bytes, blocker: str, text: str
) -> None:
    folder = str(tmp_path)
    for kind, name in before:
        incident.note(kind, name, folder)
    assert incident.note_start(True, False, marked, folder) == blocker
    newest = incident.kept(folder)[-1]
    assert newest.endswith(incident.WATCHDOG)
    assert incident.text_of(newest, folder) == text


def test_a_start_that_the_watchdog_did_not_cause_accuses_nobody(tmp_path: Path) -> None:
    incident.note(*LATE_CLIMATE, folder=str(tmp_path))
    assert incident.note_start(False, False, b"attic", str(tmp_path)) == ""


@pytest.mark.parametrize("storage", ["segments", "ring"])
@pytest.mark.parametrize("pushed", [False, True])
@pytest.mark.parametrize("forgotten", [0, 1, 3])
def test_a_power_cut_at_any_step_neither_loses_nor_repeats_it(
    tmp_path: Path, storage: str, pushed: bool, forgotten: int
) -> None:
    """The flash is laid as a cut leaves it: marked, maybe pushed, maybe some of it removed."""
    folder, flash = str(tmp_path / "health"), Flash(storage, tmp_path / "outbox")
    outbox = flash.opened()
    if pushed:
        keep_three(folder)
        event.tell(outbox, 1, ORIGIN, folder)
    keep_three(folder)
    incident.begin_telling(0, folder)
    for name in incident.kept(folder)[: forgotten if pushed else 0]:
        (tmp_path / "health" / name).unlink()
    outbox = flash.opened()
    incident.settle(outbox.next_sequence, folder)
    event.tell(outbox, 2, ORIGIN, folder)
    (batch,) = told(outbox)
    assert real_values(batch.columns[1]) == ["Traceback 0", "Traceback 1", "Traceback 2"]
    assert list((tmp_path / "health").iterdir()) == []


def keep_three(folder: str) -> None:
    for number in range(3):
        incident.note(incident.CRASH, f"Traceback {number}", folder)
