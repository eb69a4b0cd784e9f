"""`tidectl gateway config`: the configuration of a component on this machine."""

import click
import yaml

from tidectl.errors import TidectlError
from tidectl.gateway.component_source import COMPONENTS, all_sources, find_source
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.gateway.setting_pairs import merged
from tidectl.gateway.thing_owners import owned_things
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import print_json, say


@click.command(
    epilog=examples(
        "tidectl gateway config host_metrics",
        "tidectl gateway config host_metrics --set site=plant2 --set outbox.mebibytes_max=64",
        "tidectl gateway config host_metrics --reset /site",
    )
)
@click.argument("component")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE",
              help="Set a value, its keys parted by points; JSON if it is.")  # fmt: skip
@click.option("--reset", "resets", multiple=True, metavar="POINTER",
              help="Give what is at a JSON pointer back its default.")  # fmt: skip
@thing_option
@json_option
@pass_home
def command(
    home: Home,
    component: str,
    given: tuple[str, ...],
    resets: tuple[str, ...],
    thing: str | None,
    as_json: bool,
) -> None:
    """Show or change the configuration of a component.

    A change is a local deployment: merged, told to the component by IPC, and on nucleus lite a
    reason to restart it.
    """
    device = chosen_gateway(home, thing)
    local = LocalNucleus(device.nucleus_root)
    in_checkout = (COMPONENTS / component / "recipe.yaml").exists()
    name = find_source(component).name if in_checkout else component
    deployed = [one["componentName"] for one in local.components()]
    if name not in deployed:
        raise TidectlError(
            f"{name} is not deployed here", f"there are {', '.join(deployed) or 'none'}"
        )
    if given or resets:
        merge = merged(given)
        runs = {one["componentName"]: one["configuration"] for one in local.components()}
        runs[name] = {**runs.get(name, {}), **merge}
        sources = [source for source in all_sources() if source.name in runs]
        owned_things(sources, device.thing, runs)  # complains before anything is changed
        local.deploy(componentToConfiguration={name: {"MERGE": merge, "RESET": list(resets)}})
        say(f"{name} configured")
    value = local.ask("GetConfiguration", {"componentName": name, "keyPath": []})["value"]
    if as_json:
        print_json(value)
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False).rstrip())
