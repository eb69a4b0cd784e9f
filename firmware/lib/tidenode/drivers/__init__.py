"""Drivers: one file each, found by its name.

A driver is a module with
    FIELDS   ((field name, decimals), ...); no decimals makes an integer field
    OPTIONS  rows as in tidenode.config: the keys it takes from its measurement
    create(options, hardware) -> a sensor; `hardware` is the board's module `machine`
and a sensor has `read()`, which returns one integer (or None) per field, scaled by its
decimals, and raises SensorError or OSError where it can't.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Protocol

    class Sensor(Protocol):
        """Something that can be read."""

        def read(self) -> "tuple[int | None, ...]": ...


def find(name: str) -> "ModuleType":
    """Return the module of the driver `name`. Raises ImportError."""
    if not name or name.strip("abcdefghijklmnopqrstuvwxyz0123456789_"):
        raise ImportError(name)  # a path can't hide in a name
    module: ModuleType = __import__("tidenode.drivers." + name, None, None, ("FIELDS",))
    if not hasattr(module, "create"):
        raise ImportError(name)  # this package itself
    return module


def options_of(name: str) -> "Any":
    """Return the table of the options of the driver `name`. Raises ImportError."""
    return find(name).OPTIONS
