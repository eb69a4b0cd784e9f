"""One connection to ask questions in, before the agent runs.

Flow: enrolment <-> [session] <-> link <-> broker
Bounded: an answer of at most ANSWER_BYTES_MAX, one question at a time, each with a deadline.
"""

import asyncio
import gc

from tidenode import mqtt
from tidenode.errors import LinkError
from tidenode.inbox import Inbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.link import Link

ANSWER_BYTES_MAX = 3_072  # a certificate as PEM and a token: AWS's own clients take 2,048
_PACKET_ID = 1
_REFUSED = 0x80


class Session:
    """A connection over `link` that hears what `filters` (8 topics at most) bring.

    Without any it hears nothing, so that a message which waits for the agent goes on waiting.
    """

    def __init__(self, link: "Link", filters: "list[str]", answer_timeout_ms: int) -> None:
        self._link = link
        self._filters = filters
        self._answer_timeout_ms = answer_timeout_ms
        self._answers: list[tuple[str, bytes]] = []
        self._acknowledged = False
        if filters:
            link.inbox = Inbox(ANSWER_BYTES_MAX, self._hear, self._granted)

    async def open(self) -> None:
        """Connect, and return when all filters are in force. Raises LINK_FAILURES."""
        await self._link.open()
        if self._filters:
            body = bytes((0, _PACKET_ID))
            for one in self._filters:
                body += bytes((0, len(one))) + one.encode() + b"\x00"  # QoS 0
            head = bytearray(5)
            size = mqtt.write_head(head, 0x82, len(body))
            await self._send(bytes(head[:size]) + body, lambda: self._acknowledged)

    async def ask(self, topic: str, payload: str) -> "tuple[str, bytes]":
        """Publish, and return (topic, payload) of the answer. Raises LINK_FAILURES."""
        self._answers.clear()
        await self.publish(topic, payload.encode())
        await self._wait(lambda: self._answers)
        gc.collect()  # what comes next is copies of the answer
        return self._answers.pop()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at least once; return when the broker has acknowledged it."""
        name = topic.encode()
        frame = bytearray(mqtt.HEAD_BYTES_MAX + len(name))
        size = mqtt.write_publish_head(frame, name, _PACKET_ID, len(payload), False)
        await self._send(bytes(frame[:size]) + payload, lambda: self._acknowledged)

    def close(self) -> None:
        """End."""
        self._link.close()

    async def _send(self, frame: bytes, wanted: "Callable[[], Any]") -> None:
        self._acknowledged = False
        await self._link.send(frame)
        await self._wait(wanted)

    async def _wait(self, wanted: "Callable[[], Any]") -> None:
        await asyncio.wait_for_ms(self._receive(wanted), self._answer_timeout_ms)  # type: ignore[attr-defined]  # MicroPython's

    async def _receive(self, wanted: "Callable[[], Any]") -> None:
        while not wanted():
            for kind, number in await self._link.receive():
                if kind == mqtt.PUBACK and number == _PACKET_ID:
                    self._acknowledged = True
                elif kind == mqtt.CONNACK:
                    raise LinkError("the broker sent a second CONNACK")

    def _hear(self, topic: bytes, payload: "memoryview | None", _packet_id: int) -> None:
        text = str(topic, "utf-8")
        if text not in self._filters:
            return  # of the agent's session, which is kept: not acknowledged, it comes again there
        if payload is None:
            raise LinkError("an answer of more than %d bytes" % ANSWER_BYTES_MAX)
        self._answers.append((text, bytes(payload)))

    def _granted(self, _packet_id: int, codes: bytes) -> None:
        if [code for code in codes if code & _REFUSED]:
            raise LinkError("the broker refused a subscription")
        self._acknowledged = True
