"""`tidectl gateway acknowledge`: say that somebody has seen an alarm."""

import click

from tidectl.gateway.gateway_command import carry_out
from tidectl.gateway.options import answer_options
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import say
from tidectl.target import find_target


@click.command(
    epilog=examples(
        "tidectl gateway acknowledge gateway-1:modbus tank tank_nearly_empty",
        "tidectl gateway acknowledge tank-3 tank tank_nearly_empty --gateway gateway-1",
    )
)
@click.argument("thing")
@click.argument("measurement")
@click.argument("alarm")
@answer_options
@target_options
@json_option
@pass_home
def command(
    home: Home,
    thing: str,
    measurement: str,
    alarm: str,
    gateway: str | None,
    timeout_s: float,
    target: str,
    region: str | None,
    as_json: bool,
) -> None:
    """Acknowledge an alarm: one that latches clears, once its value is well.

    THING and MEASUREMENT are those of the samples that it watches. The component has to take
    commands of the cloud (its setting `commands`).
    """
    request = {"command": "acknowledge", "measurement": measurement, "alarm": alarm}
    cloud = find_target(target, home, region=region)
    what = f"{measurement}/{alarm}"
    answer = carry_out(
        cloud, thing, what, request, gateway=gateway, timeout_s=timeout_s, as_json=as_json
    )
    if not as_json:
        say(f"{alarm}: {answer.get('detail') or 'acknowledged'}")
