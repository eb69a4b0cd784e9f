"""`tidectl gateway up`: from nothing to values in the store, on this machine."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.component_says import troubles, wait_until_steady
from tidectl.gateway.component_source import (
    COMPONENTS,
    ComponentSource,
    all_sources,
    find_source,
)
from tidectl.gateway.core_device import DEFAULT_GROUP, CoreDevice, core_device, provision
from tidectl.gateway.first_values import VALUES_S_MAX, first_values
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import DEFAULT_THING
from tidectl.gateway.package import BUILD, link
from tidectl.gateway.setting_pairs import assigned, overlaid, with_files_from_here
from tidectl.gateway.settings_check import Place, check_settings
from tidectl.gateway.status_pages import choose_port, page_port, page_url
from tidectl.gateway.thing_owners import owned_things, things_expected
from tidectl.gateway_list import GatewayList
from tidectl.home import Home
from tidectl.instants import now_ms
from tidectl.local_process import LocalProcess
from tidectl.options import examples, json_option, local_port_options, pass_home
from tidectl.output import err, print_facts, print_json, print_table, say
from tidectl.query_api import QueryApi
from tidectl.stack import deploy
from tidectl.target import Target, local_target
from tidectl.thing import DEFAULT_SITE
from tidectl.verbs.deploy import EventLine
from tidegate.nucleus.component import BROKEN
from tidegate.nucleus.settings import Settings

# Runs on any machine: its own sensors, and the way to the cloud.
DEFAULT_COMPONENTS = ("host_metrics", "kinesis_uplink")
CLASSIC, LITE = "classic", "lite"


@click.command(
    epilog=examples(
        "tidectl gateway up                             # this machine's own sensors",
        "tidectl gateway up modbus_adapter kinesis_uplink --nucleus lite",
        "tidectl gateway up modbus_adapter kinesis_uplink --set tag_map=tags.yaml",
        "tidectl gateway up modbus_adapter --restart --no-wait",
        "tidectl gateway up --http-port 0 --mqtt-port 0 --store-port 0   # when others have those",
    )
)
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--thing", default=DEFAULT_THING, show_default=True, help="The gateway's name.")
@click.option("--site", default=DEFAULT_SITE, show_default=True, help="The place it is at.")
@click.option(
    "--nucleus", type=click.Choice([CLASSIC, LITE]), show_default="that which runs, or classic",
    help="Whose limits the components meet.",
)  # fmt: skip
@click.option("--set", "given", multiple=True, metavar="[COMPONENT:]KEY=VALUE",
              help="Configure one, or all that have it; keys parted by points.")  # fmt: skip
@click.option("--restart", is_flag=True, help="Start the components anew, as after an edit.")
@click.option("--wait/--no-wait", default=True, help="Until the first values are in the store.")
@local_port_options
@json_option
@pass_home
def command(
    home: Home,
    components: tuple[str, ...],
    thing: str,
    site: str,
    nucleus: str | None,
    given: tuple[str, ...],
    restart: bool,
    wait: bool,
    http_port: int,
    mqtt_port: int,
    store_port: int,
    as_json: bool,
) -> None:
    """Run the components on this machine, from nothing to values in the store.

    Starts the local cloud and deploys the stack when they are not there, makes the gateway, starts
    a nucleus of ours and deploys the components to it from this checkout, without building
    anything. It runs in the background until `tidectl gateway down`. Each component gets a status
    page. Exit code 1 when one of the components is BROKEN. Without a COMPONENT: host_metrics and
    kinesis_uplink, which carries what the others keep.
    """
    began_ms = now_ms()
    sources = _sources(components)
    device = core_device(home, thing)
    local = LocalNucleus(device.nucleus_root)
    _refuse_other_nucleus(local, nucleus)
    own = with_files_from_here(assigned(given, sources), lambda text: say(escape(text)))
    _check_settings(sources, own, local, thing)
    things = _things(sources, thing, local, own)
    target = _cloud(
        home, {"http_port": http_port, "mqtt_port": mqtt_port, "store_port": store_port}
    )
    if not device.path.exists():
        with err.status(f"making the gateway {thing}"):
            provision(target, home, thing, site=site, group=DEFAULT_GROUP)
        say(f"gateway {thing} made")
    # The things of the tag maps are this user's own, in a cloud of this user's own.
    GatewayList(target).allow(thing, [one for one in things if not _is_part(one, thing)])
    with err.status("starting the nucleus"):
        facts = local.start(_nucleus_settings(device, target, nucleus or CLASSIC))
    say(f"nucleus {facts.nucleus} runs, process {facts.pid}")
    with err.status(f"deploying {len(sources)} components"):
        _deploy(local, device, sources, target, own)
        for source in sources if restart else ():
            local.ask("RestartComponent", {"componentName": source.name})
    deployed_ms = now_ms()
    found, silent = _wait_for_values(target, local, device, sources, began_ms) if wait else ([], [])
    if not wait:
        wait_until_steady(local)
    states = local.components()
    if as_json:
        print_json(
            {
                "thing": thing,
                "pid": facts.pid,
                "deployed_ms": deployed_ms - began_ms,
                "values_ms": now_ms() - began_ms if found else None,
                "components": [
                    {
                        "component": one["componentName"],
                        "state": one["state"],
                        "page": page_url(one["configuration"]),
                    }
                    for one in states
                ],
                "measurements": found,
                "silent": silent,
            }
        )
    else:
        _show(states, found, silent, now_ms() - began_ms)
        for line in troubles(local):
            say(escape(line))
    asked = {source.name for source in sources}
    if any(one["state"] == BROKEN and one["componentName"] in asked for one in states):
        raise click.exceptions.Exit(1)


def _show(
    states: Sequence[Mapping[str, Any]], found: list[str], silent: list[str], took_ms: int
) -> None:
    print_table(
        ("component", "version", "state", "why"),
        [(one["componentName"], one["version"], one["state"], one["reason"]) for one in states],
        whole="component",
    )
    pages = [(one["componentName"], page_url(one["configuration"])) for one in states]
    if pages := [(name, url) for name, url in pages if url]:
        print_facts(pages)
    if found:
        say(escape(f"values in the store after {took_ms / 1000:.1f} s: {', '.join(found)}"))
    for name in silent:
        say(f"[yellow]no values of {name} yet[/]: tidectl gateway logs {name}")
    say("next: tidectl status, tidectl gateway logs")


def _refuse_other_nucleus(local: LocalNucleus, asked: str | None) -> None:
    running = local.facts()
    if running and asked and running.nucleus != asked:
        raise TidectlError(
            f"a {running.nucleus} nucleus runs for {running.thing}, not {asked}",
            f"end it first: tidectl gateway down --thing {running.thing}",
        )


def _nucleus_settings(device: CoreDevice, target: Target, nucleus: str) -> Settings:
    """Return what the nucleus is told; where the cloud is, the cloud of now says."""
    known = device.facts()["target"]
    if known != target.name or target.local is None:
        raise TidectlError(
            f"{device.thing} is a gateway of {known}, and runs on its device",
            "take another --thing for this machine",
        )
    return replace(
        device.settings(nucleus),
        mqtt_host=target.local.mqtt_host,
        mqtt_port=target.local.mqtt_port,
        device_url=target.local.device_url,
        root_ca_path=target.local.ca_path,
        aws_url=target.local.http_url,
        path_prefix=str(Path(sys.executable).parent),
    )


def _sources(names: tuple[str, ...]) -> list[ComponentSource]:
    if not names:
        names = tuple(name for name in DEFAULT_COMPONENTS if (COMPONENTS / name).exists())
    if not names:
        raise TidectlError("there is no component to run", "name one: tidectl gateway up COMPONENT")
    return [find_source(name) for name in names]


def _check_settings(
    sources: list[ComponentSource],
    own: Mapping[str, Mapping[str, Any]],
    local: LocalNucleus,
    gateway: str,
) -> None:
    """Complain of what a component would refuse, before anything is started."""
    running = local.components() if local.facts() else []
    runs = {one["componentName"]: one["configuration"] for one in running}
    for source in sources:
        if source.name in own:
            settings = overlaid(runs.get(source.name, {}), own[source.name])
            check_settings(source, settings, Place(gateway, local.root / "work" / source.name))


def _things(
    sources: list[ComponentSource],
    gateway: str,
    local: LocalNucleus,
    own: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return the things of the components, which share none, nor with those that run already."""
    running = local.components() if local.facts() else []
    runs = {one["componentName"]: one["configuration"] for one in running}
    there = [source for source in all_sources() if source.name in runs]
    runs |= {name: overlaid(runs.get(name, {}), settings) for name, settings in own.items()}
    owned = owned_things([*sources, *there], gateway, runs)
    return list(dict.fromkeys(thing for source in sources for thing in owned[source.name]))


def _is_part(thing: str, gateway: str) -> bool:
    """Whether a gateway may always speak for `thing`: it is itself, or a part of it."""
    return thing == gateway or thing.startswith(f"{gateway}:")


def _cloud(home: Home, ports: Mapping[str, int]) -> Target:
    process = LocalProcess(home)
    with err.status("starting the local cloud"):
        facts = process.start(**ports)
    target = local_target(facts)
    with EventLine("deploying the stack") as line:
        deploy(target, on_event=line.show)
    return target


def _deploy(
    local: LocalNucleus,
    device: CoreDevice,
    sources: list[ComponentSource],
    target: Target,
    own: Mapping[str, Mapping[str, Any]],
) -> None:
    for source in sources:
        link(source, device.build)
    local.deploy(
        recipeDirectoryPath=str(device.build / BUILD / "recipes"),
        artifactsDirectoryPath=str(device.build / BUILD / "artifacts"),
        rootComponentVersionsToAdd={source.name: source.version for source in sources},
        componentToConfiguration={
            name: {"MERGE": settings}
            for name, known in _settings(local, device, sources, target).items()
            if (settings := overlaid(known, own.get(name, {})))
        },
    )


def _settings(
    local: LocalNucleus, device: CoreDevice, sources: list[ComponentSource], target: Target
) -> dict[str, dict[str, Any]]:
    """Return what only this deployment knows: the site, the stream of the stack, free ports."""
    known = {one["componentName"]: one["configuration"] for one in local.components()}
    taken = [page_port(settings) for settings in known.values()]
    found = {}
    for source in sources:
        defaults = source.recipe.defaults
        settings: dict[str, Any] = {}
        # Once: what `tidectl gateway config` has set since is not to be lost by another `up`.
        if source.name not in known and ("site" in defaults or "tag_map" in defaults):
            settings["site"] = device.facts()["site"]
        if "stream" in defaults:
            settings["stream"] = target.stack_outputs()["StreamName"]
        if "status_port" in defaults and not page_port(known.get(source.name, {})):
            settings["status_port"] = choose_port(taken)
            taken.append(settings["status_port"])
        found[source.name] = settings
    return found


def _wait_for_values(
    target: Target,
    local: LocalNucleus,
    device: CoreDevice,
    sources: list[ComponentSource],
    from_ms: int,
) -> tuple[list[str], list[str]]:
    settings = {one["componentName"]: one["configuration"] for one in local.components()}
    things = {
        source.name: things_expected(source, device.thing, settings.get(source.name, {}))
        for source in sources
    }
    with err.status("waiting for the first values"):
        found, silent = first_values(QueryApi(target), things, from_ms=from_ms)
    if not found:
        say(f"[yellow]no values within {VALUES_S_MAX:.0f} s[/]: see tidectl gateway logs")
    return found, silent
