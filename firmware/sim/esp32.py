"""Stand in for the board's module `esp32`: the memory that TLS takes is not simulated."""

HEAP_DATA = 4
_TOTAL_BYTES = 163_840  # about what an ESP32 leaves beside MicroPython's heap


def idf_heap_info(capabilities: int) -> "list[tuple[int, int, int, int]]":
    """Return one region: (total, free, largest free block, least free ever)."""
    return [(_TOTAL_BYTES, _TOTAL_BYTES, _TOTAL_BYTES, _TOTAL_BYTES)]


def __getattr__(name: str) -> object:
    """Load what few boards ask for: it would take the heap of the others."""
    if name == "Partition":
        from partitions import Partition

        return Partition
    raise AttributeError(name)
