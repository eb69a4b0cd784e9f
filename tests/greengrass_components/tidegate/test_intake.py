"""The intake with a real outbox: alarms over restarts, and time that passes without values."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tidegate.alarms import AlarmRule, State
from tidegate.batch_log import OutboxFullError
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.intake import HELD_S_MAX, Intake
from tidegate.outbox import Outbox
from tidegate.report import Report
from tidegate.sample import Sample, Value
from tidegate.stream import Stream
from tidegate.tag import Tag
from tidewire import decode

START_NS = 1_790_000_000 * 10**9
SECOND_NS = 10**9
LOW = AlarmRule("low", "level_m", low=1.0, on_delay_ms=5_000, latching=True)


class NowAndThen(Outbox):
    """Full every other time, as one whose sink takes little."""

    asked = 0

    def append(self, stream: Stream, time_ms: int, values: Sequence[Value]) -> None:
        self.asked += 1
        if self.asked % 2:
            raise OutboxFullError("full")
        super().append(stream, time_ms, values)


class Line:
    """An intake over an outbox that stays, as a component's does over its restarts."""

    def __init__(self, folder: Path, group: Group) -> None:
        self.group, self._folder = group, folder
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(self._folder / "outbox")
        self.intake = Intake(self.outbox, "harbour", [self.group])

    def restart(self) -> None:
        self.outbox.close()
        self.open()

    def take(self, second: float, *values: Value) -> None:
        at_ns = START_NS + round(second * SECOND_NS)
        self.intake.take(Sample(self.group, at_ns, at_ns, values))

    def look_again(self, second: float) -> None:
        self.intake.look_again(START_NS + round(second * SECOND_NS))

    def state(self) -> State:
        (alarm,) = self.intake.alarms[self.group]
        return alarm.state

    def kept(self, measurement: str) -> list[tuple[float, Value]]:
        """Return (second, value of the second column) of what is kept of a measurement."""
        self.outbox.maintain(flush=True)
        found: list[tuple[float, Value]] = []
        for entry in self.outbox.batches.peek(0):
            batch = decode(entry.payload)
            if batch.measurement == measurement:
                column = batch.columns[1 if measurement == "alarm" else 0]
                scale = 10**column.decimals if column.decimals else 1
                for at_ms, value in zip(batch.times_ms, column.values, strict=True):
                    shown = value / scale if isinstance(value, int | float) else value
                    found.append((at_ms / 1000 - START_NS / SECOND_NS, shown))
        return found


def group(report: Report | None = None, *alarms: AlarmRule) -> Group:
    tag = Tag(field="level_m", address="1", report=report)
    return Group(thing="tank-1", measurement="tank", tags=(tag,), alarms=alarms)


def test_a_latched_alarm_outlasts_a_restart_until_somebody_acknowledges_it(tmp_path: Path) -> None:
    line = Line(tmp_path, group(None, LOW))
    for second in range(7):
        line.take(second, 0.5)
    assert line.state() is State.ACTIVE
    line.restart()
    assert line.state() is State.ACTIVE, "and not told a second time"
    line.take(8, 2.0)
    assert line.state() is State.LATCHED
    line.restart()
    assert line.state() is State.LATCHED
    at_ns = START_NS + 20 * SECOND_NS
    assert line.intake.acknowledge("tank-1", "tank", "low", at_ns)
    assert not line.intake.acknowledge("tank-1", "tank", "low", at_ns)
    with pytest.raises(GateError, match="no alarm 'high'; there are: low"):
        line.intake.acknowledge("tank-1", "tank", "high", at_ns)
    with pytest.raises(GateError, match="tank-2 has no alarms of tank here"):
        line.intake.acknowledge("tank-2", "tank", "low", at_ns)
    line.restart()
    assert line.state() is State.NORMAL
    assert line.kept("alarm") == [(5.0, "active"), (8.0, "latched"), (20.0, "normal")]
    line.outbox.close()


def test_a_damaged_file_of_alarms_costs_no_start(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "alarms.json").write_bytes(b'{"tank-1/tank/low": ["asleep", 1, 2]}')
    line = Line(tmp_path, group(None, LOW))
    assert line.state() is State.NORMAL
    line.outbox.close()


def test_an_alarms_delay_ends_though_the_device_has_nothing_new_to_tell(tmp_path: Path) -> None:
    line = Line(tmp_path, group(None, LOW))
    line.take(0, 0.5)
    line.look_again(4.9)
    assert line.state() is State.NORMAL
    line.look_again(5.1)
    assert line.state() is State.ACTIVE
    assert line.kept("alarm") == [(pytest.approx(5.1), "active")]
    assert line.kept("tank") == [(0.0, 0.5)], "time alone makes no value"
    line.outbox.close()


def test_an_outbox_that_takes_a_sample_now_and_then_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [100.0]
    one, outbox = group(), NowAndThen(tmp_path / "outbox")
    intake = Intake(outbox, "harbour", [one], clock_s=lambda: now_s[0])
    for number in range(20):
        intake.take(Sample(one, START_NS + number, 0, (1.0,)))
        now_s[0] += 5.0
    assert intake.refused == 10
    assert caplog.text.count("takes no samples") == 2, "in a hundred seconds"
    assert caplog.text.count("takes samples again") == 2
    outbox.close()


def test_a_value_that_nothing_follows_is_not_held_back_for_ever(tmp_path: Path) -> None:
    line = Line(tmp_path, group(Report(swinging_door=0.1)))
    for second, value in ((0, 20.5), (10, 20.5), (11, 80.5)):
        line.take(second, value)
    line.look_again(11 + HELD_S_MAX - 1)
    assert line.kept("tank") == [(0.0, 20.5), (10.0, 20.5)]
    line.look_again(11 + HELD_S_MAX)
    line.look_again(12 + HELD_S_MAX)
    assert line.kept("tank") == [(0.0, 20.5), (10.0, 20.5), (11.0, 80.5)]
    line.outbox.close()
