"""The program is run out of a copy in mapped flash, or out of the slot itself."""

from pathlib import Path

from mpremote.romfs import VfsRomWriter

from tests.firmware import vm

RUN = Path(__file__).with_name("romfs_run.py")
HEAP_BYTES = 1 << 20  # the flash is in it


def run(case: str) -> list[object]:
    """Return what the case says."""
    return list(vm.run(RUN, case, heap_bytes=HEAP_BYTES))


def test_a_copy_is_what_mpremote_would_write_and_made_once() -> None:
    home, again, whole, switched, image = run("copied")
    assert (home, again, whole, switched) == ("/program", "/program", True, True)
    cells = bytes.fromhex(str(image))
    mark = cells[cells.index(b"copy_of") + 9 :][:32]
    writer = VfsRomWriter()
    writer.mkfile("copy_of", mark)
    writer.mkfile("manifest", b"the manifest of a\n")
    writer.opendir("tidenode")
    writer.mkfile("__init__.mpy", b"")
    writer.mkfile("app.mpy", bytes(range(256)) * 9)
    writer.opendir("drivers")
    writer.mkfile("chip.mpy", b"\x4d\x06\x00\x1f" * 300)
    writer.closedir()
    writer.closedir()
    writer.opendir("tidewire")
    writer.mkfile("batch.mpy", b"x" * 127)
    writer.closedir()
    wanted = writer.finalise()
    assert cells[: len(wanted)] == wanted


def test_after_a_power_cut_at_any_write_no_half_copy_is_run() -> None:
    tried, wrong = run("cuts")
    assert int(str(tried)) > 5
    assert wrong == 0


def test_without_room_or_a_flash_that_takes_it_the_slot_itself_is_run() -> None:
    assert run("refused") == ["/app_a", "/app_a", "/app_a"]


def test_a_file_that_somebody_put_into_the_slot_is_copied_too() -> None:
    assert vm.run(RUN, "changed", heap_bytes=HEAP_BYTES) is True
