"""Stand in for the board's module `esp32`: the memory that TLS takes is not simulated."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The boot script puts block devices here, by their label.
partitions: "dict[str, Any]" = {}
HEAP_DATA = 4
_TOTAL_BYTES = 163_840  # about what an ESP32 leaves beside MicroPython's heap


class Partition:
    """Parts of the flash beside the files, if the board has any."""

    TYPE_DATA = 1

    @staticmethod
    def find(_kind: int, *, label: str) -> "list[Any]":
        """Return the partition `label` in a list, or an empty one."""
        return [partitions[label]] if label in partitions else []


def idf_heap_info(capabilities: int) -> "list[tuple[int, int, int, int]]":
    """Return one region: (total, free, largest free block, least free ever)."""
    return [(_TOTAL_BYTES, _TOTAL_BYTES, _TOTAL_BYTES, _TOTAL_BYTES)]


def __getattr__(name: str) -> object:
    """Load what few boards ask for: it would take the heap of the others."""
    if name == "Partition":
        from partitions import Partition

        return Partition
    raise AttributeError(name)
