"""Read the sensors of one wake into memory."""

import time

from tidenode import drivers, log
from tidenode.errors import SensorError
from tidewire.limits import INTEGER_MAX, INTEGER_MIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.sleep.memory import Memory

BEGIN_MS_MAX = 60_000
READY_MS_MAX = 200  # for a chip's first moments, after it was set up
_READY_MS = 20


def sample(
    memory: "Memory",
    hardware: "Any",
    now_ms: "Callable[[], int]",
    keep: "Callable[[], object]",
) -> bool:
    """Sample what is due at this wake; return whether to upload now.

    A sensor that fails is told and stops no other; its next sample is tried at its next wake.
    `keep` puts the memory where it outlives a watchdog's bite, before each call of a driver.
    """
    sensors = []
    wait_ms = 0
    for number, (driver, options, fields, every, *quality) in enumerate(
        memory.plan["measurements"]
    ):
        if memory.turns % every:
            continue
        missing = [None] * fields if quality else None
        if not memory.begin_driver(number):
            _keep(memory, number, now_ms, missing)
            continue
        keep()
        try:
            module = drivers.find(driver)
            whole = {row[0]: row[2] for row in module.OPTIONS}
            whole.update(options)
            sensor = module.create(whole, hardware)
            if hasattr(sensor, "begin"):
                wait_ms = max(wait_ms, min(sensor.begin(), BEGIN_MS_MAX))
            sensors.append((number, sensor, fields, missing))
        except Exception as error:  # drivers are written by users: none may end the wake
            log.warn("sensor failed driver=%s: %r" % (driver, error))
            _keep(memory, number, now_ms, missing)
    if wait_ms:
        time.sleep_ms(wait_ms + 1)  # type: ignore[attr-defined]  # MicroPython's
    for number, sensor, fields, missing in sensors:
        memory.begin_driver(number)
        keep()
        try:
            if hasattr(sensor, "measure"):
                from tidenode.measuring import measure_alone

                measure_alone(sensor)
            values = _read(sensor, fields)
            _keep(memory, number, now_ms, values if values.count(None) < fields else None)
        except Exception as error:  # as above
            log.warn("sensor failed measurement=%d: %r" % (number, error))
            _keep(memory, number, now_ms, missing)
    memory.begin_driver(-1)
    memory.turns += 1
    memory.wakes += 1
    # `wakes` begins anew with each try, also with one that fails: the radio is what costs.
    return memory.wakes >= memory.plan["wakes_per_upload"] or (
        memory.is_nearly_full and memory.wakes > memory.plan["wakes_per_upload"] // 4
    )


def _keep(memory: "Memory", number: int, now_ms: "Callable[[], int]", values: "Any") -> None:
    if values:
        memory.add(number, now_ms(), values)


def _read(sensor: "Any", fields: int) -> "Any":
    """Return the values; a chip that was just set up has none at first."""
    for _ in range(READY_MS_MAX // _READY_MS):
        values = sensor.read()
        if len(values) != fields or [one for one in values if not _is_value(one)]:
            raise SensorError("a driver of %d fields answered %r" % (fields, values))
        if values.count(None) < fields:
            break
        time.sleep_ms(_READY_MS)  # type: ignore[attr-defined]  # MicroPython's
    return values


def _is_value(one: object) -> bool:
    return one is None or (type(one) is int and INTEGER_MIN <= one <= INTEGER_MAX)
