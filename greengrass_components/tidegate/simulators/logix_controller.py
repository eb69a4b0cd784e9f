"""The plant as a Logix controller keeps it: tags over EtherNet/IP (CIP volumes 1 and 2).

A stand-in for the services that a reader of tags needs: sessions, identity, forward open and
close (both sizes), unconnected send, the list of tags, read, fragmented read, write, and several
services in one packet. Tags are named `tank_level_m`; `tank_levels_m` is an array of the last
levels, `batch_name` a STRING that can be written. Bounded: one request at a time and connection.
"""

import asyncio
import contextlib
import random
import struct
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Self

from tidegate.simulators import logix_text
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import POINTS, Kind, Point, Reading

LEVELS, TEXT = "tank_levels_m", "batch_name"
_LEVELS_KEPT = 1200  # longer than one packet, so that a read comes in fragments
_HEADER_BYTES = 24
_NAME = b"1756-L83E/B TIDEGAUGE"
_IDENTITY = struct.pack("<HHHBBHI", 1, 14, 166, 33, 11, 0x3060, 0x7C0FFEE)
_REGISTER, _UNREGISTER, _LIST_IDENTITY, _SEND_RR, _SEND_UNIT = 0x65, 0x66, 0x63, 0x6F, 0x70
_CODES = {Kind.FLOAT32: 0xCA, Kind.UINT16: 0xC7, Kind.UINT32: 0xC8, Kind.BOOL: 0xC1}
_FORMATS = {Kind.FLOAT32: "<f", Kind.UINT16: "<H", Kind.UINT32: "<I", Kind.BOOL: "<B"}
_NO_RESOURCES, _TOO_MUCH = 0x02, 0x15
_UNKNOWN_PATH, _NO_SERVICE, _MORE, _BAD_VALUE, _TWO_FEW, _WRONG_TYPE, _READ_ONLY, _SOME_FAILED = (
    0x05, 0x08, 0x06, 0x09, 0x13, 0xFF, 0x0F, 0x1E,
)  # fmt: skip
_OF_TAGS = (0x4C, 0x52, 0x4D)  # services: read, read a fragment, write
_LIST_BYTES_MAX, _READ_BYTES_MAX = 400, 3900  # of one answer; the latter of a large open
_ARRAY_BIT = 1 << 13
_EXTERNAL_ACCESS = 10  # an attribute of symbols


@dataclass(frozen=True, slots=True)
class _Path:
    """A request's path: the class and instance it names, or a tag's name and an index."""

    class_id: int = 0
    instance: int = 0
    name: str = ""
    index: int | None = None


class _RefusedError(Exception):
    """The request gets this general status."""

    def __init__(self, status: int, data: bytes = b"") -> None:
        super().__init__(status)
        self.status, self.data = status, data


class LogixController:
    """Serves `plant` on loopback; tags of `dead` equipment are not there.

    `exceptions` is the share of readings and writings of a tag that are refused for want of
    resources. `requests` counts packets, `services` what stood in them.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        dead: Collection[str] = (),
        round_trip_ms: float = 0.0,
        exceptions: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.port = port
        self.requests = self.services = 0
        self._plant = plant
        self._round_trip_s = round_trip_ms / 1000
        self._exceptions, self._dice = exceptions, random.Random(seed)  # noqa: S311  faults
        self._points = {tag_of(p): p for p in POINTS if p.equipment not in dead}
        self._names = [*self._points, LEVELS, TEXT]
        self.text = ""
        self._levels = deque([0.0] * _LEVELS_KEPT, maxlen=_LEVELS_KEPT)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: dict[int, bytes] = {}  # ours -> the originator's
        self._next = 0x1000

    async def __aenter__(self) -> Self:
        await self.show()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def add(self, equipment: str) -> None:
        """Have the tags of `equipment` that was dead, as after an edit of the program online."""
        added = {tag_of(p): p for p in POINTS if p.equipment == equipment}
        self._points |= added
        self._names += [name for name in added if name not in self._names]

    def remove(self, equipment: str) -> None:
        """Have the tags of `equipment` no more; the numbers of the others stay."""
        self._points = {name: p for name, p in self._points.items() if p.equipment != equipment}

    async def show(self) -> None:
        """Note the level; every other tag is read from the plant when asked for."""
        self._levels.append(float(self._plant.measured["tank.level_m"]))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    header = await reader.readexactly(_HEADER_BYTES)
                    command, size, session = struct.unpack_from("<HHI", header)
                    body = await reader.readexactly(size)
                    self.requests += 1
                    await asyncio.sleep(self._round_trip_s)
                    if command == _UNREGISTER:
                        return
                    if command == _REGISTER:
                        session = self._number()
                    status, reply = self._encapsulated(command, body)
                    writer.write(
                        struct.pack("<HHII", command, len(reply), session, status)
                        + header[12:20]
                        + bytes(4)
                        + reply
                    )
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _encapsulated(self, command: int, body: bytes) -> tuple[int, bytes]:
        """Return status and data of the answer to an encapsulated command."""
        if command == _REGISTER:
            return 0, body
        if command == _LIST_IDENTITY:
            item = struct.pack("<H", 1) + struct.pack(">HHI8x", 2, self.port, 0x7F000001)
            item += _IDENTITY + bytes([len(_NAME)]) + _NAME + b"\x03"
            return 0, struct.pack("<HHH", 1, 0x0C, len(item)) + item
        if command == _SEND_RR:
            reply = self._message(body[16:])
            return 0, body[:6] + struct.pack("<HHHHH", 2, 0, 0, 0xB2, len(reply)) + reply
        if command == _SEND_UNIT:
            connection = struct.unpack_from("<I", body, 12)[0]
            if connection not in self._connections:
                return 0x64, b""  # an invalid session handle
            sequence = body[20:22]
            reply = sequence + self._message(body[22:])
            head = struct.pack("<HHH", 2, 0xA1, 4) + self._connections[connection]
            return 0, body[:6] + head + struct.pack("<HH", 0xB1, len(reply)) + reply
        return 1, b""  # an unsupported command

    def _message(self, request: bytes) -> bytes:
        """Return the reply to a message router request."""
        service, words = request[0], request[1]
        self.services += 1
        data = request[2 + 2 * words :]
        try:
            path = _path_of(request[2 : 2 + 2 * words])
            if path.class_id == 0x06 and service == 0x52:  # noqa: PLR2004  unconnected send
                size = struct.unpack_from("<H", data, 2)[0]
                return self._message(data[4 : 4 + size])
            reply = self._do(service, path, data)
            status = 0
        except _RefusedError as refused:
            status, reply = refused.status, refused.data
        except (struct.error, IndexError):
            status, reply = _TWO_FEW, b""
        return bytes([service | 0x80, 0, status, 0]) + reply

    def _do(self, service: int, path: _Path, data: bytes) -> bytes:
        do: dict[tuple[int, int], Callable[[], bytes]] = {
            (0x06, 0x54): lambda: self._open(data),
            (0x06, 0x5B): lambda: self._open(data),
            (0x06, 0x4E): lambda: data[2:10] + bytes(2),
            (0x01, 0x01): lambda: _IDENTITY + bytes([len(_NAME)]) + _NAME,
            (0x64, 0x01): lambda: struct.pack("<H", 5) + b"PLANT",
            (0x02, 0x0A): lambda: self._several(data),
            (0x6C, 0x03): logix_text.template_attributes,
            (0x6C, 0x4C): lambda: logix_text.template(struct.unpack_from("<I", data)[0]),
            (0x6B, 0x55): lambda: self._list(path, data),
            (0x6B, 0x4C): lambda: self._read(path, data, 0),
            (0x6B, 0x52): lambda: self._read(path, data, struct.unpack_from("<I", data, 2)[0]),
            (0x6B, 0x4D): lambda: self._write(path, data),
        }
        if (path.class_id, service) not in do:
            raise _RefusedError(_NO_SERVICE)
        is_of_a_tag = path.class_id == 0x6B and service in _OF_TAGS  # noqa: PLR2004  symbols
        if is_of_a_tag and self._dice.random() < self._exceptions:
            raise _RefusedError(_NO_RESOURCES)
        return do[path.class_id, service]()

    def _open(self, data: bytes) -> bytes:
        connection = self._number()
        self._connections[connection] = data[6:10]
        return struct.pack("<I", connection) + data[6:18] + data[22:26] * 2 + bytes(2)

    def _several(self, data: bytes) -> bytes:
        count = struct.unpack_from("<H", data)[0]
        starts = struct.unpack_from(f"<{count}H", data, 2)
        ends = (*starts[1:], len(data))
        replies = [self._message(data[start:end]) for start, end in zip(starts, ends, strict=True)]
        offset = 2 + 2 * count
        head = struct.pack("<H", count)
        for reply in replies:
            head += struct.pack("<H", offset)
            offset += len(reply)
        answer = head + b"".join(replies)
        if any(reply[2] for reply in replies):
            raise _RefusedError(_SOME_FAILED, answer)
        return answer

    def _list(self, path: _Path, data: bytes) -> bytes:
        if path.name:
            raise _RefusedError(_UNKNOWN_PATH)  # it has no programs
        count = struct.unpack_from("<H", data)[0]
        with_access = _EXTERNAL_ACCESS in struct.unpack_from(f"<{count}H", data, 2)
        out = b""
        for instance in range(max(1, path.instance), len(self._names) + 1):
            if len(out) > _LIST_BYTES_MAX:
                raise _RefusedError(_MORE, out)
            name = self._names[instance - 1]
            if not self._has(name):
                continue
            code = self._code(name)
            size = 0 if name != LEVELS else _LEVELS_KEPT
            out += struct.pack("<IH", instance, len(name)) + name.encode()
            # 1 << 26: the tag is no alias.
            out += struct.pack("<HIIIIII", code, 0, 0, 1 << 26, size, 0, 0)
            out += b"\x00" if with_access else b""
        return out

    def _tag(self, path: _Path) -> str:
        if self._has(path.name):
            return path.name
        if not path.name and 0 < path.instance <= len(self._names):
            name = self._names[path.instance - 1]
            if self._has(name):
                return name
        raise _RefusedError(_UNKNOWN_PATH)

    def _has(self, name: str) -> bool:
        return name in (LEVELS, TEXT) or name in self._points

    def _code(self, name: str) -> int:
        if name == TEXT:
            return logix_text.TYPE_CODE
        return 0xCA | _ARRAY_BIT if name == LEVELS else _CODES[self._points[name].kind]

    def _read(self, path: _Path, data: bytes, offset: int) -> bytes:
        name, elements = self._tag(path), struct.unpack_from("<H", data)[0]
        if name == TEXT:
            return logix_text.STRUCTURE + logix_text.pack(self.text)[offset:]
        if name != LEVELS:
            point = self._points[name]
            value = self._plant.measured[point.path]
            if point.kind is Kind.BOOL:
                value = 0xFF if value else 0
            packed = struct.pack(_FORMATS[point.kind], value)
            return struct.pack("<H", _CODES[point.kind]) + packed[offset:]
        first = path.index or 0
        if first + elements > _LEVELS_KEPT:
            raise _RefusedError(_WRONG_TYPE)
        values = list(self._levels)[first : first + elements]
        packed = struct.pack(f"<{elements}f", *values)[offset:]
        answer = struct.pack("<H", 0xCA) + packed[:_READ_BYTES_MAX]
        if len(packed) > _READ_BYTES_MAX:
            raise _RefusedError(_MORE, answer)
        return answer

    def _write(self, path: _Path, data: bytes) -> bytes:
        name = self._tag(path)
        if name == TEXT:
            return self._write_text(data)
        point = self._points.get(name)
        if point is None or not point.writable:
            raise _RefusedError(_READ_ONLY)
        if struct.unpack_from("<H", data)[0] != _CODES[point.kind]:
            raise _RefusedError(_WRONG_TYPE, struct.pack("<H", 0x2107))
        form = _FORMATS[point.kind]
        if len(data) > 4 + struct.calcsize(form):
            raise _RefusedError(_TOO_MUCH)
        value: Reading = struct.unpack_from(form, data, 4)[0]
        try:
            self._plant.write(point.path, bool(value) if point.kind is Kind.BOOL else value)
        except PlantError:
            raise _RefusedError(_BAD_VALUE) from None
        return b""

    def _write_text(self, data: bytes) -> bytes:
        if data[:4] != logix_text.STRUCTURE:
            raise _RefusedError(_WRONG_TYPE, struct.pack("<H", 0x2107))
        try:
            self.text = logix_text.unpack(data[6:])
        except logix_text.LogixTextError:
            raise _RefusedError(_BAD_VALUE) from None
        return b""


def tag_of(point: Point) -> str:
    """Return the name of the tag that shows `point`."""
    return point.path.replace(".", "_")


def _path_of(data: bytes) -> _Path:
    """Read a padded EPATH: logical segments, and symbols for tags by name."""
    class_id = instance = position = 0
    name = ""
    index: int | None = None
    while position < len(data):
        kind = data[position]
        if kind == 0x91:  # noqa: PLR2004  an extended symbol
            size = data[position + 1]
            name = data[position + 2 : position + 2 + size].decode("ascii", "replace")
            position += 2 + size + size % 2
            class_id = class_id or 0x6B
            continue
        width = kind & 3
        form, size, skip = (("<B", 1, 1), ("<H", 2, 2), ("<I", 4, 2), ("<B", 1, 1))[width]
        value: int = struct.unpack_from(form, data, position + skip)[0]
        position += skip + size
        if kind & 0xFC == 0x20:  # noqa: PLR2004  a class
            class_id = value
        elif kind & 0xFC == 0x24:  # noqa: PLR2004  an instance
            instance = value
        elif kind & 0xFC == 0x28:  # noqa: PLR2004  a member of an array
            index = value
    return _Path(class_id, instance, name, index)
