"""The clock of a server that is off, is set, or does not exist."""

from datetime import UTC, datetime, timedelta

from tidegate.opcua.server_clock import ServerClock, ns_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_NS, HOUR_NS = ns_of(NOW), 3600 * 10**9


def test_a_clock_that_is_off_is_followed_and_one_that_is_about_right_is_not_touched() -> None:
    clock = ServerClock()
    assert clock.at(NOW_NS) == NOW_NS, "nothing heard yet"
    clock.hear(NOW - timedelta(hours=1), NOW_NS)
    assert clock.at(NOW_NS + 5) == NOW_NS + 5 - HOUR_NS
    clock.hear((NOW - timedelta(milliseconds=300)).replace(tzinfo=None), NOW_NS)
    assert (clock.ahead_ns, clock.steps) == (0, 1)


def test_the_way_of_a_message_is_no_step() -> None:
    clock = ServerClock()
    for late_ms in (0, 900, 1_100, 1_900, 0):
        clock.hear(NOW - timedelta(milliseconds=late_ms), NOW_NS)
    assert clock.steps == 0


def test_a_server_without_a_clock_or_one_that_nobody_follows_says_nothing() -> None:
    clock = ServerClock()
    clock.hear(None, NOW_NS)
    clock.hear(datetime(1601, 1, 1, tzinfo=UTC), NOW_NS)
    assert (clock.ahead_ns, clock.steps) == (0, 0)
    own = ServerClock(is_followed=False)
    own.hear(NOW - timedelta(hours=1), NOW_NS)
    assert own.at(NOW_NS) == NOW_NS
