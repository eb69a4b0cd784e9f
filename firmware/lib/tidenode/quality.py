"""Say of each sample how good it is, so that a gap is told apart from a dead board.

Flow: sensor -> [rated] -> sampler -> conditioner -> batcher
Only measurements whose configuration has `quality` load this. Their samples have the field
`quality` behind the driver's: GOOD; UNCERTAIN where fewer readings made the sample than
oversampling asks for; BAD where the sensor failed, and the sample has no values.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Values = Sequence[int | None]

FIELD = ("quality", 0)
GOOD, UNCERTAIN, BAD = 0, 1, 2  # as those of a gateway


class Rated:
    """A sensor whose values are followed by their quality."""

    def __init__(self, sensor: "Any") -> None:
        self._sensor = sensor
        for name in ("begin", "measure", "measure_ms_max", "observe"):
            if hasattr(sensor, name):
                setattr(self, name, getattr(sensor, name))

    def read(self) -> "Values":
        """Return the sensor's values and GOOD; None for all where it has none yet.

        Raises what the sensor does.
        """
        values = self._sensor.read()
        if not isinstance(values, (tuple, list)):
            return values  # type: ignore[no-any-return]  # the sampler will refuse it
        return tuple(values) + (rating(values),)


def rating(values: "Values") -> "int | None":
    """Return GOOD, or None where there is no value."""
    for value in values:
        if value is not None:
            return GOOD
    return None


def missing(fields: int) -> "tuple[int | None, ...]":
    """Return what stands for a read that failed, of a driver of so many fields."""
    return (None,) * fields + (BAD,)


def rated(readings: "list[Values]", count: int) -> "list[Values]":
    """Return what is to be merged of the readings of one period, which should have been `count`.

    Those that failed are left out, unless all did; the rest says whether any are missing.
    """
    good = [values for values in readings if values[-1] != BAD]
    if not good:
        return readings[-1:]
    if len(good) < count:
        good = [tuple(values[:-1]) + (UNCERTAIN,) for values in good]
    return good
