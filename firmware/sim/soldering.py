"""Put the chips on the simulated board that its configuration names. Needed at the start only.

The module of a chip has `solder(board, options, world)`: `board` is the stand-in `machine`,
`options` are the measurement's, `world` says what the chip measures.
"""

import json
import sys

import machine
import world

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from typing import Any

# driver -> the module of its chip, loaded when a configuration names it: the heap is the board's.
CHIPS = {
    "adc": "voltage",
    "ads1115": "ads1115",
    "bh1750": "bh1750",
    "bme280": "bme280",
    "bmp280": "bmp280",
    "dht22": "dht22",
    "digital_input": "contact",
    "ds18b20": "ds18b20",
    "ina219": "ina219",
    "max31855": "max31855",
    "mpu6050": "mpu6050",
    "pulse_counter": "contact",
    "scd4x": "scd4x",
    "sht3x": "sht3x",
}


def solder(seed: int, absent: "Container[str]", options_of: "Callable[[str], Any]") -> None:
    """Solder what `/config.json` names, but for the measurements that are `absent`.

    What is wrong with the configuration is left for the board to tell.
    """
    around = world.World(seed)
    for entry in _measurements():
        try:
            module = CHIPS.get(entry["driver"])
            if module and entry.get("name") not in absent:
                options = {row[0]: row[2] for row in options_of(entry["driver"])}
                options.update(entry)
                __import__(module).solder(machine, options, around)
        except (AttributeError, ImportError, KeyError, TypeError, ValueError):
            continue
    for module in CHIPS.values():
        if module in sys.modules:
            sys.modules[module].__dict__.pop("solder", None)


def _measurements() -> "Iterator[Any]":
    try:
        with open("/config.json") as file:
            yield from json.load(file)["measurements"]
    except (OSError, KeyError, TypeError, ValueError):
        return
