"""Signatures, against the published vectors and against `cryptography`."""

import hashlib
import hmac
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tidenode import ecdsa
from tidenode.p256 import N

# RFC 6979, A.2.5
PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
VECTORS = [
    (
        b"sample",
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        b"test",
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
]


@pytest.mark.parametrize(("message", "r", "s"), VECTORS)
def test_a_signature_is_the_published_one(message: bytes, r: int, s: int) -> None:
    signature = ecdsa.sign(PRIVATE, hashlib.sha256(message).digest())
    assert decode_dss_signature(signature) == (r, s)


@given(st.integers(1, N - 1), st.binary(max_size=100))
def test_any_signature_is_good_to_another_library(private: int, message: bytes) -> None:
    key = ec.derive_private_key(private, ec.SECP256R1())
    signature = ecdsa.sign(private, hashlib.sha256(message).digest())
    key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_an_hmac_is_the_standard_librarys(key: bytes, message: bytes) -> None:
    assert ecdsa.hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


def test_what_is_no_key_is_thrown_away_and_not_folded() -> None:
    draws: Iterator[int] = iter([0, N, N + 1, 2**256 - 1, N - 1])
    assert ecdsa.new_private(lambda size: next(draws).to_bytes(size, "big")) == N - 1
    assert next(draws, None) is None
