"""`tidectl boards`: which boards there are."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from tidectl.boards import Board, board_named, boards
from tidectl.options import examples, json_option
from tidectl.output import print_facts, print_json, print_table, say

_DOWNLOADS = "https://micropython.org/download/"
_COLUMNS = ("board", "flash", "files", "scl sda", "sck mosi miso", "1-wire", "image")


@click.command(
    epilog=examples("tidectl boards", "tidectl boards esp32-c3", "tidectl boards --json")
)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the boards the firmware runs on, with pins, flash layout and downloads.

    With NAME, everything about that one. A layout is that of MicroPython's official image on
    the usual module, whose room for files is divided among files, outbox and the program to
    run from; `tidectl flash` goes by the image and the flash that it finds.
    """
    chosen = [board_named(name)] if name else list(boards())
    if as_json:
        print_json([asdict(board) for board in chosen])
    elif name:
        print_facts(_facts(chosen[0]))
    else:
        print_table(_COLUMNS, [_row(board) for board in chosen], whole="image")
        say(f"more about one: tidectl boards {chosen[0].name}; downloads: {_DOWNLOADS}<image>/")


def _row(board: Board) -> list[str]:
    pins = board.pins
    return [
        board.name,
        f"{board.flash_bytes >> 20} MB",
        f"{board.layouts['plain'].files_bytes >> 10} KB",
        f"{pins['scl_pin']} {pins['sda_pin']}",
        f"{pins['sck_pin']} {pins['mosi_pin']} {pins['miso_pin']}",
        str(pins["one_wire_pin"]),
        board.download_url.removeprefix(_DOWNLOADS).rstrip("/"),
    ]


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{lowest} to {highest}" for lowest, highest in ranges)


def _facts(board: Board) -> list[tuple[str, str]]:
    facts = [
        ("chip", board.chip),
        ("MicroPython", board.download_url),
        ("its image", f"is written at {board.image_offset:#x}"),
        ("flash", f"{board.flash_bytes >> 20} MB"),
    ]
    facts += [
        (f"files, {name}", f"{layout.files_bytes >> 10} KB at {layout.files_offset:#x}")
        for name, layout in board.layouts.items()
    ]
    facts += [
        (f"{what}, {name}", f"{size >> 10} KB behind them")
        for name, layout in board.layouts.items()
        for what, size in (("outbox", layout.outbox_bytes), ("romfs", layout.romfs_bytes))
        if size
    ]
    facts += [(name, str(pin)) for name, pin in board.pins.items()]
    facts.append(("GPIO", _ranges(board.gpio)))
    facts += [("its own sensor", sensor) for sensor in board.own_sensors]
    facts += [("beware", caveat) for caveat in board.caveats]
    return facts
