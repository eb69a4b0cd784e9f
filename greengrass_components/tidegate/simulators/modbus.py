"""A Modbus server with faults: as slow, as deaf and as picky as devices are.

Flow: client -> [server] -> client
Bounded: `WAITING_MAX` requests of one connection wait for their answer; beyond it the connection
is closed. Over TCP every request of a segment is answered, in order. Purely asyncio, so that it
can stand beside what it tests, or in a process of its own.
"""

import asyncio
import random
import struct
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from tidegate.modbus.address import Table
from tidegate.modbus.function import Function

WAITING_MAX = 256
_TABLE_NUMBERS = 65_536
_COIL_ON = 0xFF00
_FRAME_BYTES_MIN = 8
_PDU_BYTES_MAX = 253


class _RefusedError(Exception):
    """The answer is an exception; `args[0]` is its code."""


@dataclass(slots=True)
class ModbusUnit:
    """The tables of one unit; all numbers are there, but for those in `absent`.

    `registers_max` and `bits_max` are what one request may read. `functions` are those it knows.
    `on_write` hears of what was written: table, first number, count.
    """

    absent: list[tuple[Table, int, int]] = field(default_factory=list)
    registers_max: int = 125
    bits_max: int = 2_000
    functions: frozenset[int] = frozenset((*Table, *Function))
    on_write: Callable[[Table, int, int], None] | None = None
    registers: dict[Table, "array[int]"] = field(init=False)
    bits: dict[Table, bytearray] = field(init=False)

    def __post_init__(self) -> None:
        self.registers = {
            table: array("H", bytes(2 * _TABLE_NUMBERS)) for table in (Table.HOLDING, Table.INPUT)
        }
        self.bits = {table: bytearray(_TABLE_NUMBERS) for table in (Table.COIL, Table.DISCRETE)}

    def put(self, table: Table, first: int, data: bytes) -> None:
        """Set registers from bytes, the high byte of each first."""
        self.registers[table][first : first + len(data) // 2] = array(
            "H", struct.unpack(f">{len(data) // 2}H", data)
        )

    def answer(self, pdu: bytes) -> bytes:
        """Return the answer to a request, both without address and check sum."""
        function = pdu[0]
        try:
            if function not in self.functions:
                raise _RefusedError(1)
            if function in frozenset(Table):
                return bytes((function,)) + self._read(Table(function), pdu)
            return bytes((function,)) + self._write(function, pdu)
        except _RefusedError as refused:
            return bytes((function | 0x80, refused.args[0]))
        except (struct.error, IndexError):
            return bytes((function | 0x80, 3))

    def _read(self, table: Table, pdu: bytes) -> bytes:
        first, count = struct.unpack_from(">HH", pdu, 1)
        if not 1 <= count <= (self.bits_max if table.is_bits else self.registers_max):
            raise _RefusedError(3)
        self._check(table, first, count)
        if not table.is_bits:
            words = self.registers[table][first : first + count]
            return struct.pack(f">B{count}H", 2 * count, *words)
        bits = self.bits[table][first : first + count]
        packed = sum(bit << place for place, bit in enumerate(bits))
        length = -(-count // 8)
        return bytes((length,)) + packed.to_bytes(length, "little")

    def _write(self, function: int, pdu: bytes) -> bytes:
        first, value = struct.unpack_from(">HH", pdu, 1)
        table = (
            Table.COIL if function in (Function.WRITE_COIL, Function.WRITE_COILS) else Table.HOLDING
        )
        several = (Function.WRITE_COILS, Function.WRITE_REGISTERS)
        count = value if function in several else 1
        self._check(table, first, count)
        if function == Function.WRITE_COIL:
            if value not in (0, _COIL_ON):
                raise _RefusedError(3)
            self.bits[table][first] = value == _COIL_ON
        elif function == Function.WRITE_REGISTER:
            self.registers[table][first] = value
        elif function == Function.WRITE_COILS:
            packed = int.from_bytes(pdu[6 : 6 + pdu[5]], "little")
            for place in range(count):
                self.bits[table][first + place] = packed >> place & 1
        elif function == Function.WRITE_REGISTERS:
            if pdu[5] != 2 * count or len(pdu) != 6 + 2 * count:
                raise _RefusedError(3)
            self.put(table, first, pdu[6:])
        else:
            (or_mask,) = struct.unpack_from(">H", pdu, 5)
            before = self.registers[table][first]
            self.registers[table][first] = (before & value) | (or_mask & ~value & 0xFFFF)
        if self.on_write:
            self.on_write(table, first, count)
        return pdu[1:7] if function == Function.MASK_WRITE else pdu[1:5]

    def _check(self, table: Table, first: int, count: int) -> None:
        last = first + count - 1
        if last >= _TABLE_NUMBERS:
            raise _RefusedError(2)
        for of, begin, end in self.absent:
            if of == table and first <= end and last >= begin:
                raise _RefusedError(2)


@dataclass(slots=True)
class ModbusFaults:
    """Faults that may change while the server runs.

    `dead` units don't answer; `exceptions` and `lost` are shares of answers that are "device
    failure", or none. `target_silent`: the gateway answers for dead units, with exception 11.
    """

    round_trip_ms: float = 0.0
    dead: set[int] = field(default_factory=set)
    exceptions: float = 0.0
    lost: float = 0.0
    target_silent: bool = False
    seed: int = 0


class ModbusServer:
    """Serves `units` on a port of loopback (0 takes a free one); `rtu` is RTU over TCP.

    One connection is one line: its requests are answered one after the other, each a round trip
    after the one before it at the earliest. `requests` counts by unit.
    """

    def __init__(
        self,
        units: Mapping[int, ModbusUnit],
        *,
        port: int = 0,
        rtu: bool = False,
        faults: ModbusFaults | None = None,
    ) -> None:
        self.units, self.port, self.rtu = dict(units), port, rtu
        self.faults = faults or ModbusFaults()
        self.dice = random.Random(self.faults.seed)  # noqa: S311  faults, no secret
        self.requests: Counter[int] = Counter()
        self.lines: set[_Line] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for line in tuple(self.lines):
            line.abort()

    def answer(self, unit_number: int, pdu: bytes) -> bytes | None:
        """Return the answer of a unit, None where it gives none."""
        self.requests[unit_number] += 1
        faults = self.faults
        unit = self.units.get(unit_number)
        if unit is None or unit_number in faults.dead:
            return bytes((pdu[0] | 0x80, 11)) if faults.target_silent else None
        if faults.lost and self.dice.random() < faults.lost:
            return None
        if faults.exceptions and self.dice.random() < faults.exceptions:
            return bytes((pdu[0] | 0x80, 4))
        return unit.answer(pdu)


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting = 0
        self._free_at_s = 0.0
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._server.lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._server.lines.discard(self)
        self._transport = None

    def abort(self) -> None:
        """Break the connection."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while frame := self._next_rtu() if self._server.rtu else self._next_tcp():
                self._serve(*frame)
        except ValueError:
            self.abort()

    def _next_tcp(self) -> tuple[bytes, int, bytes] | None:
        """Take a frame: head to answer with, unit, PDU. Raises `ValueError` for none."""
        if len(self._buffer) < _FRAME_BYTES_MIN:
            return None
        transaction, protocol, length, unit = struct.unpack_from(">HHHB", self._buffer)
        if protocol or not 1 < length <= _PDU_BYTES_MAX + 1:
            raise ValueError("no Modbus TCP")
        if len(self._buffer) < 6 + length:
            return None
        pdu, self._buffer = self._buffer[7 : 6 + length], self._buffer[6 + length :]
        return struct.pack(">HH", transaction, 0), unit, pdu

    def _next_rtu(self) -> tuple[bytes, int, bytes] | None:
        """Take a frame; what has a wrong check sum is dropped, as a device does."""
        buffer = self._buffer
        if len(buffer) < _FRAME_BYTES_MIN:
            return None
        length = {15: 9 + buffer[6], 16: 9 + buffer[6], 22: 10}.get(buffer[1], 8)
        if len(buffer) < length:
            return None
        frame, self._buffer = buffer[:length], buffer[length:]
        if check_sum(frame[:-2]) != frame[-2:]:
            self._buffer = b""
            return None
        return b"", frame[0], frame[1:-2]

    def _serve(self, head: bytes, unit: int, pdu: bytes) -> None:
        answer = self._server.answer(unit, pdu)
        if answer is None:
            return
        if self._server.rtu:
            body = bytes((unit,)) + answer
            frame = body + check_sum(body)
        else:
            frame = head + struct.pack(">HB", len(answer) + 1, unit) + answer
        round_trip_s = self._server.faults.round_trip_ms / 1000
        if not round_trip_s:
            self._send(frame)
            return
        self._waiting += 1
        if self._waiting > WAITING_MAX:
            raise ValueError("too many requests wait")
        self._free_at_s = max(self._free_at_s, self._loop.time()) + round_trip_s
        self._loop.call_at(self._free_at_s, self._send_late, frame)

    def _send_late(self, frame: bytes) -> None:
        self._waiting -= 1
        self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._transport:
            self._transport.write(frame)


def check_sum(data: bytes) -> bytes:
    """Return the CRC-16 of RTU, low byte first (Modbus over Serial Line V1.02, appendix B)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")
