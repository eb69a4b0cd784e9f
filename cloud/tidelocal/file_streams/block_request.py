"""What a device asks for: one file of a stream, in blocks of its choice.

Pure. AWS documents the fields and limits under "Using MQTT-based file delivery in devices".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

BLOCK_BYTES_MIN, BLOCK_BYTES_MAX = 256, 128 * 1024
REQUEST_BYTES_MAX = 128 * 1024  # all blocks that one request is answered with
FILE_BYTES_MAX = 24 * 1024 * 1024
BLOCKS_MAX = FILE_BYTES_MAX // BLOCK_BYTES_MIN
BITMAP_BYTES_MAX = BLOCKS_MAX // 8
FILE_ID_MAX = 255
TOKEN_BYTES_MAX = 64


class RequestRefusedError(Exception):
    """The request is answered on `rejected`: `code` is AWS's, the token the device's own."""

    def __init__(self, code: str, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.token = code, message, token


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Blocks of `block_bytes`, at most `blocks_max`, from block `offset` or as `bitmap` says."""

    token: str | None
    version: int | None
    file_id: int
    block_bytes: int
    offset: int
    blocks_max: int
    bitmap: bytes | None

    def blocks(self, file_bytes: int) -> Iterator[int]:
        """Yield the numbers of the blocks to send now; the device asks again for the others."""
        count = -(-file_bytes // self.block_bytes)
        wanted = range(self.offset, count) if self.bitmap is None else self._in_bitmap(count)
        return islice(wanted, min(self.blocks_max, REQUEST_BYTES_MAX // self.block_bytes))

    def _in_bitmap(self, count: int) -> Iterator[int]:
        for at, byte in enumerate(self.bitmap or b""):
            for bit in range(8):
                block = self.offset + 8 * at + bit
                if byte >> bit & 1 and block < count:
                    yield block


def document_of(payload: bytes) -> tuple[dict[str, Any], str | None]:
    """Return a request and its client token; raises `RequestRefusedError`."""
    try:
        document = json.loads(payload) if payload else {}
    except (ValueError, RecursionError):
        raise RequestRefusedError("InvalidJson", "The request is not valid JSON") from None
    if not isinstance(document, dict):
        raise RequestRefusedError("InvalidRequest", "The request is not a JSON object")
    token = document.get("c")
    if token is not None and not (
        isinstance(token, str) and len(token.encode()) <= TOKEN_BYTES_MAX
    ):
        raise RequestRefusedError(
            "InvalidRequest", f"c is not a text of {TOKEN_BYTES_MAX} bytes at most"
        )
    return document, token


def parse(payload: bytes) -> BlockRequest:
    """Read a GetStream request; raises `RequestRefusedError`."""
    document, token = document_of(payload)
    try:
        return _parse(document, token)
    except RequestRefusedError as error:
        raise RequestRefusedError(error.code, error.message, token) from None


def _parse(document: dict[str, Any], token: str | None) -> BlockRequest:
    block_bytes = _whole(document, "l")
    if block_bytes is None or not BLOCK_BYTES_MIN <= block_bytes <= BLOCK_BYTES_MAX:
        raise RequestRefusedError(
            "BlockSizeOutOfBounds", f"l is {block_bytes}, {BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX}"
        )
    file_id = _whole(document, "f")
    if file_id is None or not 0 <= file_id <= FILE_ID_MAX:
        raise RequestRefusedError("InvalidRequest", f"f is {file_id}, 0 to {FILE_ID_MAX}")
    offset = _whole(document, "o") or 0
    if not 0 <= offset <= BLOCKS_MAX:
        raise RequestRefusedError("OffsetOutOfBounds", f"o is {offset}, {BLOCKS_MAX} at most")
    count = _whole(document, "n")
    if count is None:
        count = REQUEST_BYTES_MAX // block_bytes
    if not 0 <= count <= BLOCKS_MAX:
        raise RequestRefusedError("BlockCountLimitExceeded", f"n is {count}, {BLOCKS_MAX} at most")
    return BlockRequest(
        token, _whole(document, "s"), file_id, block_bytes, offset, count, _bitmap(document)
    )


def _whole(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise RequestRefusedError("InvalidRequest", f"{name} is not a whole number")
    return value


def _bitmap(document: dict[str, Any]) -> bytes | None:
    text = document.get("b")
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise RequestRefusedError("InvalidRequest", "b is not a text")
    try:
        bitmap = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise RequestRefusedError("InvalidRequest", "b is not hexadecimal") from None
    if len(bitmap) > BITMAP_BYTES_MAX:
        raise RequestRefusedError(
            "BlockBitmapLimitExceeded", f"b has {len(bitmap)} bytes, {BITMAP_BYTES_MAX} at most"
        )
    return bitmap
