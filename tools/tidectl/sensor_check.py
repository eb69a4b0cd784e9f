"""Make the sensors of a configuration on no hardware, to hear what their drivers refuse.

A driver's options may be right each and not go together, which only its `create` knows; a board
that finds this out stops. `create` touches no chip, so anything will do for one.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tidenode import drivers, i2c_bus
from tidenode.errors import ConfigError

# What drivers import of MicroPython that this machine does not have.
_FOREIGN = ("dht", "esp32", "machine", "micropython", "network", "neopixel", "onewire")


class Anything(ModuleType):
    """Has every name, may be called and combined, and is false."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        return self

    def __or__(self, _: object) -> Any:
        return self

    def __bool__(self) -> bool:
        return False


def mistakes(measurements: Any) -> list[str]:
    """Return what the drivers of `measurements`, those of a Config, refuse; by their keys."""
    found = []
    i2c_bus.pins_of_bus.clear()
    with _foreign_modules():
        for number, one in enumerate(measurements):
            found += [f"measurements[{number}]: {why}" for why in _refusals(one)]
    return found


def _refusals(measurement: Any) -> list[str]:
    hardware: Any = Anything("machine")
    try:
        drivers.find(measurement.driver).create(measurement.options, hardware)
    except ConfigError as error:
        return error.mistakes
    except Exception:
        return []
    return []


@contextmanager
def _foreign_modules() -> Iterator[None]:
    absent = [name for name in _FOREIGN if name not in sys.modules]
    sys.modules.update({name: Anything(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
