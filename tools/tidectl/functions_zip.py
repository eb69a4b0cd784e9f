"""Pack the functions' code so that the same sources give the same bytes.

Flow: tidecloud, tidewire -> [zip] -> S3 -> Lambda
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tidectl.project import FUNCTION_PACKAGES

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name
_READABLE = 0o100644 << 16  # Lambda runs as another user


@dataclass(frozen=True, slots=True)
class FunctionsZip:
    """A zip and the key under which S3 keeps it: new code has a new key."""

    data: bytes
    key: str


def build(packages: Iterable[Path] = FUNCTION_PACKAGES) -> FunctionsZip:
    """Return the zip of the modules in `packages`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for package in packages:
            for source in sorted(package.rglob("*.py")):
                name = source.relative_to(package.parent).as_posix()
                info = zipfile.ZipInfo(name, _EPOCH)
                info.external_attr = _READABLE
                archive.writestr(info, source.read_bytes(), zipfile.ZIP_DEFLATED)
    data = packed.getvalue()
    return FunctionsZip(data, f"functions/{hashlib.sha256(data).hexdigest()[:32]}.zip")
