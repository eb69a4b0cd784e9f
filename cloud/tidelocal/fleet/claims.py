"""Sign what a device asks for over MQTT, and keep it before the device hears of it.

Flow: $aws/certificates/create-from-csr/json -> [claims] -> registry -> answer with a token
      $aws/provisioning-templates/<name>/provision/json -> MiniStack -> [claims] -> answer
An acknowledged identity that a killed process forgot would lock its device out for ever.
AWS documents the topics under "Device provisioning MQTT API".
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tidelocal.errors import ServiceCallError, StorageFullError
from tidelocal.host import Host

CREATE_FROM_CSR_TOPIC = "$aws/certificates/create-from-csr/json"
Reply = tuple[str, dict[str, Any]]


class SigningRequests:
    """The answers of fleet provisioning; a wrong request is answered, never dropped."""

    def __init__(self, host: Host, keep: Callable[[], Awaitable[None]]) -> None:
        self._host, self._keep = host, keep

    def sign(self, account: str, region: str, payload: bytes) -> Reply:
        """Return `accepted` or `rejected` and its document for one signing request."""
        try:
            document = json.loads(payload)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            return _rejected(400, "InvalidPayload", "Message cannot be parsed")
        request = document.get("certificateSigningRequest")
        if not isinstance(request, str) or not request:
            return _rejected(400, "InvalidParameters", "certificateSigningRequest is missing")
        try:
            signed = self._host.fleet.sign_request(account, region, request)
        except ServiceCallError as error:
            return _rejected(400, "InvalidCertificateSigningRequest", error.message)
        return "accepted", {
            "certificateId": signed.certificate_id,
            "certificatePem": signed.certificate_pem,
            "certificateOwnershipToken": signed.ownership_token,
        }

    async def kept(self, reply: Reply) -> Reply:
        """Return `reply` once what it says is on the disk."""
        if reply[0] == "accepted":
            try:
                await self._keep()
            except StorageFullError as error:
                return _rejected(500, "InternalFailure", str(error))
        return reply


def _rejected(status: int, code: str, message: str) -> Reply:
    return "rejected", {"statusCode": status, "errorCode": code, "errorMessage": message}
