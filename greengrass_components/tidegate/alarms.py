"""Local alarms: a value beyond a limit for long enough, told once, until it is well again.

Flow: sample -> [Alarm] -> event -> sample of the measurement `alarm` -> outbox
Pure: instants and values in, events out; a gateway without a network raises its alarms all the
same, and tells of them when it can. After ISA-18.2: an alarm is raised, acknowledged, cleared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from tidegate.errors import GateError
from tidegate.reduction.value import Value, number_of

MEASUREMENT = "alarm"
# The fields of an event's sample, in this order.
FIELDS = ("alarm", "state", "severity", "value", "limit", "acknowledged")
_NS_PER_MS = 1_000_000


class State(StrEnum):
    """What an alarm is."""

    NORMAL = "normal"
    ACTIVE = "active"  # the value is beyond the limit
    LATCHED = "latched"  # it was, and nobody has acknowledged it yet


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When one field of a measurement is in alarm; raises `GateError` for what means nothing.

    `low`, `high`: in alarm below, or above, this; at least one is there. `hysteresis`: how far
    within the limit a value must be to clear it. `on_delay_ms`, `off_delay_ms`: for how long
    without interruption. `latching`: it does not clear before somebody acknowledges it.
    """

    name: str
    field: str
    low: float | None = None
    high: float | None = None
    hysteresis: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latching: bool = False
    severity: str = "warning"

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.low, self.high) if limit is not None]
        if not limits or not all(isfinite(limit) for limit in limits):
            raise GateError(f"alarm {self.name}: give low, high or both, as numbers")
        if not (isfinite(self.hysteresis) and self.hysteresis >= 0):
            raise GateError(f"alarm {self.name}: hysteresis is {self.hysteresis}, 0 or more is due")
        if self.on_delay_ms < 0 or self.off_delay_ms < 0:
            raise GateError(f"alarm {self.name}: a delay is negative")
        both = self.low is not None and self.high is not None
        if (both and max(limits) - min(limits) < 2 * self.hysteresis) or limits != sorted(limits):
            raise GateError(
                f"alarm {self.name}: no value clears both {self.low} and {self.high}"
                f" with a hysteresis of {self.hysteresis}"
            )


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """A change of an alarm; `value` and `limit` are those that made it."""

    at_ns: int
    rule: AlarmRule
    state: State
    value: float | None
    limit: float | None
    acknowledged: bool

    def values(self) -> tuple[Value, ...]:
        """Return the event as the values of `FIELDS`."""
        rule = self.rule
        shown = self.value, self.limit, self.acknowledged
        return (rule.name, self.state.value, rule.severity, *shown)


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is not normal: what has to be known to go on with it."""

    state: State
    acknowledged: bool
    limit: float | None


class Alarm:
    """One rule and what it has come to.

    A value that is missing, not a number or of a bad quality neither raises nor clears: a
    broken wire must not end an alarm. It interrupts a delay that has begun.
    """

    def __init__(self, rule: AlarmRule) -> None:
        self.rule = rule
        self.state = State.NORMAL
        self.acknowledged = True
        self._since_ns: int | None = None  # of what would change the state
        self._limit: float | None = None  # that was passed

    def offer(self, at_ns: int, value: Value, *, good: bool = True) -> AlarmEvent | None:
        """Take the next value; returns what changed, if anything.

        Where instants descend, since a clock was set back, a delay that has begun begins anew.
        """
        number = number_of(value)
        if number is None or not good:
            self._since_ns = None
            return None
        if self.state is not State.ACTIVE:
            limit = self._passed(number)
            if self._lasts(limit is not None, at_ns, self.rule.on_delay_ms):
                self.state, self.acknowledged, self._limit = State.ACTIVE, False, limit
                return self._event(at_ns, number)
            return None
        if self._lasts(self._is_well(number), at_ns, self.rule.off_delay_ms):
            held = self.rule.latching and not self.acknowledged
            self.state = State.LATCHED if held else State.NORMAL
            return self._event(at_ns, number)
        return None

    @property
    def standing(self) -> Standing | None:
        """What must outlast a restart; None while there is nothing to tell of."""
        if self.state is State.NORMAL:
            return None
        return Standing(self.state, self.acknowledged, self._limit)

    def resume(self, standing: Standing) -> None:
        """Go on as it stood before a restart."""
        self.state, self.acknowledged = standing.state, standing.acknowledged
        self._limit = standing.limit

    def acknowledge(self, at_ns: int) -> AlarmEvent | None:
        """Note that somebody has seen it; returns None where there is nothing to see."""
        if self.acknowledged:
            return None
        self.acknowledged = True
        if self.state is State.LATCHED:
            self.state = State.NORMAL
        return self._event(at_ns, None)

    def _lasts(self, so: bool, at_ns: int, delay_ms: int) -> bool:
        """Whether `so` has been true for the whole delay."""
        if not so:
            self._since_ns = None
            return False
        if self._since_ns is None or at_ns < self._since_ns:
            self._since_ns = at_ns
        if at_ns - self._since_ns < delay_ms * _NS_PER_MS:
            return False
        self._since_ns = None
        return True

    def _passed(self, number: float) -> float | None:
        rule = self.rule
        if rule.high is not None and number > rule.high:
            return rule.high
        return rule.low if rule.low is not None and number < rule.low else None

    def _is_well(self, number: float) -> bool:
        rule = self.rule
        low_is_well = rule.low is None or number >= rule.low + rule.hysteresis
        return low_is_well and (rule.high is None or number <= rule.high - rule.hysteresis)

    def _event(self, at_ns: int, number: float | None) -> AlarmEvent:
        return AlarmEvent(at_ns, self.rule, self.state, number, self._limit, self.acknowledged)


class Alarms:
    """The alarms of one group, whose fields stand in a sample in the order of `fields`."""

    def __init__(self, rules: Iterable[AlarmRule], fields: Iterable[str]) -> None:
        places = {name: place for place, name in enumerate(fields)}
        self._alarms: list[tuple[int, Alarm]] = []
        for rule in rules:
            if rule.field not in places:
                raise GateError(f"alarm {rule.name}: the group has no field {rule.field!r}")
            self._alarms.append((places[rule.field], Alarm(rule)))

    def offer(
        self, at_ns: int, values: tuple[Value, ...], qualities: bytes | None
    ) -> list[AlarmEvent]:
        """Take a sample's values; returns the alarms that changed by it."""
        events = []
        for place, alarm in self._alarms:
            good = qualities is None or qualities[place] == 0
            if event := alarm.offer(at_ns, values[place], good=good):
                events.append(event)
        return events

    def acknowledge(self, name: str, at_ns: int) -> AlarmEvent | None:
        """Acknowledge the alarm of that name; raises `GateError` where there is none."""
        for _, alarm in self._alarms:
            if alarm.rule.name == name:
                return alarm.acknowledge(at_ns)
        known = ", ".join(alarm.rule.name for _, alarm in self._alarms) or "none"
        raise GateError(f"there is no alarm {name!r}; there are: {known}")

    def __iter__(self) -> Iterator[Alarm]:
        """Yield the alarms in the order of their rules."""
        return (alarm for _, alarm in self._alarms)

    def active(self) -> list[Alarm]:
        """Return the alarms that are not normal."""
        return [alarm for alarm in self if alarm.state is not State.NORMAL]
