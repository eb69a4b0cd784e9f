"""The way through a plant's proxy: the usual variables, and a tunnel through a real one."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.greengrass_components.tidegate.kinesis.endpoint import Endpoint
from tidegate.errors import GateError
from tidegate.kinesis.client import KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.errors import KinesisBusyError
from tidegate.kinesis.proxy import Proxy, proxy_for
from tidegate.segment_log import Record
from tidegate.streams.exports.aws_access import AwsAccess, AwsConnection
from tidegate.streams.exports.connection import HttpFailedError
from tidegate.streams.exports.http_sender import HttpSender
from tidegate.streams.exports.kinesis_sender import KinesisSender
from tidegate.streams.exports.sender import Sent

HOST = "kinesis.eu-west-1.amazonaws.com"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def tunnels(answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that takes one CONNECT after the other; yields its port and the heads it got."""
    heads: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass  # either end is gone
        finally:
            sink.close()

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return  # the test is over
            heads.append(client.recv(65_536))
            client.sendall(answer)
            if not answer.startswith(b"HTTP/1.1 200"):
                client.close()
                continue
            host, _, port = heads[-1].split()[1].decode().partition(":")
            far = socket.create_connection((host, int(port)))
            threading.Thread(target=carry, args=(client, far), daemon=True).start()
            threading.Thread(target=carry, args=(far, client), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], heads
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def test_records_go_through_the_tunnel_of_a_proxy() -> None:
    with Endpoint() as endpoint, tunnels() as (port, heads):
        found = proxy_for(HOST, {"HTTPS_PROXY": f"http://plant:s%40cret@127.0.0.1:{port}"})
        assert found
        assert "s@cret" not in repr(found)
        kinesis = KinesisClient(
            stream="s", region="r", credentials=CredentialSource(KEYS, lambda: 0.0),
            endpoint_url=endpoint.url, proxy=found,
        )  # fmt: skip
        kinesis.put_records([("gw-1", b"one")])
        kinesis.put_records([("gw-1", b"two")])
        kinesis.close()
        assert endpoint.taken == [("gw-1", b"one"), ("gw-1", b"two")]
    (head,) = heads  # one tunnel, kept
    assert head.startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic cGxhbnQ6c0BjcmV0" in head


def test_a_proxy_that_refuses_is_waited_out() -> None:
    with Endpoint() as endpoint, tunnels(b"HTTP/1.1 407 Who\r\n\r\n") as (port, _):
        kinesis = KinesisClient(
            stream="s", region="r", credentials=CredentialSource(KEYS, lambda: 0.0),
            endpoint_url=endpoint.url, proxy=Proxy("127.0.0.1", port),
        )  # fmt: skip
        with pytest.raises(KinesisBusyError, match="407"):
            kinesis.put_records([("gw-1", b"one")])
        assert endpoint.taken == []


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:8080"}, "proxy"),
        ({"https_proxy": "proxy.plant"}, "proxy.plant"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "localhost,.amazonaws.com"}, None),
        ({"HTTPS_PROXY": "http://proxy", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy", "no_proxy": "aws.com"}, "proxy"),
    ],
)
def test_the_usual_variables_say_whether_there_is_one(
    environment: dict[str, str], host: str | None
) -> None:
    found = proxy_for(HOST, environment)
    assert (found.host if found else None) == host


@pytest.mark.parametrize(
    "value", ["socks5://s3cret@proxy:1", "http://:80", "http://proxy:port", "[p"]
)
def test_one_that_is_none_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(GateError, match=r"^HTTPS_PROXY is no http://host:port$"):
        proxy_for(HOST, {"HTTPS_PROXY": value})


@pytest.mark.parametrize("service", ["s3", "kinesis", "http"])
def test_exports_of_the_stream_manager_go_through_a_plants_proxy(service: str) -> None:
    with tunnels(b"HTTP/1.1 407 Who\r\n\r\n") as (port, heads):
        access = AwsAccess(
            "eu-west-1", CredentialSource(KEYS, lambda: 0.0), {},
            environment={"HTTPS_PROXY": f"http://127.0.0.1:{port}", "NO_PROXY": "localhost"},
        )  # fmt: skip
        url = f"https://{service}.eu-west-1.amazonaws.com"
        sender = {
            "s3": lambda: AwsConnection(access, "s3", url).request("GET", "/"),
            "kinesis": lambda: KinesisSender(access, "s").send("s", [Record(0, 0, b"x")]),
            "http": lambda: HttpSender(url, 0, access.proxy_to(url)).send(
                "s", [Record(0, 0, b"x")]
            ),
        }[service]
        with contextlib.suppress(HttpFailedError):
            sent = sender()
            assert isinstance(sent, Sent)
            assert "407" in str(sent.error)
        assert heads[0].startswith(f"CONNECT {service}.eu-west-1.amazonaws.com:443 ".encode())
        assert access.proxy_to("https://localhost:8443/x") is None
        assert access.proxy_to("http://plain") is None
