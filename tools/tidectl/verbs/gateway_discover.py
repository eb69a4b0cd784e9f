"""`tidectl gateway discover`: ask devices what they have, and write a tag map of it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidectl.errors import TidectlError
from tidectl.options import examples, json_option
from tidectl.output import print_json, say
from tidegate.errors import GateError

if TYPE_CHECKING:
    from tidegate.modbus.sunspec import SunspecDevice

TIMEOUT_S = 2.0


@click.group(epilog=examples("tidectl gateway discover sunspec tcp://192.0.2.10:502"))
def command() -> None:
    """Ask devices what they have, and write a tag map of it."""


@command.command(
    epilog=examples(
        "tidectl gateway discover sunspec tcp://192.0.2.10:502 --output tags.yaml",
        "tidectl gateway discover sunspec 'rtu:///dev/ttyUSB0?baud_rate=9600' --unit 1 --unit 2",
    )
)
@click.argument("url")
@click.option(
    "--unit", "units", type=click.IntRange(1, 247), multiple=True, default=(1,),
    show_default=True, help="A unit to ask; may be repeated.",
)  # fmt: skip
@click.option(
    "--period-ms", type=click.IntRange(100, 3_600_000), default=1_000, show_default=True,
    help="How often the tag map reads.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the tag map there."
)
@json_option
def sunspec(
    url: str, units: tuple[int, ...], period_ms: int, output: Path | None, as_json: bool
) -> None:
    """Inverters and meters that speak SunSpec, over Modbus.

    Only reads. The tag map goes to standard output, or to a file; look at it, then try it with
    `tidectl gateway check`.
    """
    from tidegate.modbus.sunspec import tag_map_of  # noqa: PLC0415  only for this protocol

    try:
        devices = asyncio.run(_ask(url, units))
    except GateError as error:
        raise TidectlError(str(error), "the right --unit? is Modbus on in the device?") from error
    text = tag_map_of(devices, url, period_ms=period_ms)
    for device in devices:
        numbers = ", ".join(str(model.number) for model in device.models)
        say(f"unit {device.unit}: {device.maker} {device.name} {device.serial}, models {numbers}")
    if output:
        output.write_text(text)
        say(f"tag map written to {output}")
    if as_json:
        print_json(
            [
                {
                    "unit": one.unit, "maker": one.maker, "name": one.name, "serial": one.serial,
                    "models": [model.number for model in one.models],
                    "points": sum(len(model.points()) for model in one.models),
                }
                for one in devices
            ]
        )  # fmt: skip
    elif not output:
        click.echo(text, nl=False)


async def _ask(url: str, units: tuple[int, ...]) -> "list[SunspecDevice]":
    from tidegate.modbus.link import Link  # noqa: PLC0415  only for this protocol
    from tidegate.modbus.settings import read_settings  # noqa: PLC0415  as above
    from tidegate.modbus.sunspec import discover  # noqa: PLC0415  as above

    link = Link(read_settings({"url": url}))
    await link.connect()
    try:
        return [await discover(link, unit, TIMEOUT_S) for unit in units]
    finally:
        link.close()
