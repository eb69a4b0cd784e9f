"""Write and read the MQTT 3.1.1 packets of a publisher (OASIS standard, 29 October 2014).

Pure: bytes in, bytes out. A packet that is read comes as (kind, number); of a CONNACK the
number is session present << 8 | return code, of a PUBACK its packet id. What comes by
subscriptions goes to an inbox, where there is one.
"""

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.inbox import Inbox

CONNACK = 2
PUBLISH = 3
PUBACK = 4
SUBACK = 9
PINGRESP = 13

PINGREQ = b"\xc0\x00"
HEAD_BYTES_MAX = 9  # a publish without its topic: 1 type, 4 length, 2 topic length, 2 id

_LENGTH_MAX = 268_435_455
_BODY_BYTES = {CONNACK: 2, PUBACK: 2, PINGRESP: 0}
_FOR_INBOX = (PUBLISH, SUBACK)
# One text, which is less heap than six; the first is no refusal.
_REFUSALS = (
    ", protocol version refused, client id refused, server unavailable,"
    " bad user name or password, not authorized"
)


def write_publish_head(
    out: bytearray, topic: bytes, packet_id: int, payload_bytes: int, duplicate: bool
) -> int:
    """Write all of a QoS 1 PUBLISH that precedes its payload; return the bytes written.

    `out` holds at least HEAD_BYTES_MAX + the topic.
    """
    topic_bytes = len(topic)
    at = write_head(out, 0x3A if duplicate else 0x32, 4 + topic_bytes + payload_bytes)
    out[at] = topic_bytes >> 8
    out[at + 1] = topic_bytes & 255
    at += 2
    out[at : at + topic_bytes] = topic
    at += topic_bytes
    out[at] = packet_id >> 8
    out[at + 1] = packet_id & 255
    return at + 2


def session_present(connack: int) -> bool:
    """Return what a CONNACK says of the session. Raises LinkError where it refuses."""
    code, flags = connack & 255, connack >> 8
    if code:
        reasons = _REFUSALS.split(", ")
        reason = reasons[code] if code < len(reasons) else "unknown code"
        raise LinkError("broker refused: %s (%d)" % (reason, code))
    if flags > 1:
        raise LinkError("CONNACK flags %d" % flags)
    return flags == 1


class Reader:
    """Take bytes as they come, give packets as they end.

    The bodies of PUBLISH and SUBACK go to `inbox` as they come. Packets nobody has a use for
    (a PUBLISH to an old subscription, say) are skipped, however long, and counted in `skipped`.
    """

    def __init__(self, inbox: "Inbox | None" = None) -> None:
        self.skipped = 0
        self._inbox = inbox
        self._first = -1  # the first byte of the packet being read
        self._length = 0
        self._shift = 0
        self._left = -1  # bytes of the body to come; -1 while the length is being read
        self._number = 0

    def feed(self, data: bytes | memoryview) -> list[tuple[int, int]]:
        """Return the packets that end in `data`. Raises LinkError."""
        packets: list[tuple[int, int]] = []
        at, size = 0, len(data)
        while at < size:
            byte = data[at]
            if self._first < 0:
                self._first = byte
                self._length = self._shift = self._number = 0
                self._left = -1
                at += 1
                continue
            if self._left >= 0:
                count = min(self._left, size - at)
                self._take_body(data[at : at + count])
                at += count
            else:
                at += 1
                if self._take_length(byte):
                    continue
            if self._left == 0:
                self._end(packets)
        return packets

    def _take_length(self, byte: int) -> bool:
        """Add a byte of the length; return whether more follow."""
        self._length |= (byte & 127) << self._shift
        self._shift += 7
        if byte & 128:
            if self._shift == 28:
                raise LinkError("length of more than four bytes")
            return True
        kind = self._first >> 4
        if kind in _BODY_BYTES and (self._first & 15 or self._length != _BODY_BYTES[kind]):
            raise LinkError("packet 0x%02x of %d bytes" % (self._first, self._length))
        self._left = self._length
        return False

    def _take_body(self, part: bytes | memoryview) -> None:
        kind = self._first >> 4
        self._left -= len(part)
        if kind in _BODY_BYTES:
            for byte in part:
                self._number = (self._number << 8 | byte) & 0xFFFF
        elif self._inbox is not None and kind in _FOR_INBOX:
            self._inbox.take(part)

    def _end(self, packets: list[tuple[int, int]]) -> None:
        kind = self._first >> 4
        if kind in _BODY_BYTES:
            packets.append((kind, self._number))
        elif self._inbox is not None and kind in _FOR_INBOX:
            self._inbox.end(self._first, self._length)
        else:
            self.skipped += 1
        self._first = -1


def write_head(out: bytearray, first: int, length: int) -> int:
    """Write a packet's first byte and its length; return the bytes written."""
    if length > _LENGTH_MAX:
        raise LinkError("packet of %d bytes, at most %d" % (length, _LENGTH_MAX))
    out[0] = first
    at = 1
    while True:
        length, low = length >> 7, length & 127
        out[at] = low | 128 if length else low
        at += 1
        if not length:
            return at
