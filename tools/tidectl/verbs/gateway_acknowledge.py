"""`tidectl gateway acknowledge`: say that somebody has seen an alarm."""

import click

from tidectl.gateway.gateway_commands import GatewayCommands, gateway_commands
from tidectl.options import examples
from tidectl.output import say


@click.command(
    epilog=examples(
        "tidectl gateway acknowledge gateway-1:modbus tank tank_nearly_empty",
        "tidectl gateway acknowledge tank-3 tank tank_nearly_empty --gateway gateway-1",
    )
)
@click.argument("thing")
@click.argument("measurement")
@click.argument("alarm")
@gateway_commands
def command(commands: GatewayCommands, thing: str, measurement: str, alarm: str) -> None:
    """Acknowledge an alarm: one that latches clears, once its value is well.

    THING and MEASUREMENT are those of the samples that it watches. The component has to take
    commands of the cloud (its setting `commands`).
    """
    request = {"command": "acknowledge", "measurement": measurement, "alarm": alarm}
    answer = commands.carry_out(thing, f"{measurement}/{alarm}", request)
    if not commands.as_json:
        say(f"{alarm}: {answer.get('detail') or 'acknowledged'}")
