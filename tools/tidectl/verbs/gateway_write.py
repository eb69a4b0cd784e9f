"""`tidectl gateway write`: one value into a device."""

import json
from typing import Any

import click

from tidectl.gateway.gateway_commands import GatewayCommands, gateway_commands
from tidectl.options import examples
from tidectl.output import cell_text, print_facts

_SHOWN = ("outcome", "before", "after", "detail", "took_ms")


@click.command(
    context_settings={"ignore_unknown_options": True},  # so that -5 is a value
    epilog=examples(
        "tidectl gateway write gateway-1:modbus pump speed_setpoint_percent 40",
        "tidectl gateway write gateway-1:opcua control pump_auto true --json",
        "tidectl gateway write tank-3 tank level_setpoint_m 1.5 --gateway gateway-1",
        "tidectl gateway write gateway-1:s7 press batch_name 4711 --text",
    ),
)
@click.argument("thing")
@click.argument("measurement")
@click.argument("field")
@click.argument("value")
@click.option("--text", "as_text", is_flag=True,
              help="VALUE is a text, though it reads as a number or a truth.")  # fmt: skip
@gateway_commands
def command(
    commands: GatewayCommands, thing: str, measurement: str, field: str, value: str, as_text: bool
) -> None:
    """Write a value into a device, and show what it reads as before and after.

    THING, MEASUREMENT and FIELD are those of the samples. The component has to take commands of
    the cloud (its setting `commands`), and its tag map has to give the tag `write_low` and
    `write_high`, or `write_characters_max` where it is a text. Each command is kept as a row of
    the measurement `command`.
    """
    wanted = value if as_text else _value(value)
    request = {"command": "write", "measurement": measurement, "field": field, "value": wanted}
    answer = commands.carry_out(thing, f"{measurement}/{field}", request)
    if not commands.as_json:
        print_facts([(name, cell_text(answer.get(name))) for name in _SHOWN])


def _value(text: str) -> Any:
    """Return a number or a truth where `text` is one, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
