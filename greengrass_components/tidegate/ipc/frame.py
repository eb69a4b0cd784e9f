"""One frame of AWS's event stream, as Greengrass IPC carries it over a Unix socket.

Big endian: `u32 total | u32 headers_len | u32 crc(first 8 bytes) | headers | payload |
u32 crc(everything before)`, crc = CRC-32. A header is `u8 name_len | name | u8 type | value`.
Source: AWS, "Event stream encoding", and the bytes that awsiotsdk sends.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from tidegate.ipc.errors import FrameMalformedError, FrameTruncatedError

HeaderValue = bool | int | str | bytes | uuid.UUID

PRELUDE_BYTES = 12
OVERHEAD_BYTES = 16
# What aws-c-event-stream takes; a nucleus takes far less (`tidegate.ipc.limits`).
FRAME_BYTES_MAX = 24 * 1024 * 1024
HEADERS_BYTES_MAX = 128 * 1024
NAME_BYTES_MAX = 255

_TRUE, _FALSE, _I32, _BYTES, _STRING, _UUID = 0, 1, 4, 6, 7, 9
# The rest is read and never written: no message of ours has one.
_INTEGERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}
_VALUE_BYTES_MAX = 0xFFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """Headers by name, and the payload."""

    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes; integers are 32 bits wide. Raises `FrameMalformedError`."""
    headers = b"".join(_header(name, value) for name, value in frame.headers.items())
    total = OVERHEAD_BYTES + len(headers) + len(frame.payload)
    if len(headers) > HEADERS_BYTES_MAX or total > FRAME_BYTES_MAX:
        raise FrameMalformedError(f"a frame of {total} bytes, at most {FRAME_BYTES_MAX}")
    lengths = struct.pack(">II", total, len(headers))
    body = b"".join((lengths, struct.pack(">I", crc32(lengths)), headers, frame.payload))
    return body + struct.pack(">I", crc32(body))


def total_bytes(prelude: bytes) -> int:
    """Return how long the frame is that begins with these 12 bytes.

    Raises `FrameTruncatedError`, and `FrameMalformedError` before anybody waits for gigabytes.
    """
    if len(prelude) < PRELUDE_BYTES:
        raise FrameTruncatedError(PRELUDE_BYTES, len(prelude))
    total, headers_bytes, checksum = struct.unpack_from(">III", prelude)
    if crc32(prelude[:8]) != checksum:
        raise FrameMalformedError("the prelude's checksum is wrong")
    if headers_bytes > HEADERS_BYTES_MAX or not OVERHEAD_BYTES + headers_bytes <= total:
        raise FrameMalformedError(f"{headers_bytes} bytes of headers in a frame of {total}")
    if total > FRAME_BYTES_MAX:
        raise FrameMalformedError(f"a frame of {total} bytes, at most {FRAME_BYTES_MAX}")
    return int(total)


def decode(data: bytes) -> Frame:
    """Return the one frame that `data` is; raises `IpcError`."""
    total = total_bytes(data)
    if len(data) < total:
        raise FrameTruncatedError(total, len(data))
    if len(data) > total:
        raise FrameMalformedError(f"{len(data) - total} bytes after the frame")
    if crc32(data[:-4]) != struct.unpack_from(">I", data, total - 4)[0]:
        raise FrameMalformedError("the frame's checksum is wrong")
    end = PRELUDE_BYTES + struct.unpack_from(">I", data, 4)[0]
    return Frame(_headers(data, PRELUDE_BYTES, end), data[end : total - 4])


def _header(name: str, value: HeaderValue) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) <= NAME_BYTES_MAX:
        raise FrameMalformedError(f"a header's name of {len(raw)} bytes")
    return bytes((len(raw),)) + raw + _value(value)


def _value(value: HeaderValue) -> bytes:
    if isinstance(value, bool):
        return bytes((_TRUE if value else _FALSE,))
    if isinstance(value, int):
        try:
            return struct.pack(">Bi", _I32, value)
        except struct.error as error:
            raise FrameMalformedError(f"{value} is wider than 32 bits") from error
    if isinstance(value, uuid.UUID):
        return bytes((_UUID,)) + value.bytes
    raw, kind = (value.encode(), _STRING) if isinstance(value, str) else (value, _BYTES)
    if len(raw) > _VALUE_BYTES_MAX:
        raise FrameMalformedError(f"a header's value of {len(raw)} bytes")
    return struct.pack(">BH", kind, len(raw)) + raw


def _headers(data: bytes, start: int, end: int) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    try:
        while start < end:
            name_end = start + 1 + data[start]
            name = data[start + 1 : name_end].decode()
            value, start = _read_value(data, name_end)
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise FrameMalformedError(f"the headers are broken: {error}") from error
    if start != end:
        raise FrameMalformedError("a header reaches into the payload")
    return headers


def _read_value(data: bytes, at: int) -> tuple[HeaderValue, int]:
    kind, at = data[at], at + 1
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind in _INTEGERS:
        form = _INTEGERS[kind]
        return int(struct.unpack_from(form, data, at)[0]), at + struct.calcsize(form)
    if kind == _UUID:
        return uuid.UUID(bytes=data[at : at + 16]), at + 16
    if kind not in (_BYTES, _STRING):
        raise FrameMalformedError(f"a header of the unknown type {kind}")
    start = at + 2
    end = start + struct.unpack_from(">H", data, at)[0]
    raw = data[start:end]
    convert: Callable[[bytes], Any] = bytes.decode if kind == _STRING else bytes
    return convert(raw), end
