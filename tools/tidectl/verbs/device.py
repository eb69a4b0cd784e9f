"""`tidectl device`: boards at the ports, things made here, and a board's firmware run here."""

import signal
import sys
import threading
import time
from dataclasses import asdict
from typing import Any

import click

from tidectl.device_facts import port_facts, thing_facts, thing_summary
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import cell_text, err, print_facts, print_json, print_table, say
from tidectl.serial_port import PortFacts, ports
from tidectl.simulated_board import RESET_EXIT_CODE, BoardError, BoardStats, SimulatedBoard
from tidectl.thing import ThingFolder
from tidectl.verbs import device_wear

_POLL_S = 0.2


@click.group(
    epilog=examples(
        "tidectl device list",
        "tidectl device info greenhouse-1",
        "tidectl device run greenhouse-1",
    )
)
def command() -> None:
    """List boards and things, look into one, run one on this machine."""


command.add_command(device_wear.command, "wear")


@command.command(
    "list", epilog=examples("tidectl device list", "tidectl device list --json | jq .ports")
)
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the serial ports of this machine, and the things made here."""
    found = list(ports())
    things = [thing_summary(ThingFolder(path)) for path in home.things()]
    if as_json:
        print_json(
            {
                "ports": [asdict(port) for port in found],
                "things": [asdict(thing) for thing in things],
            }
        )
        return
    if found:
        print_table(
            ("port", "usb", "what it says it is", "serial number"),
            [(port.port, _usb(port), port.description, port.serial_number) for port in found],
        )
    else:
        say("no serial port: plug a board in, with a cable that carries data")
    if things:
        print_table(
            ("thing", "site", "target", "board here", "batches waiting", "certificate until"),
            [
                (one.thing, one.site, one.target, one.board, one.queued_batches, one.valid_until)
                for one in things
            ],
        )
    else:
        say(f"no thing in {home.path}: tidectl provision makes one")


@command.command(
    epilog=examples(
        "tidectl device info greenhouse-1",
        "tidectl device info /dev/ttyUSB0     # which chip, MAC address, size of the flash",
        "tidectl device info greenhouse-1 --json",
    )
)
@click.argument("port_or_thing")
@json_option
@pass_home
def info(home: Home, port_or_thing: str, as_json: bool) -> None:
    """Look into the board at a port, or into a thing made here.

    At a port: chip, MAC address, flash, and which MicroPython it takes; the board is reset. Of
    a thing: its site and broker, its certificate, and what its flash image holds.
    """
    folder = ThingFolder(home.thing_folder(port_or_thing))
    facts = port_facts(port_or_thing) if _is_port(port_or_thing) else thing_facts(folder)
    if as_json:
        print_json(facts)
    else:
        print_facts([(name.replace("_", " "), cell_text(fact)) for name, fact in facts.items()])


def _is_port(name: str) -> bool:
    """Return whether `name` is a port's: no thing has a slash in its name."""
    return "/" in name or (sys.platform == "win32" and name.upper().startswith("COM"))


def _usb(port: PortFacts) -> str:
    return f"{port.vid}:{port.pid}" if port.vid else ""


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
            while not asked.wait(_POLL_S):
                if deadline and time.monotonic() >= deadline:
                    break
                if not board.running:
                    if board.wait() != RESET_EXIT_CODE:
                        break
                    board.start()  # it has reset itself, as a job or new settings have it
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
