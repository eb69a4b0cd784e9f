"""Sign with P-256, and make keys. Loaded when there is something to sign.

Signatures are of ECDSA (FIPS 186-5); their nonces come from key and digest by RFC 6979, so that
no weak random source can give the key away. A key does need one: on ESP32 the source is good
while the radio is on, so make keys after Wi-Fi is up.
"""

import hashlib

from tidenode import der
from tidenode.p256 import G, N, multiply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK_BYTES = 64  # of SHA-256


def new_private(urandom: "Callable[[int], bytes]") -> int:
    """Return a private key; what is no number below the order is thrown away, not folded."""
    while True:
        private = int.from_bytes(urandom(32), "big")
        if 0 < private < N:
            return private


def sign(private: int, digest: bytes) -> bytes:
    """Return the DER signature of the SHA-256 `digest`."""
    number = int.from_bytes(digest, "big")
    nonces = _Nonces(private, number)
    while True:
        nonce = nonces.next()
        r = multiply(nonce, G)[0] % N
        s = pow(nonce, N - 2, N) * (number + r * private) % N  # Fermat's inverse
        if r and s:
            return der.sequence(der.integer(r), der.integer(s))


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the HMAC (RFC 2104) of `message`; `key` is at most a block long."""
    padded = key + b"\x00" * (_BLOCK_BYTES - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in padded]) + message).digest()
    return hashlib.sha256(bytes([byte ^ 0x5C for byte in padded]) + inner).digest()


class _Nonces:
    """The numbers of RFC 6979 section 3.2, one after another."""

    def __init__(self, private: int, number: int) -> None:
        self._value = b"\x01" * 32
        self._key = b"\x00" * 32
        seed = private.to_bytes(32, "big") + (number % N).to_bytes(32, "big")
        for mark in (b"\x00", b"\x01"):
            self._stir(mark + seed)

    def next(self) -> int:
        while True:
            self._value = hmac_sha256(self._key, self._value)
            nonce = int.from_bytes(self._value, "big")
            self._stir(b"\x00")  # for the next one, whether or not this one will do
            if 0 < nonce < N:
                return nonce

    def _stir(self, seed: bytes) -> None:
        self._key = hmac_sha256(self._key, self._value + seed)
        self._value = hmac_sha256(self._key, self._value)
