"""Signatures against botocore's."""

from datetime import UTC, datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from tidegate.kinesis.sigv4 import Credentials, signed_headers


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("body", [b"", b'{"StreamName":"tidegauge"}'])
def test_a_signature_is_the_one_that_botocore_makes(token: str | None, body: bytes) -> None:
    region = "eu-west-1"
    headers = {
        "host": "kinesis.eu-west-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Kinesis_20131202.PutRecords",
    }
    url = f"https://{headers['host']}/"
    request = botocore.awsrequest.AWSRequest("POST", url, headers=headers, data=body)
    theirs = botocore.credentials.Credentials("AKID", "secret", token)
    botocore.auth.SigV4Auth(theirs, "kinesis", region).add_auth(request)
    stamp = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    ours = signed_headers(
        Credentials("AKID", "secret", token),
        region=region, service="kinesis", headers=headers, body=body,
        now_s=stamp.replace(tzinfo=UTC).timestamp(),
    )  # fmt: skip
    assert ours["authorization"] == request.headers["Authorization"]


def test_credentials_do_not_show_their_secrets() -> None:
    assert "secret" not in repr(Credentials("AKID", "secret", "token-secret"))
