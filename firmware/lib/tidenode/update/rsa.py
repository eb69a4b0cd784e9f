"""Verify RSA signatures: PKCS#1 v1.5 with SHA-256 (RFC 8017 section 8.2.2), exponent 65537."""

EXPONENT = 65_537
MODULUS_BYTES_MIN = 256
# DER of DigestInfo up to the digest, RFC 8017 section 9.2.
_DIGEST_INFO = b"010\r\x06\t`\x86H\x01e\x03\x04\x02\x01\x05\x00\x04 "
_OVERHEAD_BYTES = 54  # 00 01, 00, DigestInfo, digest


def verify(modulus: bytes, signature: bytes, digest: bytes) -> bool:
    """Return whether `signature` is of the SHA-256 `digest` by the key of `modulus`."""
    size = len(modulus)
    n = int.from_bytes(modulus, "big")
    number = int.from_bytes(signature, "big")
    if size < MODULUS_BYTES_MIN or modulus[0] < 0x80 or len(signature) != size or number >= n:
        return False
    # All of the padding is compared, not searched: a shorter one is a forgery.
    wanted = b"\0\x01" + b"\xff" * (size - _OVERHEAD_BYTES) + b"\0" + _DIGEST_INFO + digest
    return pow(number, EXPONENT, n).to_bytes(size, "big") == wanted
