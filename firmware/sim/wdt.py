"""Stand in for the chip's watchdog: it ends the process when nobody feeds it.

A thread, since what it watches may block everything else. Loaded when a board starts one.
"""

import _thread
import os
import time

_CHECK_MS = 20


class WDT:
    """Starved for `timeout` ms, it ends the process by a signal that nothing else here uses."""

    _one: "WDT | None" = None  # the chip has one, which a second constructor sets anew

    def __init__(self, timeout: int) -> None:
        if WDT._one is None:
            WDT._one = self
            self._set(timeout)
            _thread.start_new_thread(self._watch, ())
        else:
            WDT._one._set(timeout)

    def feed(self) -> None:
        """Wait anew."""
        one = WDT._one or self
        one._fed_ticks_ms = time.ticks_ms()

    def _set(self, timeout: int) -> None:
        self._timeout_ms = timeout
        self._fed_ticks_ms = time.ticks_ms()

    def _watch(self) -> None:
        while time.ticks_diff(time.ticks_ms(), self._fed_ticks_ms) < self._timeout_ms:
            time.sleep_ms(_CHECK_MS)
        os.system("kill -USR2 $PPID")  # noqa: S605  # the shell's parent is the board
