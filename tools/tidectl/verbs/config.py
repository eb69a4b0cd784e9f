"""`tidectl config`: settings of boards, by their shadow."""

import json

import click

from tidectl import config_shadow
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, say
from tidectl.target import find_target


@click.group(
    epilog=examples(
        "tidectl config get greenhouse-1",
        "tidectl config set greenhouse-1 batch.age_ms_max=60000",
        "tidectl config diff greenhouse-1",
    )
)
def command() -> None:
    """Change the settings of a board from afar.

    The board tries them and takes them back if it does not connect. It needs a section `control`
    in its configuration.
    """


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
@target_options
@json_option
@pass_home
def set_(
    home: Home,
    thing: str,
    settings: tuple[str, ...],
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Have THING run with other settings; values are JSON, or text where they are none."""
    wanted = config_shadow.parsed(settings)
    version = config_shadow.want(find_target(target, home, region=region), thing, wanted)
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
