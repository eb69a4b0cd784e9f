"""Keys and signing requests, as other programs read them."""

import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware.lib.tidenode import identities
from tidenode import csr, der, ecdsa, provisioning
from tidenode.p256 import N

NAMES = st.text("abcXYZ019_:-.", min_size=1, max_size=64)


@settings(max_examples=25)
@given(st.integers(1, N - 1))
def test_a_key_is_byte_for_byte_what_openssl_writes(private: int) -> None:
    key = ec.derive_private_key(private, ec.SECP256R1())
    assert csr.key_of(private) == key.private_bytes(
        Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


@settings(max_examples=25)
@given(NAMES)
def test_a_request_is_signed_by_its_key_and_has_its_subject(name: str) -> None:
    key_der = csr.key_of(ecdsa.new_private(os.urandom))
    request = x509.load_pem_x509_csr(csr.pem_of(csr.request_of(key_der, name)).encode())
    key = load_der_private_key(key_der, password=None)
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    assert request.subject == x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    assert list(request.extensions) == []


def test_the_first_certificate_of_a_pem_is_taken() -> None:
    authority = identities.authority()
    first, second = identities.thing(authority, "a"), identities.thing(authority, "b")
    pem = "".join(
        one.certificate.public_bytes(Encoding.PEM).decode() for one in (first, second, authority)
    )
    assert provisioning.certificate_of(pem) == first.certificate_der()
    assert provisioning.certificate_of("junk before\n" + pem) == first.certificate_der()


@pytest.mark.parametrize(
    "pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_holds_no_certificate_is_a_value_error(pem: str) -> None:
    with pytest.raises(ValueError, match=r"no certificate|padding|base64"):
        provisioning.certificate_of(pem)


@given(st.integers(0, 2**256 - 1))
def test_an_integer_of_der_is_short_and_not_negative(value: int) -> None:
    data = der.integer(value)
    assert data[:2] == bytes((2, len(data) - 2))
    assert int.from_bytes(data[2:], "big", signed=True) == value
    assert len(data) == 3 or data[2] or data[3] & 0x80


@given(st.binary(max_size=700), st.data())
def test_der_is_whole_or_it_is_not(body: bytes, data: st.DataObject) -> None:
    whole = der.sequence(body, b"more")
    assert der.is_whole(whole)
    assert not der.is_whole(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert not der.is_whole(whole + b"\x00")
