"""Routes: what filters take, and what can never become of a topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.mqtt.errors import MqttError
from tidegate.mqtt.route import covers, matches, overlap, read_route

LEVEL = st.sampled_from(["a", "b", "", "$c"])
TOPICS = st.lists(LEVEL, min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, rest: "/".join([*levels, *rest]),
    st.lists(st.sampled_from(["a", "b", "", "+", "$c"]), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
)


@given(one=FILTERS, other=FILTERS, name=TOPICS)
def test_filters_that_take_one_topic_overlap(one: str, other: str, name: str) -> None:
    if matches(one, name) and matches(other, name):
        assert overlap(one, other)
        assert overlap(other, one)


@given(wide=FILTERS, narrow=FILTERS, name=TOPICS)
def test_a_filter_that_covers_another_takes_all_that_it_takes(
    wide: str, narrow: str, name: str
) -> None:
    if covers(wide, narrow):
        assert overlap(wide, narrow)
        if matches(narrow, name):
            assert matches(wide, name)


def test_filters_with_no_topic_in_common_do_not_overlap() -> None:
    pairs = [("a/b", "a/c"), ("a", "a/b"), ("a/+", "a/b/c"), ("#", "$aws/x"), ("a/#", "b/#")]
    assert not any(overlap(*pair) for pair in pairs)
    assert all(overlap(*pair) for pair in [("a/#", "a"), ("+/b", "a/+"), ("#", "a/b/c")])
    assert covers("a/#", "a/+/c")
    assert not covers("a/+/c", "a/#")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"filter": "t/+", "format": "json", "thing_level": 2, "measurement": "m"},
         "thing_level is 2: t/+ has the levels 0 to 1"),
        ({"filter": "plant/#", "format": "batch"}, "takes no topic of the format batch"),
        ({"filter": "dt/tidegauge/+/+", "format": "batch"}, "takes no topic of the format batch"),
        ({"filter": "plant/#", "format": "sparkplug"}, "takes no topic of the format sparkplug"),
    ],
)  # fmt: skip
def test_a_route_of_which_nothing_could_ever_become_is_refused(
    facts: dict[str, object], told: str
) -> None:
    with pytest.raises(MqttError, match=told.replace("+", r"\+")):
        read_route("r", facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"filter": "#", "format": "batch"},
        {"filter": "$aws/rules/tidegauge_telemetry/dt/tidegauge/farm/+/+", "format": "batch"},
        {"filter": "spBv1.0/+/DDATA/#", "format": "sparkplug"},
        {"filter": "t/#", "format": "json", "thing_level": 7, "measurement": "m"},
    ],
)
def test_what_some_topics_come_to_something_by_is_a_route(facts: dict[str, object]) -> None:
    assert read_route("r", facts).filter == facts["filter"]
