"""`tidectl flash`: MicroPython and a thing's files onto a board."""

from pathlib import Path
from typing import Any

import click

from tidectl import esptool
from tidectl.boards import board_of_chip
from tidectl.errors import TidectlError
from tidectl.flashing import Flashed, flash, hardware_notes
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import print_json, say
from tidectl.partition_table import Partition
from tidectl.progress import Progress
from tidectl.thing import ThingFolder


@click.command(
    epilog=examples(
        "tidectl flash /dev/ttyUSB0 greenhouse-1 --image ESP32_GENERIC-20260501-v1.29.0.bin",
        "tidectl flash /dev/ttyACM0 pump-7 --image v1.29.0.bin --no-erase   # its outbox stays",
        "tidectl flash /dev/ttyUSB0 greenhouse-1      # says where the image for its chip is",
    )
)
@click.argument("port")
@click.argument("thing")
@click.option(
    "--image", type=click.Path(dir_okay=False, path_type=Path),
    help="MicroPython for the board's chip, a .bin of micropython.org; none is shipped.",
)  # fmt: skip
@click.option(
    "--baud", type=click.IntRange(9_600, 2_000_000), default=esptool.BAUD, show_default=True,
    help="Speed of the transfer.",
)  # fmt: skip
@click.option(
    "--erase/--no-erase", default=True, show_default=True,
    help="Erase the whole flash first, or keep what waits in the board's outbox.",
)  # fmt: skip
@json_option
@pass_home
def command(
    home: Home, port: str, thing: str, image: Path | None, baud: int, erase: bool, as_json: bool
) -> None:
    """Flash MicroPython and THING's firmware, configuration and certificates to PORT.

    Finds out which chip is there, refuses an image that would not boot on it, writes all in
    one go and compares it. It may be run again at any time.
    """
    folder = ThingFolder(home.thing_folder(thing))
    folder.files()  # complains when there is no such thing, or no key to give it
    notes = hardware_notes(folder.config())
    if image is None:
        raise _where_the_image_is(port, baud)
    with Progress() as progress:
        done = flash(port, folder, image, baud=baud, erase=erase, progress=progress)
    if as_json:
        print_json({**_document(port, thing, done), "notes": notes})
        return
    for note in notes:
        say(f"[yellow]note:[/]  {note}")
    if done.kept_batches:
        say(f"{done.kept_batches} batches that waited on the board still do")
    say(f"{thing} is on {port} and boots; next: tidectl monitor {port}")


def _where_the_image_is(port: str, baud: int) -> TidectlError:
    board = board_of_chip(esptool.detect(port, baud).name)
    return TidectlError(
        f"MicroPython for {board.chip} is missing, and can't be shipped",
        f"take the newest .bin of {board.download_url} and give it as --image",
    )


def _document(port: str, thing: str, done: Flashed) -> dict[str, Any]:
    return {
        "port": port,
        "thing": thing,
        "chip": done.chip.name,
        "mac": done.chip.mac,
        "flash_bytes": done.chip.flash_bytes,
        "board": done.image.board.name,
        "micropython_version": done.image.version or None,
        "image_sha256": done.image.sha256,
        "image_offset": done.image.board.image_offset,
        "image_bytes": done.image.size_bytes,
        "files_offset": done.layout.files.offset,
        "files_bytes": done.layout.files.size_bytes,
        **_place("outbox", done.layout.outbox),
        **_place("romfs", done.layout.romfs),
        "kept_batches": done.kept_batches,
    }


def _place(name: str, partition: Partition | None) -> dict[str, int | None]:
    return {
        f"{name}_offset": partition.offset if partition else None,
        f"{name}_bytes": partition.size_bytes if partition else None,
    }
