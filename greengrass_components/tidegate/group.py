"""A group: the tags of one unit that are read together, one measurement of one thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from enum import StrEnum

from tidegate.alarms import AlarmRule
from tidegate.errors import GateError
from tidegate.reduction.value import Value
from tidegate.tag import Tag


class Urgency(StrEnum):
    """Who waits when the disk can't keep up: LOW first and most, HIGH never."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """`unit` is the device's address behind the connection, as the adapter reads it."""

    thing: str
    measurement: str
    unit: str = ""
    period_ms: int = 1000
    tags: tuple[Tag, ...] = ()
    urgency: Urgency = Urgency.NORMAL
    alarms: tuple[AlarmRule, ...] = ()
    options: Mapping[str, str] = with_default(default_factory=dict)

    def tag_to_write(self, field: str, value: Value) -> Tag:
        """Return the tag of a field; raises `GateError` for no such field, and for no value."""
        for tag in self.tags:
            if tag.field == field and value is not None:
                return tag
        raise GateError(f"{self.measurement} has no field {field} to write {value!r} to")
