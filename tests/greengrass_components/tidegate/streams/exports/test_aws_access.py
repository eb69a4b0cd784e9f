"""Our signatures against those of AWS's own library, for what exports send."""

import hashlib
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.greengrass_components.tidegate.streams.exports.conftest import access
from tests.greengrass_components.tidegate.streams.exports.http_endpoint import HttpEndpoint
from tidegate.streams.exports.aws_access import AwsConnection


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "body"),
    [
        ("s3", "PUT", "/bucket/a%20b/%C3%BC~_-.txt", {}, b"data"),
        ("s3", "POST", "/bucket/key", {"uploads": ""}, b""),
        ("s3", "PUT", "/b/k", {"uploadId": "a/b+c=", "partNumber": "2"}, b"x"),
        ("iotdata", "POST", "/topics/a%2Fb%20c", {"qos": "1"}, b"{}"),
    ],
)
def test_a_signature_is_that_of_botocore(
    service: str,
    method: str,
    path: str,
    query: dict[str, str],
    body: bytes,
) -> None:
    with HttpEndpoint() as server:
        connection = AwsConnection(access({}), service, server.url)
        headers = {"x-amz-meta-a": "two  words"}
        assert connection.request(method, path, query=query, headers=headers, body=body).is_success
        connection.close()
        (request,) = server.requests
    theirs = AWSRequest(method, f"{server.url}{request.path}", data=body)
    for name, value in request.headers.items():
        if name.startswith("x-amz-") and name != "x-amz-date":
            theirs.headers[name] = value
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    stamp = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 300
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials("test", "test"), service, "us-east-1"
    )
    auth._modify_request_before_signing(theirs)
    del theirs.headers["X-Amz-Date"]
    theirs.headers["X-Amz-Date"] = request.headers["x-amz-date"]
    canonical = auth.canonical_request(theirs)
    signature = auth.signature(auth.string_to_sign(theirs, canonical), theirs)
    assert f"Signature={signature}" in request.headers["authorization"], canonical
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
