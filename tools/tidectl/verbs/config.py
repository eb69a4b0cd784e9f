"""`tidectl config`: settings of boards, by their shadow."""

import json
from pathlib import Path

import click

from tidectl import config_shadow
from tidectl.boards import board_named
from tidectl.hearing import warn_of_the_deaf
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, say
from tidectl.reconfigured import reconfigure
from tidectl.settings_file import read_settings
from tidectl.target import find_target
from tidectl.thing import ThingFolder, refuse_settled
from tidectl.wanted_settings import check as check_wanted


@click.group(
    epilog=examples(
        "tidectl config check greenhouse.json --board esp32",
        "tidectl config get greenhouse-1",
        "tidectl config set greenhouse-1 batch.age_ms_max=60000",
        "tidectl config diff greenhouse-1",
    )
)
def command() -> None:
    """Check a board's configuration, or change its settings from afar.

    What comes from afar the board tries, and takes back if it does not connect. It needs a section
    `control` in its configuration.
    """


@command.command(
    epilog=examples(
        "tidectl config check greenhouse.json",
        "tidectl config check greenhouse.json --board esp32-c3      # its pins too",
        "tidectl config check greenhouse.json --json | jq .measurements",
    )
)
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--board", help="Kind of board, of tidectl boards: which pins it has.")
@json_option
def check(path: Path, board: str | None, as_json: bool) -> None:
    """Say what is wrong with a configuration, all of it at once, and touch nothing.

    FILE is what tidectl provision takes. The rules are the board's own, and those of the drivers.
    """
    settings = read_settings(path, board_named(board) if board else None)
    refuse_settled(settings)
    if as_json:
        print_json(settings)
        return
    names = ", ".join(f"{one['name']} ({one['driver']})" for one in settings["measurements"])
    say(f"{path} is good: {names}")


@command.command(
    epilog=examples(
        "tidectl config replace greenhouse-1 greenhouse.json",
        "tidectl config replace pump-7 pump.json --board esp32-s3",
    )
)
@click.argument("thing")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--board", help="Kind of its board, of tidectl boards: sets and checks pins.")
@json_option
@pass_home
def replace(home: Home, thing: str, path: Path, board: str | None, as_json: bool) -> None:
    """Give THING another configuration, by its files here; its certificate stays.

    FILE is as for tidectl provision. The board simulated here has it at once, with what waits on
    its flash and the firmware of this checkout; a real one gets it by tidectl sync.
    """
    folder = ThingFolder(home.thing_folder(thing))
    folder.facts()  # or there is no such thing
    reconfigure(folder, read_settings(path, board_named(board) if board else None))
    if as_json:
        print_json({"thing": thing, "folder": str(folder.path), "config": folder.config()})
    else:
        say(f"{thing} has another configuration, and the certificate that it had")
        say(f"next: tidectl sync PORT {thing}, or tidectl device run {thing}")


@command.command(
    epilog=examples("tidectl config get greenhouse-1", "tidectl config get greenhouse-1 --json")
)
@click.argument("thing")
@target_options
@json_option
@pass_home
def get(home: Home, thing: str, target: str, region: str | None, as_json: bool) -> None:
    """Show the settings that THING runs with, and what it refused last."""
    shadow = config_shadow.read(find_target(target, home, region=region), thing)
    if as_json:
        print_json(shadow.reported)
    else:
        click.echo(json.dumps(shadow.reported, indent=2, sort_keys=True, ensure_ascii=False))


@command.command(
    "set",
    epilog=examples(
        "tidectl config set greenhouse-1 batch.age_ms_max=60000 link.keepalive_s=300",
        "tidectl config set greenhouse-1 basic_ingest=false --target aws --json",
    ),
)
@click.argument("thing")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option(
    "--force", is_flag=True,
    help="Let the board decide, as where it has a driver that is not known here.",
)  # fmt: skip
@target_options
@json_option
@pass_home
def set_(
    home: Home,
    thing: str,
    settings: tuple[str, ...],
    force: bool,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Have THING run with other settings; values are JSON, or text where they are none.

    What its board would refuse is refused here, by the settings that it has reported. null takes
    back what was wanted; the board keeps what it has.
    """
    wanted = config_shadow.parsed(settings)
    cloud = find_target(target, home, region=region)
    if not force:
        check_wanted(thing, config_shadow.in_force(cloud, home, thing), wanted)
    version = config_shadow.want(cloud, thing, wanted)
    warn_of_the_deaf(home, thing)
    if as_json:
        print_json({"thing": thing, "version": version, "desired": wanted})
    else:
        say(f"{thing} will be told, as version {version}: tidectl config diff {thing}")


@command.command(
    epilog=examples("tidectl config diff greenhouse-1", "tidectl config diff greenhouse-1 --json")
)
@click.argument("thing")
@target_options
@json_option
@pass_home
def diff(home: Home, thing: str, target: str, region: str | None, as_json: bool) -> None:
    """Show what THING should have and does not have, and why it refused."""
    shadow = config_shadow.read(find_target(target, home, region=region), thing)
    refused = shadow.reported.get("refused") or {}
    if as_json:
        print_json({"version": shadow.version, "delta": shadow.delta, "refused": refused})
    elif not shadow.delta:
        say(f"{thing} has all that it should have")
    else:
        click.echo(json.dumps(shadow.delta, indent=2, sort_keys=True, ensure_ascii=False))
        for mistake in refused.get("mistakes", ()):
            say(f"refused version {refused['version']}: {mistake}")
