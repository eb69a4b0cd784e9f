"""When a tag's value is reported: what a tag map says, and the rule that comes of it."""

from dataclasses import dataclass

from tidegate.reduction import Deadband, Interval, OnChange, Rule, SwingingDoor, width_of_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """At most one of the first four; without one, every value is reported.

    `deadband` and `swinging_door` are in the unit of the value, `deadband_percent` is of the
    tag's range. `min_ms` and `max_ms` bound the time between two reports; 0 is no bound.
    """

    on_change: bool = False
    deadband: float | None = None
    deadband_percent: float | None = None
    swinging_door: float | None = None
    min_ms: int = 0
    max_ms: int = 0

    def rule(self, bounds: tuple[float, float] | None = None) -> Rule | None:
        """Return a rule with its state, None where every value is reported; raises `GateError`."""
        rule: Rule
        if self.deadband is not None:
            rule = Deadband(self.deadband)
        elif self.deadband_percent is not None:
            low, high = bounds or (0.0, 0.0)
            rule = Deadband(width_of_range(self.deadband_percent, low, high))
        elif self.swinging_door is not None:
            rule = SwingingDoor(self.swinging_door)
        elif self.on_change:
            rule = OnChange()
        elif self.min_ms:
            rule = Deadband(0.0)
        else:
            return None
        if self.min_ms or self.max_ms:
            rule = Interval(rule, min_ms=self.min_ms, max_ms=self.max_ms)
        return rule
