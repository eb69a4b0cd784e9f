"""What a board without an identity does first, step by step, with a key of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.local_cloud import Certificate
from tests.mqtt_device import MqttDevice
from tidectl.claim import ClaimFolder
from tidectl.identity import Identity, make_identity

CSR_TOPIC = "$aws/certificates/create-from-csr/json"
PROVISION_TOPIC = "$aws/provisioning-templates/tidegauge/provision/json"
ANSWERS = tuple(f"{topic}/{end}" for topic in (CSR_TOPIC, PROVISION_TOPIC)
                for end in ("accepted", "rejected"))  # fmt: skip


@dataclass(frozen=True)
class Signed:
    """A certificate that was asked for, with its token."""

    identity: Identity
    document: dict[str, Any]

    @property
    def token(self) -> str:
        return str(self.document["certificateOwnershipToken"])

    def files(self, folder: Path) -> Certificate:
        """Write the certificate and its key, to come with."""
        certificate_path, key_path = folder / "made.pem", folder / "made.key"
        certificate_path.write_text(self.document["certificatePem"])
        key_path.write_bytes(self.identity.key_pem())
        return Certificate(certificate_path, key_path, f"cert/{self.document['certificateId']}")


def claim_files(claim: ClaimFolder, folder: Path) -> Certificate:
    """Return the claim as PEM files."""
    certificate = x509.load_der_x509_certificate(claim.certificate_path.read_bytes())
    certificate_path, key_path = folder / "claim.pem", folder / "claim.key"
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(Identity(claim.key_path.read_bytes(), "").key_pem())
    return Certificate(certificate_path, key_path, claim.facts()["certificate_arn"])


@contextmanager
def asking(facts: dict[str, Any], certificate: Certificate, client: str) -> Iterator[MqttDevice]:
    """Connect as `client`, subscribed to the answers."""
    with MqttDevice(facts, certificate, client) as device:
        device.subscribe(*ANSWERS)
        yield device


def sign(device: MqttDevice, name: str = "board") -> Signed:
    """Have a new key signed."""
    identity = make_identity(name)
    request = {"certificateSigningRequest": identity.request_pem}
    answer, document = device.ask(CSR_TOPIC, request)
    assert answer == "accepted", document
    return Signed(identity, document)


def provision(device: MqttDevice, token: str, **parameters: str) -> tuple[str, dict[str, Any]]:
    """Ask to become a thing; return the answer and its document."""
    request = {"certificateOwnershipToken": token, "parameters": parameters}
    return device.ask(PROVISION_TOPIC, request)
