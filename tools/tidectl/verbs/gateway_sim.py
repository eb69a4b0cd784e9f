"""`tidectl gateway sim`: devices of the field, simulated."""

import asyncio
import contextlib
import errno
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tidectl.errors import TidectlError
from tidectl.field_simulation import KINDS, FieldSimulation
from tidectl.options import Decorator, examples, json_option
from tidectl.output import print_json, print_table, say
from tidegate.errors import GateError

_EQUIPMENT = ("pump", "tank", "valve", "heater")


@click.group(
    epilog=examples(
        "tidectl gateway sim plant                         # Modbus and OPC UA at once",
        "tidectl gateway sim modbus --port 5020 --round-trip-ms 20",
        "tidectl gateway sim opcua --dead heater --drift tank.level_m=0.05",
    )
)
def command() -> None:
    """Simulate a device of the field, or a small plant.

    Behind each protocol stands the same plant: a pump fills a tank, a heater warms it, a valve
    lets it out. One seed gives one history. Everything binds to loopback; Ctrl-C ends it.
    """


def _drifts(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> Any:
    drifts: dict[str, float] = {}
    for text in texts:
        path, _, amount = text.partition("=")
        try:
            drifts[path] = float(amount)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is not POINT=AMOUNT, as in tank.level_m=0.05"
            ) from None
    return drifts


_OPTIONS = (
    click.option(
        "--seed", type=int, default=0, show_default=True, help="Of noise, demand and faults."
    ),
    click.option(
        "--speed",
        type=click.FloatRange(0.01, 1000),
        default=1.0,
        show_default=True,
        help="The plant's time against the time of day.",
    ),
    click.option(
        "--tick-ms",
        type=click.IntRange(10, 60_000),
        default=250,
        show_default=True,
        help="How often values change.",
    ),
    click.option(
        "--round-trip-ms",
        type=click.FloatRange(0, 10_000),
        default=0.0,
        show_default=True,
        help="What a device takes to answer.",
    ),
    click.option(
        "--dead",
        type=click.Choice(_EQUIPMENT),
        multiple=True,
        help="Equipment that does not answer; may be repeated.",
    ),
    click.option(
        "--exceptions",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Share of answers that are an error.",
    ),
    click.option(
        "--drift",
        "drift_per_h",
        multiple=True,
        callback=_drifts,
        metavar="POINT=AMOUNT",
        help="What a sensor is off after an hour; may be repeated.",
    ),
    click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long."),
    json_option,
)


def _options(*ports: str) -> Decorator:
    """Return what adds a port option for each name, and those that every simulator takes."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            click.option(
                name,
                type=click.IntRange(0, 65_535),
                default=0,
                show_default="a free one",
                help="Port on loopback.",
            )
            for name in ports
        ]
        for option in reversed((*own, *_OPTIONS)):
            function = option(function)
        return function

    return add


@command.command(
    epilog=examples(
        "tidectl gateway sim modbus --port 5020", "tidectl gateway sim modbus --dead tank"
    )
)
@_options("--port")
def modbus(port: int, **settings: Any) -> None:
    """A Modbus TCP server: pump, tank, valve and heater are units 1 to 4."""
    _run({"modbus": port}, settings)


@command.command(
    epilog=examples(
        "tidectl gateway sim opcua --port 4840",
        "tidectl gateway sim opcua --keys keys --trust clients   # secure policies, known clients",
    )
)
@_options("--port")
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the server's certificate, made if need be; adds Basic256Sha256, "
    "Aes128_Sha256_RsaOaep and Aes256_Sha256_RsaPss, signed or signed and encrypted.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the certificates of the clients that it takes.",
)
@click.option(
    "--extra-nodes",
    type=click.IntRange(0, 50_000),
    default=0,
    help="More variables, for a load test.",
)
def opcua(
    port: int, keys: Path | None, trust: Path | None, extra_nodes: int, **settings: Any
) -> None:
    """An OPC UA server: nodes are ns=2;s=tank.level_m and the like."""
    _run({"opcua": port}, settings, keys=keys, trust=trust, extra_nodes=extra_nodes)


def _add(kind: str, port: int, text: str) -> None:
    """Add the verb of a device that needs no options of its own."""

    @command.command(kind, help=text, epilog=examples(f"tidectl gateway sim {kind} --port {port}"))
    @_options("--port")
    def simulate(port: int, **settings: Any) -> None:
        _run({kind: port}, settings)


_add("s7", 10102, "An S7 controller: pump, tank, valve and heater are DB1 to DB4.")
_add("bacnet", 47808, "A BACnet/IP device, instance 4711, that reports changes of value.")
_add(
    "ethernetip", 44818, "A Logix controller over EtherNet/IP: tags are tank_level_m and the like."
)


@command.command(epilog=examples("tidectl gateway sim snmp --port 1161 --trap-port 1162"))
@_options("--port")
@click.option(
    "--trap-port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default="no traps",
    help="Where a trap goes when the tank becomes too low.",
)
def snmp(port: int, trap_port: int, **settings: Any) -> None:
    """An SNMP agent, community public."""
    _run({"snmp": port}, settings, trap_port=trap_port)


@command.command(
    epilog=examples(
        "tidectl gateway sim plant",
        "tidectl gateway sim plant --modbus-port 5020 --opcua-port 4840 --speed 60",
    )
)
@_options("--modbus-port", "--opcua-port")
def plant(modbus_port: int, opcua_port: int, **settings: Any) -> None:
    """One plant behind Modbus and OPC UA at once: both show the same values."""
    _run({"modbus": modbus_port, "opcua": opcua_port}, settings)


def _run(ports: dict[str, int], settings: dict[str, Any], **more: Any) -> None:
    as_json = settings.pop("as_json")
    seconds = settings.pop("seconds")
    # They warn of policies that were not asked for, and of blocks that are to be missing.
    for name in ("asyncua", "snap7"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        simulation = FieldSimulation(ports, **settings, **more)
        asyncio.run(_until_asked(simulation, seconds, as_json))
    except OSError as error:
        raise _complaint(error, [port for port in ports.values() if port]) from error
    except GateError as error:
        raise TidectlError(str(error), "see --help") from error


def _complaint(error: OSError, asked: list[int]) -> TidectlError:
    if error.errno == errno.EADDRINUSE:
        text = f"port {' or '.join(map(str, asked))} is in use"
    elif error.errno == errno.EACCES:
        text = f"port {' or '.join(map(str, asked))} is for root only"
    else:
        text = str(error)
    return TidectlError(text, "give another port, or 0 for a free one")


async def _until_asked(simulation: FieldSimulation, seconds: float | None, as_json: bool) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, ended.set)
    async with simulation:
        addresses = simulation.addresses()
        if as_json:
            print_json(addresses)
        else:
            rows = [(KINDS[kind], address["url"]) for kind, address in addresses.items()]
            print_table(("serves", "at"), rows)
            say("runs; Ctrl-C ends it")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)
