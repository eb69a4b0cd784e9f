"""The RTC's memory, in a file: it outlives the process, and the host removes it with the power.

Likewise how far its clock is behind the host's, in a file beside it.
"""

import json
import os

BYTES_MAX = 2_048


def kept(data: "bytes | None" = None) -> "bytes | None":
    """Keep `data`, or return what was kept."""
    path = _path()
    if data is None:
        try:
            with open(_outside(path), "rb") as file:
                return file.read()
        except OSError:
            return b""
    if len(data) > BYTES_MAX:
        raise ValueError("buffer too long")
    with open(_outside(path), "wb") as file:
        file.write(data)
    return None


def keep_clock(behind_ns: int) -> None:
    """Keep how far the clock is behind."""
    with open(_outside(_path()[: -len(".rtc")] + ".clock"), "w") as file:
        file.write(str(behind_ns))


def _path() -> str:
    path: str = json.loads(os.getenv("TIDEGAUGE_BOARD"))["rtc_memory"]
    return path


def _outside(path: str) -> str:
    """Return where the board, whose root is its flash, sees `path` of the host."""
    import vfs

    try:
        vfs.mount(vfs.VfsPosix(path.rsplit("/", 1)[0]), "/rtc")
    except OSError:
        pass  # mounted before
    return "/rtc/" + path.rsplit("/", 1)[1]
