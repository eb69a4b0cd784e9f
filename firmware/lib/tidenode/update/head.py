"""Take the head of a bundle apart: it stands before the files and is all that is trusted.

8 bytes  "TIDEUPD1"
4        size of the manifest, big-endian
2        size of the signature
         the signature, of the manifest: ECDSA (DER) or RSA (PKCS#1 v1.5), SHA-256
         the manifest
         the files
"""

from tidenode.errors import UpdateRefusedError
from tidenode.update.manifest import BYTES_MAX

MAGIC = b"TIDEUPD1"
PREFIX_BYTES = 14
SIGNATURE_BYTES_MAX = 512  # RSA of 4,096 bits


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
