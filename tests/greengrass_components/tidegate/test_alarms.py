"""Alarms against what a person with a watch would say."""

from math import isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.alarms import FIELDS, Alarm, AlarmRule, Alarms, State
from tidegate.errors import GateError

SECOND_NS = 1_000_000_000
values = st.one_of(st.none(), st.floats(0, 100), st.just(float("nan")), st.text(max_size=1))
steps = st.lists(st.tuples(st.integers(1, 5), values, st.booleans()), max_size=80)


def states(rule: AlarmRule, *numbers: float | None) -> list[State]:
    alarm = Alarm(rule)
    found = []
    for second, number in enumerate(numbers):
        alarm.offer(second * SECOND_NS, number)
        found.append(alarm.state)
    return found


def test_an_alarm_is_raised_beyond_its_limit_and_cleared_within_its_hysteresis() -> None:
    rule = AlarmRule("hot", "temperature_c", high=80, hysteresis=5)
    active, normal = State.ACTIVE, State.NORMAL
    assert states(rule, 80, 80.1, 79, 75.1, 75, 80) == [
        normal, active, active, active, normal, normal,
    ]  # fmt: skip


def test_delays_count_without_interruption() -> None:
    rule = AlarmRule("dry", "level_m", low=1, on_delay_ms=2_000, off_delay_ms=3_000)
    found = states(rule, 0, 0, 5, 0, 0, 0, 5, 5, 0, 5, 5, 5, 5)
    assert [i for i, state in enumerate(found) if state is State.ACTIVE] == [5, 6, 7, 8, 9, 10, 11]


def test_a_clock_that_was_set_back_delays_an_alarm_by_no_more_than_its_delay() -> None:
    alarm = Alarm(AlarmRule("dry", "level_m", low=1, on_delay_ms=2_000))
    hour_s = 3_600
    for at_s in (hour_s, hour_s + 1, 0, 1):
        assert alarm.offer(at_s * SECOND_NS, 0.5) is None
    assert alarm.offer(2 * SECOND_NS, 0.5)


@given(steps, st.integers(0, 8), st.integers(0, 8), st.booleans())
def test_an_alarm_is_what_a_person_with_a_watch_would_say(
    moves: Any, on_s: int, off_s: int, latching: bool
) -> None:
    rule = AlarmRule(
        "both", "x", low=20, high=70, hysteresis=10, latching=latching,
        on_delay_ms=on_s * 1000, off_delay_ms=off_s * 1000,
    )  # fmt: skip
    alarm, at_s, history = Alarm(rule), 0, []
    for pause_s, value, good in moves:
        at_s += pause_s
        readable = good and isinstance(value, float) and not isnan(value)
        history.append((at_s, value if readable else None))
        before = alarm.state
        event = alarm.offer(at_s * SECOND_NS, value, good=good)
        is_active = before is State.ACTIVE
        assert (event is not None) == (alarm.state is not before)
        delay_s = off_s if is_active else on_s
        if alarm.state is not before:
            recent = [(s, v) for s, v in history if s > at_s - delay_s]
            assert recent or delay_s == 0
            for _, seen in recent:
                assert seen is not None
                assert (30 <= seen <= 60) if is_active else not 20 <= seen <= 70
            history = []


def test_a_latching_alarm_waits_for_somebody() -> None:
    alarm = Alarm(AlarmRule("trip", "current_a", high=10, latching=True))
    raised = alarm.offer(1, 11.0)
    assert raised
    assert (raised.state, raised.limit, raised.acknowledged) == (State.ACTIVE, 10, False)
    back = alarm.offer(2, 5.0)
    assert back
    assert back.state is State.LATCHED
    again = alarm.offer(3, 12.0)
    assert again
    assert again.state is State.ACTIVE
    alarm.offer(4, 5.0)
    seen = alarm.acknowledge(5)
    assert seen
    assert (seen.state, seen.acknowledged) == (State.NORMAL, True)
    assert alarm.acknowledge(6) is None


def test_an_acknowledged_alarm_stays_active_until_it_is_well() -> None:
    alarm = Alarm(AlarmRule("trip", "current_a", high=10, latching=True))
    alarm.offer(1, 11.0)
    seen = alarm.acknowledge(2)
    assert seen
    assert seen.state is State.ACTIVE
    well = alarm.offer(3, 5.0)
    assert well
    assert well.state is State.NORMAL


def test_a_broken_wire_neither_raises_nor_clears() -> None:
    alarm = Alarm(AlarmRule("hot", "t", high=80))
    alarm.offer(1, 90.0)
    for value, good in ((None, True), (20.0, False), (float("nan"), True), ("off", True)):
        assert alarm.offer(2, value, good=good) is None
    assert alarm.state is State.ACTIVE


def test_the_alarms_of_a_group_read_its_samples_and_tell_in_samples() -> None:
    rules = [AlarmRule("hot", "t", high=80, severity="critical"), AlarmRule("low", "p", low=1)]
    alarms = Alarms(rules, ("p", "t"))
    events = alarms.offer(5, (0.5, 90), None)
    assert [event.values() for event in events] == [
        ("hot", "active", "critical", 90, 80, False),
        ("low", "active", "warning", 0.5, 1, False),
    ]
    assert len(FIELDS) == len(events[0].values())
    assert alarms.offer(6, (2.0, 20), b"\x02\x00")[0].rule.name == "hot"
    assert [alarm.rule.name for alarm in alarms.active()] == ["low"]
    assert alarms.acknowledge("low", 7)
    with pytest.raises(GateError, match="there are: hot, low"):
        alarms.acknowledge("none", 7)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"high": float("nan")}, {"high": 1, "hysteresis": -1}, {"high": 1, "on_delay_ms": -1},
     {"low": 1, "high": 2, "hysteresis": 0.6}],
)  # fmt: skip
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(GateError, match="alarm a"):
        AlarmRule("a", "x", **wrong)
    with pytest.raises(GateError, match="no field 'x'"):
        Alarms([AlarmRule("a", "x", high=1)], ("y",))
