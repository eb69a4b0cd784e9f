"""Wait for a sensor whose driver awaits, no longer than it may take.

Loaded where a sensor has `measure`, a coroutine that returns when `read` may be called. Bounded:
`measure_ms_max` of the sensor, else MEASURE_MS_MAX. One that takes longer is ended, and counts
as an error. Whoever blocks between two waits is noted as in `read`.
"""

import asyncio

from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from tidenode.sampler import Sampler

MEASURE_MS_MAX = 10_000  # twice what the slowest chips take


async def measure(sampler: "Sampler") -> bool:
    """Return whether the sensor of `sampler` has measured; what went wrong is counted there."""
    sensor: Any = sampler.sensor
    limit_ms = getattr(sensor, "measure_ms_max", MEASURE_MS_MAX)
    sampler.expect_ms(limit_ms)
    try:
        await asyncio.wait_for_ms(_stepped(sensor.measure(), sampler), limit_ms)  # type: ignore[attr-defined]  # MicroPython's
    except asyncio.TimeoutError:
        sampler.fail(SensorError("no answer in %d ms" % limit_ms))
    except Exception as error:  # drivers are written by users: none may end the loop
        sampler.fail(error)
    else:
        return True
    return False


def measure_alone(sensor: "Any") -> None:
    """Have `sensor` measure, on a board that does nothing else meanwhile. Raises what it does."""
    limit_ms = getattr(sensor, "measure_ms_max", MEASURE_MS_MAX)
    asyncio.run(asyncio.wait_for_ms(sensor.measure(), limit_ms))  # type: ignore[attr-defined]  # MicroPython's


def _stepped(coroutine: "Any", sampler: "Sampler") -> "Generator[None, None, None]":
    """Be `coroutine`, and say at each of its steps whose driver runs."""
    thrown: BaseException | None = None
    while True:
        began_ms = sampler.enter()
        try:
            if thrown is None:
                coroutine.send(None)
            else:
                coroutine.throw(thrown)
        except StopIteration:
            return
        finally:
            sampler.leave(began_ms)
        thrown = None
        try:
            yield
        except BaseException as error:  # the end that another task wishes: it is the driver's
            thrown = error
