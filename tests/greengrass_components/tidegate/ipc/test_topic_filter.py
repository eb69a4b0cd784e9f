"""Filters as MQTT has them, and resources as a recipe's policies have them."""

import pytest

from tidegate.ipc.authorization import parse_access_control
from tidegate.ipc.topic_filter import covers, takes


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("#", "$aws/x", False),
        ("+/x", "$aws/x", False),
        ("$aws/#", "$aws/x", True),
        ("a/+/c", "a//c", True),
        ("a", "a/b", False),
    ],
)
def test_a_filter_takes_what_mqtt_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert takes(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("resource", "topic", "expected"),
    [
        ("*", "anything", True),
        ("a/*", "a/b/c", True),
        ("a/*", "a/#", True),
        ("a/*", "b/a/", False),
        ("*/status", "x/y/status", True),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("a/${*}", "a/*", True),
        ("a/${*}", "a/b", False),
        ("a.b", "axb", False),
    ],
)
def test_a_resource_covers_what_aws_says(resource: str, topic: str, expected: bool) -> None:
    assert covers(resource, topic) is expected


def test_mistakes_are_all_told_and_the_rest_still_grants() -> None:
    document = {
        "aws.greengrass.ipc.pubsub": {
            "good": {
                "operations": ["aws.greengrass#PublishToTopic"],
                "resources": ["t/{iot:thingName}"],
            },
            "no-list": {"operations": "all", "resources": ["*"]},
            "bad-resources": {"operations": ["*"], "resources": "*"},
        },
        "other": [],
    }
    rights, mistakes = parse_access_control(document, {"{iot:thingName}": "g1"})
    assert len(mistakes) == 3
    assert rights.allows("aws.greengrass.ipc.pubsub", "PublishToTopic", "t/g1")
    assert not rights.allows("aws.greengrass.ipc.pubsub", "SubscribeToTopic", "t/g1")
    assert not rights.allows("aws.greengrass.ipc.mqttproxy", "PublishToTopic", "t/g1")
    assert parse_access_control([])[1] == ["accessControl is no mapping of services"]
