"""The allow-list's objects, and the function that reads them, against the local cloud's S3."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local_cloud import CloudProcess
from tidecloud.admission import Entry
from tidecloud.allow_list import S3AllowList, document_of, entry_of, key_of
from tidecloud.errors import AdmissionError
from tidecloud.handlers import Admit

ENTRY = Entry("greenhouse-1", "farm", 1_700_000_000_000)


@pytest.fixture(scope="module")
def bucket(local_cloud: CloudProcess) -> str:
    local_cloud.client("s3").create_bucket(Bucket="allow-list")
    return "allow-list"


@pytest.fixture
def allow_list(local_cloud: CloudProcess, bucket: str) -> S3AllowList:
    return S3AllowList(s3=local_cloud.client("s3"), bucket=bucket)


def test_an_entry_is_read_as_it_was_written() -> None:
    assert entry_of("A1", document_of(ENTRY)) == ENTRY


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b'{"thing": "t", "site": "s"}',
        b'{"thing": "a/b", "site": "s", "until_ms": 1}',
        b'{"thing": 1, "site": "s", "until_ms": 1}',
        b'{"thing": "t", "site": "s", "until_ms": "1"}',
        b'{"thing": "t", "site": "s", "until_ms": 9007199254740992}',
        document_of(ENTRY)[:-1],
    ],
)
def test_an_entry_that_is_none_lets_nobody_in(data: bytes) -> None:
    with pytest.raises(AdmissionError, match=r"the entry of A1"):
        entry_of("A1", data)


def test_the_list_knows_what_was_put_on_it_and_nothing_else(
    local_cloud: CloudProcess, bucket: str, allow_list: S3AllowList
) -> None:
    serial = "24:6f:28:aa:bb:cc"
    local_cloud.client("s3").put_object(Bucket=bucket, Key=key_of(serial), Body=document_of(ENTRY))
    assert allow_list.find(serial) == ENTRY
    assert allow_list.find("24:6f") is None


def test_what_keeps_s3_from_answering_is_no_refusal(local_cloud: CloudProcess) -> None:
    absent = S3AllowList(s3=local_cloud.client("s3"), bucket="no-such-bucket")
    with pytest.raises(ClientError):
        absent.find("A1")


def test_a_list_that_may_not_be_read_lets_nobody_in(local_cloud: CloudProcess, bucket: str) -> None:
    iam = local_cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    s3: Any = boto3.client(
        "s3",
        endpoint_url=local_cloud.facts["http_url"],
        region_name=local_cloud.facts["region"],
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert S3AllowList(s3=s3, bucket=bucket).find("24:6f:28:aa:bb:cc") is None


def test_the_hook_answers_as_aws_reads_it(
    local_cloud: CloudProcess, bucket: str, allow_list: S3AllowList
) -> None:
    local_cloud.client("s3").put_object(Bucket=bucket, Key=key_of("H1"), Body=document_of(ENTRY))
    admit = Admit(allow_list=allow_list, clock_ms=lambda: ENTRY.until_ms)
    event = {"clientId": "claim.H1", "parameters": {"SerialNumber": "H1"}}
    assert admit(event) == {
        "allowProvisioning": True,
        "parameterOverrides": {"ThingName": "greenhouse-1", "SerialNumber": "H1", "Site": "farm"},
    }
    refused = {"allowProvisioning": False, "parameterOverrides": {}}
    assert admit({**event, "clientId": "claim.H2"}) == refused
    late = Admit(allow_list=allow_list, clock_ms=lambda: ENTRY.until_ms + 1)
    assert late(event) == refused
