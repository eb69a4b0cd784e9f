"""`tidectl gateway status`: components here, and core devices in the cloud."""

from typing import Any

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.cloud_devices import CloudDevices
from tidectl.gateway.component_says import troubles
from tidectl.gateway.core_device import core_devices
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.gateway.status_pages import page_trouble, page_url
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_facts, print_json, print_table, say
from tidectl.target import find_target
from tidegate.nucleus.component import BROKEN

SILENT = "SILENT"  # beside Greengrass's own HEALTHY and UNHEALTHY


@click.command(
    epilog=examples(
        "tidectl gateway status",
        "tidectl gateway status --cloud                  # every core device's last report",
        "tidectl gateway status --cloud --target aws --json",
    )
)
@thing_option
@click.option("--cloud", is_flag=True, help="What core devices have told the cloud.")
@target_options
@json_option
@pass_home
def command(
    home: Home, thing: str | None, cloud: bool, target: str, region: str | None, as_json: bool
) -> None:
    """Show the components, their states and their status pages.

    Beside its status page stands what a component itself says is wrong.
    BROKEN: three errors in an hour; a new deployment clears it, or `tidectl gateway restart`. Exit
    code 1 when one is. With --cloud, SILENT: provisioned from here, and not heard of yet; and
    which deployments a device has still to do.
    """
    if cloud:
        known = CloudDevices(find_target(target, home, region=region))
        devices = known.states(thing)
        silent = [] if thing else _silent(home, target, devices)
        devices += [
            {"device": one, "status": SILENT, "runtime": "", "version": "", "components": []}
            for one in silent
        ]
        for one in devices:
            one["pending"] = _pending(known, one["device"])
        rows = [row for one in devices for row in _device_rows(one)]
        broken = any(row[4] == BROKEN for row in rows)
        _show(as_json, {"devices": devices}, rows,
              ("device", "health", "component", "version", "state", "why"))  # fmt: skip
        if not rows and not as_json:
            say("there is no core device: tidectl gateway provision NAME")
        if not as_json:
            _show_pending(devices)
        if silent and not as_json:
            say(f"does the nucleus of {', '.join(silent)} run, and reach the cloud?")
    else:
        local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
        facts = local.facts()
        if facts is None:
            raise TidectlError("no nucleus is running here", "start it: tidectl gateway up")
        found = [_component(one) for one in local.components()]
        broken = any(one["state"] == BROKEN for one in found)
        counts = local.iot_core_counts()
        document = {
            "thing": facts.thing, "nucleus": facts.nucleus, "pid": facts.pid, "iot_core": counts,
        }  # fmt: skip
        _show(
            as_json,
            {**document, "components": found},
            [tuple(one.values())[:-2] for one in found],
            ("component", "version", "state", "process", "starts", "why"),
        )
        if not as_json:
            _show_more(found, counts)
            for line in troubles(local):
                say(escape(line))
    if broken:
        raise click.exceptions.Exit(1)


def _device_rows(device: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return a row for each component of a device, and one for a device without any."""
    head = (device["device"], device["status"])
    return [
        (*head, each["component"], each["version"], each["state"], each["why"])
        for each in device["components"]
    ] or [(*head, "", "", "", "")]


def _silent(home: Home, target: str, devices: list[dict[str, Any]]) -> list[str]:
    """Return the core devices provisioned from here that the cloud has not heard of yet."""
    known = {one["device"] for one in devices}
    return [
        device.thing
        for device in core_devices(home)
        if device.thing not in known and device.facts().get("target") == target
    ]


def _pending(known: CloudDevices, device: str) -> list[dict[str, str]]:
    """Return the deployments that a device has not done yet."""
    return [
        {"deployment": one.deployment, "state": one.state}
        for one in known.deployments(device)
        if not one.done
    ]


def _show_pending(devices: list[dict[str, Any]]) -> None:
    for device in devices:
        for one in device["pending"]:
            say(escape(f"{device['device']}: the deployment {one['deployment']} is {one['state']}"))


def _component(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "component": one["componentName"],
        "version": one["version"],
        "state": one["state"],
        "pid": one["pid"],
        "starts": one["starts"],
        "why": one["reason"],
        "trouble": page_trouble(one["configuration"]) if one["pid"] else "",
        "page": page_url(one["configuration"]),
    }


def _show_more(found: list[dict[str, Any]], counts: dict[str, int]) -> None:
    """Say where the status pages are, and what was lost on the way to the cloud and back."""
    pages = [
        (one["component"], f"{one['page']}  {one['trouble']}".rstrip())
        for one in found
        if one["page"]
    ]
    if pages:
        print_facts(pages)
    lost = {name: count for name, count in counts.items() if count and name != "published"}
    if lost:
        told = ", ".join(f"{_words(name)} {count}" for name, count in lost.items())
        say(f"[yellow]IoT Core:[/] {told}, since the nucleus started: tidectl gateway logs")


def _words(name: str) -> str:
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name)


def _show(
    as_json: bool, document: dict[str, Any], rows: list[tuple[Any, ...]], columns: tuple[str, ...]
) -> None:
    if as_json:
        print_json(document)
    elif rows:
        print_table(columns, rows, whole="component")
