"""Topics are those of ARCHITECTURE.md, Basic Ingest or not."""

import pytest

from tidenode.topics import Topics
from tidewire import topic


@pytest.mark.parametrize("basic_ingest", [True, False])
def test_a_topic_says_where_its_batch_comes_from(basic_ingest: bool) -> None:
    topics = Topics("farm", "board-1", basic_ingest)
    text = topics("climate").decode()
    prefix = "$aws/rules/tidegauge_telemetry/" if basic_ingest else ""
    assert text == f"{prefix}dt/tidegauge/farm/board-1/climate"
    assert topic.parse(text.removeprefix(prefix)) == ("farm", "board-1", "climate")


def test_a_topic_is_built_once() -> None:
    topics = Topics("farm", "board-1", basic_ingest=True)
    assert topics("climate") is topics("climate")
    assert topics("climate") != topics("health")
