"""A thing's key pair: P-256, named, and silent about its private half."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.firmware.lib.tidenode.identities import PEM, authority
from tidectl.identity import certificate_der, make_identity


def test_the_request_carries_the_name_and_is_signed_with_the_key() -> None:
    identity = make_identity("pump-7")
    request = x509.load_pem_x509_csr(identity.request_pem.encode())
    (name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "pump-7"
    assert request.is_signature_valid
    key = load_der_private_key(identity.key_der, password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert isinstance(key.curve, SECP256R1)
    assert request.public_key() == key.public_key()


def test_the_private_half_is_not_in_the_request_and_not_in_a_log() -> None:
    identity = make_identity("pump-7")
    assert "PRIVATE" not in identity.request_pem
    assert repr(identity) == f"{identity}" == "Identity(...)"


def test_the_pem_is_the_same_key_and_each_identity_has_its_own() -> None:
    identity = make_identity("pump-7")
    same = load_pem_private_key(identity.key_pem(), password=None).private_numbers()  # type: ignore[union-attr]  # of a kind that has them
    der = load_der_private_key(identity.key_der, password=None).private_numbers()  # type: ignore[union-attr]  # of a kind that has them
    assert same == der
    assert make_identity("pump-7").key_der != identity.key_der


def test_a_pem_certificate_becomes_the_der_that_boards_read() -> None:
    issued = authority()
    pem = issued.certificate.public_bytes(PEM).decode()
    assert certificate_der(pem) == issued.certificate_der()
    with pytest.raises(ValueError, match="PEM"):
        certificate_der("no certificate")
