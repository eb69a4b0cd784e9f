"""What waits in a deployed stack, as its services tell it."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.tools.tidectl.breaking import breaking
from tidectl.backlog import QUARANTINE_PAGES_MAX, backlog
from tidectl.target import Target


def test_the_delivery_to_the_function_runs_and_nobody_measured_its_age(deployed: Target) -> None:
    outputs = {**deployed.stack_outputs(), "IngestFunctionName": "backlog-no-function"}
    found = backlog(deployed, deployed.stack_outputs())
    assert found.ingest_state == "Enabled"
    assert found.ingest_result
    absent = backlog(deployed, outputs)
    assert (absent.ingest_state, absent.iterator_age_ms) == ("absent", None)


def test_the_newest_age_of_the_stream_is_told(deployed: Target) -> None:
    deployed.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "IteratorAge",
                "Dimensions": [{"Name": "FunctionName", "Value": "backlog-late"}],
                "Timestamp": datetime.now(UTC),
                "Value": 42_000.0,
            }
        ],
    )
    outputs = {**deployed.stack_outputs(), "IngestFunctionName": "backlog-late"}
    assert backlog(deployed, outputs).iterator_age_ms == 42_000


def test_what_is_set_aside_is_counted_by_its_reason(deployed: Target) -> None:
    storage = deployed.client("s3")
    storage.create_bucket(Bucket="backlog-quarantine")
    keys = ["payload/2026/01/02/a.json", "payload/2026/01/02/b.json", "rule-failed/x.json"]
    for key in keys:
        storage.put_object(Bucket="backlog-quarantine", Key=key, Body=b"{}")
    outputs = {**deployed.stack_outputs(), "QuarantineBucketName": "backlog-quarantine"}
    found = backlog(deployed, outputs)
    assert found.quarantined == {"payload": 2, "rule-failed": 1}
    assert not found.quarantined_more


def test_positions_of_failed_records_are_counted(deployed: Target) -> None:
    queue = deployed.client("sqs")
    url = queue.create_queue(QueueName="backlog-failed")["QueueUrl"]
    outputs = {**deployed.stack_outputs(), "FailedRecordsQueueUrl": url}
    assert backlog(deployed, outputs).failed_records == 0
    for number in range(3):
        queue.send_message(QueueUrl=url, MessageBody=json.dumps({"position": number}))
    queue.receive_message(QueueUrl=url)  # one is being looked at: it waits all the same
    assert backlog(deployed, outputs).failed_records == 3


def test_looking_at_the_backlog_takes_nothing_from_it(deployed: Target) -> None:
    outputs = deployed.stack_outputs()
    assert backlog(deployed, outputs) == backlog(deployed, outputs)
    assert QUARANTINE_PAGES_MAX * 1_000 <= 20_000  # objects that one look may list


def test_a_service_that_refuses_is_not_hidden(deployed: Target) -> None:
    with pytest.raises(ClientError, match="refused by the test"):
        backlog(breaking(deployed, "sqs", "get_queue_attributes"), deployed.stack_outputs())
