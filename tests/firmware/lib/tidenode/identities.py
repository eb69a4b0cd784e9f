"""Certificates for tests: P-256, made in memory."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PEM, DER = Encoding.PEM, Encoding.DER


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    def key_der(self) -> bytes:
        return self.key.private_bytes(DER, PrivateFormat.PKCS8, NoEncryption())

    def save_pem(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write certificate and key where the `ssl` module can load them."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.certificate.public_bytes(PEM))
        key.write_bytes(self.key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, key


def authority(name: str = "test authority") -> Identity:
    """Return a certificate authority."""
    return _issued(name, None, timedelta(days=30), None)


def server(
    issuer: Identity,
    *,
    address: str = "127.0.0.1",
    name: str | None = None,
    valid_days: int = 30,
    since_days: int = 60,
) -> Identity:
    """Return the identity of the server at `address`, or else of the one called `name`.

    A negative `valid_days` makes it expired, a negative `since_days` not valid yet.
    """
    known_as = x509.DNSName(name) if name else x509.IPAddress(ip_address(address))
    names = x509.SubjectAlternativeName([known_as])
    return _issued("broker", issuer, timedelta(days=valid_days), names, timedelta(days=since_days))


def thing(issuer: Identity, name: str = "board-1", valid_days: int = 30) -> Identity:
    """Return a board's identity."""
    return _issued(name, issuer, timedelta(days=valid_days), None)


def _issued(
    name: str,
    issuer: Identity | None,
    valid_for: timedelta,
    names: x509.SubjectAlternativeName | None,
    since: timedelta = timedelta(days=60),
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - since)
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(names, critical=False)
    return Identity(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
