"""`tidectl gateway config`: the configuration of a component on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.component_says import SAYS_S_MAX, ComponentSays, Said
from tidectl.gateway.component_source import ComponentSource, all_sources, full_name
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.gateway.setting_pairs import assigned, merged, overlaid, with_files_from_here
from tidectl.gateway.settings_check import Place, check_settings, is_known
from tidectl.gateway.thing_owners import owned_things
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import err, print_json, say
from tidegate.component_configuration import from_file
from tidegate.errors import GateError
from tidegate.nucleus.configuration import DEFAULT_AT_MS, Configuration
from tidegate.nucleus.errors import ConfigurationError

OTHERS_SAY_S_MAX = 1.5  # of which nobody knows that they say anything


@click.command(
    epilog=examples(
        "tidectl gateway config host_metrics",
        "tidectl gateway config host_metrics --set site=plant2 --set outbox.mebibytes_max=64",
        "tidectl gateway config host_metrics --reset outbox.mebibytes_max",
        "tidectl gateway config mqtt_bridge --file routes.yaml   # after a gateway check of it",
    )
)
@click.argument("component")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE",
              help="Set a value, its keys parted by points; JSON if it is.")  # fmt: skip
@click.option("--file", "path", type=click.Path(path_type=Path, dir_okay=False),
              help="Set what is in this map of YAML or JSON, as a bridge's routes.")  # fmt: skip
@click.option("--reset", "resets", multiple=True, metavar="KEY",
              help="Give it back its default; also as a JSON pointer.")  # fmt: skip
@thing_option
@json_option
@pass_home
def command(
    home: Home,
    component: str,
    given: tuple[str, ...],
    path: Path | None,
    resets: tuple[str, ...],
    thing: str | None,
    as_json: bool,
) -> None:
    """Show or change the configuration of a component.

    COMPONENT is its folder's name or its own. A change is a local deployment: checked as the
    component itself does it, merged, told to the component by IPC, and on nucleus lite a reason to
    restart it. Then what the component says of it is waited for. Exit code 1 when it is refused.
    """
    device = chosen_gateway(home, thing)
    local = LocalNucleus(device.nucleus_root)
    (name,) = local.deployed_names([full_name(component)])
    resets = tuple(_pointer(one) for one in resets)
    if given or resets or path:
        source = next((one for one in all_sources() if one.name == name), None)
        merge = assigned(given, [source]).get(name, {}) if source else merged(given)
        if path:
            merge = overlaid(_from_file(path), merge)
        merge = with_files_from_here(merge, lambda text: say(escape(text)))
        _check(local, device.thing, name, merge, resets)
        says = ComponentSays(local, name)
        local.deploy(componentToConfiguration={name: {"MERGE": merge, "RESET": list(resets)}})
        with err.status(f"waiting for {name} to take it"):
            said = says.hear(SAYS_S_MAX if source and is_known(source) else OTHERS_SAY_S_MAX)
        _tell(component, name, said)
    value = local.ask("GetConfiguration", {"componentName": name, "keyPath": []})["value"]
    if as_json:
        print_json(value)
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False).rstrip())


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = from_file(path)
    except GateError as error:
        raise TidectlError(str(error), "a map of settings, as the recipe's defaults are") from error
    return {"broker": found} if set(found) == {"routes"} else found


def _check(
    local: LocalNucleus, thing: str, name: str, merge: dict[str, Any], resets: Sequence[str]
) -> None:
    """Raise `TidectlError` for what the component would refuse, before anything is changed."""
    runs = {one["componentName"]: one["configuration"] for one in local.components()}
    sources = [source for source in all_sources() if source.name in runs]
    for source in sources:
        if source.name == name:
            now = _reset(runs[name], source, resets)
            runs[name] = overlaid(now, merge)
            check_settings(source, runs[name], Place(thing, local.root / "work" / name))
    owned_things(sources, thing, runs)


def _reset(
    settings: dict[str, Any], source: ComponentSource, resets: Sequence[str]
) -> dict[str, Any]:
    """Return the settings once what is at those JSON pointers has its defaults again."""
    configuration = Configuration(source.recipe.defaults)
    configuration.merge(settings, at_ms=DEFAULT_AT_MS + 1)
    try:
        for pointer in resets:
            configuration.reset(pointer)
    except ConfigurationError as error:
        raise TidectlError(str(error), "as --reset outbox.sync") from error
    found: dict[str, Any] = configuration.value()
    return found


def _pointer(key: str) -> str:
    """Return a JSON pointer (RFC 6901); keys may also be parted by points, as with --set."""
    if not key or key.startswith("/"):
        return key
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in key.split("."))


def _tell(component: str, name: str, said: Said) -> None:
    if said.is_taken is False:
        for one in said.refused:
            say(escape(one))
        raise TidectlError(
            f"{name} does not take it, and goes on as it was if it can",
            f"set it right, or --reset; all it says: tidectl gateway logs {component}",
        )
    for one in said.waiting:
        say(escape(f"{one}; at once: tidectl gateway restart {component}"))
    if said.is_taken:
        say(f"{name} has taken it")
    else:
        say(f"{name} configured; it has said nothing of it yet: tidectl gateway logs {component}")
