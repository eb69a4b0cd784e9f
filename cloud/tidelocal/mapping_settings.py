"""What one event source mapping was told, read from its API shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidelocal.errors import LocalCloudError

BATCH_SIZE_MAX = 10_000
_STARTING_POSITIONS = ("LATEST", "TRIM_HORIZON", "AT_TIMESTAMP")
# Settings that change what a function gets and that do not run here.
_ABSENT = ("FilterCriteria", "TumblingWindowInSeconds", "SourceAccessConfigurations")


class MappingRefusedError(LocalCloudError):
    """A mapping that can't run here as it was told; it does not run at all."""


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """None in `retries_max` and `age_max_s` means without end."""

    uuid: str
    stream_arn: str
    function_arn: str
    batch_size: int
    window_s: float
    partial: bool
    bisect: bool
    retries_max: int | None
    age_max_s: int | None
    destination_arn: str | None
    starting_position: str
    starting_at_ms: int

    @property
    def region(self) -> str:
        """Region of the stream."""
        return self.stream_arn.split(":")[3]

    @property
    def function_name(self) -> str:
        """Name of the function, for logs."""
        return self.function_arn.split(":")[6]

    @property
    def role_arn(self) -> str:
        """Who the event says invoked the function."""
        return f"arn:aws:iam::{self.function_arn.split(':')[4]}:role/{self.function_name}"


def read_settings(mapping: Mapping[str, Any]) -> MappingSettings:
    """Read a mapping of a Kinesis stream; raises `MappingRefusedError`."""
    for name in _ABSENT:
        if mapping.get(name):
            raise MappingRefusedError(f"{name} does not run in this local cloud yet")
    batch_size = int(mapping.get("BatchSize") or 100)
    if not 1 <= batch_size <= BATCH_SIZE_MAX:
        raise MappingRefusedError(f"BatchSize {batch_size}: 1 to {BATCH_SIZE_MAX}")
    destination = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
    destination_arn = destination.get("Destination") or None
    if destination_arn and ":sqs:" not in destination_arn:
        raise MappingRefusedError(f"an on-failure destination is a queue here: {destination_arn}")
    starting_position = mapping.get("StartingPosition") or "LATEST"
    if starting_position not in _STARTING_POSITIONS:
        raise MappingRefusedError(
            f"StartingPosition {starting_position}: one of {', '.join(_STARTING_POSITIONS)}"
        )
    return MappingSettings(
        uuid=mapping["UUID"],
        stream_arn=mapping["EventSourceArn"],
        function_arn=mapping["FunctionArn"],
        batch_size=batch_size,
        window_s=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
        partial="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
        bisect=_truth(mapping.get("BisectBatchOnFunctionError")),
        retries_max=_limit(mapping.get("MaximumRetryAttempts")),
        age_max_s=_limit(mapping.get("MaximumRecordAgeInSeconds")),
        destination_arn=destination_arn,
        starting_position=starting_position,
        starting_at_ms=int(float(mapping.get("StartingPositionTimestamp") or 0) * 1000),
    )


def is_enabled(mapping: Mapping[str, Any]) -> bool:
    """Whether a mapping is one of a Kinesis stream and switched on."""
    return ":kinesis:" in mapping.get("EventSourceArn", "") and _truth(mapping.get("Enabled", True))


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"


def _limit(value: Any) -> int | None:
    """-1, and nothing at all, mean without end."""
    return None if value is None or int(value) < 0 else int(value)
