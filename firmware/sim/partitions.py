"""Stand in for `esp32.Partition`: two slots for MicroPython, and the boot loader's choice.

`flash` is the chip: it outlives `reset`, which is what the boot loader does at a start.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLOCK_BYTES = 4_096
_ENOENT = 2
_BLOCK_COUNT = 4


class Chip:
    """Slots of `blocks` blocks each, and which of them runs.

    A slot that was set to boot is started once; unless it is marked as good it is given up at the
    next start. `writes` may count down to a power cut.
    """

    def __init__(self, first: bytes = b"", blocks: int = 64, slots: int = 2) -> None:
        labels = ["ota_0", "ota_1"][:slots] if slots > 1 else ["factory"]
        self.cells = {label: bytearray(b"\xff" * (blocks * BLOCK_BYTES)) for label in labels}
        self.cells[labels[0]][: len(first)] = first
        self.running = self.boot = self.good = labels[0]
        self.started_once = False
        self.writes = -1

    def reset(self) -> None:
        """Start: the boot loader chooses."""
        if self.boot != self.good:
            if self.started_once:
                self.boot = self.good
            self.started_once = self.boot != self.good
        self.running = self.boot


class Partition:
    """One of them; `Partition.flash` is set by whoever makes the board."""

    BOOT, RUNNING = 0, 1
    flash = Chip(blocks=0, slots=1)  # the layout without a second slot

    def __init__(self, which: "int | str") -> None:
        if which == Partition.RUNNING:
            which = Partition.flash.running
        elif which == Partition.BOOT:
            which = Partition.flash.boot
        self._label: Any = which

    def info(self) -> "tuple[int, int, int, int, str, bool]":
        """Return type, subtype, address, size, label and whether it is encrypted."""
        return (0, 16, 0, len(self._cells()), self._label, False)

    def get_next_update(self) -> "Partition":
        """Return the slot that does not run."""
        others = [label for label in self.flash.cells if label != self.flash.running]
        if not others:
            raise OSError(_ENOENT)
        return Partition(others[0])

    def readblocks(self, block: int, buffer: bytearray) -> None:
        """Fill `buffer` from `block` on."""
        at = block * BLOCK_BYTES
        buffer[:] = self._cells()[at : at + len(buffer)]

    def writeblocks(self, block: int, buffer: bytes) -> None:
        """Erase and program."""
        chip = self.flash
        at = block * BLOCK_BYTES
        if chip.writes == 0:
            self._cells()[at : at + len(buffer) // 2] = buffer[: len(buffer) // 2]
            raise OSError(5)
        chip.writes -= 1
        self._cells()[at : at + len(buffer)] = buffer

    def ioctl(self, operation: int, argument: int) -> int:
        """Say how many blocks there are."""
        return len(self._cells()) // BLOCK_BYTES if operation == _BLOCK_COUNT else 0

    def set_boot(self) -> None:
        """Have it started next, once."""
        self.flash.boot = self._label
        self.flash.started_once = False

    def mark_app_valid_cancel_rollback(self) -> None:
        """Keep to what runs."""
        self.flash.good = self.flash.running

    def _cells(self) -> bytearray:
        return self.flash.cells[self._label]
