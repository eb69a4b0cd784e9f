"""Drivers: one file each, found by its name.

A driver is a module with
    FIELDS   ((field name, decimals), ...); no decimals makes an integer field
    OPTIONS  rows as in tidenode.config: the keys it takes from its measurement
    create(options, hardware) -> a sensor; `hardware` is the board's module `machine`.
             Touches no chip: it may be absent yet. Raises ConfigError for options that
             don't go together.
and a sensor has
    read()   -> one integer per field, scaled by its decimals; None for one that the chip has
             not measured. All None is no sample and no error: a chip's first moments.
             Raises SensorError, naming chip and address, where it can't. After that it sets
             the chip up anew, since the chip may have been without power.
    begin()  optional, of a chip that takes its time: starts a conversion and returns the
             milliseconds after which `read` may be called, at most 60,000. Raises as `read`
             does. Neither waits itself: other sensors are due meanwhile.
    measure() optional, a coroutine, of a driver that has to await: returns when `read` may be
             called. Ended, and counted as an error, after `measure_ms_max` of the sensor, 10,000
             where it has none. Raises as `read` does.
    observe(uplink, outbox, samplers)
             optional, of one that measures the agent: is called once, before all else.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Protocol

    class Sensor(Protocol):
        """Something that can be read."""

        def read(self) -> "tuple[int | None, ...]": ...

    class SlowSensor(Sensor, Protocol):
        """Something that has to be told to measure first."""

        def begin(self) -> int: ...

    class AwaitedSensor(Sensor, Protocol):
        """Something whose driver awaits."""

        async def measure(self) -> None: ...


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
