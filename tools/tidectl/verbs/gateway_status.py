"""`tidectl gateway status`: components here, and core devices in the cloud."""

from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.gateway.cloud_devices import CloudDevices
from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.options import chosen_gateway, thing_option
from tidectl.gateway.status_pages import page_url
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import print_facts, print_json, print_table, say
from tidectl.target import find_target
from tidegate.nucleus.component import BROKEN, ERRORED


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

    BROKEN: three errors in an hour; a new deployment clears it. Exit code 1 when one is.
    """
    if cloud:
        devices = CloudDevices(find_target(target, home, region=region)).states(thing)
        rows = [
            (one["device"], one["status"], each["component"], each["version"], each["state"],
             each["why"])
            for one in devices
            for each in one["components"]
        ]  # fmt: skip
        broken = any(row[4] == BROKEN for row in rows)
        _show(as_json, {"devices": devices}, rows,
              ("device", "health", "component", "version", "state", "why"))  # fmt: skip
        if not rows and not as_json:
            say("no core device has reported")
    else:
        local = LocalNucleus(chosen_gateway(home, thing).nucleus_root)
        facts = local.facts()
        if facts is None:
            raise TidectlError("no nucleus is running here", "start it: tidectl gateway up")
        found = [_component(one) for one in local.components()]
        broken = any(one["state"] == BROKEN for one in found)
        document = {"thing": facts.thing, "nucleus": facts.nucleus, "pid": facts.pid}
        _show(
            as_json,
            {**document, "components": found},
            [tuple(one.values())[:-1] for one in found],
            ("component", "version", "state", "process", "starts", "why"),
        )
        if not as_json:
            _show_more(found)
    if broken:
        raise click.exceptions.Exit(1)


def _component(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "component": one["componentName"],
        "version": one["version"],
        "state": one["state"],
        "pid": one["pid"],
        "starts": one["starts"],
        "why": one["reason"],
        "page": page_url(one["configuration"]),
    }


def _show_more(found: list[dict[str, Any]]) -> None:
    """Say where the status pages are, and where to look for what is wrong."""
    if pages := [(one["component"], one["page"]) for one in found if one["page"]]:
        print_facts(pages)
    for one in found:
        if one["state"] in (BROKEN, ERRORED):
            say(f"what is wrong: tidectl gateway logs {one['component']}")


def _show(
    as_json: bool, document: dict[str, Any], rows: list[tuple[Any, ...]], columns: tuple[str, ...]
) -> None:
    if as_json:
        print_json(document)
    elif rows:
        print_table(columns, rows, whole="component")
