"""Know how many starts in a row came to nothing; after STARTS_MAX of them, start in safe mode.

Flow: boot -> [streak] -> app
One name on flash says it, `/health/<boot>.proved`: the newest start that proved itself. A start
that the power began ends a streak: somebody pulled the plug, and no fault of the program did.
"""

import asyncio
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDER = "/health"
STARTS_MAX = 5  # an update on trial is given up after 3
SAFE_MODE_MS = 900_000  # time to bring an update, which goes on at a file if it isn't enough
_END = ".proved"


def begin(boot: int, after_fault: bool, folder: str = FOLDER) -> bool:
    """Return whether start number `boot` is to be one in safe mode.

    There is one such start; whatever ends it, the next ones are ordinary again.
    """
    proved = _proved(folder)
    if not after_fault or not 0 <= proved < boot:
        if proved != boot - 1:
            prove(boot - 1, folder)
        return False
    if boot - proved <= STARTS_MAX:
        return False
    prove(boot, folder)
    return True


def prove(boot: int, folder: str = FOLDER) -> None:
    """Note that `boot` proved itself. A flash that fails is no reason to stop."""
    proved = _proved(folder)
    new = "%s/%d%s" % (folder, boot, _END)
    try:
        if proved >= 0:
            os.rename("%s/%d%s" % (folder, proved, _END), new)
            return
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there, or the next line tells
        with open(new, "wb"):
            pass
    except OSError:
        pass


async def leave_safe_mode(agent: "Any", after_ms: int = SAFE_MODE_MS) -> None:
    """Start anew when it is time to try again."""
    await asyncio.sleep_ms(after_ms)  # type: ignore[attr-defined]  # MicroPython's
    agent.restart()


def _proved(folder: str) -> int:
    """Return the start that proved itself last; -1 where none is known."""
    try:
        names = os.listdir(folder)
    except OSError:
        return -1
    return max([-1] + [int(name[: -len(_END)]) for name in names if name.endswith(_END)])
