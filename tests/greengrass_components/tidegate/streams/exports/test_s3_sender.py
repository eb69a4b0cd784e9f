import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import stream_manager as sdk
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tests.local_cloud import CloudProcess, wait_for
from tidegate.streams.exports.s3_task import S3TaskError, task_of, with_time

Exporting = Callable[..., Manager]


@pytest.fixture
def client(
    exporting: Exporting, local_cloud: CloudProcess, monkeypatch: pytest.MonkeyPatch
) -> sdk.StreamManagerClient:
    """AWS's SDK, on a stream whose tasks go to the local cloud's S3, with reports on another."""
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
    manager = exporting(s3=local_cloud.facts["http_url"])
    client = sdk.StreamManagerClient(port=manager.port)
    reject = sdk.StrategyOnFull.RejectNewData
    client.create_message_stream(sdk.MessageStreamDefinition("reports", strategy_on_full=reject))
    config = sdk.S3ExportTaskExecutorConfig(
        identifier="to-s3",
        size_threshold_for_multipart_upload_bytes=5_242_880,
        status_config=sdk.StatusConfig(sdk.StatusLevel.INFO, "reports"),
    )
    exports = sdk.ExportDefinition(s3_task_executor=[config])
    client.create_message_stream(
        sdk.MessageStreamDefinition("tasks", strategy_on_full=reject, export_definition=exports)
    )
    return client


def reports(client: sdk.StreamManagerClient, count: int) -> list[sdk.StatusMessage]:
    options = sdk.ReadMessagesOptions(0, count, count, read_timeout_millis=20_000)
    return [
        sdk.util.Util.deserialize_json_bytes_to_obj(message.payload, sdk.StatusMessage)
        for message in client.read_messages("reports", options)
    ]


def test_files_go_to_s3_in_order_and_are_reported_as_the_sdk_reads_it(
    client: sdk.StreamManagerClient, local_cloud: CloudProcess, tmp_path: Path
) -> None:
    s3 = local_cloud.client("s3")
    s3.create_bucket(Bucket="stream-files")
    files = {"small": b"hello", "empty": b"", "large": os.urandom(11_000_000)}
    tasks = []
    for name, data in files.items():
        (tmp_path / f"{name} 1.bin").write_bytes(data)
        tasks.append(
            sdk.S3ExportTaskDefinition(
                input_url=f"file:{tmp_path}/{name}%201.bin",
                bucket="stream-files",
                key=f"a/!{{timestamp:yyyy}}/{name}",
                user_metadata={"Site": "plant1"},
            )
        )
    tasks.insert(1, sdk.S3ExportTaskDefinition("file:/none", "stream-files", "k"))
    for task in tasks:
        client.append_message("tasks", sdk.util.Util.validate_and_serialize_to_json_bytes(task))
    found = reports(client, 8)
    assert [(report.status_context.sequence_number, report.status) for report in found] == [
        (0, sdk.Status.InProgress),
        (0, sdk.Status.Success),
        (1, sdk.Status.InProgress),
        (1, sdk.Status.Failure),
        (2, sdk.Status.InProgress),
        (2, sdk.Status.Success),
        (3, sdk.Status.InProgress),
        (3, sdk.Status.Success),
    ]
    assert "No such file" in found[3].message
    assert found[1].status_context.s3_export_task_definition.bucket == "stream-files"
    year = datetime.now(UTC).year
    for name, data in files.items():
        answer = s3.get_object(Bucket="stream-files", Key=f"a/{year}/{name}")
        assert answer["Body"].read() == data
        assert answer["Metadata"] == {"site": "plant1"}
    assert not s3.list_multipart_uploads(Bucket="stream-files").get("Uploads")


def test_what_can_never_work_is_reported_and_passed_over(
    client: sdk.StreamManagerClient, local_cloud: CloudProcess, tmp_path: Path
) -> None:
    local_cloud.client("s3").create_bucket(Bucket="stream-files-2")
    (tmp_path / "f").write_bytes(b"x")
    hopeless = [
        b"no json",
        json.dumps({"inputUrl": f"file:{tmp_path}/f", "bucket": "no-such-bucket", "key": "k"}),
    ]
    good = json.dumps({"inputUrl": f"file:{tmp_path}/f", "bucket": "stream-files-2", "key": "k"})
    for payload in (*hopeless, good):
        client.append_message("tasks", payload if isinstance(payload, bytes) else payload.encode())
    found = reports(client, 5)
    assert [report.status for report in found] == [
        sdk.Status.Failure,
        sdk.Status.InProgress,
        sdk.Status.Failure,
        sdk.Status.InProgress,
        sdk.Status.Success,
    ]
    statuses: list[Any] = []
    wait_for(
        "the status",
        lambda: (
            statuses.append(client.describe_message_stream("tasks").export_statuses[0])
            or statuses[-1].last_exported_sequence_number == 2
        ),
    )
    assert statuses[-1].exported_messages_count == 3


@pytest.mark.parametrize(
    "wire",
    [
        "[]",
        '{"inputUrl": "file:/x", "bucket": "abc"}',
        '{"inputUrl": "http://h/x", "bucket": "abc", "key": "k"}',
        '{"inputUrl": "file://host/x", "bucket": "abc", "key": "k"}',
        '{"inputUrl": "file://[x", "bucket": "abc", "key": "k"}',
        '{"inputUrl": "file:/x", "bucket": "A", "key": "k"}',
        '{"inputUrl": "file:/x", "bucket": "abc", "key": ""}',
        '{"inputUrl": "file:/x", "bucket": "abc", "key": "k", "userMetadata": {"a": "b\\nc"}}',
        '{"inputUrl": "file:/x", "bucket": "abc", "key": "k", "userMetadata": {"a": 3, "b": "ü"}}',
    ],
)
def test_what_is_no_task_is_told(wire: str) -> None:
    with pytest.raises(S3TaskError):
        task_of(wire.encode(), datetime.now(UTC))


def test_the_time_in_a_key_is_utc() -> None:
    at = datetime(2026, 11, 25, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    key = "a/!{timestamp:yyyy/MM/dd}/!{timestamp:HH-mm-ss}/x"
    assert with_time(key, at) == "a/2026/11/24/23-02-03/x"
