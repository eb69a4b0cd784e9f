"""A group: the tags of one unit that are read together, one measurement of one thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.tag import Tag


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """`unit` is the device's address behind the connection, as the adapter reads it."""

    thing: str
    measurement: str
    unit: str = ""
    period_ms: int = 1000
    tags: tuple[Tag, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
