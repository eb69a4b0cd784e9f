"""The functions as Lambda calls them: wired from the environment, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.cloud.tidecloud.store.servers import InfluxServer, TimestreamServer
from tests.cloud.tidecloud.test_pipeline import batch
from tidecloud import Record, SettingsError, entry


class AwsServer:
    """Secrets Manager with one secret, and S3 that keeps what is put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.secrets_read = 0
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
                self.rfile.read(int(self.headers["content-length"]))
                aws.secrets_read += 1
                self._answer(json.dumps({"SecretString": '{"token": "t0ken"}'}).encode())

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                aws.objects[self.path] = body
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test output quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    server = AwsServer()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("STORE_ENGINE", "STORE_URL", "STORE_SECRET_ARN", "STORE_DATABASE",
                 "QUARANTINE_BUCKET", "FLEET_BUCKET"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    entry._ingest.cache_clear()
    entry._query.cache_clear()
    entry._admit.cache_clear()
    yield server
    entry._ingest.cache_clear()
    entry._query.cache_clear()
    entry._admit.cache_clear()
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def test_the_functions_store_set_aside_and_answer(
    aws: AwsServer,
    monkeypatch: pytest.MonkeyPatch,
    make_record: Callable[..., Record],
    envelope: Callable[..., bytes],
    event_of: Callable[[Sequence[Record]], dict[str, Any]],
) -> None:
    influx = InfluxServer(token="t0ken")
    with influx.running():
        monkeypatch.setenv("STORE_ENGINE", "influxdb")
        monkeypatch.setenv("STORE_URL", influx.url)
        monkeypatch.setenv("STORE_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:0:secret:s")
        monkeypatch.setenv("STORE_DATABASE", "tidegauge")
        monkeypatch.setenv("QUARANTINE_BUCKET", "aside")
        event = event_of([make_record(envelope(batch())), make_record(b"poison", 2)])
        for _ in range(2):
            assert entry.ingest(event, None) == {"batchItemFailures": []}
        assert len(influx.tables["climate"]) == 2
        assert len(influx.tables["tidegauge_ledger"]) == 1
        ((path, body),) = aws.objects.items()
        assert "/envelope/2026/05/28/" in path
        assert json.loads(body)["reason"] == "envelope"
        assert aws.secrets_read == 1

        influx.answer_lines = ['{"n":1}']
        answer = entry.query({"body": '{"sql": "SELECT 1 AS n"}'}, None)
        assert json.loads(answer["body"])["rows"] == [[1]]


def test_liveanalytics_is_wired_from_the_environment_alone(
    aws: AwsServer,
    monkeypatch: pytest.MonkeyPatch,
    make_record: Callable[..., Record],
    envelope: Callable[..., bytes],
    event_of: Callable[[Sequence[Record]], dict[str, Any]],
) -> None:
    timestream = TimestreamServer()
    with timestream.running():
        monkeypatch.setenv("AWS_ENDPOINT_URL", timestream.url)
        monkeypatch.setenv("STORE_ENGINE", "liveanalytics")
        monkeypatch.setenv("STORE_DATABASE", "tidegauge")
        monkeypatch.setenv("QUARANTINE_BUCKET", "aside")
        event = event_of([make_record(envelope(batch()))])
        assert entry.ingest(event, None) == {"batchItemFailures": []}
        assert len(timestream.tables["climate"]) == 2
    assert aws.objects == {}


def test_a_function_without_its_environment_says_what_is_missing(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"STORE_ENGINE.*STORE_DATABASE is missing"):
        entry.ingest({"Records": []}, None)
    monkeypatch.setenv("STORE_ENGINE", "liveanalytics")
    monkeypatch.setenv("STORE_DATABASE", "tidegauge")
    with pytest.raises(SettingsError, match="QUARANTINE_BUCKET is missing"):
        entry.ingest({"Records": []}, None)
    with pytest.raises(SettingsError, match="FLEET_BUCKET is missing"):
        entry.admit({}, None)
    monkeypatch.setenv("FLEET_BUCKET", "fleet")
    assert entry.admit({}, None)["allowProvisioning"] is False
    assert aws.objects == {}
