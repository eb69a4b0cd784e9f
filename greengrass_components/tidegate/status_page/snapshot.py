"""What the status page shows, as plain values; whoever has them makes one when asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tidegate.stream import Value


@dataclass(frozen=True, slots=True)
class FieldState:
    """The newest value of one field; `quality` is 0 good, 1 uncertain, 2 bad."""

    name: str
    value: Value
    unit: str = ""
    quality: int = 0


@dataclass(frozen=True, slots=True)
class GroupState:
    """The newest sample of one measurement; `at_ms` is 0 where there is none yet."""

    thing: str
    measurement: str
    at_ms: int
    period_ms: int = 0
    fields: tuple[FieldState, ...] = ()


@dataclass(frozen=True, slots=True)
class BusState:
    """A bus: whether it is there, how busy it is, which of its units are silent."""

    name: str
    is_up: bool
    busy_percent: float
    polls: int
    failures: int
    overruns: int
    silent_units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of what is no measurement; each begins with what names it, one text for each label.

    The column `error` holds what is wrong with a row, "" for nothing; columns that end in `bytes`
    are shown as such. For metrics only numbers count.
    """

    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Sequence[tuple[Value, ...]] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`queue` and `counts` are shown by their names; numbers, and for metrics only those.

    `fill` is how full the outbox is, 0.0 to 1.0; None where there is none.
    """

    title: str
    started_at_ms: int
    now_ms: int
    fill: float | None = None
    groups: Sequence[GroupState] = ()
    buses: Sequence[BusState] = ()
    tables: Sequence[Table] = ()
    alarms: Sequence[Mapping[str, Value]] = ()
    queue: Mapping[str, int | float] = field(default_factory=dict)
    counts: Mapping[str, int | float] = field(default_factory=dict)
    trouble: str = ""

    def document(self) -> dict[str, Any]:
        """Return it for the page's script; what JSON has no number for is a text."""
        found: dict[str, Any] = asdict(self)
        for group in found["groups"]:
            for one in group["fields"]:
                value = one["value"]
                if isinstance(value, float) and value - value != 0:  # infinite, or no number
                    one["value"] = str(value)
        return found
