"""`tidectl gateway remove`: take components from the nucleus on this machine."""

import click

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import full_name
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.gateway.status_pages import page_data
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say


@click.command(
    epilog=examples(
        "tidectl gateway remove mqtt_bridge",
        "tidectl gateway remove modbus_adapter s7_adapter --thing gateway-2",
    )
)
@click.argument("components", nargs=-1, required=True, metavar="COMPONENT...")
@thing_option
@json_option
@pass_home
def command(home: Home, components: tuple[str, ...], thing: str | None, as_json: bool) -> None:
    """Take components from the nucleus on this machine; the others run on.

    What one has kept stays in its work folder, and is sent: the uplink follows its outbox there,
    and it goes on with it after the next `tidectl gateway up`. What the cloud has deployed is taken
    away by the cloud.
    """
    local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
    names = local.deployed_names([full_name(one) for one in components])
    for one in local.components():
        data = page_data(one["configuration"]) if one["componentName"] in names else None
        count = data["queue"].get("messages_to_export") if data else 0
        if count:
            say(
                f"[yellow]{one['componentName']} has {count} messages that are not exported yet[/]:"
                " they go when it is up again"
            )
    with err.status(f"removing {', '.join(names)}"):
        local.deploy(rootComponentsToRemove=names)
    there = {one["componentName"] for one in local.components()}
    left = [name for name in names if name in there]
    for name in names:
        if name not in left:
            say(f"{name} removed; what it kept is in {local.root / 'work' / name}")
    if as_json:
        print_json({"removed": [name for name in names if name not in left], "left": left})
    if left:
        raise TidectlError(
            f"{', '.join(left)} is of a deployment of the cloud, or another needs it",
            "tidectl gateway deploy OTHERS --cloud --replace",
        )
