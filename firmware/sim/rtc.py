"""Stand in for the RTC: its memory is a file, which outlives the process as that does a reset.

The host removes the file with the power.
"""

import io
import json
import os
import sys

import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BYTES_MAX = 2_048


def opened(suffix: str) -> "Any":
    """Return the file beside the board's image with `suffix`, made where there is none.

    In RAM where nobody wants it to outlive the process.
    """
    path = json.loads(os.getenv("TIDEGAUGE_BOARD") or "{}").get("rtc_memory")
    if not path:
        return io.BytesIO()
    folder = path.rpartition("/")[0]
    vfs.mount(vfs.VfsPosix(folder), "/outside")
    try:
        path = "/outside" + path[len(folder) : -len(".rtc")] + suffix
        with open(path, "ab"):
            pass  # it is there now
        return open(path, "r+b")
    finally:
        vfs.umount("/outside")


_file: "Any" = opened(".rtc")  # 2 bytes of length, then what is kept
_length = bytearray(2)  # a chip needs no heap for it either


class RTC:
    """The board's own clock; where it has none, that of the host, which nobody here may set."""

    def datetime(self, moment: "tuple[int, ...] | None" = None) -> None:
        """Take the time and leave the host's clock alone."""
        own = sys.modules.get("cold_clock")
        if own and moment:
            own.set_clock(moment)

    def memory(self, data: "bytes | str | None" = None) -> "bytes | None":
        """Keep `data`, up to 2,048 bytes, until the power goes; or return what was kept."""
        if data is None:
            _file.seek(0)
            kept: bytes = _file.read(int.from_bytes(_file.read(2), "big"))
            return kept
        if len(data) > _BYTES_MAX:
            raise ValueError("buffer too long")
        _file.seek(2)
        _file.write(data)
        _file.seek(0)
        _length[0], _length[1] = len(data) >> 8, len(data) & 255
        _file.write(_length)
        return None
