"""A simulated board that starts anew when it resets itself, as a chip does, until it is let go."""

import threading
from typing import Self

from tidectl.simulated_board import RESET_EXIT_CODE, SimulatedBoard

RUN_S_MAX = 200.0
_CUT = -9


class Powered:
    """Keeps `board` under power; after `cut` it starts again as well. `resets` counts its own."""

    def __init__(self, board: SimulatedBoard) -> None:
        self.board = board
        self.resets = 0
        self.code: int | None = None  # how it ended for good
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.board.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        if self.board.running:
            self.board.kill()
        self._thread.join()

    def cut(self) -> None:
        """Take the power away for a moment."""
        if self.board.running:
            self.board.kill()

    def end(self) -> None:
        """Have it send what it has and end in good order."""
        self._ending = True
        self.board.interrupt()
        self._thread.join()

    def pause(self, duration_s: float) -> None:
        """Return after so long, or when the board has ended for good."""
        self._thread.join(duration_s)

    def _run(self) -> None:
        while True:
            self.code = self.board.wait(RUN_S_MAX)
            if self._ending or self.code not in (RESET_EXIT_CODE, _CUT):
                return
            self.resets += self.code == RESET_EXIT_CODE
            self.board.start()
