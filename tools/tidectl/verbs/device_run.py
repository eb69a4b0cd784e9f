"""`tidectl device run`: the real firmware on this machine, one board or many, until the end."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import click

from tidectl.board_log import BoardLog
from tidectl.board_run import END_S_MAX, BoardRun
from tidectl.errors import TidectlError
from tidectl.fleet import COUNT_MAX, START_EVERY_S, Fleet, find_or_provision, names_of
from tidectl.fleet_screen import FleetScreen
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, say
from tidectl.progress import Progress
from tidectl.settings_file import read_settings
from tidectl.simulated_board import DRAIN_TIMEOUT_MS, BoardError, BoardStats, SimulatedBoard
from tidectl.target import find_target
from tidectl.thing import ThingFolder

_POLL_S = 0.2
_FAILURES_MAX = 5  # told one by one at the end


@click.command(
    epilog=examples(
        "tidectl device run greenhouse-1",
        "tidectl device run greenhouse-1 --seconds 60 --json",
        "tidectl device run load --count 50 --seconds 300      # load-01 to load-50",
        "tidectl device run field-7 --shorten-sleep 60         # an hour asleep takes a minute",
    )
)
@click.argument("thing")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulated weather.")
@click.option(
    "--shorten-sleep", "sleep_divisor", type=click.FloatRange(min=1), default=1.0, metavar="N",
    help="Let deep sleeps take an Nth of their time.",
)  # fmt: skip
@click.option(
    "--drain-seconds", type=click.FloatRange(0, 600), default=DRAIN_TIMEOUT_MS / 1_000,
    show_default=True, help="How long a board may take to send what it has, at the end.",
)  # fmt: skip
@click.option(
    "--count", type=click.IntRange(1, COUNT_MAX),
    help="Run so many boards, THING-01 and on; those that are not there are made.",
)  # fmt: skip
@click.option("--site", help="With --count: the place they are at; else home.")
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --count: JSON with their configuration, as for tidectl provision.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def command(
    home: Home,
    thing: str,
    seconds: float | None,
    seed: int,
    sleep_divisor: float,
    drain_seconds: float,
    count: int | None,
    site: str | None,
    config: Path | None,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Run THING on MicroPython with simulated sensors, until Ctrl-C.

    A board that resets itself or goes to sleep starts again. At the end it stops sampling and
    sends what it has; what it can't send stays in its flash image for the next time. A second
    Ctrl-C cuts the power.
    """
    how: dict[str, Any] = {
        "seed": seed,
        "sleep_divisor": sleep_divisor,
        "drain_timeout_ms": round(drain_seconds * 1_000),
    }
    if count is None:
        if site or config:
            raise click.UsageError("--site and --config are for --count; see tidectl provision")
        _run_one(home, thing, seconds, as_json=as_json, **how)
        return
    cloud = find_target(target, home, region=region)
    settings = read_settings(config) if config else None
    with Progress() as progress:
        progress.step(f"finding or making {count} things in {cloud}")
        folders, made = find_or_provision(
            cloud, home, names_of(thing, count), site=site, settings=settings,
            at=lambda done, _: progress.at(100 * done // count),
        )  # fmt: skip
        progress.note(f"  {made} made, {count - made} as they were, in {home.path / 'things'}")
    fleet = Fleet(folders, **how)
    _run_fleet(fleet, seconds, FleetScreen(as_json=as_json))


def _run_one(
    home: Home,
    thing: str,
    seconds: float | None,
    *,
    seed: int,
    sleep_divisor: float,
    drain_timeout_ms: int,
    as_json: bool,
) -> None:
    folder = ThingFolder(home.thing_folder(thing))
    folder.facts()  # complains when there is no such thing
    if not folder.image_path.exists():
        raise TidectlError(f"{thing} is no board: it has no flash image", "provision another thing")
    screen = _Screen(as_json, BoardLog(folder.log_path))
    board = SimulatedBoard(
        folder.image_path,
        log_path=folder.log_path,
        seed=seed,
        drain_timeout_ms=drain_timeout_ms,
        on_stats=screen.show,
    )
    run = BoardRun(board, folder.image_path, sleep_divisor=sleep_divisor)
    try:
        with screen:
            _go(run, seconds, screen.tell)
    except BoardError as error:
        raise TidectlError(str(error), f"see {folder.log_path}") from error
    final = run.stats
    if final and not as_json:
        say(_line(final))
        if final.queued_batches:
            say(f"{final.queued_batches} batches wait in the flash image for the next run")


def _go(run: BoardRun, seconds: float | None, meanwhile: Callable[[], None]) -> None:
    """Run until the time is up or a signal comes; a second one cuts the power."""
    run.start()
    deadline = time.monotonic() + seconds if seconds else None
    with _signals(run.cut) as asked:
        while run.running and not asked.wait(_POLL_S):
            meanwhile()
            if deadline and time.monotonic() >= deadline:
                break
        run.end()
        if not run.wait(END_S_MAX):
            run.cut()
            raise BoardError(f"the board still ran {END_S_MAX:.0f} s after it was asked to end")
    if run.failure:
        raise BoardError(run.failure)
    meanwhile()


def _run_fleet(fleet: Fleet, seconds: float | None, screen: FleetScreen) -> None:
    """Start them one after another, show how they do, and end all at once."""
    began = time.monotonic()
    with _signals(fleet.cut) as asked, screen:
        while not asked.is_set() and (seconds is None or time.monotonic() - began < seconds):
            if not fleet.started:
                fleet.start_next()
                pause_s = START_EVERY_S
            elif fleet.running:
                pause_s = _POLL_S
            else:
                break
            screen.show(fleet.state())
            asked.wait(pause_s)
        fleet.end()
        for state in fleet.wait_until_ended():
            screen.show(state, ending=True)
        state = fleet.state()
        screen.finish(state)
    failed = [one for one in state.members if one.failure]
    for one in failed[:_FAILURES_MAX]:
        say(f"{one.thing}: {one.failure}")
    if failed:
        raise TidectlError(
            f"{len(failed)} of {len(state.members)} boards failed",
            "each has a board.log in its folder; tidectl audit says what is lost",
        )


@contextmanager
def _signals(cut: Any) -> Iterator["_Asked"]:
    """Yield what the first SIGINT or SIGTERM sets; another one calls `cut`."""
    asked = _Asked()

    def end(_signal_number: int, _frame: Any) -> None:
        if asked.is_set():
            # Not here: what this has interrupted may hold the lock.
            threading.Thread(target=cut, daemon=True).start()
        asked.set()

    before: Mapping[signal.Signals, Any] = {
        one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Asked:
    """An event that a signal handler may set while this very thread waits for it.

    `threading.Event` would wait for its own lock then, for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._queue: SimpleQueue[None] = SimpleQueue()  # its `put` may interrupt its `get`

    def set(self) -> None:
        """Have whoever waits go on."""
        self._is_set = True
        self._queue.put(None)

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Return whether it is set, now or within `timeout_s`."""
        if not self._is_set:
            with suppress(Empty):
                self._queue.get(timeout=timeout_s)
        return self._is_set


class _Screen:
    """One line that changes on a terminal, a line each time elsewhere, JSON lines if asked."""

    def __init__(self, as_json: bool, log: BoardLog) -> None:
        self._as_json = as_json
        self._log = log
        self._logged: list[str] = []
        self._status = err.status("booting") if sys.stderr.isatty() and not as_json else None

    def __enter__(self) -> None:
        if self._status:
            self._status.start()

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def tell(self) -> None:
        """Print what the board had logged at the last call, for people.

        Not at once: of a board that ends by what it logs, the complaint has the one line to tell.
        """
        if not self._as_json:
            for line in self._logged:
                say(line)
            self._logged = self._log.news()

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
