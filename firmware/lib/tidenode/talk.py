"""Everything a connection carries besides batches: subscriptions, messages, answers.

Flow: handlers <-> [talk] <-> uplink <-> broker
Bounded: FRAMES_MAX messages wait to be sent, another is refused and counted; ACKS_MAX
acknowledgements, beyond which a message is left to come again.

What is published here is at most once (QoS 0): whoever asks waits for the answer, and asks
again in the next connection, which `began` tells of. What comes may come twice.
Batches have the way first: after REFUSALS_MAX connections that ended in the middle of
subscribing, which is how AWS IoT refuses a filter, only each TRY_EVERY-th one asks again.
"""

import asyncio

from tidenode import mqtt
from tidenode.errors import LinkError
from tidenode.inbox import Inbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[str, memoryview | None], None]

FRAMES_MAX = 12
ACKS_MAX = 64  # a read of 256 bytes may end so many
FILTERS_MAX = 8  # of one SUBSCRIBE, AWS IoT's limit
REFUSALS_MAX = 3
TRY_EVERY = 16
_SUBSCRIBE_ID = 65_535  # which no batch has, so that it is never in flight
_PUBACK = b"\x40\x02"
_REFUSED = 0x80
_CHECK_MS = 50


class Talk:
    """One for the life of the agent; the connections come and go.

    `began` is called when all filters are in force: in each connection, once. `wake` tells the
    uplink that there is something to send. `asked_at_ms` is when the SUBSCRIBE went out that
    is not answered yet, else None.
    """

    def __init__(self, bytes_max: int, warn: "Callable[[str], None]") -> None:
        self.inbox = Inbox(bytes_max, self._received, self._granted)
        self.dropped = 0
        self.asked_at_ms: int | None = None
        self.wake: Callable[[], None] = _nobody
        self.began: Callable[[], None] = _nobody
        self._warn = warn
        self._filters: list[tuple[str, Handler]] = []
        self._subscribed = 0  # so many of them the broker has in our session
        self._asked = 0  # so many are in the SUBSCRIBE not yet answered
        self._refusals = 0
        self._connections = 0
        self._open = False
        self._told = False
        self._frames: list[bytes] = []
        self._acks: list[int] = []

    def subscribe(self, topic_filter: str, handler: "Handler") -> None:
        """Have `handler(topic, payload)` called with what matches; replaces the one before.

        The payload is good until the handler returns, and None if it was too long. What
        matches is told by what stands before the first wildcard.
        """
        for position, (known, _) in enumerate(self._filters):
            if known == topic_filter:
                self._filters[position] = (known, handler)
                return
        self._filters.append((topic_filter, handler))
        self.wake()

    def publish(self, topic: str, payload: "bytes | str") -> bool:
        """Send `payload` in this connection; False where there is none, or no room."""
        if not self._open or len(self._frames) >= FRAMES_MAX:
            self.dropped += 1
            return False
        name, data = topic.encode(), payload.encode() if isinstance(payload, str) else payload
        head = bytearray(5)
        used = mqtt.write_head(head, 0x30, 2 + len(name) + len(data))
        self._frames.append(b"".join((head[:used], _text_bytes(name), data)))
        self.wake()
        return True

    @property
    def begun(self) -> bool:
        """Whether all filters are in force in a connection that lives."""
        return self._told

    async def sent(self, timeout_ms: int) -> None:
        """Wait until all is sent, or that is not to be."""
        for _ in range(timeout_ms // _CHECK_MS):
            await asyncio.sleep_ms(_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
            if not self._frames and not self._acks:
                break

    def dialled(self) -> None:
        """Note that a new connection is being made: nothing of the old one is left."""
        self.inbox.restart()
        self.closed()
        self._refusals += self.asked_at_ms is not None
        self.asked_at_ms = None

    def closed(self) -> None:
        """Note that the connection is gone."""
        self._frames.clear()
        self._acks.clear()
        self._open = self._told = False

    def opened(self, kept: bool) -> None:
        """Note that the broker greeted us, and whether it has our session still."""
        self._connections += 1
        self._open = True
        if not kept:
            self._subscribed = 0

    def next_frame(self, now_ms: int) -> "bytes | None":
        """Return what to send next, None for nothing."""
        if self._acks:
            packet_id = self._acks.pop(0)
            return _PUBACK + bytes((packet_id >> 8, packet_id & 255))
        if self._subscribed < len(self._filters):
            if self.asked_at_ms is None and self._may_ask():
                self.asked_at_ms = now_ms
                return self._subscribe()
        elif not self._told:
            self._told = True
            self.began()
        return self._frames.pop(0) if self._frames else None

    def _may_ask(self) -> bool:
        return self._refusals < REFUSALS_MAX or not self._connections % TRY_EVERY

    def _subscribe(self) -> bytes:
        asked = self._filters[self._subscribed : self._subscribed + FILTERS_MAX]
        self._asked = len(asked)
        body = bytes((_SUBSCRIBE_ID >> 8, _SUBSCRIBE_ID & 255))
        for topic_filter, _ in asked:
            body += _text_bytes(topic_filter.encode()) + b"\x01"  # QoS 1 at most
        head = bytearray(5)
        used = mqtt.write_head(head, 0x82, len(body))
        return bytes(head[:used]) + body

    def _granted(self, packet_id: int, codes: bytes) -> None:
        if self.asked_at_ms is None or packet_id != _SUBSCRIBE_ID or len(codes) != self._asked:
            raise LinkError("SUBACK %d of %d filters" % (packet_id, len(codes)))
        for position, code in enumerate(codes):
            if code & _REFUSED:
                self._warn(
                    "subscription refused: %s" % self._filters[self._subscribed + position][0]
                )
        self.asked_at_ms = None
        self._refusals = 0
        self._subscribed += self._asked
        self.wake()

    def _received(self, topic: bytes, payload: "memoryview | None", packet_id: int) -> None:
        if packet_id:
            if len(self._acks) >= ACKS_MAX:
                self.dropped += 1
                return
            self._acks.append(packet_id)
            self.wake()
        try:
            text = str(topic, "utf-8")
            for topic_filter, handler in self._filters:
                if text.startswith(topic_filter.split("+")[0].split("#")[0]):
                    handler(text, payload)
                    return
            self.dropped += 1
        except Exception as error:  # the outermost edge of a handler: no message ends the link
            self._warn("message failed topic=%r: %r" % (topic, error))


def _text_bytes(data: bytes) -> bytes:
    """Return `data` with its length before it, as MQTT has texts."""
    return bytes((len(data) >> 8, len(data) & 255)) + data


def _nobody() -> None:
    pass
