"""A bundle from S3 to a thing, block by block over its own MQTT connection."""

import base64
import json
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import HungUpError, MqttDevice
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision

BUNDLE = random.Random(7).randbytes(10_000)


class Bundles:
    """Streams of objects under `bundles/`, as an operator makes them."""

    def __init__(self, target: Target) -> None:
        self._target, outputs = target, target.stack_outputs()
        self.bucket, self.role = outputs["FleetBucketName"], outputs["FilesRoleArn"]
        self.iot = target.client("iot")

    def put(self, key: str, data: bytes) -> None:
        self._target.client("s3").put_object(Bucket=self.bucket, Key=key, Body=data)

    def files(self, *keys: str) -> list[dict[str, Any]]:
        return [
            {"fileId": number, "s3Location": {"bucket": self.bucket, "key": key}}
            for number, key in enumerate(keys)
        ]

    def make(self, stream: str, data: bytes = BUNDLE) -> None:
        key = f"bundles/{stream}"
        self.put(key, data)
        self.iot.create_stream(
            streamId=stream, files=self.files(key), roleArn=self.role, description="v2"
        )


@pytest.fixture
def bundles(deployed: Target) -> Bundles:
    return Bundles(deployed)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for thing and stream that no other test uses."""
    return f"files-{zlib.crc32(request.node.nodeid.encode())}"


@pytest.fixture
def device(
    local_cloud: CloudProcess, deployed: Target, name: str, tmp_path: Path
) -> Iterator[MqttDevice]:
    folder = provision(deployed, Home(tmp_path / "home"), name, board=False)
    certificate = Certificate(*folder.pem_paths(), "")
    with MqttDevice(local_cloud.facts, certificate, name) as device:
        device.subscribe(f"$aws/things/{name}/#")
        yield device


def _ask(device: MqttDevice, name: str, verb: str, request: Any) -> tuple[str, Any]:
    """Ask about the stream that is named as the thing; return kind and document of the answer."""
    base = f"$aws/things/{name}/streams/{name}"
    answers = [f"{base}/{kind}/json" for kind in ("description", "data", "rejected")]
    device.publish(f"{base}/{verb}/json", json.dumps(request).encode())
    while True:
        topic, body = device.message()
        if topic in answers:
            return topic.split("/")[-2], json.loads(body)


def _block(device: MqttDevice) -> dict[str, Any]:
    while True:
        topic, body = device.message()
        if topic.endswith("/data/json"):
            return dict(json.loads(body))


def test_a_thing_fetches_a_bundle_that_needs_one_block_of_memory(
    device: MqttDevice, bundles: Bundles, name: str
) -> None:
    bundles.make(name)
    kind, description = _ask(device, name, "describe", {"c": "1"})
    assert (kind, description) == (
        "description",
        {"c": "1", "s": 1, "d": "v2", "r": [{"f": 0, "z": len(BUNDLE)}]},
    )
    fetched = b""
    for number in range(-(-len(BUNDLE) // 1024)):
        request = {"c": "2", "s": 1, "f": 0, "l": 1024, "o": number, "n": 1}
        kind, block = _ask(device, name, "get", request)
        part = base64.b64decode(block["p"])
        assert (kind, block["c"], block["f"], block["i"]) == ("data", "2", 0, number)
        assert block["l"] == len(part)
        fetched += part
    assert fetched == BUNDLE


def test_missing_blocks_are_asked_for_by_their_bits(
    device: MqttDevice, bundles: Bundles, name: str
) -> None:
    bundles.make(name)
    _, first = _ask(device, name, "get", {"f": 0, "l": 256, "o": 20, "b": "0x130080"})
    found = [first["i"]]
    for wanted in (21, 24):
        block = _block(device)
        start = 256 * wanted
        assert base64.b64decode(block["p"]) == BUNDLE[start : start + 256]
        found.append(block["i"])
    assert found == [20, 21, 24]  # 43 is beyond the end


def test_more_than_128_kb_is_for_the_next_request(
    device: MqttDevice, bundles: Bundles, name: str
) -> None:
    data = random.Random(8).randbytes(300_000)
    bundles.make(name, data)
    fetched: dict[int, bytes] = {}
    while len(fetched) * 32_768 < len(data):
        _, block = _ask(device, name, "get", {"f": 0, "l": 32_768, "o": len(fetched), "n": 99})
        came = [block]
        while len(came) < 4 and 32_768 * (block["i"] + 1) < len(data):
            block = _block(device)
            came.append(block)
        fetched |= {block["i"]: base64.b64decode(block["p"]) for block in came}
    assert b"".join(fetched[number] for number in sorted(fetched)) == data


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"f": 0, "l": 1024, "s": 2}, "VersionMismatch"),
        ({"f": 1, "l": 1024}, "ResourceNotFound"),
        ({"f": 0, "l": 1024, "o": 10}, "ResourceNotFound"),
        ({"f": 0, "l": 128}, "BlockSizeOutOfBounds"),
    ],
)
def test_a_wrong_request_is_rejected(
    device: MqttDevice, bundles: Bundles, name: str, request_: dict[str, Any], code: str
) -> None:
    bundles.make(name)
    kind, document = _ask(device, name, "get", {**request_, "c": "t"})
    assert (kind, document["o"], document["c"]) == ("rejected", code, "t")
    assert document["m"]


@pytest.mark.parametrize("verb", ["describe", "get"])
def test_a_stream_that_is_not_there_is_rejected(device: MqttDevice, name: str, verb: str) -> None:
    kind, document = _ask(device, name, verb, {"f": 0, "l": 1024})
    assert (kind, document["o"]) == ("rejected", "ResourceNotFound")


def test_a_file_that_changed_since_is_not_sent(
    device: MqttDevice, bundles: Bundles, name: str
) -> None:
    bundles.make(name)
    bundles.put(f"bundles/{name}", b"another")
    kind, document = _ask(device, name, "get", {"f": 0, "l": 1024})
    assert (kind, document["o"]) == ("rejected", "ETagMismatch")
    bundles.iot.update_stream(streamId=name, files=bundles.files(f"bundles/{name}"))
    kind, document = _ask(device, name, "get", {"f": 0, "l": 1024, "s": 2})
    assert (kind, base64.b64decode(document["p"])) == ("data", b"another")


def test_a_stream_on_anothers_topic_ends_the_connection(device: MqttDevice, name: str) -> None:
    with pytest.raises(HungUpError):
        device.publish(f"$aws/things/{name}0/streams/{name}/get/json", b"{}")


# ---- the API ----


def test_a_stream_is_described_listed_changed_and_deleted(bundles: Bundles, name: str) -> None:
    bundles.make(name)
    iot = bundles.iot
    info = iot.describe_stream(streamId=name)["streamInfo"]
    assert (info["streamVersion"], info["roleArn"]) == (1, bundles.role)
    assert info["files"] == bundles.files(f"bundles/{name}")
    assert info["streamArn"].endswith(f":stream/{name}")
    assert iot.update_stream(streamId=name, description="v3")["streamVersion"] == 2
    listed = {each["streamId"]: each for each in iot.list_streams(maxResults=250)["streams"]}
    assert listed[name]["description"] == "v3"
    iot.delete_stream(streamId=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_stream(streamId=name)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.delete_stream(streamId=name)


def test_pages_hold_each_stream_once(bundles: Bundles, name: str) -> None:
    names = {f"{name}-{number}" for number in range(5)}
    for each in names:
        bundles.make(each)
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = bundles.iot.list_streams(maxResults=2, ascendingOrder=True, **token)
        found += [each["streamId"] for each in page["streams"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert len(found) == len(set(found))
    assert names <= set(found)
    assert found == sorted(found)


def test_a_stream_of_what_its_role_may_not_read_is_refused(bundles: Bundles, name: str) -> None:
    bundles.put(f"serials/{name}.json", b"{}")
    with pytest.raises(ClientError) as refused:
        bundles.iot.create_stream(
            streamId=name, files=bundles.files(f"serials/{name}.json"), roleArn=bundles.role
        )
    assert refused.value.response["Error"]["Code"] == "UnauthorizedException"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"files": []}, "ParamValidationError"),
        ({"streamId": "no.name"}, "InvalidRequestException"),
        ({"twice": True}, "InvalidRequestException"),
        ({"again": True}, "ResourceAlreadyExistsException"),
    ],
)
def test_a_stream_that_can_not_be_is_refused(
    bundles: Bundles, name: str, change: dict[str, Any], code: str
) -> None:
    bundles.put(f"bundles/{name}", b"x")
    files = bundles.files(f"bundles/{name}")
    if change.pop("twice", False):
        files *= 2
    if change.pop("again", False):
        bundles.make(name)
    wanted = {"streamId": name, "files": files, "roleArn": bundles.role, **change}
    with pytest.raises(Exception, match=r".") as refused:
        bundles.iot.create_stream(**wanted)
    response = getattr(refused.value, "response", None)
    found = response["Error"]["Code"] if response else type(refused.value).__name__
    assert found == code


def test_streams_outlive_a_killed_cloud(own_cloud: Callable[..., CloudProcess]) -> None:
    cloud = own_cloud()
    cloud.client("s3").create_bucket(Bucket="kept")
    cloud.client("s3").put_object(Bucket="kept", Key="k", Body=b"x")
    role = cloud.role("files", "iot", "s3:GetObject")
    file = {"fileId": 3, "s3Location": {"bucket": "kept", "key": "k"}}
    cloud.client("iot").create_stream(streamId="kept", files=[file], roleArn=role)
    cloud.kill()
    cloud.start()
    info = cloud.client("iot").describe_stream(streamId="kept")["streamInfo"]
    assert (info["files"], info["roleArn"]) == ([file], role)
