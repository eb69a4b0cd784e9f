"""P-256 says what `cryptography` says of good signatures and of forged ones, on the VM too."""

import hashlib
import json
import random
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import vm
from tidenode import p256

RUN = Path(__file__).with_name("p256_run.py")
KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
MESSAGE = b"manifest"
DIGEST = hashlib.sha256(MESSAGE).digest()
OTHER_CURVE_POINT = (  # on y^2 = x^3 - 3x + (B + 1)
    5,
    pow((5**3 - 15 + p256.B + 1) % p256.P, (p256.P + 1) // 4, p256.P),
)


def public_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def sign(key: ec.EllipticCurvePrivateKey, message: bytes = MESSAGE) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def cryptography_says(public: bytes, signature: bytes, digest: bytes) -> bool:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def integer(data: bytes) -> bytes:
    return bytes((2, len(data))) + data


def sequence(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((0x30, len(body))) + body


def edge_cases() -> dict[str, tuple[bytes, bytes, bytes]]:
    """Public key, signature and digest by what is odd about them."""
    public, good = public_of(KEY), sign(KEY)
    r, s = decode_dss_signature(good)
    r_bytes, s_bytes = (number.to_bytes(33, "big").lstrip(b"\0") for number in (r, s))
    r_der, s_der = (
        integer(data if data[0] < 0x80 else b"\0" + data) for data in (r_bytes, s_bytes)
    )
    n, p = p256.N, p256.P
    cases = {
        "good": good,
        "the other s is as good": encode_dss_signature(r, n - s),
        "r is 0": encode_dss_signature(0, s),
        "s is 0": encode_dss_signature(r, 0),
        "both are 0": encode_dss_signature(0, 0),
        "r and s are 1": encode_dss_signature(1, 1),
        "r is n": encode_dss_signature(n, s),
        "s is n": encode_dss_signature(r, n),
        "r is n - 1": encode_dss_signature(n - 1, s),
        "r + n": encode_dss_signature(r + n, s),
        "s + n": encode_dss_signature(r, s + n),
        "r is p": encode_dss_signature(p, s),
        "r is p - n": encode_dss_signature(p - n, s),
        "r and s are swapped": encode_dss_signature(s, r),
        "r is negative": sequence(integer(b"\xff" + r_bytes), s_der),
        "r without its zero": sequence(integer(b"\x80" + r_bytes[1:]), s_der),
        "r with a zero too many": sequence(integer(b"\0\0" + r_bytes), s_der),
        "s with a zero too many": sequence(r_der, integer(b"\0\0" + s_bytes)),
        "length in long form": b"\x30\x81" + good[1:],
        "indefinite length": b"\x30\x80" + good[2:] + b"\0\0",
        "a byte behind": good + b"\0",
        "a byte behind, counted": sequence(r_der, s_der, b"\0"),
        "a third number": sequence(r_der, s_der, integer(b"\1")),
        "a number alone": sequence(r_der),
        "r of no bytes": sequence(b"\2\0", s_der),
        "a sequence of nothing": b"\x30\0",
        "nothing": b"",
        "cut": good[:-1],
        "another tag": b"\x31" + good[1:],
        "another tag of r": good[:2] + b"\3" + good[3:],
        "length beyond the end": good[:3] + b"\x7f" + good[4:],
        "raw, not DER": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        "of another key": sign(ec.derive_private_key(7, ec.SECP256R1())),
        "of another message": sign(KEY, b"another"),
    }
    found = {name: (public, signature, DIGEST) for name, signature in cases.items()}
    numbers = KEY.public_key().public_numbers()
    points = {
        "a point not on the curve": b"\4" + numbers.x.to_bytes(32, "big") + bytes(31) + b"\1",
        "a point of another curve": p256.write_point(OTHER_CURVE_POINT),
        "infinity": b"\0",
        "zero": b"\4" + bytes(64),
        "x is p and more": b"\4" + (numbers.x % 1 + p).to_bytes(32, "big") + bytes(32),
        "-y": p256.write_point((numbers.x, p - numbers.y)),
        "a point that is cut": public[:-1],
        "a point and a byte": public + b"\0",
        "hybrid": bytes((6 + numbers.y % 2,)) + public[1:],
    }
    found |= {name: (point, good, DIGEST) for name, point in points.items()}
    # Of which u1 or u2 is 0, u1 G = u2 Q or -u2 Q, or the digest is more than n.
    generator = p256.write_point(p256.G)
    negative = p256.write_point((p256.G[0], p - p256.G[1]))
    for name, digest in (
        ("0", bytes(32)),
        ("all ones", b"\xff" * 32),
        ("n", n.to_bytes(32, "big")),
    ):
        found[f"digest of {name}"] = public, _sign_digest(KEY, digest), digest
    for name, point in (("G", generator), ("-G", negative)):
        for value in (1, 2, n - 1, n - 2, p256.G[0] % n):
            signature = encode_dss_signature(p256.G[0] % n, value)
            found[f"{name} with s = {value % 1000}"] = point, signature, DIGEST
    twice = p256.multiply(2, p256.G)[0]
    for name, point in (("G", generator), ("-G", negative)):
        # u1 = u2: the sum is a doubling, or infinity.
        signature = encode_dss_signature(twice % n, twice % n)
        found[f"sum of equals, {name}"] = point, signature, (twice % n).to_bytes(32, "big")
    return found


def _sign_digest(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


CASES = edge_cases()
STRICTER = {"hybrid"}  # a spelling of the point that boards don't read


@pytest.mark.parametrize("name", CASES)
def test_an_edge_case_is_decided_as_by_cryptography(name: str) -> None:
    expected = cryptography_says(*CASES[name]) and name not in STRICTER
    assert p256.verify(*CASES[name]) is expected


def test_the_edge_cases_hold_good_ones_and_bad_ones() -> None:
    good = {name for name in CASES if cryptography_says(*CASES[name])}
    assert {"good", "the other s is as good", "digest of 0", "sum of equals, G"} <= good
    assert len(CASES) - len(good) > 40


def test_every_bit_of_a_signature_counts() -> None:
    public, good = public_of(KEY), sign(KEY)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert not p256.verify(public, bytes(bad), DIGEST), bit


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=70))
def test_random_bytes_are_refused_and_raise_nothing(public: bytes, signature: bytes) -> None:
    assert not p256.verify(public, sign(KEY), DIGEST)
    assert not p256.verify(public_of(KEY), signature, DIGEST)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, p256.N - 1))
def test_a_multiple_of_the_generator_is_the_public_key(factor: int) -> None:
    numbers = ec.derive_private_key(factor, ec.SECP256R1()).public_key().public_numbers()
    assert p256.multiply(factor, p256.G) == (numbers.x, numbers.y)


def test_multiples_at_the_edges() -> None:
    x, y = p256.G
    assert p256.multiply(0, p256.G) == p256.INFINITY
    assert p256.multiply(1, p256.G) == p256.G
    assert p256.multiply(p256.N - 1, p256.G) == (x, p256.P - y)
    assert p256.multiply(p256.N, p256.G) == p256.INFINITY
    assert p256.multiply(p256.N + 1, p256.G) == p256.G
    assert p256.read_point(p256.write_point(p256.G)) == p256.G


def test_the_vm_decides_all_of_it_alike(tmp_path: Path) -> None:
    dice = random.Random(5)
    cases = list(CASES.items())
    for number in range(20):
        key = ec.derive_private_key(dice.randrange(1, p256.N), ec.SECP256R1())
        message = dice.randbytes(dice.randrange(100))
        digest = hashlib.sha256(message).digest()
        cases.append((f"random {number}", (public_of(key), sign(key, message), digest)))
    path = tmp_path / "cases"
    path.write_text(
        "".join(
            json.dumps(
                [part.hex() for part in case] + [cryptography_says(*case) and name not in STRICTER]
            )
            + "\n"
            for name, case in cases
        )
    )
    said = vm.run(RUN, str(path))
    assert (said["right"], said["wrong"]) == (len(cases), [])
    assert said["took_us"] < 500_000
    assert said["heap_bytes"] < 6 * 1024
