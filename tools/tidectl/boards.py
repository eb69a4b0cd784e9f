"""What is known of each family of boards: firmware/boards, one file a chip."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidectl.firmware_image import FIRMWARE
from tidenode import drivers

FOLDER = FIRMWARE / "boards"
_SIMULATED = "linux"
_ALSO = {"ds18b20": {"pin": "one_wire_pin"}}  # options that only in some drivers mean one pin


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files lie on a flash of the usual size, and what is behind them, if it is."""

    files_offset: int
    files_bytes: int
    outbox_bytes: int = 0  # of the partition for the outbox
    romfs_bytes: int = 0  # of the one that the program is run from


@dataclass(frozen=True, slots=True)
class Board:
    """A family of boards with the same chip."""

    name: str
    chip: str  # as esptool writes it
    image_offset: int  # where MicroPython's image begins in the flash: the chip's boot ROM says
    flash_bytes: int  # of the usual module; a flash's own size is found when it is written
    download_url: str
    own_sensors: tuple[str, ...]
    caveats: tuple[str, ...]
    pins: Mapping[str, int]  # by the name of the drivers' options
    gpio: tuple[tuple[int, int], ...]  # from the one to the other: those that are not the flash's
    adc: tuple[tuple[int, int], ...]  # likewise, those that the driver `adc` reads
    inputs_only: tuple[int, ...]
    layouts: Mapping[str, Layout]  # of the official images: plain and ota


def boards() -> Iterator[Board]:
    """Yield every family, by name."""
    for path in sorted(FOLDER.glob("*.toml"), key=lambda path: path.stem):
        yield _read(path)


def board_named(name: str) -> Board:
    """Return the family `name`; raises `TidectlError`."""
    path = FOLDER / f"{name}.toml"
    if path not in FOLDER.glob("*.toml"):
        names = ", ".join(board.name for board in boards())
        raise TidectlError(f"there is no board {name}", f"it is one of {names}; see tidectl boards")
    return _read(path)


def board_of_chip(chip: str) -> Board:
    """Return the family whose chip esptool calls `chip`; raises `TidectlError`."""
    for board in boards():
        if board.chip == chip:
            return board
    chips = ", ".join(board.chip for board in boards())
    raise TidectlError(f"{chip} is no chip the firmware is made for", f"it runs on {chips}")


def name_on_board(name: str) -> str:
    """Return how a board of the family `name` calls its chip, `ESP32C3`; raises `TidectlError`.

    A name as a board itself has it is left as it is: some call their chip otherwise.
    """
    if name.startswith("ESP32") or name == _SIMULATED:
        return name
    return board_named(name).chip.replace("-", "")


def with_pins(board: Board, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` in which each driver has the board's pins, where it names none itself."""
    measurements = settings.get("measurements")
    if not isinstance(measurements, list):
        return dict(settings)  # provisioning says what is wrong with it
    return {**settings, "measurements": [_wired(board, entry) for entry in measurements]}


def _wired(board: Board, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    driver = str(entry.get("driver"))
    try:
        options = [key for key, *_ in drivers.options_of(driver)]
    except ImportError:
        return entry
    names = {key: _ALSO.get(driver, {}).get(key, key) for key in options}
    pins = {key: board.pins[name] for key, name in names.items() if name in board.pins}
    return {**pins, **entry}


def _read(path: Path) -> Board:
    document = tomllib.loads(path.read_text())
    return Board(
        name=path.stem,
        chip=document["chip"],
        image_offset=document["image_offset"],
        flash_bytes=document["flash_bytes"],
        download_url=document["download_url"],
        own_sensors=tuple(document["own_sensors"]),
        caveats=tuple(document["caveats"]),
        pins=document["pins"],
        gpio=tuple((lowest, highest) for lowest, highest in document["gpio"]),
        adc=tuple((lowest, highest) for lowest, highest in document["adc"]),
        inputs_only=tuple(document["inputs_only"]),
        layouts={name: Layout(**layout) for name, layout in document["layouts"].items()},
    )
