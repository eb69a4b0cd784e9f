"""Make an image for a chip, laid out as MicroPython's: boot loader, table, application.

The code in it is noise; headers, checksums, digests and the table are right, and that is all
that a flashing tool, and the boot loader before it jumps, looks at (ESP-IDF, "App Image Format").
"""

import hashlib
import random
import struct
from collections.abc import Sequence

from tidectl.boards import Board
from tidectl.partition_table import BYTES_MAX, OFFSET

CHIP_IDS = {"ESP32": 0, "ESP32-S2": 2, "ESP32-C3": 5, "ESP32-S3": 9, "ESP32-C6": 13}
_LOAD = {  # an address each, in the RAM and in the mapped flash, that the chip has
    "ESP32": (0x3FFF0030, 0x400D0020),
    "ESP32-S2": (0x3FFE0000, 0x40080020),
    "ESP32-C3": (0x3FCD0000, 0x42000020),
    "ESP32-S3": (0x3FCD0000, 0x42000020),
    "ESP32-C6": (0x40810000, 0x42000020),
}
NVS = ("nvs", 1, 2, 0x9000, 0x6000)
PHY = ("phy_init", 1, 1, 0xF000, 0x1000)
FACTORY = ("factory", 0, 0, 0x10000, 0x1F0000)
SINCE_1_26 = (NVS, PHY, FACTORY)  # the files take what is left of the flash
PLAIN = (*SINCE_1_26, ("vfs", 1, 0x81, 0x200000, 0x200000))
OTA = (
    ("nvs", 1, 2, 0x9000, 0x4000),
    ("otadata", 1, 0, 0xD000, 0x2000),
    PHY,
    ("ota_0", 0, 0x10, 0x10000, 0x180000),
    ("ota_1", 0, 0x11, 0x190000, 0x180000),
)
_CHECKSUM_SEED = 0xEF

Rows = Sequence[tuple[str, int, int, int, int]]


def micropython_bin(
    board: Board,
    *,
    rows: Rows = SINCE_1_26,
    version: str = "1.28.0",
    code_bytes: int = 60_000,
    application_chip: str | None = None,
) -> bytes:
    """Return an image for `board`; `rows` are label, type, subtype, offset and size."""
    ram, flash = _LOAD[board.chip]
    data = bytearray(app_image(board.chip, ram, _noise(8_000)))
    data += b"\xff" * (0x8000 - board.image_offset - len(data))
    data += table(rows)
    data += b"\xff" * (0x10000 - board.image_offset - len(data))
    code = f"MicroPython v{version} on 2026-05-01".encode() + b"\0" + _noise(code_bytes)
    return bytes(data + app_image(application_chip or board.chip, flash, code))


def app_image(chip: str, address: int, code: bytes) -> bytes:
    """Return an image of one segment with its checksum and digest."""
    code += bytes(-len(code) % 4)
    header = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, address)
    header += struct.pack("<B3xHBHH4xB", 0xEE, CHIP_IDS[chip], 0, 0, 0xFFFF, 1)
    body = header + struct.pack("<II", address, len(code)) + code
    checksum = _CHECKSUM_SEED
    for byte in code:
        checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def table(rows: Rows) -> bytes:
    """Return a partition table with its checksum, of whole length."""
    entries = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label.encode(), 0)
        for label, kind, subtype, offset, size in rows
    )
    digest = b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries, usedforsecurity=False).digest()
    return (entries + digest).ljust(0xC00, b"\xff")


def without_table(data: bytes, board: Board) -> bytes:
    """Return an image but for its partition table, which flashing may change."""
    begin = OFFSET - board.image_offset
    return data[:begin] + data[begin + BYTES_MAX :]


def _noise(size_bytes: int) -> bytes:
    return random.Random(7).randbytes(size_bytes)
