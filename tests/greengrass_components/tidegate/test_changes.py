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
    assert changes.lose(5) is None, "nothing was known"
    changes.take([(0, 10, 1, 0)], 10)
    lost = changes.lose(20)
    assert lost is not None
    assert (lost.values, lost.qualities) == ((None, None, None), bytes([2, 2, 2]))
    assert changes.lose(30) is None


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
