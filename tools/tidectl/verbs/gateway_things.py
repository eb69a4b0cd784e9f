"""`tidectl gateway things`: which things a gateway speaks for."""

import click

from tidectl.gateway_list import GatewayList
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_json, print_table, say
from tidectl.target import find_target


@click.command(
    epilog=examples(
        "tidectl gateway things",
        "tidectl gateway things gw-1 --add 'board-*' --add tank-3",
        "tidectl gateway things gw-1 --remove tank-3 --json",
    )
)
@click.argument("gateway", required=False)
@click.option("--add", multiple=True, metavar="THING", help="Let it speak for THING; * is a part.")
@click.option("--remove", multiple=True, metavar="THING", help="Let it do so no longer.")
@target_options
@json_option
@pass_home
def command(
    home: Home,
    gateway: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Show or change the things a gateway speaks for.

    A listed gateway speaks for itself and its own parts (GATEWAY:part) always. Batches of
    any other thing that it puts on the stream are set aside, as `identity`. Without a
    GATEWAY all are listed.
    """
    known = GatewayList(find_target(target, home, region=region))
    if gateway is None:
        if add or remove:
            raise click.UsageError("--add and --remove need a GATEWAY")
        _list(known, as_json=as_json)
        return
    entry = known.find(gateway)
    if add:
        entry = known.allow(gateway, add)
    if remove:
        entry = known.refuse(gateway, remove)
    if as_json:
        things = None if entry is None else list(entry.things)
        print_json({"gateway": gateway, "listed": entry is not None, "things": things})
    elif entry is None:
        say(f"{gateway} is not listed: tidectl gateway provision {gateway}, or --add a thing")
    else:
        others = ", ".join(entry.things) or "nothing else"
        say(f"{gateway} speaks for itself, its parts {gateway}:*, and {others}")


def _list(known: GatewayList, *, as_json: bool) -> None:
    entries = list(known.entries())
    if as_json:
        print_json({"gateways": {name: list(entry.things) for name, entry in entries}})
    elif entries:
        rows = [(name, ", ".join(entry.things) or "-") for name, entry in entries]
        print_table(("gateway", "speaks also for"), rows)
    else:
        say("no gateway is listed: tidectl gateway provision NAME")
