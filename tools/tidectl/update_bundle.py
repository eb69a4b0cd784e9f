"""Write a bundle: files for the boards' program, and a signed manifest of them.

Flow: compiled firmware | MicroPython image + key -> [bundle] -> S3 -> stream -> board
`tidenode.update.manifest` has the format, and reads it on the board.
"""

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidectl import partition_table
from tidectl.errors import TidectlError
from tidectl.partition_table import PartitionTableError
from tidenode.update import head as board_head
from tidenode.update import manifest as board_manifest
from tidenode.update.errors import UpdateError

FILES, IMAGE = board_manifest.FILES, board_manifest.IMAGE
MPY_VERSION = 6  # of mpy-cross's bytecode; MicroPython 1.23 and newer
_IMAGE_MAGIC = b"\xe9"
_PATH = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.(mpy|bin)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a bundle says of itself."""

    version: str
    minimum: str = "0.0.0"  # the version a board must have at the least
    boards: tuple[str, ...] = ()  # none: any
    downgrade_from: tuple[str, ...] = ()  # newer versions that it may replace
    kind: str = FILES


def manifest(facts: Facts, files: Mapping[str, bytes]) -> bytes:
    """Return the manifest of `files`, by path within the slot. Raises TidectlError."""
    whole = hashlib.sha256()
    lines = []
    for path, data in sorted(files.items()):
        if not _PATH.fullmatch(path) or len(path) > board_manifest.PATH_BYTES_MAX:
            raise TidectlError(f"{path} can't be in a bundle", "names are a-z, 0-9 and _, .mpy")
        if facts.kind == FILES and data[:2] != bytes((ord("M"), MPY_VERSION)):
            raise TidectlError(f"{path} is no bytecode of version {MPY_VERSION}", "")
        whole.update(data)
        lines.append(_line([path, len(data), hashlib.sha256(data).hexdigest()]))
    header = {
        "format": board_manifest.FORMAT,
        "kind": facts.kind,
        "version": facts.version,
        "minimum": facts.minimum,
        "boards": list(facts.boards),
        "downgrade_from": list(facts.downgrade_from),
        "mpy": MPY_VERSION,
        "files": len(files),
        "bytes": sum(len(data) for data in files.values()),
        "sha256": whole.hexdigest(),
    }
    return _checked(_line(header) + b"".join(lines))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in its parts; `signature` is empty until it is signed, and no board takes it."""

    manifest: bytes
    signature: bytes
    files: bytes

    @property
    def facts(self) -> dict[str, Any]:
        """What its manifest says of it."""
        header: dict[str, Any] = json.loads(self.manifest.partition(b"\n")[0])
        return header

    def to_bytes(self) -> bytes:
        """Return what lies in its file."""
        return board_head.prefix(len(self.manifest), self.signature) + self.manifest + self.files


def bundle(facts: Facts, files: Mapping[str, bytes]) -> Bundle:
    """Return a bundle that nobody has signed yet. Raises TidectlError."""
    text = manifest(facts, files)
    return Bundle(text, b"", b"".join(data for _, data in sorted(files.items())))


def image_bundle(facts: Facts, image: bytes) -> Bundle:
    """Return a bundle of a MicroPython image, as the boot loader starts it."""
    if image[:1] != _IMAGE_MAGIC or _has_table(image):
        raise TidectlError(
            "the image is not what a boot loader starts",
            "take the .app-bin of MicroPython's download page, not the whole .bin",
        )
    return bundle(replace(facts, kind=IMAGE), {"micropython.bin": image})


def _has_table(image: bytes) -> bool:
    """Return whether it is all of a flash: a boot loader begins as an application does."""
    for written_at in (0x0, 0x1000):  # by the chip
        try:
            if partition_table.parse(image[partition_table.OFFSET - written_at :]):
                return True
        except PartitionTableError:
            continue
    return False


def read(path: Path) -> Bundle:
    """Return the bundle at `path`, whose files are what its manifest says. Raises TidectlError."""
    try:
        data = path.read_bytes()
        prefix, rest = data[: board_head.PREFIX_BYTES], data[board_head.PREFIX_BYTES :]
        if prefix[:8] != board_head.MAGIC or len(prefix) < board_head.PREFIX_BYTES:
            raise TidectlError(f"{path} is no bundle", "make one: tidectl ota build")
        manifest_bytes, signature_bytes = struct.unpack(">IH", prefix[8:])
        signature, rest = rest[:signature_bytes], rest[signature_bytes:]
        one = Bundle(rest[:manifest_bytes], signature, rest[manifest_bytes:])
        _checked(one.manifest)
    except OSError as error:
        raise TidectlError(
            f"can't read {path}: {error.strerror}", "see tidectl ota build"
        ) from error
    if hashlib.sha256(one.files).hexdigest() != one.facts["sha256"]:
        raise TidectlError(f"{path} is damaged: its files are not what its manifest says", "")
    return one


def _line(document: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _checked(text: bytes) -> bytes:
    """Return `text` if a board would read it."""
    try:
        if not text or len(text) > board_manifest.BYTES_MAX:
            raise UpdateError(f"manifest of {len(text)} bytes, at most {board_manifest.BYTES_MAX}")
        lines = text.splitlines(keepends=True)
        board_manifest.parse_header(lines[0])
        for line in lines[1:]:
            board_manifest.parse_entry(line)
    except UpdateError as error:
        raise TidectlError(
            f"no board would take it: {error}", "see tidectl ota build --help"
        ) from error
    return text
