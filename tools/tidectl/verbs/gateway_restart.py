"""`tidectl gateway restart`: components on this machine, anew."""

from typing import Any

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.component_says import STANDS_S, ComponentSays
from tidectl.gateway.component_source import full_name
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say


@click.command(
    epilog=examples(
        "tidectl gateway restart stream_manager",
        "tidectl gateway restart modbus_adapter kinesis_uplink --json",
    )
)
@click.argument("components", nargs=-1, required=True, metavar="COMPONENT...")
@thing_option
@json_option
@pass_home
def command(home: Home, components: tuple[str, ...], thing: str | None, as_json: bool) -> None:
    """Start components of this machine anew, and who can't run without them.

    As after an edit, or for settings that wait for the next start. BROKEN ones are started, too.
    What they have not sent yet is on the disk. Exit code 1 when one does not stay up.
    """
    local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
    names = local.deployed_names([full_name(one) for one in components])
    found = [_restarted(local, name) for name in names]
    if as_json:
        print_json({"components": found})
    if any(one["errors"] for one in found):
        raise TidectlError("not all stay up", f"tidectl gateway logs {components[0]}")


def _restarted(local: LocalNucleus, name: str) -> dict[str, Any]:
    says = ComponentSays(local, name)
    with err.status(f"starting {name} anew"):
        local.ask("RestartComponent", {"componentName": name})
        said = says.hear(STANDS_S)
    state = next(one["state"] for one in local.components() if one["componentName"] == name)
    errors = list(said.refused) if said.is_taken is False else []
    say(f"{name} is {state}")
    for one in errors:
        say(escape(one))
    return {"component": name, "state": state, "errors": errors}
