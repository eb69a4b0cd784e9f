"""J1939: parameter groups from 29-bit identifiers, and long ones put together (SAE J1939-21).

Pure and passive: it listens to broadcasts (BAM) and to transfers between others (RTS), and sends
nothing, so that a gateway can't disturb a vehicle. Bounded: `SESSIONS_MAX` transfers at once, the
oldest gives way; a transfer that pauses longer than `PAUSE_NS_MAX` is dropped. Both are counted.
"""

from dataclasses import dataclass, field

SESSIONS_MAX = 256  # one a pair of addresses; a bus has a few dozen nodes
PAUSE_NS_MAX = 1_250_000_000  # T2 of J1939-21: 1250 ms
EVERYONE = 0xFF
_TP_CM, _TP_DT = 0xEC00, 0xEB00
_RTS, _BAM, _ABORT = 16, 32, 255
_BYTES_A_PACKET = 7
_BYTES_MAX = 1785  # 255 packets
_PDU2_FORMAT_MIN = 240
_FRAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Identifier:
    """A 29-bit identifier taken apart; `destination` is 255 for a message to everyone."""

    priority: int
    pgn: int
    source: int
    destination: int

    @property
    def frame_id(self) -> int:
        """Return the 29-bit identifier."""
        specific = (self.pgn >> 8 & 0xFF) < _PDU2_FORMAT_MIN
        low = self.destination if specific else self.pgn & 0xFF
        return self.priority << 26 | (self.pgn & 0x3FF00) << 8 | low << 8 | self.source


def identifier_of(frame_id: int) -> Identifier:
    """Take a 29-bit identifier apart.

    Below format 240 (PDU 1) the low byte of the parameter group is a destination, not part of
    its number.
    """
    pgn = frame_id >> 8 & 0x3FFFF
    destination = EVERYONE
    if (pgn >> 8 & 0xFF) < _PDU2_FORMAT_MIN:
        destination = pgn & 0xFF
        pgn &= 0x3FF00
    return Identifier(frame_id >> 26 & 0x7, pgn, frame_id & 0xFF, destination)


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """A parameter group as it was sent, whole."""

    identifier: Identifier
    data: bytes
    at_ns: int


@dataclass(slots=True)
class _Session:
    pgn: int
    size_bytes: int
    packets: int
    priority: int
    at_ns: int
    next_packet: int = 1
    data: bytearray = field(default_factory=bytearray)


class Assembler:
    """Puts long parameter groups together from the frames of a bus.

    `broken` counts transfers that lost a packet or paused, `malformed` those whose announcement
    can't be, `displaced` those that gave way to a newer one.
    """

    def __init__(self) -> None:
        self.broken = self.malformed = self.displaced = 0
        self._sessions: dict[tuple[int, int], _Session] = {}

    def take(self, frame_id: int, data: bytes, at_ns: int) -> ParameterGroup | None:
        """Take a frame; return the parameter group that it is or completes."""
        identifier = identifier_of(frame_id)
        if identifier.pgn == _TP_CM:
            self._manage(identifier, data, at_ns)
            return None
        if identifier.pgn == _TP_DT:
            return self._packet(identifier, data, at_ns)
        return ParameterGroup(identifier, data, at_ns)

    def _manage(self, identifier: Identifier, data: bytes, at_ns: int) -> None:
        key = (identifier.source, identifier.destination)
        if len(data) != _FRAME_BYTES:
            self.malformed += 1
            return
        control = data[0]
        if control == _ABORT:
            # Either end may abort.
            for pair in (key, key[::-1]):
                if self._sessions.pop(pair, None):
                    self.broken += 1
            return
        if control not in (_RTS, _BAM):
            return
        size_bytes, packets = int.from_bytes(data[1:3], "little"), data[3]
        needs = -(-size_bytes // _BYTES_A_PACKET)
        if not _FRAME_BYTES < size_bytes <= _BYTES_MAX or packets != needs:
            self.malformed += 1
            return
        if self._sessions.pop(key, None):
            self.broken += 1
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
            self.displaced += 1
        pgn = int.from_bytes(data[5:8], "little") & 0x3FFFF
        self._sessions[key] = _Session(pgn, size_bytes, packets, identifier.priority, at_ns)

    def _packet(self, identifier: Identifier, data: bytes, at_ns: int) -> ParameterGroup | None:
        key = (identifier.source, identifier.destination)
        session = self._sessions.get(key)
        if session is None:
            return None  # its announcement came before we listened
        late = at_ns - session.at_ns > PAUSE_NS_MAX
        if late or len(data) != _FRAME_BYTES or data[0] > session.next_packet:
            del self._sessions[key]
            self.broken += 1
            return None
        if data[0] < session.next_packet:
            return None  # sent again for another listener
        session.data += data[1:]
        session.next_packet += 1
        session.at_ns = at_ns
        if session.next_packet <= session.packets:
            return None
        del self._sessions[key]
        whole = bytes(session.data[: session.size_bytes])
        told = Identifier(session.priority, session.pgn, identifier.source, identifier.destination)
        return ParameterGroup(told, whole, at_ns)


def packets_of(identifier: Identifier, data: bytes) -> list[tuple[int, bytes]]:
    """Return the frames that carry `data`: one, or a broadcast announcement and its packets."""
    if len(data) <= _FRAME_BYTES:
        return [(identifier.frame_id, data)]
    count = -(-len(data) // _BYTES_A_PACKET)
    head = bytes([_BAM, *len(data).to_bytes(2, "little"), count, 0xFF])
    head += identifier.pgn.to_bytes(3, "little")
    manage = Identifier(7, _TP_CM, identifier.source, EVERYONE).frame_id
    carry = Identifier(7, _TP_DT, identifier.source, EVERYONE).frame_id
    frames = [(manage, head)]
    for number in range(count):
        part = data[number * _BYTES_A_PACKET : (number + 1) * _BYTES_A_PACKET]
        frames.append((carry, bytes([number + 1]) + part.ljust(_BYTES_A_PACKET, b"\xff")))
    return frames
