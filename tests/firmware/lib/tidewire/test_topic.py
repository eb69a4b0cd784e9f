"""Topics are built and parsed by one rule, names checked."""

import pytest
from hypothesis import given

from tests.firmware.lib.tidewire.strategies import measurements, places
from tidewire import WireMalformedError, topic
from tidewire.names import check_field


@given(places, places, measurements)
def test_a_topic_comes_back_with_and_without_the_prefix(site: str, thing: str, name: str) -> None:
    text = topic.build(site, thing, name)
    assert topic.parse(text) == (site, thing, name)
    assert topic.parse(topic.BASIC_INGEST_PREFIX + text) == (site, thing, name)


def test_a_topic_reads_as_the_architecture_says() -> None:
    assert topic.build("plant-7", "board:1", "climate") == "dt/tidegauge/plant-7/board:1/climate"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dt/tidegauge/a/b",
        "dt/tidegauge/a/b/c/d",
        "dt/other/a/b/c",
        "dt/tidegauge/a//c",
        "dt/tidegauge/a/b/C",
        "dt/tidegauge/+/b/c",
        "dt/tidegauge/a/b/c\n",
        "$aws/rules/other/dt/tidegauge/a/b/c",
        "dt/tidegauge/a/b/tidegauge_ledger",
    ],
)
def test_other_topics_are_refused(text: str) -> None:
    with pytest.raises(WireMalformedError):
        topic.parse(text)


@pytest.mark.parametrize(
    ("site", "thing", "name"), [("a/b", "c", "d"), ("a", "", "d"), ("a", "b", "1")]
)
def test_a_topic_of_wrong_names_is_not_built(site: str, thing: str, name: str) -> None:
    with pytest.raises(WireMalformedError):
        topic.build(site, thing, name)


@pytest.mark.parametrize(
    "name", ["", "1a", "_a", "A", "aé", "a-b", "a" * 65, "time", "site", "thing", 7, None]
)
def test_a_wrong_field_is_refused_and_shown_short(name: object) -> None:
    with pytest.raises(WireMalformedError) as caught:
        check_field(name)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("name", ["a", "a" * 64, "temperature_c", "x1", "times"])
def test_a_right_field_is_returned(name: str) -> None:
    assert check_field(name) == name
