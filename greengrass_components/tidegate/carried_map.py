"""A tag map that comes with the configuration, for devices that nobody copies files to.

Flow: tag map and its files -> packed -> deployment -> component -> [unpack_into] -> work folder
It is a zip in base64, cut into texts of `PART_CHARACTERS`, since nucleus lite keeps no longer
value: `{"count": n, "0": ..., "1": ...}`. The first file is the tag map, the others lie beside it.
Bounded: `PARTS_MAX` parts, `FILES_BYTES_MAX` of files.
"""

import base64
import binascii
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import GateError
from tidegate.segment_log.cursors import replace_file

CARRIED = "carried"  # as `tag_map`: it is the one in `tag_map_parts`
PART_CHARACTERS = 1_000  # lite takes 1,022 of them
PARTS_MAX = 200  # lite keeps 256 keys of a component; a map of 10,000 tags takes some 100
FILES_BYTES_MAX = 8 * 1024 * 1024


def packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return `files`, by name and the tag map first, as parts; raises `GateError`."""
    size = sum(len(data) for data in files.values())
    if size > FILES_BYTES_MAX:
        raise GateError(f"a tag map and its files are {size} bytes, at most {FILES_BYTES_MAX}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written:
        for name, data in files.items():
            written.writestr(zipfile.ZipInfo(_flat(name)), data, zipfile.ZIP_DEFLATED)
    text = base64.b64encode(archive.getvalue()).decode()
    parts = [text[at : at + PART_CHARACTERS] for at in range(0, len(text), PART_CHARACTERS)]
    if len(parts) > PARTS_MAX:
        raise GateError(
            f"a tag map of {len(text)} bytes when packed, at most {PARTS_MAX * PART_CHARACTERS}:"
            " copy it to the device, and name its path there"
        )
    return {"count": str(len(parts)), **{str(n): part for n, part in enumerate(parts)}}


def unpacked(parts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files by name, the tag map first; raises `GateError`."""
    try:
        count = int(float(parts["count"]))
        if not 0 < count <= PARTS_MAX:
            raise GateError(f"tag_map_parts has {count} parts, not 1 to {PARTS_MAX}")
        data = base64.b64decode("".join(str(parts[str(n)]) for n in range(count)), validate=True)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(one.file_size for one in archive.infolist())
            if size > FILES_BYTES_MAX:
                raise GateError(f"tag_map_parts has {size} bytes, at most {FILES_BYTES_MAX}")
            found = {_flat(one.filename): archive.read(one) for one in archive.infolist()}
    except KeyError as error:
        raise GateError(f"tag_map_parts lacks {error}: deploy the tag map again") from error
    except (
        ValueError, TypeError, zlib.error, OverflowError, binascii.Error, zipfile.BadZipFile,
        NotImplementedError, RuntimeError, EOFError, OSError,
    ) as error:  # fmt: skip
        raise GateError(f"tag_map_parts is damaged: {error}; deploy the tag map again") from error
    if not found:
        raise GateError("tag_map_parts has no file: deploy the tag map again")
    return found


def unpack_into(folder: Path, parts: Mapping[str, Any]) -> Path:
    """Write the files into `folder`, and return the tag map's path; raises `GateError`."""
    files = unpacked(parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            path = folder / name
            if not path.exists() or path.read_bytes() != data:
                replace_file(path, data)
    except OSError as error:
        raise GateError(f"{folder}: {error.strerror}") from error
    return folder / next(iter(files))


def _flat(name: str) -> str:
    if not name or "/" in name or "\\" in name or name.startswith("."):
        raise GateError(f"{name!r} is no plain name of a file beside a tag map")
    return name
