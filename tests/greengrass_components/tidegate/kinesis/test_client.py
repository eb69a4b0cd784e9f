"""The light client against an endpoint on loopback, and against the local cloud's Kinesis."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from tests.greengrass_components.tidegate.kinesis.endpoint import Endpoint, Faults
from tests.local_cloud import CloudProcess
from tidegate.errors import GateError
from tidegate.kinesis.client import KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.errors import CredentialsError, KinesisBusyError, KinesisRefusedError

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
NOW_S = 1_795_000_000.0


def client(url: str, stream: str = "tidegauge", **keys: str) -> KinesisClient:
    source = CredentialSource(keys or KEYS, lambda: NOW_S)
    return KinesisClient(
        stream=stream, region="us-east-1", credentials=source, endpoint_url=url, timeout_s=5.0,
        clock_s=lambda: NOW_S,
    )  # fmt: skip


def test_records_are_put_over_one_connection_and_each_has_its_result() -> None:
    with Endpoint(Faults(throttle=0.5)) as endpoint:
        kinesis = client(endpoint.url)
        records = [("gw-1", bytes([number])) for number in range(40)]
        results = kinesis.put_records(records)
        taken = [record for record, result in zip(records, results, strict=True) if not result.code]
        assert endpoint.taken == taken
        assert 0 < len(taken) < 40
        assert {result.code for result in results} - {None} == {
            "ProvisionedThroughputExceededException"
        }
        kinesis.put_records(records)
        assert endpoint.requests[-1][0]["x-amz-target"] == "Kinesis_20131202.PutRecords"
        kinesis.close()


def test_the_local_clouds_kinesis_takes_what_the_client_puts(local_cloud: CloudProcess) -> None:
    name = "light-client"
    local_cloud.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    kinesis = client(local_cloud.facts["http_url"], name)
    results = kinesis.put_records([("gw-1", b"one"), ("gw-1", b"\x00two")])
    kinesis.close()
    assert [result.code for result in results] == [None, None]
    kept = [(r["PartitionKey"], r["Data"]) for r in local_cloud.records(name)]
    assert kept == [("gw-1", b"one"), ("gw-1", b"\x00two")]


def test_a_stream_that_is_not_there_is_refused_and_a_dead_end_is_busy(
    local_cloud: CloudProcess,
) -> None:
    with pytest.raises(KinesisRefusedError, match="ResourceNotFoundException"):
        client(local_cloud.facts["http_url"], "no-such-stream").put_records([("gw", b"x")])
    with pytest.raises(KinesisBusyError, match="ConnectionRefusedError"):
        client("http://127.0.0.1:9").put_records([("gw", b"x")])
    with Endpoint(Faults(cut=1.0)) as endpoint, pytest.raises(KinesisBusyError):
        client(endpoint.url).put_records([("gw", b"x")])
    with Endpoint(Faults(fail=1.0)) as endpoint, pytest.raises(KinesisBusyError, match="Internal"):
        client(endpoint.url).put_records([("gw", b"x")])
    with pytest.raises(GateError, match="ftp"):
        client("ftp://example")


def test_a_gateway_whose_clock_is_wrong_signs_by_awss() -> None:
    with Endpoint(Faults(refuse="InvalidSignatureException")) as endpoint:
        endpoint.date = formatdate(NOW_S + 86_400, usegmt=True)
        kinesis = client(endpoint.url)
        for _ in range(2):
            with pytest.raises(KinesisBusyError, match="InvalidSignature"):
                kinesis.put_records([("gw", b"x")])
        kinesis.close()
        dates = [headers["x-amz-date"] for headers, _ in endpoint.requests]
        assert (int(dates[1][:8]) - int(dates[0][:8])) == 1


def test_credentials_come_from_the_token_exchange_service_and_are_renewed() -> None:
    expires_s = NOW_S + 3600
    with token_exchange(expires_s) as (url, asked):
        now_s = [NOW_S]
        keys = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}
        keys["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "svcuid"
        source = CredentialSource(keys, lambda: now_s[0])
        first = source.get()
        assert (first.access_key, first.token, first.expires_at_s) == ("AKID", "session", expires_s)
        assert source.get() is first
        now_s[0] = expires_s - 200
        assert source.get() is not first
        assert asked == ["svcuid", "svcuid"]
    assert source.get().access_key == "AKID"  # the service is gone; these last a bit longer
    now_s[0] = expires_s
    with pytest.raises(CredentialsError):
        source.get()


def test_without_credentials_the_error_says_what_to_do() -> None:
    with pytest.raises(KinesisRefusedError, match=r"depend on aws.greengrass.TokenExchangeService"):
        client("http://127.0.0.1:9", HOME="/").put_records([("gw", b"x")])
    elsewhere = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://198.51.100.7/steal"}
    with pytest.raises(CredentialsError, match="not http on this machine"):
        CredentialSource(elsewhere, lambda: NOW_S).get()


@contextmanager
def token_exchange(expires_s: float) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            facts = {"AccessKeyId": "AKID", "SecretAccessKey": "s", "Token": "session"}
            expires = datetime.fromtimestamp(expires_s, UTC)
            facts["Expiration"] = expires.isoformat().replace("+00:00", "Z")
            data = json.dumps(facts).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/2016-11-01/credentialprovider/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
