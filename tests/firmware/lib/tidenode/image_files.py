"""Read and change the files of a flash image, as a board left it."""

from pathlib import Path
from typing import Any

from littlefs import LittleFS

from tidectl.firmware_image import BLOCK_BYTES

GEOMETRY: dict[str, Any] = {
    "block_size": BLOCK_BYTES,
    "read_size": 32,
    "prog_size": 32,
    "cache_size": 128,
    "lookahead_size": 32,
}


def mounted(image: Path) -> LittleFS:
    data = image.read_bytes()
    flash = LittleFS(block_count=len(data) // BLOCK_BYTES, mount=False, **GEOMETRY)
    flash.context.buffer = bytearray(data)
    flash.mount()
    return flash


def read_files(image: Path) -> dict[str, bytes]:
    """Return the files in the root of `image` by name."""
    flash = mounted(image)
    files = {}
    for name in flash.listdir("/"):
        if flash.stat(f"/{name}").type == 1:
            with flash.open(f"/{name}", "rb") as file:
                files[name] = file.read()
    return files


def change_files(image: Path, changes: dict[str, bytes | None]) -> None:
    """Write files by path into `image`; those that are None are removed."""
    flash = mounted(image)
    for path, data in changes.items():
        if data is None:
            flash.remove(path)
            continue
        with flash.open(path, "wb") as file:
            file.write(data)
    flash.unmount()
    image.write_bytes(bytes(flash.context.buffer))
