"""Notifications become samples: one an instant, each tag with the value it told last."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.changes import Change, Changes
from tidegate.group import Group
from tidegate.tag import Tag

GROUP = Group(
    thing="t", measurement="m", tags=tuple(Tag(field=name, address=name) for name in "abc")
)


def test_each_instant_is_a_sample_with_the_last_values() -> None:
    changes = Changes(GROUP, merge_ns=0)
    (first,) = changes.take([(0, 10, 1, 0), (1, 10, 2, 0)], 99)
    assert (first.at_ns, first.values, first.qualities) == (10, (1, 2, None), bytes([0, 0, 2]))
    second, third = changes.take([(2, 30, 9, 0), (0, 20, 5, 1)], 99)
    assert (second.at_ns, second.values) == (20, (5, 2, None))
    assert (third.at_ns, third.values, third.qualities) == (30, (5, 2, 9), bytes([1, 0, 0]))


def test_instants_close_to_each_other_become_one() -> None:
    changes = Changes(GROUP, merge_ns=5)
    merged, later = changes.take([(0, 10, 1, 0), (1, 12, 2, 0), (2, 15, 3, 0), (0, 16, 4, 0)], 99)
    assert (merged.at_ns, merged.values) == (15, (1, 2, 3))
    assert (later.at_ns, later.values) == (16, (4, 2, 3))


def test_a_loss_is_told_once() -> None:
    changes = Changes(GROUP, merge_ns=0)
    assert changes.lose(5, 5) is None, "nothing was known"
    changes.take([(0, 10, 1, 0)], 10)
    lost = changes.lose(20, 21)
    assert lost is not None
    assert (lost.at_ns, lost.received_at_ns) == (20, 21)
    assert (lost.values, lost.qualities) == ((None, None, None), bytes([2, 2, 2]))
    assert changes.lose(30, 30) is None


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(), st.just(0))),
        max_size=8,
    ),
    st.integers(0, 10),
)
def test_instants_never_descend_and_the_last_value_stays(
    responses: list[list[Change]], merge_ns: int
) -> None:
    changes = Changes(GROUP, merge_ns)
    samples = [sample for response in responses for sample in changes.take(response, 99)]
    instants = [sample.at_ns for sample in samples]
    assert instants == sorted(instants)
    last: dict[int, object] = {}
    for response in responses:
        for place, _, value, _ in sorted(response, key=lambda change: change[1]):
            last[place] = value
    if samples:
        assert {place: samples[-1].values[place] for place in last} == last


S, HOUR = 10**9, 3600 * 10**9
START = 400_000 * HOUR


def told(changes: Changes, at_ns: int, value: int, *places: int) -> int:
    """Have `places` (the first, if none) tell a value; return the instant of the last sample."""
    news = [(place, at_ns, value, 0) for place in places or (0,)]
    return changes.take(news, 99)[-1].at_ns


def test_a_clock_that_is_set_back_is_followed_at_once_and_counted_once() -> None:
    changes = Changes(GROUP, merge_ns=0)
    assert told(changes, START, 1, 0, 1) == START
    back = START - 2 * HOUR
    assert [told(changes, back + n * S, n) for n in (1, 2)] == [back + S, back + 2 * S]
    assert told(changes, back + 3 * S, 3, 1) == back + 3 * S, "another tag of the same clock"
    assert (changes.steps, changes.late) == (1, 0)


def test_a_step_within_one_response_keeps_what_was_last_as_the_last() -> None:
    changes = Changes(GROUP, merge_ns=0)
    told(changes, START, 0, 0, 1)
    back = START - HOUR
    before, after = START + S, back + 2 * S
    samples = changes.take(
        [(0, before, 1, 0), (0, after, 2, 0), (1, before, 11, 0), (1, after, 12, 0)], 99
    )
    assert [(one.at_ns, one.values[:2]) for one in samples] == [(before, (1, 11)), (after, (2, 12))]
    assert changes.steps == 1


def test_what_is_a_little_late_is_no_clock_that_was_set() -> None:
    changes = Changes(GROUP, merge_ns=0)
    told(changes, START, 1, 0, 1)
    assert told(changes, START - S // 2, 2) == START
    assert told(changes, START - HOUR, 2, 2) == START, "a constant, told for the first time"
    assert (changes.steps, changes.late) == (0, 2)


def test_after_a_loss_old_values_are_known_again_from_the_loss_on() -> None:
    changes = Changes(GROUP, merge_ns=0)
    told(changes, START, 1, 0, 1)
    assert changes.lose(START + 300 * S, 1)
    assert told(changes, START, 1, 0, 1) == START + 300 * S, "nothing has changed meanwhile"
    assert told(changes, START + 299 * S, 2) == START + 300 * S, "before the loss was noticed"
    assert told(changes, START + 301 * S, 3) == START + 301 * S
    assert changes.steps == 0


def test_a_source_whose_clock_is_behind_does_not_stand_still_after_a_loss() -> None:
    changes = Changes(GROUP, merge_ns=0)
    told(changes, START - HOUR, 1, 0, 1)
    changes.lose(START, 1)
    behind = START - HOUR + 10 * S
    assert [told(changes, behind + n * S, n) for n in (1, 2)] == [behind + S, behind + 2 * S]


def test_what_has_not_changed_may_be_told_again_and_binds_nobody() -> None:
    changes = Changes(GROUP, merge_ns=0)
    assert changes.again(START, 1) is None, "nothing is known"
    told(changes, START, 1)
    same = changes.again(START + 9 * S, 7)
    assert same is not None
    assert (same.at_ns, same.received_at_ns, same.values[0]) == (START + 9 * S, 7, 1)
    assert told(changes, START + 10 * S, 2) == START + 10 * S
