"""`tidectl device`: boards at the ports, things made here, and a board's firmware run here."""

import sys
from dataclasses import asdict

import click

from tidectl.device_facts import port_facts, thing_facts, thing_summary
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import cell_text, print_facts, print_json, print_table, say
from tidectl.serial_port import PortFacts, ports
from tidectl.thing import ThingFolder
from tidectl.verbs import device_run, device_wear


@click.group(
    epilog=examples(
        "tidectl device list",
        "tidectl device info greenhouse-1",
        "tidectl device run greenhouse-1",
        "tidectl device run greenhouse --count 50",
    )
)
def command() -> None:
    """List boards and things, look into one, run one on this machine."""


command.add_command(device_run.command, "run")
command.add_command(device_wear.command, "wear")


@command.command(
    "list", epilog=examples("tidectl device list", "tidectl device list --json | jq .ports")
)
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the serial ports of this machine, and the things made here."""
    found = list(ports())
    things = [thing_summary(ThingFolder(path)) for path in home.things()]
    if as_json:
        print_json(
            {
                "ports": [asdict(port) for port in found],
                "things": [asdict(thing) for thing in things],
            }
        )
        return
    if found:
        print_table(
            ("port", "usb", "what it says it is", "serial number"),
            [(port.port, _usb(port), port.description, port.serial_number) for port in found],
        )
    else:
        say("no serial port: plug a board in, with a cable that carries data")
    if things:
        print_table(
            ("thing", "site", "target", "board here", "batches waiting", "certificate until"),
            [
                (one.thing, one.site, one.target, one.board, one.queued_batches, one.valid_until)
                for one in things
            ],
        )
    else:
        say(f"no thing in {home.path}: tidectl provision makes one")


@command.command(
    epilog=examples(
        "tidectl device info greenhouse-1",
        "tidectl device info /dev/ttyUSB0     # which chip, MAC address, size of the flash",
        "tidectl device info greenhouse-1 --json",
    )
)
@click.argument("port_or_thing")
@json_option
@pass_home
def info(home: Home, port_or_thing: str, as_json: bool) -> None:
    """Look into the board at a port, or into a thing made here.

    At a port: chip, MAC address, flash, and which MicroPython it takes; the board is reset. Of
    a thing: its site and broker, its certificate, and what its flash image holds.
    """
    folder = ThingFolder(home.thing_folder(port_or_thing))
    facts = port_facts(port_or_thing) if _is_port(port_or_thing) else thing_facts(folder)
    if as_json:
        print_json(facts)
    else:
        print_facts([(name.replace("_", " "), cell_text(fact)) for name, fact in facts.items()])


def _is_port(name: str) -> bool:
    """Return whether `name` is a port's: no thing has a slash in its name."""
    return "/" in name or (sys.platform == "win32" and name.upper().startswith("COM"))


def _usb(port: PortFacts) -> str:
    return f"{port.vid}:{port.pid}" if port.vid else ""
