"""Say which pins of a configuration can't be wired as it says.

Pure. The rules of config.json know no chip and no neighbours: what they let pass, a board would
find out at its start, and start again and again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tidectl.boards import Board

_SHARED = {"scl_pin": "I2C", "sda_pin": "I2C", "sck_pin": "SPI", "miso_pin": "SPI"}
_EDGES = ("pulse_counter", "digital_input")  # a pin tells its edges to one alone
_DRIVEN = {"scl_pin", "sda_pin", "sck_pin", "cs_pin"}
_DRIVEN_BY = ("dht22", "ds18b20")  # whose option `pin` is one that the board drives
_ANALOG = "adc"
_BUTTON = "portal.button_pin"


def mistakes(settings: Any, document: Mapping[str, Any], board: Board | None) -> list[str]:
    """Return what is wrong with the pins of `settings`, a Config of the rules, by their keys.

    `document` is what it was made of; without `board` any GPIO may be there.
    """
    taken: dict[int, tuple[str, tuple[object, ...]]] = {}
    found = []
    for path, driver, pin, role in _pins(settings, document):
        if board:
            found += [f"{path}: {wrong}" for wrong in _wrong(board, driver, path, pin)]
        before, role_before = taken.setdefault(pin, (path, role))
        if role != role_before:
            found.append(f"{path}: GPIO {pin} is {before} already")
    return found


def _pins(
    settings: Any, document: Mapping[str, Any]
) -> Iterator[tuple[str, str, int, tuple[object, ...]]]:
    """Yield key, driver, GPIO, and what it is to be: one GPIO can't be two things."""
    for number, one in enumerate(settings.measurements):
        for key, pin in sorted(one.options.items()):
            if key.rpartition("_")[2] != "pin" or not isinstance(pin, int):
                continue
            role: tuple[object, ...] = (one.driver, key)
            if key in _SHARED:
                role = (_SHARED[key], one.options.get("bus", 0), key)
            elif one.driver in _EDGES:
                role = (number,)
            yield f"measurements[{number}].{key}", one.driver, pin, role
    portal = document.get("portal")
    if isinstance(portal, dict) and isinstance(portal.get("button_pin"), int):
        yield _BUTTON, "", portal["button_pin"], (_BUTTON,)


def _wrong(board: Board, driver: str, path: str, pin: int) -> Iterator[str]:
    key = path.rpartition(".")[2]
    if not _within(pin, board.gpio):
        yield f"an {board.chip} has no GPIO {pin} to spare: see tidectl boards {board.name}"
    elif driver == _ANALOG and not _within(pin, board.adc):
        yield f"GPIO {pin} of an {board.chip} can't be read as a voltage, beside Wi-Fi"
    elif pin in board.inputs_only and (key in _DRIVEN or driver in _DRIVEN_BY):
        yield f"GPIO {pin} of an {board.chip} is an input only"


def _within(pin: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(lowest <= pin <= highest for lowest, highest in ranges)
