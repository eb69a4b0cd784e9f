"""Where one MQTT packet ends and the next begins, and which of them a device may send.

Flow: device -> [packets] -> session
Bounded: a packet longer than PACKET_BYTES_MAX is refused by its header, before its body comes.
"""

# AWS IoT Core: 128 KB of payload; a topic of 256 bytes and MQTT 5 properties stand before it.
PACKET_BYTES_MAX = 128 * 1024 + 1024
_LENGTH_BYTES_MAX = 4  # MQTT 3.1.1, 2.2.3
_CONNECT, _PUBLISH = 1, 3
_FROM_CLIENTS = frozenset({_CONNECT, _PUBLISH, 4, 8, 10, 12, 14})  # PUBACK to DISCONNECT
_QOS_2 = 2


class PacketRefusedError(Exception):
    """The connection must end; says which packet of it AWS IoT does not take."""


class Packets:
    """Follows the packets of one connection as their bytes come, in pieces of any size."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self._count = 0

    def follow(self, data: bytes) -> None:
        """Go on by `data`; raises `PacketRefusedError` at the first header that is wrong."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            if len(self._head) == 1:
                self._check_kind(self._head[0])
            elif self._head[-1] < 0x80:  # noqa: PLR2004 the continuation bit
                self._left = self._length()
                self._head.clear()
                self._count += 1
            elif len(self._head) > _LENGTH_BYTES_MAX:
                raise PacketRefusedError("a packet whose length is malformed")

    def _check_kind(self, first: int) -> None:
        kind, qos = first >> 4, first >> 1 & 3
        if kind not in _FROM_CLIENTS:
            raise PacketRefusedError(f"a packet of type {kind}, which no device may send")
        if (kind == _CONNECT) is not (self._count == 0):
            what = "a second CONNECT" if self._count else "its first packet is not CONNECT"
            raise PacketRefusedError(what)
        if kind == _PUBLISH and qos >= _QOS_2:
            raise PacketRefusedError(f"a publish of QoS {qos}: AWS IoT has 0 and 1")

    def _length(self) -> int:
        length = sum((byte & 0x7F) << 7 * at for at, byte in enumerate(self._head[1:]))
        if length > PACKET_BYTES_MAX:
            raise PacketRefusedError(f"a packet of {length} bytes, {PACKET_BYTES_MAX} at most")
        return length
