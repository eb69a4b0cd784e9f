"""What waits in a deployed stack: the ingest's delivery, and what could not be stored."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from tidectl.target import Target

QUARANTINE_PAGES_MAX = 20  # of 1,000 objects: whoever has more knows that something is wrong
_AGE_MINUTES = 5  # how far back the iterator's age is looked for


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and why."""

    ingest_state: str  # of the delivery from the stream to the function: Enabled, or why not
    ingest_result: str
    iterator_age_ms: int | None  # of the oldest record not yet stored; None: no one measured it
    quarantined: Mapping[str, int]  # objects by reason
    quarantined_more: bool  # there are more than were counted
    failed_records: int  # positions in the queue of what could not be stored in all retries


def backlog(target: Target, outputs: Mapping[str, str]) -> Backlog:
    """Return what waits in the stack that has `outputs`."""
    state, result = _delivery(target, outputs["IngestFunctionName"])
    quarantined, more = _quarantined(target, outputs["QuarantineBucketName"])
    return Backlog(
        ingest_state=state,
        ingest_result=result,
        iterator_age_ms=_iterator_age_ms(target, outputs["IngestFunctionName"]),
        quarantined=quarantined,
        quarantined_more=more,
        failed_records=_failed_records(target, outputs["FailedRecordsQueueUrl"]),
    )


def _delivery(target: Target, function: str) -> tuple[str, str]:
    answer = target.client("lambda").list_event_source_mappings(FunctionName=function)
    mappings = answer["EventSourceMappings"]
    if not mappings:
        return "absent", "the function has no source"
    return mappings[0]["State"], mappings[0].get("LastProcessingResult", "")


def _iterator_age_ms(target: Target, function: str) -> int | None:
    now = datetime.now(UTC)
    answer = target.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(minutes=_AGE_MINUTES),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return int(points[-1]["Maximum"]) if points else None


def _quarantined(target: Target, bucket: str) -> tuple[Counter[str], bool]:
    reasons: Counter[str] = Counter()
    pages = target.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    truncated = False
    for page in islice(pages, QUARANTINE_PAGES_MAX):
        reasons.update(item["Key"].partition("/")[0] for item in page.get("Contents", ()))
        truncated = page["IsTruncated"]
    return reasons, truncated


def _failed_records(target: Target, queue_url: str) -> int:
    answer = target.client("sqs").get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    return sum(int(count) for count in answer["Attributes"].values())
