"""The chip itself as a sensor: its memory and how long it has run.

On ESP32 TLS lives in the IDF heap, which `gc` does not see: `idf_*` watch it.
"""

import gc
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

FIELDS = (
    ("heap_free_bytes", 0),
    ("heap_used_bytes", 0),
    ("idf_heap_free_bytes", 0),
    ("idf_heap_largest_block_bytes", 0),
    ("uptime_s", 0),
)
OPTIONS: "Spec" = ()


class Chip:
    """Reads `idf_heap_info()`: regions of (total, free, largest free block, least free)."""

    def __init__(self, idf_heap_info: "Any") -> None:
        self._idf_heap_info = idf_heap_info
        self._last_ticks_ms = time.ticks_ms()  # type: ignore[attr-defined]  # MicroPython's
        self._uptime_ms = 0

    def read(self) -> tuple[int, ...]:
        """Return the FIELDS. To be read more often than ticks wrap, every 12 days."""
        regions = self._idf_heap_info()
        ticks_ms = time.ticks_ms()  # type: ignore[attr-defined]  # MicroPython's
        self._uptime_ms += time.ticks_diff(ticks_ms, self._last_ticks_ms)  # type: ignore[attr-defined]  # MicroPython's
        self._last_ticks_ms = ticks_ms
        return (
            gc.mem_free(),  # type: ignore[attr-defined]  # MicroPython's
            gc.mem_alloc(),  # type: ignore[attr-defined]  # MicroPython's
            sum([region[1] for region in regions]),
            max([region[2] for region in regions]),
            self._uptime_ms // 1_000,
        )


def create(_options: "dict[str, Any]", _hardware: "Any") -> Chip:
    """Return the chip this runs on."""
    import esp32  # the sim brings a stand-in; a host has none

    return Chip(lambda: esp32.idf_heap_info(esp32.HEAP_DATA))
