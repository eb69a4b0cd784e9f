"""Private keys and signing requests, as files and messages have them. Pure.

Keys: SEC 1 section C.4, which is what MicroPython's TLS reads. Requests: PKCS#10 (RFC 2986).
"""

import binascii
import hashlib

from tidenode import der, ecdsa, p256

_EC_PUBLIC_KEY = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
_PRIME256V1 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
_ECDSA_WITH_SHA256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
_COMMON_NAME = b"\x06\x03\x55\x04\x03"
_PRIVATE_AT = 7  # in our form of a key, whose lengths never change
_LINE_BYTES = 48  # 64 characters, as PEM has it


def key_of(private: int) -> bytes:
    """Return the DER of a private key, with its public point at the end."""
    point = p256.write_point(p256.multiply(private, p256.G))
    return der.sequence(
        der.integer(1),
        der.tagged(4, private.to_bytes(32, "big")),
        der.tagged(0xA0, _PRIME256V1),
        der.tagged(0xA1, der.bits(point)),
    )


def request_of(key: bytes, common_name: str) -> bytes:
    """Return the DER of a request for `key`, which `key_of` made, signed by it."""
    subject = der.sequence(_COMMON_NAME, der.tagged(0x0C, common_name.encode()))
    info = der.sequence(
        der.integer(0),
        der.sequence(der.tagged(0x31, subject)),
        der.sequence(der.sequence(_EC_PUBLIC_KEY, _PRIME256V1), der.bits(key[-p256.POINT_BYTES :])),
        der.tagged(0xA0),
    )
    private = int.from_bytes(key[_PRIVATE_AT : _PRIVATE_AT + 32], "big")
    signature = ecdsa.sign(private, hashlib.sha256(info).digest())
    return der.sequence(info, der.sequence(_ECDSA_WITH_SHA256), der.bits(signature))


def pem_of(request: bytes) -> str:
    """Return a request as text."""
    lines = ["-----BEGIN CERTIFICATE REQUEST-----\n"]
    for at in range(0, len(request), _LINE_BYTES):
        lines.append(binascii.b2a_base64(request[at : at + _LINE_BYTES]).decode())
    lines.append("-----END CERTIFICATE REQUEST-----\n")
    return "".join(lines)
