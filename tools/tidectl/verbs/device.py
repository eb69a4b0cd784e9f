"""`tidectl device run`: a board's real firmware on this machine."""

import signal
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say
from tidectl.simulated_board import BoardError, BoardStats, SimulatedBoard
from tidectl.thing import ThingFolder

_POLL_S = 0.2


@click.group(epilog=examples("tidectl device run greenhouse-1"))
def command() -> None:
    """Run a board's real firmware on this machine."""


@command.command(
    epilog=examples(
        "tidectl device run greenhouse-1",
        "tidectl device run greenhouse-1 --seconds 60 --json",
    )
)
@click.argument("thing")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulated weather.")
@json_option
@pass_home
def run(home: Home, thing: str, seconds: float | None, seed: int, as_json: bool) -> None:
    """Run THING on MicroPython with simulated sensors, until Ctrl-C.

    At the end it stops sampling and sends what it has; what it can't send stays in its flash
    image for the next time.
    """
    folder = ThingFolder(home.thing_folder(thing))
    folder.facts()  # complains when there is no such thing
    if not folder.image_path.exists():
        raise TidectlError(f"{thing} is no board: it has no flash image", "provision another thing")
    screen = _Screen(as_json)
    board = SimulatedBoard(
        folder.image_path, log_path=folder.log_path, seed=seed, on_stats=screen.show
    )
    try:
        final = _run_to_the_end(board, seconds, screen)
    except BoardError as error:
        raise TidectlError(str(error), f"see {folder.log_path}") from error
    if not as_json:
        say(_line(final))
        if final.queued_batches:
            say(f"{final.queued_batches} batches wait in the flash image for the next run")


def _run_to_the_end(board: SimulatedBoard, seconds: float | None, screen: "_Screen") -> BoardStats:
    """Run until the time is up or a signal comes; a second one cuts the power."""
    asked = threading.Event()

    def end(_signal_number: int, _frame: Any) -> None:
        if asked.is_set() and board.running:
            board.kill()
        asked.set()

    before = {name: signal.signal(name, end) for name in (signal.SIGINT, signal.SIGTERM)}
    deadline = time.monotonic() + seconds if seconds else None
    try:
        with screen, board:
            while board.running and not asked.wait(_POLL_S):
                if deadline and time.monotonic() >= deadline:
                    break
            early = not board.running
            if not early:
                board.interrupt()
            code = board.wait()
            screen.finish()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    if early or code or board.stats is None or not board.stats.final:
        raise BoardError(f"the board ended with code {code}: {board.last_log_line()}")
    return board.stats


class _Screen:
    """One line that changes on a terminal, a line each time elsewhere, JSON lines if asked."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._status = err.status("booting") if sys.stderr.isatty() and not as_json else None

    def __enter__(self) -> None:
        if self._status:
            self._status.start()

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Take the line away."""
        if self._status:
            self._status.stop()

    def show(self, stats: BoardStats) -> None:
        """Show where the board is."""
        if self._as_json:
            print_json(asdict(stats))
        elif self._status:
            self._status.update(_line(stats))
        elif not stats.final:
            say(_line(stats))


def _line(stats: BoardStats) -> str:
    link = "connected" if stats.connected else "not connected"
    dropped = f", dropped {stats.dropped}" if stats.dropped else ""
    return (
        f"{stats.thing} boot {stats.boot}, {link}: sampled {stats.sampled}, "
        f"acknowledged {stats.acknowledged}, waiting {stats.queued_batches} batches{dropped}"
    )
