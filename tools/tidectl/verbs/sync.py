"""`tidectl sync`: what changed, onto a board that has been flashed."""

import click

from tidectl.board_sync import sync
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say
from tidectl.thing import ThingFolder


@click.command(
    epilog=examples(
        "tidectl sync /dev/ttyUSB0 greenhouse-1",
        "tidectl sync /dev/ttyACM0 pump-7 --json",
    )
)
@click.argument("port")
@click.argument("thing")
@json_option
@pass_home
def command(home: Home, port: str, thing: str, as_json: bool) -> None:
    """Copy what changed of THING's firmware, configuration and certificates to PORT.

    Then the board starts anew. Its outbox, its counters and files of yours stay. A sync that
    is cut leaves the board with the files it had.
    """
    folder = ThingFolder(home.thing_folder(thing))
    with err.status(f"comparing the files on {port} with those of {thing}"):
        done = sync(port, folder)
    if as_json:
        print_json({"port": port, "thing": thing, "copied": done.changed, "removed": done.removed})
        return
    for path in done.changed:
        say(f"  {path}")
    for path in done.removed:
        say(f"  {path} removed")
    count = len(done.changed) + len(done.removed)
    say(f"{count or 'no'} file{'' if count == 1 else 's'} changed; {thing} starts anew")
