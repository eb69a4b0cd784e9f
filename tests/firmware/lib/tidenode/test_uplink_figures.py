"""How long and how patiently the uplink carries, in figures; how fast is the bench's to say."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.firmware.lib.tidenode import identities, one_vm
from tests.firmware.lib.tidenode.bench import Bench
from tests.firmware.lib.tidenode.broker import Broker, Faults

OUTAGES, HANDSHAKES = 500, 1_000
GROWN_BYTES_MAX = 1_024
POURED = 45_000  # of 200 bytes: 9 MB, since the kernel holds 4
NOTICED_MS_MAX = 1_000


def test_a_slow_reader_gets_every_byte(bench: Bench) -> None:
    bench.broker.misbehave(Faults(rest_s=0.04))
    bench.broker.resume()
    with one_vm.beside(bench, "pour", port=bench.broker.port, frames=POURED) as pouring:
        bench.broker.wait_for(lambda: len(bench.broker.said) == POURED, 60)
        bench.broker.cut()
        assert pouring.result()["waited"] > 20  # there was no room, again and again
    for number, publish in enumerate(bench.broker.said):
        assert publish.payload == number.to_bytes(4, "big") * 48 + bytes(3)
    assert len(bench.broker.said) == POURED


def test_five_hundred_outages_lose_nothing_and_leave_the_heap_as_it_was(bench: Bench) -> None:
    bench.broker.misbehave(Faults(seed=7, cut=0.4, drop_puback=0.01))
    bench.broker.resume()
    ports = [bench.broker.port]
    done = one_vm.run(bench, "carry", ports=ports, losses=OUTAGES, ack_timeout_ms=300)
    assert done["lost"] == OUTAGES
    assert done["grown_bytes"] <= GROWN_BYTES_MAX, done
    numbers = {int.from_bytes(publish.payload[:4], "big") for publish in bench.broker.received}
    assert set(range(done["acknowledged"])) <= numbers, bench.broker.faults
    assert done["acknowledged"] > OUTAGES // 10


def test_a_thousand_failed_handshakes_leave_the_heap_as_it_was(bench: Bench) -> None:
    """Of ten, nine by a peer that hangs up in the middle and one by an impostor."""
    bench.broker.become(identities.server(identities.authority()))
    bench.broker.resume()
    with hanging_up() as port:
        ports = [port] * 9 + [bench.broker.port]
        done = one_vm.run(bench, "dial", host="127.0.0.1", port=port, ports=ports, times=HANDSHAKES)
    assert "not correctly signed by the trusted CA" in done["error"]
    assert done["grown_bytes"] <= GROWN_BYTES_MAX, done
    assert bench.broker.clients == []


@contextmanager
def hanging_up() -> Iterator[int]:
    """Listen on the port; whoever says anything is hung up on."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_closed_socket_is_noticed_within_a_second(bench: Bench) -> None:
    """From acknowledgement to acknowledgement, over a cut and a new connection."""
    bench.broker.misbehave(Faults(seed=2, cut=0.05))
    bench.broker.resume()
    done = one_vm.run(bench, "carry", ports=[bench.broker.port], losses=10)
    assert done["lost"] == 10
    assert done["longest_ms"] < NOTICED_MS_MAX, done


def test_a_dead_peer_is_noticed_by_keepalive(bench: Bench) -> None:
    """It takes everything and says nothing more: no acknowledgement is due, so a ping tells."""
    bench.broker.misbehave(Faults(answer_pings=False))
    bench.broker.resume()
    done = one_vm.run(
        bench, "carry", ports=[bench.broker.port], total=0, losses=1, keepalive_s=1,
        ack_timeout_ms=500, idle=True,
    )  # fmt: skip
    assert (done["connects"], done["lost"], bench.broker.pings) == (1, 1, 1)


def test_a_broker_that_moved_is_found_since_each_connection_asks_dns(
    bench: Bench, tmp_path: Path
) -> None:
    bench.broker.misbehave(Faults(seed=1, cut=0.3))
    bench.broker.resume()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Broker(folder, identities.server(bench.authority), bench.authority) as elsewhere:
        elsewhere.misbehave(Faults(seed=2, cut=0.3))
        elsewhere.resume()
        done = one_vm.run(bench, "carry", ports=[bench.broker.port, elsewhere.port], losses=6)
        assert done["asked"] == done["connects"] == 6
        assert (len(bench.broker.clients), len(elsewhere.clients)) == (3, 3)
