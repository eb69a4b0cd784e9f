"""Write a bundle: files for the boards' program, and a signed manifest of them.

Flow: compiled firmware | MicroPython image + key -> [bundle] -> S3 -> stream -> board
`tidenode.update.manifest` has the format, and reads it on the board.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidenode.errors import UpdateError
from tidenode.update import head as board_head
from tidenode.update import manifest as board_manifest

FILES, IMAGE = board_manifest.FILES, board_manifest.IMAGE
MPY_VERSION = 6  # of mpy-cross's bytecode; MicroPython 1.23 and newer
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


def bundle(
    facts: Facts, files: Mapping[str, bytes], sign: Callable[[bytes], bytes]
) -> bytes:  # sign(manifest) -> signature
    """Return the whole bundle. Raises TidectlError."""
    text = manifest(facts, files)
    return (
        board_head.prefix(len(text), sign(text))
        + text
        + b"".join(data for _, data in sorted(files.items()))
    )


def facts_of(path: Path) -> dict[str, Any]:
    """Return the header of the bundle at `path`, with `signature_bytes`. Raises TidectlError."""
    data = path.read_bytes()
    try:
        manifest_bytes, signature_bytes = board_head.sizes(data[: board_head.PREFIX_BYTES])
    except UpdateError as error:
        raise TidectlError(f"{path}: {error}", "make one: tidectl ota build") from error
    text = data[board_head.PREFIX_BYTES + signature_bytes :][:manifest_bytes]
    header: dict[str, Any] = json.loads(text.partition(b"\n")[0])
    return header | {"signature_bytes": signature_bytes}


def _line(document: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _checked(text: bytes) -> bytes:
    """Return `text` if a board would read it."""
    try:
        if len(text) > board_manifest.BYTES_MAX:
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
