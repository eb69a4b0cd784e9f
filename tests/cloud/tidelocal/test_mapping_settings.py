"""What an event source mapping was told."""

from typing import Any

import pytest

from tests.cloud.tidelocal.shards import FUNCTION_ARN, QUEUE_ARN, STREAM_ARN, mapping
from tidelocal.mapping_settings import MappingRefusedError, is_enabled, read_settings


def test_defaults_are_those_of_lambda() -> None:
    settings = read_settings(mapping(StartingPosition=None))
    assert (settings.stream_arn, settings.function_arn) == (STREAM_ARN, FUNCTION_ARN)
    assert (settings.batch_size, settings.window_s) == (100, 0.0)
    assert (settings.partial, settings.bisect) == (False, False)
    assert (settings.retries_max, settings.age_max_s, settings.destination_arn) == (None,) * 3
    assert settings.starting_position == "LATEST"
    assert (settings.region, settings.function_name) == ("us-east-1", "ingest")


def test_every_setting_is_read() -> None:
    settings = read_settings(
        mapping(
            BatchSize="10",
            MaximumBatchingWindowInSeconds=2,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError="true",
            MaximumRetryAttempts=0,
            MaximumRecordAgeInSeconds=60,
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
            StartingPosition="AT_TIMESTAMP",
            StartingPositionTimestamp="1790000000.5",
        )
    )
    assert (settings.batch_size, settings.window_s) == (10, 2.0)
    assert settings.partial
    assert settings.bisect
    assert (settings.retries_max, settings.age_max_s) == (0, 60)
    assert settings.destination_arn == QUEUE_ARN
    assert settings.starting_at_ms == 1_790_000_000_500


@pytest.mark.parametrize("endless", [-1, "-1", None])
def test_minus_one_means_without_end(endless: object) -> None:
    settings = read_settings(
        mapping(MaximumRetryAttempts=endless, MaximumRecordAgeInSeconds=endless)
    )
    assert (settings.retries_max, settings.age_max_s) == (None, None)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"FilterCriteria": {"Filters": [{}]}}, "FilterCriteria does not run"),
        ({"TumblingWindowInSeconds": 5}, "TumblingWindowInSeconds does not run"),
        ({"BatchSize": 10_001}, "BatchSize 10001: 1 to 10000"),
        ({"BatchSize": -1}, "BatchSize -1: 1 to 10000"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sns:r:a:topic"}}},
            "an on-failure destination is a queue here: arn:aws:sns:r:a:topic",
        ),
        ({"StartingPosition": "SOMEWHERE"}, "StartingPosition SOMEWHERE"),
    ],
)
def test_what_does_not_run_here_is_refused_by_name(more: dict[str, Any], told: str) -> None:
    with pytest.raises(MappingRefusedError, match=told):
        read_settings(mapping(**more))


def test_only_an_enabled_mapping_of_a_stream_runs() -> None:
    assert is_enabled(mapping())
    assert is_enabled(mapping(Enabled="true"))
    assert not is_enabled(mapping(Enabled=False))
    assert not is_enabled(mapping(EventSourceArn=QUEUE_ARN))
