from tidegate.streams.exports.bandwidth import Bandwidth


def test_payloads_follow_each_other_at_the_rate_that_is_set() -> None:
    now_s = [100.0]
    line = Bandwidth(8_000, lambda: now_s[0])
    assert [line.reserve_s(1_000) for _ in range(3)] == [0.0, 1.0, 2.0]
    now_s[0] = 102.5
    assert line.reserve_s(1) == 0.5
    now_s[0] = 200.0
    assert line.reserve_s(1) == 0.0, "what was not used is not kept"


def test_without_a_limit_nothing_waits() -> None:
    assert [Bandwidth(None).reserve_s(1 << 30) for _ in range(3)] == [0.0, 0.0, 0.0]
