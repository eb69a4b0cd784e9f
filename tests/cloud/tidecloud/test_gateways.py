"""The list of gateways, as the ingest function reads it from the local cloud's S3."""

import botocore.session
import pytest
from botocore.config import Config

from tests.local_cloud import CloudProcess
from tidecloud.errors import GatewaysBusyError, GatewaysError
from tidecloud.gateways import (
    KEPT_MS,
    REFUSED_KEPT_MS,
    Entry,
    S3Gateways,
    document_of,
    entry_of,
    key_of,
)

ENTRY = Entry(("board-*", "tank"))


@pytest.fixture(scope="module")
def bucket(local_cloud: CloudProcess) -> str:
    local_cloud.client("s3").create_bucket(Bucket="gateways")
    return "gateways"


def test_an_entry_is_read_as_it_was_written() -> None:
    assert entry_of("gw-1", document_of(ENTRY)) == ENTRY


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"things": "tank"}', b'{"things": [1]}', b'{"things": ["a/b"]}',
     b'{"things": ["[a-z]"]}', document_of(Entry(("x",) * 1_001)), document_of(ENTRY)[:-1]],
)  # fmt: skip
def test_an_entry_that_is_none_names_nobody(data: bytes) -> None:
    with pytest.raises(GatewaysError, match=r"the entry of gw-1"):
        entry_of("gw-1", data)


def test_a_listed_gateway_speaks_for_its_own_and_for_what_its_entry_names(
    local_cloud: CloudProcess, bucket: str
) -> None:
    s3, now_ms = local_cloud.client("s3"), [0]
    gateways = S3Gateways(s3=s3, bucket=bucket, clock_ms=lambda: now_ms[0])
    assert not gateways.speaks_for("gw-1", "gw-1")
    s3.put_object(Bucket=bucket, Key=key_of("gw-1"), Body=document_of(ENTRY))
    now_ms[0] += REFUSED_KEPT_MS
    for thing in ("gw-1", "gw-1:pump", "board-7", "tank"):
        assert gateways.speaks_for("gw-1", thing)
        assert not gateways.speaks_for("board-7", thing)
    for thing in ("gw-2", "gw-11", "tank2", "my-board-7"):
        assert not gateways.speaks_for("gw-1", thing)
    # A thing that is added while its batches already come is not refused for a minute.
    s3.put_object(Bucket=bucket, Key=key_of("gw-1"), Body=document_of(Entry(("tank", "press"))))
    now_ms[0] += REFUSED_KEPT_MS
    assert gateways.speaks_for("gw-1", "press")
    s3.delete_object(Bucket=bucket, Key=key_of("gw-1"))
    assert gateways.speaks_for("gw-1", "tank")  # believed for a minute
    now_ms[0] += KEPT_MS
    assert not gateways.speaks_for("gw-1", "tank")
    assert not gateways.speaks_for("../serials/x", "x")


def test_where_s3_does_not_answer_that_is_said_and_nobody_is_refused() -> None:
    nowhere = botocore.session.get_session().create_client(
        "s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with pytest.raises(GatewaysBusyError):
        S3Gateways(s3=nowhere, bucket="b", clock_ms=lambda: 0).speaks_for("gw-1", "gw-1")
