"""Take samples into the outbox: alarms looked at, report rules applied, what is refused counted.

Flow: pollers -> [intake] -> outbox
Never waits and never raises: a sample that the outbox can't take is counted (`refused`), and told
in the log once until it takes some again, and once a minute at most: a full one takes one now and
then. `latest` has the newest sample of each group.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from tidegate import alarms
from tidegate.alarm_states import AlarmStates
from tidegate.alarms import AlarmEvent, Alarms
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.outbox import Outbox
from tidegate.row_filter import RowFilter
from tidegate.sample import Sample, Value
from tidegate.stream import Stream
from tidegate.totals import Totals

log = logging.getLogger("tidegate.intake")

QUALITY_FIELD = "quality"
TELL_EVERY_S = 60.0
HELD_S_MAX = 60  # a value that nothing follows; shorter would keep values that need not be
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000

OnAlarm = Callable[[Group, AlarmEvent], None]


def unheard(_group: Group, _event: AlarmEvent) -> None:
    """Hear of an alarm that nobody wants to hear of: its row is kept all the same."""


class Intake:
    """The intake of one component; `on_alarm` hears of each alarm that changes."""

    def __init__(
        self,
        outbox: Outbox,
        site: str,
        groups: Iterable[Group],
        *,
        on_alarm: OnAlarm = unheard,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock_s, self._tell_at_s = clock_s, 0.0
        self._outbox, self._site, self._on_alarm = outbox, site, on_alarm
        self._filters: dict[Group, RowFilter] = {}
        self._streams: dict[Group, Stream] = {}
        self.alarms: dict[Group, Alarms] = {}
        for group in groups:
            fields = tuple(tag.field for tag in group.tags)
            self._filters[group] = RowFilter(group)
            self._streams[group] = Stream(
                site, group.thing, group.measurement, (*fields, QUALITY_FIELD)
            )
            if group.alarms:
                self.alarms[group] = Alarms(group.alarms, fields)
        self._alarm_states = AlarmStates(outbox.folder / "alarms.json", self.alarms)
        self.totals = Totals(outbox.folder / "counters.json", self._filters)
        self.latest: dict[Group, Sample] = {}
        self.samples = self.values = self.refused = 0
        self._is_told = False

    def take(self, sample: Sample) -> None:
        """Take one sample of a group that was named at the beginning."""
        sample = self.totals.apply(sample)
        group = sample.group
        self.samples += 1
        self.values += len(sample.values)
        self.latest[group] = sample
        stream = self._streams[group]
        for at_ms, row in self._filters[group].take(sample):
            self._keep(stream, at_ms, row)
        self._look_at_alarms(sample, sample.at_ns)

    def look_again(self, now_ns: int) -> None:
        """Take note of the time: where devices tell changes only, no news is no change.

        An alarm's delay ends without another value, and what a swinging door holds back goes
        once it is `HELD_S_MAX` old.
        """
        for group, sample in self.latest.items():
            waited_ns = now_ns - sample.received_at_ns
            if waited_ns <= 0:
                continue
            self._look_at_alarms(sample, sample.at_ns + waited_ns)
            if waited_ns >= HELD_S_MAX * _NS_PER_S:
                for at_ms, row in self._filters[group].release():
                    self._keep(self._streams[group], at_ms, row)

    def acknowledge(self, thing: str, measurement: str, alarm: str, at_ns: int) -> bool:
        """Note that somebody has seen an alarm; returns whether there was something to see.

        Raises `GateError` where there is no such alarm.
        """
        for group, those in self.alarms.items():
            if (group.thing, group.measurement) == (thing, measurement):
                event = those.acknowledge(alarm, at_ns)
                if event:
                    self._tell(group, event)
                return event is not None
        raise GateError(f"{thing} has no alarms of {measurement} here")

    def _look_at_alarms(self, sample: Sample, at_ns: int) -> None:
        if sample.group in self.alarms:
            those = self.alarms[sample.group]
            for event in those.offer(at_ns, sample.values, sample.qualities):
                self._tell(sample.group, event)

    def _tell(self, group: Group, event: AlarmEvent) -> None:
        """Keep a change of an alarm, and let it be heard."""
        log.warning("alarm %s thing=%s alarm=%s", event.state.value, group.thing, event.rule.name)
        stream = Stream(self._site, group.thing, alarms.MEASUREMENT, alarms.FIELDS)
        self._keep(stream, event.at_ns // _NS_PER_MS, event.values())
        self._alarm_states.keep()
        self._on_alarm(group, event)

    def keep_row(self, thing: str, measurement: str, at_ms: int, facts: dict[str, Value]) -> None:
        """Keep a row of the gateway's own, as of its health."""
        self._keep(
            Stream(self._site, thing, measurement, tuple(facts)), at_ms, tuple(facts.values())
        )

    def flush(self) -> None:
        """Give to the outbox what rules hold back."""
        self.totals.keep()
        for group, one in self._filters.items():
            for at_ms, row in one.flush():
                self._keep(self._streams[group], at_ms, row)

    @property
    def let_go(self) -> int:
        """How many values no rule kept."""
        return sum(one.let_go for one in self._filters.values())

    def _keep(self, stream: Stream, at_ms: int, row: Sequence[Value]) -> None:
        try:
            self._outbox.append(stream, at_ms, row)
        except (GateError, OSError) as error:
            self.refused += 1
            if not self._is_told and self._clock_s() >= self._tell_at_s:
                log.error("outbox takes no samples: %s", error)
                self._is_told, self._tell_at_s = True, self._clock_s() + TELL_EVERY_S
        else:
            if self._is_told:
                log.warning("outbox takes samples again; refused so far: %d", self.refused)
                self._is_told = False
