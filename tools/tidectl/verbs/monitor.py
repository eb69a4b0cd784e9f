"""`tidectl monitor`: what a board says."""

import json

import click

from tidectl.bundle import BundleError, firmware_bundle
from tidectl.bundle.traceback import in_sources
from tidectl.firmware_image import FIRMWARE
from tidectl.monitor import follow
from tidectl.options import examples
from tidectl.output import say
from tidectl.serial_port import BAUD


@click.command(
    epilog=examples(
        "tidectl monitor /dev/ttyUSB0",
        "tidectl monitor /dev/ttyACM0 --json | tee board.log",
    )
)
@click.argument("port")
@click.option(
    "--baud", type=click.IntRange(9_600, 2_000_000), default=BAUD, show_default=True,
    help="Speed of the board's console.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="Only lines that are JSON go to standard output, as they are; the rest to standard error.",
)  # fmt: skip
def command(port: str, baud: int, as_json: bool) -> None:
    """Print what the board on PORT says, until Ctrl-C.

    It waits for a port that is not there or goes away, as one of native USB does at each reset.
    """
    try:
        for line in follow(port, baud, lambda word: say(f"[dim]{word}[/]")):
            click.echo(_in_sources(line), err=as_json and not _is_json(line))
    except KeyboardInterrupt:
        return  # how one ends it


def _in_sources(line: str) -> str:
    """Have a traceback point at the sources of this checkout, if the board runs them."""
    if 'File "tide' not in line:
        return line
    try:
        return in_sources(line, firmware_bundle(FIRMWARE))
    except BundleError:
        return line  # of sources that are being worked on


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
