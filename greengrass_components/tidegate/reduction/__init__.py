"""What a gateway keeps of the values it reads: rules of reporting, one tag at a time."""

from tidegate.reduction.counter import Counter, CounterState
from tidegate.reduction.deadband import Deadband, width_of_range
from tidegate.reduction.interval import Interval
from tidegate.reduction.on_change import OnChange
from tidegate.reduction.swinging_door import SwingingDoor
from tidegate.reduction.verdict import Rule, Verdict

__all__ = [
    "Counter",
    "CounterState",
    "Deadband",
    "Interval",
    "OnChange",
    "Rule",
    "SwingingDoor",
    "Verdict",
    "width_of_range",
]
