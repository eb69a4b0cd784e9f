"""Put the chips on the simulated board that its configuration names. Needed at the start only.

The module of a chip has `solder(board, options, world)`: `board` is the stand-in `machine`,
`options` are the measurement's, `world` says what the chip measures.
"""

import json

import machine
import world

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from typing import Any

# The module of a chip has the name of its driver, but for these: `driver=module`.
_OTHERS = " adc=voltage digital_input=contact pulse_counter=contact "


def solder(seed: int, absent: "Container[str]", options_of: "Callable[[str], Any]") -> None:
    """Solder what `/config.json` names, but for the measurements that are `absent`.

    What is wrong with the configuration is left for the board to tell.
    """
    around = world.World(seed)
    soldered = []
    for entry in _measurements():
        try:
            driver = entry["driver"]
            if entry.get("name") not in absent:
                options = {row[0]: row[2] for row in options_of(driver)}
                options.update(entry)
                chip = __import__(module_of(driver))
                chip.solder(machine, options, around)
                soldered.append(chip)
        except (AttributeError, ImportError, KeyError, TypeError, ValueError):
            continue
    for chip in soldered:
        chip.__dict__.pop("solder", None)


def module_of(driver: str) -> str:
    """Return the module of the chip that `driver` reads, which may not be there."""
    _, found, rest = _OTHERS.partition(" " + driver + "=")
    return rest.split(" ")[0] if found else driver


def _measurements() -> "Iterator[Any]":
    try:
        with open("/config.json") as file:
            yield from json.load(file)["measurements"]
    except (OSError, KeyError, TypeError, ValueError):
        return
