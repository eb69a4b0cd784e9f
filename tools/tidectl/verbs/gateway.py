"""`tidectl gateway`: components for Greengrass, and a nucleus on this machine to run them.

Each subcommand is the `command` of `tidectl.verbs.gateway_<name>`, loaded when it is called.
"""

import importlib
from importlib.util import find_spec

import click

from tidectl.options import examples

# In the order of a gateway's life: look, try here, carry to a device, watch.
COMMANDS = {
    "discover": "Ask devices what they have, and write a tag map of it.",
    "check": "Print a tag map's request plan and the load on its bus.",
    "lint": "Check recipes against what the classic nucleus and nucleus lite take.",
    "browse": "Print a tag map with everything that a device has.",
    "sim": "Simulate a device of the field, or a small plant.",
    "up": "Run the components on this machine, from nothing to values in the store.",
    "down": "End the nucleus on this machine; what it keeps stays.",
    "status": "Show the components, their states and what they say is wrong.",
    "logs": "Show what a component writes.",
    "config": "Show or change the configuration of a component.",
    "restart": "Start components of this machine anew.",
    "remove": "Take components from the nucleus on this machine.",
    "write": "Write a value into a device.",
    "acknowledge": "Say that somebody has seen an alarm.",
    "package": "Build a component for devices without a way to the package index.",
    "provision": "Make a core device: thing, certificate, role alias, configuration.",
    "things": "Show or change the things a gateway speaks for.",
    "deploy": "Deploy components to a device, or to a group of devices.",
}


class _Commands(click.Group):
    """Loads a subcommand only when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return [name for name in COMMANDS if find_spec(f"tidectl.verbs.gateway_{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"tidectl.verbs.gateway_{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = [(name, COMMANDS[name]) for name in self.list_commands(ctx)]
        if lines:
            with formatter.section("Commands"):
                formatter.write_dl(lines)


@click.group(
    cls=_Commands,
    epilog=examples(
        "tidectl gateway up                                    # this machine's own sensors",
        "tidectl gateway sim modbus --port 5020                # in another terminal: a plant",
        "tidectl gateway up modbus_adapter kinesis_uplink      # reads it",
        "tidectl gateway status                                # and where the status pages are",
        "tidectl gateway provision plant-1 --target aws        # then deploy to it, see deploy",
    ),
)
def command() -> None:
    """Read industrial devices by Greengrass components.

    On this machine the nucleus is ours: it runs the same components from the same recipes. A
    COMPONENT is a folder of greengrass_components, a path to another, or a full name.
    """
