"""Each way TLS can refuse, as the board sees it: an error it handles, and never a connection."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.firmware.lib.tidenode import identities, one_vm
from tests.firmware.lib.tidenode.bench import Bench


class Pem:
    """An identity whose files are PEM, which this MicroPython does not read."""

    def certificate_der(self) -> bytes:
        return b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

    def key_der(self) -> bytes:
        return b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


class Nothing:
    """An identity whose files are empty."""

    def certificate_der(self) -> bytes:
        return b""

    def key_der(self) -> bytes:
        return b""


def server_of_another_authority(bench: Bench) -> None:
    bench.broker.become(identities.server(identities.authority()))


def server_of_another_name(bench: Bench) -> None:
    bench.broker.become(identities.server(bench.authority, address="127.0.0.2"))


def expired_server(bench: Bench) -> None:
    bench.broker.become(identities.server(bench.authority, valid_days=-1))


def server_of_tomorrow(bench: Bench) -> None:
    bench.broker.become(identities.server(bench.authority, since_days=-1))


def server_of_tls_1_3(bench: Bench) -> None:
    bench.broker.speak(ssl.TLSVersion.TLSv1_3)


def key_of_another(bench: Bench) -> None:
    bench.thing = replace(bench.thing, key=identities.thing(bench.authority).key)


def thing_of_another_authority(bench: Bench) -> None:
    bench.thing = identities.thing(identities.authority())


def expired_thing(bench: Bench) -> None:
    bench.thing = identities.thing(bench.authority, valid_days=-1)


def thing_without_certificate(bench: Bench) -> None:
    bench.thing = Nothing()  # type: ignore[assignment]


def no_authority(bench: Bench) -> None:
    bench.authority = Nothing()  # type: ignore[assignment]


def thing_in_pem(bench: Bench) -> None:
    bench.thing = Pem()  # type: ignore[assignment]  # a key of another kind


def root_in_pem(bench: Bench) -> None:
    bench.authority = Pem()  # type: ignore[assignment]  # a key of another kind


# Whether the alert comes through before the end is a matter of luck.
HUNG_UP = ("OSError(-29312", "OSError(32,", "OSError(104,", "closed the connection", "-30592")
ROWS: dict[Callable[[Bench], None], tuple[str, ...]] = {
    server_of_another_authority: ("ValueError", "not correctly signed by the trusted CA"),
    server_of_another_name: ("ValueError", "does not match"),
    expired_server: ("ValueError", "validity has expired"),
    server_of_tomorrow: ("ValueError", "validity starts in the future"),
    thing_without_certificate: ("ValueError('invalid key'",),
    no_authority: ("ValueError('invalid cert'",),
    thing_in_pem: ("ValueError('invalid key'",),
    root_in_pem: ("ValueError('invalid cert'",),
}
HANGS_UP = [server_of_tls_1_3, key_of_another, thing_of_another_authority, expired_thing]


@pytest.mark.parametrize("refusal", ROWS, ids=lambda refusal: refusal.__name__)
def test_a_refusal_is_an_error_of_the_link(bench: Bench, refusal: Callable[[Bench], None]) -> None:
    refusal(bench)
    bench.broker.resume()
    done = one_vm.run(bench, "dial", host="127.0.0.1", port=bench.broker.port)
    assert all(text in done["error"] for text in ROWS[refusal]), done
    assert bench.broker.clients == []


@pytest.mark.parametrize("refusal", HANGS_UP, ids=lambda refusal: refusal.__name__)
def test_a_peer_that_can_not_agree_hangs_up(bench: Bench, refusal: Callable[[Bench], None]) -> None:
    refusal(bench)
    bench.broker.resume()
    done = one_vm.run(bench, "dial", host="127.0.0.1", port=bench.broker.port)
    assert any(text in done["error"] for text in HUNG_UP), done
    assert bench.broker.clients == []


def test_a_port_where_nobody_listens_is_an_error_of_the_link(bench: Bench) -> None:
    done = one_vm.run(bench, "dial", host="127.0.0.1", port=bench.broker.port)
    assert "OSError(111" in done["error"]


def test_a_name_that_nobody_has_is_an_error_of_the_link(bench: Bench) -> None:
    done = one_vm.run(bench, "dial", host="nobody.invalid", port=bench.broker.port)
    assert done["error"].startswith("OSError("), done


@pytest.mark.parametrize(
    ("says", "error"), [(b"", HUNG_UP), (b"HTTP/1.1 400 Bad Request\r\n\r\n", ("OSError(-",))]
)
def test_a_peer_that_ends_in_the_handshake_is_an_error_of_the_link(
    bench: Bench, says: bytes, error: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            peer, _ = server.accept()
            peer.recv(1)
            peer.sendall(says)
            peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        done = one_vm.run(bench, "dial", host="127.0.0.1", port=server.getsockname()[1])
        thread.join()
    assert any(text in done["error"] for text in error), done


def test_a_peer_that_never_answers_is_given_up(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = one_vm.run(bench, "dial", host="127.0.0.1", port=port, timeout_ms=200)
    assert done["error"].startswith("TimeoutError"), done


def test_a_link_without_a_name_to_verify_can_not_be_made(bench: Bench) -> None:
    bench.broker.resume()
    done = one_vm.run(bench, "dial", host="", port=bench.broker.port)
    assert done["error"], done
    assert bench.broker.clients == []
