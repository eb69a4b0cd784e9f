"""The keys that updates are signed with: made here, kept here, never printed.

<home>/update_keys/<name>.pem     the private key, its owner's only
                  <name>.p256     the public key as boards have it: a point, uncompressed
                  <name>.rsa      or a modulus, big-endian; the exponent is 65537
A board takes what any of the keys on it has signed, and a board without a key takes nothing.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tidectl.errors import TidectlError
from tidectl.home import Home

P256, RSA_2048, RSA_3072 = "p256", "rsa2048", "rsa3072"
KINDS = (P256, RSA_2048, RSA_3072)
DEFAULT_NAME = "update"
_EXPONENT = 65_537
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """A private key; `name` is its file's."""

    name: str
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`: ECDSA in DER, or RSA with PKCS#1 v1.5; SHA-256."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def public(self) -> tuple[str, bytes]:
        """Return the file's name and what is in it, as boards have it."""
        key = self.private.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            modulus = key.public_numbers().n
            return f"{self.name}.rsa", modulus.to_bytes(key.key_size // 8, "big")
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return f"{self.name}.p256", point


def make_key(home: Home, name: str, kind: str) -> UpdateKey:
    """Return a new key, kept in `home`. Raises TidectlError."""
    if not _NAME.fullmatch(name):
        raise TidectlError(f"{name} is no name for a key", "take letters, digits, _ and -")
    folder = home.make(home.update_keys)
    private = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == P256
        else rsa.generate_private_key(_EXPONENT, int(kind.removeprefix("rsa")))
    )
    key = UpdateKey(name, private)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(
            os.open(_path(home, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(pem)
        public_name, data = key.public()
        (folder / public_name).write_bytes(data)
    except FileExistsError:
        raise TidectlError(
            f"there is a key {name} already", "boards know it; take another name"
        ) from None
    except OSError as error:
        raise TidectlError(f"can't write {folder}: {error.strerror}", "free some space") from error
    return key


def load_key(home: Home, name: str) -> UpdateKey:
    """Return the key of `home` called `name`. Raises TidectlError."""
    path = _path(home, name)
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise TidectlError(
            f"there is no key {path}", "make one: tidectl ota key" if not path.exists() else ""
        ) from error
    except ValueError as error:
        raise TidectlError(f"{path} holds no private key", "make one: tidectl ota key") from error
    if _fits(private):
        return UpdateKey(name, private)
    raise TidectlError(f"no board checks keys like {path}", "P-256, or RSA of 2048 or 3072")


def public_keys(home: Home) -> dict[str, bytes]:
    """Return what boards check updates by, by file name: none where there is no key."""
    return {
        path.name: path.read_bytes()
        for pattern in ("*.p256", "*.rsa")
        for path in sorted(home.update_keys.glob(pattern))
    }


def _fits(private: object) -> TypeGuard[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]:
    if isinstance(private, rsa.RSAPrivateKey):
        exponent = private.public_key().public_numbers().e
        return private.key_size in (2048, 3072) and exponent == _EXPONENT
    return isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(
        private.curve, ec.SECP256R1
    )


def _path(home: Home, name: str) -> Path:
    return home.update_keys / f"{name}.pem"
