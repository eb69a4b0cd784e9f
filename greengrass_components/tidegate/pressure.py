"""Tell the pollers when the disk can't keep up, and when it can again.

Flow: outbox -> [Pressure] -> poller
Above the high water the pollers slow down, the least urgent first; they are let go again only
below the low water, so that the bus does not swing between the two. A disk that takes nothing, as
one that others have filled, is as full an outbox.
"""

from dataclasses import dataclass

from tidegate.errors import GateError

HIGH_WATER = 0.8
LOW_WATER = 0.5
STRETCH_MAX = 16.0


@dataclass(slots=True)
class Pressure:
    """How full the outbox is, 0.0 to 1.0, and whether that is too much; 0 < low < high <= 1."""

    high_water: float = HIGH_WATER
    low_water: float = LOW_WATER
    fill: float = 0.0
    is_high: bool = False
    is_refusing: bool = False  # the disk, whatever the fill

    def __post_init__(self) -> None:
        if not 0 < self.low_water < self.high_water <= 1:
            raise GateError(
                f"water marks are {self.low_water} and {self.high_water}: 0 < low < high <= 1"
            )

    def update(self, fill: float) -> bool:
        """Take how full it is now; returns whether `is_high` changed by it."""
        was, self.fill = self.is_high, fill
        if fill >= self.high_water:
            self.is_high = True
        elif fill <= self.low_water:
            self.is_high = False
        return was != self.is_high

    @property
    def stretch(self) -> float:
        """By what to multiply a polling period: 1 while all is well, up to 16 when full."""
        if self.is_refusing:
            return STRETCH_MAX
        if not self.is_high:
            return 1.0
        over = max(0.0, self.fill - self.low_water) / (1 - self.low_water)
        return float(2 ** round(4 * min(1.0, over)))
