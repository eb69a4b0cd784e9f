"""The HTTP door: what it refuses, and that what it lets in is served."""

import asyncio
import time
from typing import Any, cast

import pytest
import urllib3
from botocore.exceptions import ClientError

from tests.local_cloud import CloudProcess
from tidelocal.front import Front
from tidelocal.host import Host, Message


def _ask(cloud: CloudProcess, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager() as pool:
        return pool.request(method, cloud.facts["http_url"] + path, retries=False, **more)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_localstack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"),
        ("POST", "/_ministack/reset?init=1"),
        ("POST", "/%5fministack/reset"),
        ("POST", "/_ministack/../_ministack/reset"),
        ("PUT", "/_ministack/reset"),
    ],
)
def test_reset_and_configuration_are_closed_and_change_nothing(
    local_cloud: CloudProcess, method: str, path: str
) -> None:
    s3 = local_cloud.client("s3")
    s3.create_bucket(Bucket="front-kept")
    answer = _ask(local_cloud, method, path, body=b"{}")
    assert answer.status == 403
    assert "is closed in the local cloud" in answer.data.decode()
    assert "front-kept" in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


@pytest.mark.parametrize("path", ["//_ministack/reset", "/_MINISTACK/reset", "/x/_ministack/reset"])
def test_paths_that_look_like_a_reset_are_none(local_cloud: CloudProcess, path: str) -> None:
    s3 = local_cloud.client("s3")
    s3.create_bucket(Bucket="front-kept")
    assert _ask(local_cloud, "POST", path).status >= 400
    assert "front-kept" in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def test_health_and_the_certificate_authority_are_open(local_cloud: CloudProcess) -> None:
    assert _ask(local_cloud, "GET", "/_ministack/health").status == 200
    answer = _ask(local_cloud, "GET", "/_ministack/iot/ca.pem")
    assert answer.data.startswith(b"-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sagemaker", "list_models", {}),
        ("quicksight", "list_data_sets", {"AwsAccountId": "000000000000"}),
        ("kinesisvideo", "list_streams", {}),
        ("timestream-influxdb", "list_db_instances", {}),
        ("lakeformation", "list_permissions", {}),
        ("grafana", "list_workspaces", {}),
        ("elasticbeanstalk", "describe_applications", {}),  # answers are XML there
    ],
)
def test_a_service_that_is_not_here_says_so_by_name_and_at_once(
    local_cloud: CloudProcess, service: str, operation: str, arguments: dict[str, str]
) -> None:
    client = local_cloud.client(service)
    before = time.monotonic()
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    answer = error.value.response
    assert answer["Error"]["Code"] == "ServiceNotInLocalCloud"
    assert "is not in the local cloud" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert time.monotonic() - before < 5


def test_a_request_without_a_signature_changes_nothing(local_cloud: CloudProcess) -> None:
    answer = _ask(
        local_cloud,
        "POST",
        "/",
        headers={
            "x-amz-target": "Kinesis_20131202.CreateStream",
            "content-type": "application/x-amz-json-1.1",
        },
        body=b'{"StreamName": "unsigned", "ShardCount": 1}',
    )
    assert answer.status in (400, 403)
    assert "unsigned" not in local_cloud.client("kinesis").list_streams()["StreamNames"]


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("update_shard_count", {"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}),
        ("split_shard", {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "1000"}),
        (
            "merge_shards",
            {
                "ShardToMerge": "shardId-000000000000",
                "AdjacentShardToMerge": "shardId-000000000001",
            },
        ),
    ],
)
def test_shards_do_not_change_while_they_hold_records(
    local_cloud: CloudProcess, operation: str, arguments: dict[str, Any]
) -> None:
    kinesis, name = local_cloud.client("kinesis"), f"front-{operation}".replace("_", "-")
    kinesis.create_stream(StreamName=name, ShardCount=2)
    put = kinesis.put_record(StreamName=name, PartitionKey="k", Data=b"acknowledged")
    with pytest.raises(ClientError, match="would lose the records"):
        getattr(kinesis, operation)(StreamName=name, **arguments)
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"acknowledged"]


# ---- what it tells of a call ----


class Served:
    """A host that answers in two pieces, and in which order all came."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def service_of(self, _method: str, _path: str, _headers: dict[str, str]) -> str:
        return "kinesis"

    def serves(self, _service: str) -> bool:
        return True

    async def serve(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(self, message: Message) -> None:
        self.order.append("more" if message.get("more_body") else message["type"][14:])

    async def receive(self) -> Message:
        return {}

    async def on_change(self) -> None:
        await asyncio.sleep(0)  # the answer must not overtake what takes its time
        self.order.append("change")


@pytest.mark.parametrize(
    ("method", "path", "target", "changes"),
    [
        ("POST", "/", "Kinesis_20131202.CreateStream", True),
        ("POST", "/", "Kinesis_20131202.PutRecord", False),
        ("POST", "/", "Kinesis_20131202.DescribeStream", False),
        ("POST", "/", "Timestream_20181101.WriteRecords", False),
        ("POST", "/", "AmazonSQS.SendMessage", True),
        ("POST", "/", "AmazonSQS.ReceiveMessage", False),
        ("POST", "/", "secretsmanager.GetSecretValue", False),
        ("POST", "/", "secretsmanager.CreateSecret", True),
        ("POST", "/", "", True),
        ("PUT", "/bucket/key", "", True),
        ("GET", "/bucket/key", "", False),
        ("DELETE", "/things/x", "", True),
        ("POST", "/topics/a", "", False),
        ("POST", "/_aws/execute-api/x/query", "", False),
    ],
)
def test_a_change_is_kept_before_its_caller_hears_of_it(
    method: str, path: str, target: str, changes: bool
) -> None:
    served = Served()
    front = Front(cast("Host", served), served.on_change)
    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(b"X-Amz-Target", target.encode())] if target else [],
    }  # fmt: skip
    asyncio.run(front(scope, served.receive, served.send))
    assert served.order == ["start", "more", *["change"] * changes, "body"]
