"""What no well-behaved client does, spoken to the real server over a plain socket."""

import random
import socket
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tidegate.streams.frame import FrameReader, Oversize, body_of, packed
from tidegate.streams.status import Status


def cut(frame: bytes, count: int) -> bytes:
    """Return a frame whose map ends too early."""
    return (len(frame) - 4 - count).to_bytes(4, "big") + frame[4:-count]


CONNECT = {"requestId": "c", "protocolVersion": "1.1.0", "authToken": TOKEN}


class Plain:
    """A connection of a client that may do anything."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._reader = FrameReader(1 << 30)
        self._held: list[tuple[int, bytes] | Oversize] = []
        self._greeted = False

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> tuple[int, dict[str, Any]] | None:
        """Return the next frame, None where the server has closed."""
        while not self._held:
            data = self.socket.recv(65_536)
            if not data:
                return None
            if not self._greeted:
                assert data[0] == 1
                self._greeted, data = True, data[1:]
            self._held += list(self._reader.feed(data))
        frame = self._held.pop(0)
        assert not isinstance(frame, Oversize)
        return frame[0], body_of(frame[1])

    def enter(self) -> "Plain":
        self.send(b"\x01" + packed(1, CONNECT))
        answer = self.receive()
        assert answer
        assert answer[1]["status"] == Status.SUCCESS
        return self


@pytest.fixture
def plain(manager: Manager) -> Iterator[Plain]:
    plain = Plain(manager.port)
    yield plain
    plain.socket.close()


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"\x02" + packed(1, CONNECT), Status.UNSUPPORTED_CONNECT_VERSION),
        (b"\x01" + packed(11, {"requestId": "c"}), Status.UNEXPECTED_OPERATION),
        (
            b"\x01" + packed(1, {**CONNECT, "protocolVersion": "2.0.0"}),
            Status.UNSUPPORTED_PROTOCOL_VERSION,
        ),
        (
            b"\x01" + packed(1, {**CONNECT, "protocolVersion": "new"}),
            Status.INVALID_PROTOCOL_VERSION,
        ),
        (b"\x01" + packed(1, {**CONNECT, "authToken": 7}), Status.UNAUTHORIZED),
        (b"\x01" + packed(1, {"protocolVersion": "1.1.0"}), Status.UNAUTHORIZED),
    ],
)
def test_who_does_not_begin_well_is_told_and_cut_off(
    plain: Plain, first: bytes, status: Status
) -> None:
    plain.send(first)
    answer = plain.receive()
    assert answer
    assert (answer[0], answer[1]["status"]) == (6, status)
    assert answer[1]["supportedProtocolVersions"] == ["1.1.0", "1.0.0"]
    assert plain.receive() is None


@pytest.mark.parametrize(
    ("asked", "others", "chosen"),
    [
        ("1.1.0", None, "1.1.0"),
        ("1.0.0", [], "1.0.0"),
        ("2.0.0", ["9.9.9", "1.0.0"], "1.0.0"),
        ("1.9.0", ["1.1.0", "1.0.0"], "1.1.0"),
    ],
)
def test_the_first_version_that_both_speak_is_chosen(
    plain: Plain, asked: str, others: list[str] | None, chosen: str
) -> None:
    body = {**CONNECT, "protocolVersion": asked, "otherSupportedProtocolVersions": others, "new": 1}
    plain.send(b"\x01" + packed(1, body))
    answer = plain.receive()
    assert answer
    assert (answer[1]["requestId"], answer[1]["protocolVersion"]) == ("c", chosen)


def test_a_client_need_not_wait_for_its_admission(plain: Plain) -> None:
    plain.send(b"\x01" + packed(1, CONNECT) + packed(11, {"requestId": "l", "unknown": [1]}))
    answers = [plain.receive(), plain.receive()]
    assert answers[1] == (12, {"requestId": "l", "status": 0, "streams": []})


def test_bad_requests_are_answered_one_by_one_and_good_ones_between_them(plain: Plain) -> None:
    plain.enter()
    long_id = "i" * 300
    definition = {"name": "s", "strategyOnFull": 0}
    requests: list[tuple[bytes, int, int]] = [
        (packed(2, {"requestId": "1", "definition": definition}), 7, Status.SUCCESS),
        (packed(1, {**CONNECT, "requestId": "2"}), 6, Status.UNEXPECTED_OPERATION),
        (packed(99, {"requestId": "3"}), 17, Status.UNKNOWN_OPERATION),
        (packed(6, {"requestId": "4"}), 17, Status.UNKNOWN_OPERATION),
        (packed(4, {"requestId": "5", "name": "s"}), 9, Status.INVALID_REQUEST),
        (packed(4, {"requestId": "6", "name": "s", "payload": b""}), 9, Status.INVALID_REQUEST),
        (packed(4, {"requestId": "7", "name": "s", "payload": "t"}), 9, Status.INVALID_REQUEST),
        (packed(4, {"requestId": "8", "name": ["s"], "payload": b"x"}), 9, 5),
        (packed(4, {"requestId": long_id, "name": "s", "payload": b"x"}), 9, Status.SUCCESS),
        (packed(2, {"requestId": "a"}), 7, Status.INVALID_REQUEST),
        (packed(2, {"requestId": "b", "definition": {"name": "a/b"}}), 7, Status.INVALID_REQUEST),
        (packed(5, {"requestId": "c", "streamName": "s", "readMessagesOptions": {
            "minMessageCount": 3, "maxMessageCount": 2}}), 10, Status.INVALID_REQUEST),
        (packed(5, {"requestId": "d", "streamName": "s", "readMessagesOptions": 4}), 10, 0),
        (cut(packed(11, {"requestId": "e", "z": b"abc"}), 2), 12, Status.INVALID_REQUEST),
        (packed(3, {"requestId": "f", "name": "s"}), 8, Status.SUCCESS),
    ]  # fmt: skip
    plain.send(b"".join(request for request, _, _ in requests))
    for request, operation, status in requests:
        answer = plain.receive()
        assert answer
        assert (answer[0], answer[1]["status"]) == (operation, status), (request, answer)
        assert ("errorMessage" in answer[1]) == (status != Status.SUCCESS)


@pytest.mark.parametrize(
    "request_frame",
    [packed(11, {}), packed(4, {"requestId": 7}), b"\x00\x00\x00\x01\x0b", bytes(9)],
)
def test_a_request_that_cannot_be_answered_ends_its_connection_alone(
    manager: Manager, plain: Plain, request_frame: bytes
) -> None:
    other = Plain(manager.port).enter()
    plain.enter().send(request_frame)
    assert plain.receive() is None
    other.send(packed(11, {"requestId": "l"}))
    assert other.receive() == (12, {"requestId": "l", "status": 0, "streams": []})
    other.socket.close()


def test_random_frames_never_stop_the_server(manager: Manager) -> None:
    dice = random.Random(17)
    values: list[Any] = [None, -1, 1 << 70, 1.5, "s", b"x", [], {}, {"name": "s"}, True, ["s"]]
    keys = ["name", "payload", "definition", "streamName", "readMessagesOptions", "requestId"]
    for _ in range(60):
        plain = Plain(manager.port).enter()
        frames = []
        for number in range(20):
            body = {"requestId": str(number)} | {
                dice.choice(keys[:-1]): dice.choice(values) for _ in range(dice.randrange(4))
            }
            payload = bytearray(cbor2.dumps(body))
            if dice.random() < 0.3:
                payload[dice.randrange(len(payload))] = dice.randrange(256)
            frames.append(
                (len(payload) + 1).to_bytes(4, "big") + bytes([dice.randrange(20)]) + payload
            )
        plain.send(b"".join(frames))
        plain.socket.shutdown(socket.SHUT_WR)
        while plain.receive():
            pass
        plain.socket.close()
    other = Plain(manager.port).enter()
    other.send(packed(11, {"requestId": "l"}))
    assert other.receive()
    other.socket.close()


def test_the_unix_socket_is_its_owners_alone(manager: Manager) -> None:
    assert manager.socket_path
    assert manager.socket_path.stat().st_mode & 0o077 == 0
