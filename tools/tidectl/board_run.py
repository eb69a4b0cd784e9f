"""Keep a simulated board going as a chip does: it starts again after a reset and after a sleep.

Flow: flash image -> [board run] -> process after process, and what they counted in all
The memory of the RTC outlives both. A board that ends by itself stays ended, and `failure` says
how; everything else goes on until `end`.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from tidectl.firmware_image import FirmwareImageError, configuration
from tidectl.simulated_board import (
    DEEPSLEEP_EXIT_CODE,
    RESET_EXIT_CODE,
    WATCHDOG_EXIT_CODE,
    BoardError,
    BoardStats,
    SimulatedBoard,
)

END_S_MAX = 150.0  # a board that sleeps has an upload before it, and then the last


@dataclass(frozen=True, slots=True)
class Totals:
    """What all starts together counted; samples, except where a name says otherwise."""

    sampled: int = 0
    accepted: int = 0
    acknowledged: int = 0
    connects: int = 0

    def plus(self, stats: BoardStats) -> "Totals":
        """Return them with those of one more start."""
        return Totals(
            self.sampled + stats.sampled,
            self.accepted + stats.accepted,
            self.acknowledged + stats.acknowledged,
            self.connects + stats.connects,
        )


class BoardRun:
    """Runs `board`, whose image is at `image_path`, in a thread of its own.

    A sleep takes its time divided by `sleep_divisor`; the samples keep the times at which they
    are really taken. `failure` is empty while all is well.
    """

    def __init__(
        self, board: SimulatedBoard, image_path: Path, *, sleep_divisor: float = 1.0
    ) -> None:
        self.failure = ""
        self.asleep = False
        self.starts = 0
        self._board = board
        self._image_path = image_path
        self._sleep_divisor = sleep_divisor
        self._sleeps = False  # by its settings
        self._newest: BoardStats | None = None
        self._before = Totals()
        self._ending = threading.Event()
        self._lock = threading.Lock()  # between `end` and the next start
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def running(self) -> bool:
        """Whether it goes on; a board that sleeps does."""
        return self._thread.is_alive()

    @property
    def stats(self) -> BoardStats | None:
        """The newest line of any start."""
        return self._board.stats or self._newest

    @property
    def totals(self) -> Totals:
        """What it counted since `start`."""
        with self._lock:
            stats = self._board.stats
            return self._before.plus(stats) if stats else self._before

    def start(self) -> None:
        """Boot. Raises BoardError."""
        self._sleeps = _is_to_sleep(self._image_path)
        self._board.start()
        self.starts = 1
        self._thread.start()

    def end(self) -> None:
        """Ask the board to send what it has and end; `wait` returns when it did.

        One that sleeps is woken for an upload out of turn.
        """
        with self._lock:
            self._ending.set()
            if not self._sleeps and self._board.running:
                self._board.interrupt()

    def cut(self) -> None:
        """Cut the power: what is not on flash is gone."""
        with self._lock:
            self._ending.set()
            self._sleeps = False
            if self._board.running:
                self._board.kill()

    def wait(self, timeout_s: float = END_S_MAX) -> bool:
        """Return whether it has ended within `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                code = self._board.wait_for_ever()
                self._sum_up()
                if not self._is_to_go_on(code):
                    return
        except BoardError as error:
            self.failure = str(error)

    def _is_to_go_on(self, code: int) -> bool:
        """Start the board again if `code` was no end."""
        if code == DEEPSLEEP_EXIT_CODE:
            self.asleep = True
            self._ending.wait((self._board.asleep_ms or 0) / 1_000 / self._sleep_divisor)
            self.asleep = False
            if self._ending.is_set():
                self._upload_at_last()
                return False
            self._start_again()
            return True
        if code in (RESET_EXIT_CODE, WATCHDOG_EXIT_CODE):
            self._start_again()
            return True
        stats = self._newest  # none of a board that waits for a person at its portal
        if not self._ending.is_set() or code or not (stats is None or stats.final):
            self.failure = f"the board ended with code {code}: {self._board.last_log_line()}"
        return False

    def _start_again(self) -> None:
        with self._lock:
            self._board.start()
            self.starts += 1
            if self._ending.is_set() and not self._sleeps:
                self._board.interrupt()

    def _upload_at_last(self) -> None:
        """Have a board that sleeps send what the RTC holds, which goes with this process."""
        if not self._sleeps:  # its power was cut
            return
        with self._lock:
            self._board.start(by_reset=True)
            self.starts += 1
        code = self._board.wait_for_ever()
        self._sum_up()
        if code not in (0, DEEPSLEEP_EXIT_CODE):
            self.failure = f"the last upload ended with code {code}: {self._board.last_log_line()}"

    def _sum_up(self) -> None:
        with self._lock:
            stats = self._board.stats
            if stats:
                self._newest, self._before = stats, self._before.plus(stats)
                self._board.stats = None


def _is_to_sleep(image_path: Path) -> bool:
    try:
        return bool(configuration(image_path.read_bytes()).get("sleep"))
    except (OSError, FirmwareImageError):
        return False  # the board will tell what is wrong
