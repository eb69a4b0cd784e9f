import random

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.streams.append_frames import append_answers, append_requests, append_to
from tidegate.streams.errors import StreamFrameError
from tidegate.streams.frame import FrameReader, Oversize, body_of, packed, request_id_in

# As AWS's SDK and server write them.
CONNECT = bytes.fromhex(
    "0000005d01a4697265717565737449646272316f70726f746f636f6c56657273696f6e65312e312e30781e6f7468"
    "6572537570706f7274656450726f746f636f6c56657273696f6e738165312e302e306a73646b56657273696f6e"
    "65312e312e32"
)
APPEND = bytes.fromhex("0000002104a369726571756573744964627232646e616d656173677061796c6f6164426869")
APPENDED = bytes.fromhex(
    "0000002709a36972657175657374496462723266737461747573006e73657175656e63654e756d62657200"
)


def test_frames_are_those_of_the_protocol() -> None:
    frames = list(FrameReader().feed(CONNECT + APPEND))
    assert [frame[0] for frame in frames if not isinstance(frame, Oversize)] == [1, 4]
    bodies = [body_of(frame[1]) for frame in frames if not isinstance(frame, Oversize)]
    assert bodies[0]["otherSupportedProtocolVersions"] == ["1.0.0"]
    assert bodies[1] == {"requestId": "r2", "name": "s", "payload": b"hi"}
    assert packed(4, bodies[1]) == append_requests(["r2"], append_to("s"), [b"hi"]) == APPEND
    assert append_answers(["r2"], 0) == APPENDED


@given(st.text(min_size=1, max_size=400), st.integers(0, (1 << 63) - 1))
def test_the_fast_answer_to_an_append_reads_as_any_other(request_id: str, sequence: int) -> None:
    (frame,) = FrameReader().feed(append_answers([request_id], sequence))
    assert not isinstance(frame, Oversize)
    expected = {"requestId": request_id, "status": 0, "sequenceNumber": sequence}
    assert (frame[0], body_of(frame[1])) == (9, expected)


@given(st.integers(0, 1 << 32), st.lists(st.binary(max_size=600), max_size=6))
def test_frames_come_out_whole_however_their_bytes_come_in(
    seed: int, payloads: list[bytes]
) -> None:
    dice = random.Random(seed)
    sent = [(dice.randrange(0, 20), payload) for payload in payloads]
    data = b"".join(
        (len(payload) + 1).to_bytes(4, "big") + bytes([operation]) + payload
        for operation, payload in sent
    )
    reader, found = FrameReader(), []
    while data:
        size = dice.randrange(1, 100)
        found += list(reader.feed(data[:size]))
        data = data[size:]
    assert found == sent


@pytest.mark.parametrize("chunk", [1, 7, 700, 5_000])
def test_a_frame_that_is_too_large_is_told_once_and_skipped(chunk: int) -> None:
    body = cbor2.dumps({"requestId": "big", "payload": bytes(3_000)})
    data = (len(body) + 1).to_bytes(4, "big") + b"\x04" + body + APPEND
    reader, found = FrameReader(frame_bytes_max=1_000), []
    for start in range(0, len(data), chunk):
        found += list(reader.feed(data[start : start + chunk]))
    oversize, (operation, payload) = found
    assert isinstance(oversize, Oversize)
    assert (oversize.operation, oversize.frame_bytes) == (4, len(body) + 1)
    assert request_id_in(oversize.payload) == "big"
    assert (operation, body_of(payload)["requestId"]) == (4, "r2")


@pytest.mark.parametrize("head", ["00000000", "ffffffff", "7fffffff"])
def test_a_length_that_is_none_ends_the_connection(head: str) -> None:
    with pytest.raises(StreamFrameError):
        list(FrameReader().feed(bytes.fromhex(head) + bytes(10)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_map_or_refused(payload: bytes) -> None:
    try:
        assert isinstance(body_of(payload), dict)
    except StreamFrameError:
        request_id_in(payload)


@given(st.integers(0, 40), st.binary(max_size=40))
def test_a_damaged_request_is_a_map_or_refused(at: int, junk: bytes) -> None:
    payload = bytearray(APPEND[5:])
    payload[at : at + len(junk)] = junk
    try:
        assert isinstance(body_of(bytes(payload)), dict)
    except StreamFrameError:
        request_id_in(bytes(payload))
