"""Ask a cloud for a certificate and the thing it is to speak for. Pure: answers in, questions out.

Flow: claim | rotation -> [provisioning] -> session -> broker
AWS documents topics and messages under "Device provisioning MQTT API". What it knows is kept
by its caller after each answer, so that a power cut costs no more than one question.
"""

import binascii
import json

from tidenode import der
from tidenode.errors import NodeError
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Answer = tuple[str, bytes]

SIGN = "$aws/certificates/create-from-csr/json"
FILTERS_OF = ("/accepted", "/rejected")
TOKEN_LIFE_MS = 3_000_000  # AWS IoT lets it live an hour; the rest is for slow clocks


class RefusedError(NodeError):
    """The cloud said no: `code` is its errorCode."""

    def __init__(self, topic: str, status: object, code: str, message: object) -> None:
        super().__init__("refused %s: %s %s: %s" % (topic, status, code, message))
        self.code = code


class AnswerError(NodeError):
    """The cloud's answer is not one to our question."""


class Provisioning:
    """The state of one exchange: `known` is a dict that goes to flash as JSON.

    certificate_id, certificate_pem, token, until_ms   once the request is signed
    thing, site                                        once the certificate speaks for the thing
    """

    def __init__(
        self, template: str, parameters: "dict[str, str]", known: "dict[str, Any]"
    ) -> None:
        self.known = known
        self._register = "$aws/provisioning-templates/%s/provision/json" % template
        self._parameters = parameters

    def filters(self) -> "list[str]":
        """Return what to subscribe to."""
        return [topic + end for topic in (SIGN, self._register) for end in FILTERS_OF]

    def question(self, now_ms: int, request_pem: str) -> "tuple[str, str] | None":
        """Return (topic, payload) to publish next; None when the certificate has its thing."""
        if "thing" in self.known:
            return None
        if now_ms >= self.known.get("until_ms", 0):
            return SIGN, json.dumps({"certificateSigningRequest": request_pem})
        return self._register, json.dumps(
            {
                "certificateOwnershipToken": self.known["token"],
                "parameters": self._parameters,
            }
        )

    def take(self, answer: "Answer", now_ms: int) -> None:
        """Learn from (topic, payload). Raises RefusedError and AnswerError."""
        topic, payload = answer
        try:
            document = json.loads(str(payload, "utf-8"))
            if topic.endswith("/rejected"):
                self._refuse(topic, document)
            elif topic == SIGN + "/accepted":
                certificate_of(document["certificatePem"])
                self.known = {
                    "certificate_id": document["certificateId"],
                    "certificate_pem": document["certificatePem"],
                    "token": document["certificateOwnershipToken"],
                    "until_ms": now_ms + TOKEN_LIFE_MS,
                }
            else:
                thing = check_thing(document["thingName"])
                site = check_site(document["deviceConfiguration"]["site"])
                self.known["thing"], self.known["site"] = thing, site
        except (ValueError, KeyError, TypeError, WireError) as error:
            raise AnswerError("bad answer on %s: %r" % (topic, error))

    def _refuse(self, topic: str, document: "Any") -> None:
        code, message = str(document["errorCode"]), document.get("errorMessage")
        # A token that is spent or too old is no reason to wait: ask for another.
        if "token" in (code + str(message)).lower():
            self.known = {}
        raise RefusedError(
            topic[: -len("/json/rejected")], document.get("statusCode"), code, message
        )


def certificate_of(pem: str) -> bytes:
    """Return the DER of the first certificate in `pem`. Raises ValueError."""
    text = pem.split("-----BEGIN CERTIFICATE-----", 1)[-1]
    certificate = binascii.a2b_base64("".join(text.split("-----END", 1)[0].split()))
    if not der.is_whole(certificate):
        raise ValueError("no certificate in %d characters" % len(pem))
    return certificate
