"""The scripted broker as a fleet's: it signs requests and makes things of those on its list."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.firmware.lib.tidenode.broker import Broker, Publish, publish_packet
from tests.firmware.lib.tidenode.identities import Identity

SIGN = "$aws/certificates/create-from-csr/json"
REGISTER = "$aws/provisioning-templates/tidegauge/provision/json"


@dataclass(slots=True)
class Fleet:
    """Who may become what, and how the fleet's side misbehaves.

    `things` maps a serial number to (thing, site). `mute` leaves so many questions unanswered,
    `spent` refuses so many tokens, `strangers` hangs up on so many connections of things, and
    `refuse_new` on all that show a certificate signed here.
    """

    things: dict[str, tuple[str, str]] = field(default_factory=dict)
    mute: int = 0
    spent: int = 0
    strangers: int = 0
    refuse_new: bool = False


class FleetBroker(Broker):
    """A `Broker` that answers what `fleet` says."""

    def __init__(self, folder: Path, identity: Identity, authority: Identity) -> None:
        self.fleet = Fleet()
        self.requests: list[x509.CertificateSigningRequest] = []
        self.registrations: list[dict[str, Any]] = []
        self.signed: set[bytes] = set()
        self._authority = authority
        super().__init__(folder, identity, authority)

    def _greet(self, body: bytes, writer: asyncio.StreamWriter) -> int:
        client = body[12:].decode()
        if "." not in client and self.fleet.strangers:
            self.fleet.strangers -= 1
            writer.transport.abort()
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if self.fleet.refuse_new and shown in self.signed:
            writer.transport.abort()
        return super()._greet(body, writer)

    def _take(self, publish: Publish, writer: asyncio.StreamWriter) -> None:
        super()._take(publish, writer)
        if publish.topic not in (SIGN, REGISTER):
            return
        question = json.loads(publish.payload)
        kind, answer = self._sign(question) if publish.topic == SIGN else self._register(question)
        if self.fleet.mute:
            self.fleet.mute -= 1
            return
        topic = f"{publish.topic}/{kind}"
        writer.write(publish_packet(topic, json.dumps(answer).encode()))

    def _sign(self, question: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        request = x509.load_pem_x509_csr(question["certificateSigningRequest"].encode())
        if not request.is_signature_valid:
            return _refused("InvalidCertificateSigningRequest", "the signature is wrong")
        self.requests.append(request)
        certificate = _signed(self._authority, request)
        self.signed.add(certificate.public_bytes(Encoding.DER))
        number = len(self.requests)
        return "accepted", {
            "certificateId": f"certificate-{number}",
            "certificatePem": certificate.public_bytes(Encoding.PEM).decode(),
            "certificateOwnershipToken": f"token-{number}." + 900 * "x",
        }

    def _register(self, question: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.registrations.append(question)
        parameters = question["parameters"]
        if self.fleet.spent:
            self.fleet.spent -= 1
            return _refused("InvalidCertificateOwnershipToken", "it is used up")
        if "Site" in parameters:
            thing, site = parameters["ThingName"], parameters["Site"]
        elif parameters["SerialNumber"] in self.fleet.things:
            thing, site = self.fleet.things[parameters["SerialNumber"]]
        else:
            return _refused("AccessDenied", "not on the allow-list")
        return "accepted", {"thingName": thing, "deviceConfiguration": {"site": site}}


def _refused(code: str, message: str) -> tuple[str, dict[str, Any]]:
    return "rejected", {"statusCode": 400, "errorCode": code, "errorMessage": message}


def _signed(issuer: Identity, request: x509.CertificateSigningRequest) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(issuer.key, hashes.SHA256())
    )
