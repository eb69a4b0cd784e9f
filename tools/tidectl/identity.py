"""A thing's key pair, made on this machine; the private half never leaves it."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Identity:
    """A P-256 key, which boards compute with quickly, and the request to sign it."""

    key_der: bytes  # SEC 1, what MicroPython's TLS reads
    request_pem: str

    def key_pem(self) -> bytes:
        """Return the key as programs on this machine read it."""
        key = load_der_private_key(self.key_der, password=None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def __repr__(self) -> str:
        return "Identity(...)"  # the key must not reach a log


def make_identity(thing: str) -> Identity:
    """Return a fresh identity whose certificate will carry the name `thing`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing)])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    )
    return Identity(
        key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        request.public_bytes(Encoding.PEM).decode(),
    )


def certificate_der(pem: str) -> bytes:
    """Return a PEM certificate as the DER that boards read."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
