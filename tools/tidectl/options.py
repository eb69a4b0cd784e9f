"""Options that several verbs take, worded once."""

from collections.abc import Callable
from typing import Any

import click

from tidectl.home import Home
from tidectl.local_process import HTTP_PORT, MQTT_PORT, STORE_PORT

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

pass_home = click.make_pass_decorator(Home)

_PORTS = (
    ("http", HTTP_PORT, "AWS APIs."),
    ("mqtt", MQTT_PORT, "IoT broker."),
    ("store", STORE_PORT, "The store."),
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--target` and `--region`."""
    command = click.option("--region", help="AWS region, else the one of your profile.")(command)
    return click.option(
        "--target",
        type=click.Choice(["local", "aws"]),
        default="local",
        envvar="TIDEGAUGE_TARGET",
        show_default=True,
        help="The local cloud, or AWS with your credentials.",
    )(command)


def local_port_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ports of a local cloud that is started: `--http-port`, `--mqtt-port` and so on."""
    for name, default, text in reversed(_PORTS):
        command = click.option(
            f"--{name}-port",
            type=click.IntRange(0, 65_535),
            default=default,
            envvar=f"TIDEGAUGE_{name.upper()}_PORT",
            show_default=True,
            help=text,
        )(command)
    return command


def examples(*lines: str) -> str:
    """Return the epilog of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
