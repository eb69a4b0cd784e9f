"""RSA says what `cryptography` says; a key counts by its file's name."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidectl.home import Home
from tidectl.update_key import KINDS, RSA_2048, load_key, make_key, public_keys
from tidenode.update.rsa import verify
from tidenode.update.signature import signed

MESSAGE = b"manifest"
DIGEST = hashlib.sha256(MESSAGE).digest()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    for kind in KINDS:
        make_key(home, kind, kind)
    return home


@pytest.fixture
def keys(home: Home, tmp_path: Path) -> Path:
    for name, data in public_keys(home).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_key_on_the_board_has_signed_is_signed(home: Home, keys: Path, kind: str) -> None:
    signature = load_key(home, kind).sign(MESSAGE)
    assert signed(DIGEST, signature, str(keys))
    assert not signed(hashlib.sha256(b"another").digest(), signature, str(keys))
    for path in keys.glob(f"{kind}.*"):
        path.unlink()
    assert not signed(DIGEST, signature, str(keys))


def test_keys_that_are_none_are_passed_over(home: Home, keys: Path) -> None:
    for name, data in (("0.p256", b""), ("0.rsa", b""), ("0.pem", b"x"), ("1.rsa", b"\xff" * 9)):
        (keys / name).write_bytes(data)
    assert signed(DIGEST, load_key(home, RSA_2048).sign(MESSAGE), str(keys))
    assert not signed(DIGEST, b"", str(keys))


def test_rsa_refuses_what_is_not_exactly_a_signature(home: Home) -> None:
    key = load_key(home, RSA_2048)
    assert isinstance(key.private, rsa.RSAPrivateKey)
    _, modulus = key.public()
    n = int.from_bytes(modulus, "big")
    good = key.sign(MESSAGE)
    assert verify(modulus, good, DIGEST)
    number = int.from_bytes(good, "big")
    exponent = key.private.private_numbers().d

    def forged(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), exponent, n).to_bytes(256, "big")

    info = bytes.fromhex("3031300d060960864801650304020105000420") + DIGEST
    short = b"\0\1" + b"\xff" * 8 + b"\0" + info  # garbage behind it: Bleichenbacher, 2006
    for bad in (
        good[:-1],
        b"\0" + good,
        good + b"\0",
        bytes(256),
        (1).to_bytes(256, "big"),
        (n - 1).to_bytes(256, "big"),
        modulus,
        ((number + n) % (1 << 2048)).to_bytes(256, "big"),
        forged(short + bytes(256 - len(short))),
        forged(b"\0\2" + b"\xff" * (253 - len(info)) + b"\0" + info),
        forged(b"\0\1" + b"\xff" * (252 - len(info)) + b"\0\0" + info),
        key.private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA512()),
        key.private.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ):
        assert not verify(modulus, bad, DIGEST)
    assert not verify(modulus[:128], good[:128], DIGEST)
    assert not verify(b"", good, DIGEST)
