"""Read a manifest, which says what a bundle brings. It is text, one JSON value a line:

    {"format", "kind", "version", "minimum", "boards", "downgrade_from", "mpy", "files",
     "bytes", "sha256"}
    ["tidenode/app.mpy", 2511, "<sha256>"]      one each of `files`, in the order of the bundle

`kind` is FILES or IMAGE. `minimum` is the version a board must have at the least, `boards` are
those it is for (none: any), `downgrade_from` the newer versions it may replace. `bytes` and
`sha256` are of all files, one after the other. So a board reads it line by line.
"""

import json
from collections import namedtuple

from tidenode.update.errors import UpdateRefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FORMAT = "tidegauge-update-1"
FILES, IMAGE = "files", "image"
BYTES_MAX = 32_768  # 300 files
HEADER_BYTES_MAX = 1_024
ENTRY_BYTES_MAX = 256
PATH_BYTES_MAX = 64
FILE_BYTES_MAX = 16_777_216
_DIGEST_DIGITS = 64
_KEYS = (
    ("format", str),
    ("kind", str),
    ("version", str),
    ("minimum", str),
    ("boards", list),
    ("downgrade_from", list),
    ("mpy", int),
    ("files", int),
    ("bytes", int),
    ("sha256", str),
)

Manifest = namedtuple(
    "Manifest",
    (
        "format",
        "kind",
        "version",
        "minimum",
        "boards",
        "downgrade_from",
        "mpy",
        "files",
        "bytes",
        "sha256",
    ),
)
Entry = namedtuple("Entry", ("path", "size_bytes", "sha256"))  # sha256: 32 bytes


def parse_header(line: bytes) -> "Any":
    """Return the Manifest of its first line. Raises UpdateRefusedError."""
    document = _json(line, HEADER_BYTES_MAX)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UpdateRefusedError("not a manifest of format %s" % FORMAT)
    for key, kind in _KEYS:
        if type(document.get(key)) is not kind:
            raise UpdateRefusedError("manifest: %s is missing, or of a wrong kind" % key)
    manifest = Manifest(*[document[key] for key, _ in _KEYS])
    if manifest.kind not in (FILES, IMAGE):
        raise UpdateRefusedError("manifest: kind %s" % manifest.kind)
    for text in [manifest.version, manifest.minimum] + manifest.downgrade_from:
        version(text)
    if manifest.files < 1 or not 0 < manifest.bytes <= FILE_BYTES_MAX:
        raise UpdateRefusedError("manifest: %d files, %d bytes" % (manifest.files, manifest.bytes))
    _digest(manifest.sha256)
    return manifest


def parse_entry(line: bytes) -> Entry:
    """Return the Entry of a line. Raises UpdateRefusedError."""
    parts = _json(line, ENTRY_BYTES_MAX)
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, int, str]:
        raise UpdateRefusedError("manifest: a file is [path, bytes, sha256]")
    path, size_bytes, digits = parts
    _check_path(path)
    if not 0 <= size_bytes <= FILE_BYTES_MAX:
        raise UpdateRefusedError("manifest: %s of %d bytes" % (path, size_bytes))
    return Entry(path, size_bytes, _digest(digits))


def read_header(path: str) -> "Any":
    """Return the Manifest of the file at `path`. Raises OSError and UpdateRefusedError."""
    with open(path, "rb") as file:
        return parse_header(_line(file))


def entries(path: str) -> "Iterator[Entry]":
    """Yield what the manifest at `path` brings. Raises OSError and UpdateRefusedError."""
    with open(path, "rb") as file:
        _line(file)
        while True:
            line = file.readline(ENTRY_BYTES_MAX + 1)
            if not line:
                return
            yield parse_entry(line)


def _line(file: "Any") -> bytes:
    """Return the first line, cut where it is too long; a read reserves all it may return."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= HEADER_BYTES_MAX:
        part = file.readline(ENTRY_BYTES_MAX)
        if not part:
            break
        line += part
    return line


def version(text: object) -> "tuple[int, ...]":
    """Return a version as numbers, which compare. Raises UpdateRefusedError."""
    parts = text.split(".") if isinstance(text, str) else ()
    if len(parts) == 3 and all(part.isdigit() and len(part) <= 6 for part in parts):
        return tuple([int(part) for part in parts])
    raise UpdateRefusedError("version %r is not like 1.20.3" % (text,))


def same(path: str, other: str) -> bool:
    """Return whether the files at `path` and `other` are there and hold the same."""
    try:
        with open(path, "rb") as one, open(other, "rb") as two:
            while True:
                part = one.read(256)
                if part != two.read(256):
                    return False
                if not part:
                    return True
    except OSError:
        return False


def _json(line: bytes, bytes_max: int) -> object:
    if len(line) > bytes_max or line[-1:] != b"\n":
        raise UpdateRefusedError("manifest: a line is cut, or of more than %d bytes" % bytes_max)
    try:
        return json.loads(line)
    except ValueError:
        raise UpdateRefusedError("manifest: a line is not JSON")


def _check_path(path: str) -> None:
    """Let through what stays within its folder and any file system has: a/b_1.mpy."""
    stem = path[:-4].replace("/", "a").replace("_", "a")
    good = path[-4:] in (".mpy", ".bin") and stem and len(path) <= PATH_BYTES_MAX
    if not good or stem != stem.lower() or not all(_plain(one) for one in stem):
        raise UpdateRefusedError("manifest: path %r" % path[:PATH_BYTES_MAX])
    if path[0] == "/" or "//" in path or "/." in path:
        raise UpdateRefusedError("manifest: path %r" % path)


def _plain(character: str) -> bool:
    return "a" <= character <= "z" or "0" <= character <= "9"


def _digest(digits: str) -> bytes:
    try:
        if len(digits) == _DIGEST_DIGITS:
            return bytes.fromhex(digits)
    except ValueError:
        pass
    raise UpdateRefusedError("manifest: %r is no SHA-256" % digits[:_DIGEST_DIGITS])
