"""`tidectl shell`: MicroPython's prompt on a board."""

import sys

import click

from tidectl import mpremote
from tidectl.errors import TidectlError
from tidectl.options import examples
from tidectl.output import say


@click.command(epilog=examples("tidectl shell /dev/ttyUSB0", "tidectl shell /dev/ttyACM0"))
@click.argument("port")
def command(port: str) -> None:
    """Open MicroPython's prompt on PORT; Ctrl-] leaves it.

    Ctrl-C ends the board's program, Ctrl-D starts it again.
    """
    if not sys.stdin.isatty():
        raise TidectlError("a shell needs a terminal", "for a script: mpremote connect PORT run")
    say("Ctrl-] leaves, Ctrl-C ends the board's program, Ctrl-D starts it again")
    code = mpremote.shell(port)
    if code:
        raise TidectlError(
            f"mpremote ended with code {code}", "see tidectl device list for the ports there are"
        )
