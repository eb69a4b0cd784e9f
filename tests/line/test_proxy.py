"""The proxy that the fault tests trust does what it says."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.line.proxy import FaultyProxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


@pytest.fixture
def echo_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _connected(proxy: FaultyProxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=2)
    client.sendall(b"hello")
    assert client.recv(5) == b"hello"
    return client


def test_a_cut_resets_the_connection_and_the_next_one_works(echo_port: int) -> None:
    with FaultyProxy(echo_port) as proxy:
        client = _connected(proxy)
        proxy.cut()
        with client, pytest.raises(ConnectionResetError):
            client.recv(1)
        _connected(proxy).close()
        assert proxy.faults["cut"] == 1


def test_a_stalled_connection_stays_open_and_silent(echo_port: int) -> None:
    with FaultyProxy(echo_port) as proxy, _connected(proxy) as client:
        proxy.stall()
        client.sendall(b"lost")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_half_closed_connection_ends_for_the_reader_only(echo_port: int) -> None:
    with FaultyProxy(echo_port) as proxy, _connected(proxy) as client:
        proxy.half_close()
        assert client.recv(1) == b""
        client.sendall(b"still taken")


def test_a_refusing_proxy_resets_newcomers_until_it_accepts(echo_port: int) -> None:
    with FaultyProxy(echo_port) as proxy:
        proxy.refuse()
        with (
            pytest.raises(ConnectionResetError),  # already the connecting may see it
            socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as client,
        ):
            client.recv(1)
        proxy.accept()
        _connected(proxy).close()
