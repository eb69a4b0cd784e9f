"""Receive the head of a bundle, which stands before the files and is all that is trusted.

8 bytes  "TIDEUPD1"
4        size of the manifest, big-endian
2        size of the signature
         the signature, of the manifest: ECDSA (DER) or RSA (PKCS#1 v1.5), SHA-256
         the manifest
         the files, in its order
"""

import hashlib
from collections import namedtuple

from tidenode.update.errors import UpdateRefusedError
from tidenode.update.manifest import BYTES_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.update.blocks import Blocks

MAGIC = b"TIDEUPD1"
PREFIX_BYTES = 14
SIGNATURE_BYTES_MAX = 512  # RSA of 4,096 bits

Head = namedtuple("Head", ("digest", "signature", "files_at"))


async def receive(blocks: "Blocks", path: str) -> Head:
    """Write the manifest to `path`, unread; return its SHA-256 and what vouches for it.

    `files_at` is where the files begin in the bundle. Raises UpdateError and OSError.
    """
    manifest_bytes, signature_bytes = sizes(await blocks.read(0, PREFIX_BYTES))
    signature = await blocks.read(PREFIX_BYTES, signature_bytes)
    at = PREFIX_BYTES + signature_bytes
    end = at + manifest_bytes
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while at < end:
            view = (await blocks.at(at))[: end - at]
            digest.update(view)
            file.write(view)
            at += len(view)
    return Head(digest.digest(), signature, end)


def prefix(manifest_bytes: int, signature: bytes) -> bytes:
    """Return what stands before the manifest."""
    sizes_bytes = manifest_bytes.to_bytes(4, "big") + len(signature).to_bytes(2, "big")
    return MAGIC + sizes_bytes + signature


def sizes(data: bytes) -> "tuple[int, int]":
    """Return the sizes of manifest and signature. Raises UpdateRefusedError."""
    if len(data) < PREFIX_BYTES or data[:8] != MAGIC:
        raise UpdateRefusedError("not a bundle")
    manifest_bytes = int.from_bytes(data[8:12], "big")
    signature_bytes = int.from_bytes(data[12:14], "big")
    if not 0 < manifest_bytes <= BYTES_MAX or not 0 < signature_bytes <= SIGNATURE_BYTES_MAX:
        raise UpdateRefusedError(
            "bundle: manifest of %d bytes, signature of %d" % (manifest_bytes, signature_bytes)
        )
    return manifest_bytes, signature_bytes
