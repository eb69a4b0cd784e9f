"""The topic tree finds what asking every filter would find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.rules.errors import RuleRefusedError
from tidelocal.rules.topic_tree import TopicTree, check_filter

LEVELS = st.sampled_from(["a", "b", "", "$aws", "events", "things"])
FILTERS = st.builds(
    lambda levels, rest: "/".join(levels + rest),
    st.lists(LEVELS | st.just("+"), max_size=4),
    st.sampled_from([[], ["#"], ["a"]]),
)
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join)


def _matches(topic_filter: str, topic: str) -> bool:
    """The rule as AWS words it, level by level."""
    if topic.startswith("$aws/events/") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, have = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        if len(have) <= len(wanted):  # `a/#` does not match `a`
            return False
        have = have[: len(wanted)]
    return len(wanted) == len(have) and all(
        level in ("+", name) for level, name in zip(wanted, have, strict=True)
    )


@given(st.lists(FILTERS, max_size=12), st.lists(TOPICS, max_size=8))
def test_the_tree_agrees_with_asking_every_filter(filters: list[str], topics: list[str]) -> None:
    tree: TopicTree[int] = TopicTree()
    for number, topic_filter in enumerate(filters):
        tree.add(topic_filter, number)
    for topic in topics:
        asked = [number for number, each in enumerate(filters) if _matches(each, topic)]
        assert sorted(tree.match(topic)) == asked


@pytest.mark.parametrize(
    ("topic_filter", "topic", "found"),
    [
        ("a/#", "a", False),
        ("a/#", "a/", True),
        ("#", "$aws/things/x/shadow/update", True),
        ("#", "$aws/events/presence/connected/x", False),
        ("+/events/#", "$aws/events/presence/connected/x", False),
        ("$aws/events/#", "$aws/events/presence/connected/x", True),
        ("$aws/+/presence/#", "$aws/events/presence/connected/x", True),
        ("a/+", "a/", True),
        ("A", "a", False),
    ],
)
def test_wildcards_and_hidden_topics(topic_filter: str, topic: str, found: bool) -> None:
    tree: TopicTree[str] = TopicTree()
    tree.add(topic_filter, "rule")
    assert list(tree.match(topic)) == ["rule"] * found
    assert _matches(topic_filter, topic) is found


@pytest.mark.parametrize("topic_filter", ["", "a/#/b", "#/a", "a#", "a/b+", "+a", "##", "é" * 129])
def test_what_is_no_filter_is_refused(topic_filter: str) -> None:
    with pytest.raises(RuleRefusedError, match="FROM"):
        check_filter(topic_filter)


@given(FILTERS)
def test_every_filter_is_taken(topic_filter: str) -> None:
    if topic_filter:
        check_filter(topic_filter)
