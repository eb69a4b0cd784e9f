"""`tidectl gateway provision`: a core device, without AWS credentials on it."""

import click

from tidectl.gateway.core_device import CLASSIC_ROOT, DEFAULT_GROUP, LITE_ROOT, provision
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, say
from tidectl.target import find_target
from tidectl.thing import DEFAULT_SITE


@click.command(
    epilog=examples(
        "tidectl gateway provision plant-1 --site plant --target aws",
        "tidectl gateway provision plant-2 --group press-shop --speaks-for 'press-*' --json",
    )
)
@click.argument("name")
@click.option("--site", default=DEFAULT_SITE, show_default=True, help="The place it is at.")
@click.option("--group", default=DEFAULT_GROUP, show_default=True,
              help="The thing group that deployments go to.")  # fmt: skip
@click.option("--speaks-for", multiple=True, metavar="THING",
              help="A thing whose samples it may send beside its own; takes *.")  # fmt: skip
@target_options
@json_option
@pass_home
def command(
    home: Home,
    name: str,
    site: str,
    group: str,
    speaks_for: tuple[str, ...],
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Make a core device: thing, certificate, role alias, configuration.

    The key is made here and goes to the device with the certificate; no AWS credentials do. The
    policy allows what NAME needs and nothing of others.
    """
    cloud = find_target(target, home, region=region)
    with err.status(f"making the core device {name}"):
        device = provision(cloud, home, name, site=site, group=group, speaks_for=speaks_for)
    if as_json:
        print_json({"folder": str(device.path), **device.facts()})
        return
    say(f"{name} made in {cloud}, of the group {group}; its files are in {device.path}")
    files = "cert.pem key.pem root.pem"
    say("on the device, for nucleus lite (Debian 12, Raspberry Pi OS 12, Ubuntu 22.04, or newer):")
    say(f"  copy {files} to {LITE_ROOT}/,")
    say("  lite.yaml to /etc/greengrass/config.yaml, then install aws-greengrass-lite")
    say("or for the classic nucleus (Java 8 or newer):")
    say(f"  copy {files} to {CLASSIC_ROOT}/, and install it with classic.yaml as --init-config")
