"""How a session begins: the client's first frame, and the server's answer to it. Pure."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from tidegate.streams.errors import StreamFrameError, StreamRequestError
from tidegate.streams.frame import CONNECT_VERSION, body_of, packed, request_id_in
from tidegate.streams.status import Operation, Status

SERVER_VERSION = "1.0.0"
PROTOCOL_VERSIONS = ("1.1.0", "1.0.0")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client began with; `version` is the one that both speak."""

    request_id: str
    version: str
    token: str | None = field(repr=False)


class HelloRefusedError(StreamRequestError):
    """A first frame that leads nowhere; the client is told, and the connection ends."""

    def __init__(self, request_id: object, status: Status, message: str) -> None:
        super().__init__(status, message)
        self.request_id = request_id if isinstance(request_id, str) else ""


def hello_of(operation: int, payload: bytes) -> Hello:
    """Read a client's first frame; raises `HelloRefusedError`."""
    if operation != Operation.CONNECT:
        raise HelloRefusedError(
            request_id_in(payload), Status.UNEXPECTED_OPERATION, "the first frame is no Connect"
        )
    try:
        body = body_of(payload)
    except StreamFrameError as error:
        raise HelloRefusedError(
            request_id_in(payload), Status.INVALID_REQUEST, str(error)
        ) from error
    request_id, asked = body.get("requestId"), body.get("protocolVersion")
    if not isinstance(asked, str) or not _VERSION.fullmatch(asked):
        raise HelloRefusedError(
            request_id, Status.INVALID_PROTOCOL_VERSION, "protocolVersion is none"
        )
    others = body.get("otherSupportedProtocolVersions")
    versions = [asked, *(others if isinstance(others, list) else [])]
    version = next((one for one in versions if one in PROTOCOL_VERSIONS), None)
    if version is None:
        raise HelloRefusedError(
            request_id,
            Status.UNSUPPORTED_PROTOCOL_VERSION,
            f"this server speaks {', '.join(PROTOCOL_VERSIONS)}",
        )
    token = body.get("authToken")
    return Hello(
        request_id if isinstance(request_id, str) else "",
        version,
        token if isinstance(token, str) else None,
    )


def greeting(request_id: str, error: StreamRequestError | None, version: str) -> bytes:
    """Return the first bytes of the server."""
    body: dict[str, Any] = {
        "requestId": request_id,
        "status": error.status if error else int(Status.SUCCESS),
        "protocolVersion": version,
        "supportedProtocolVersions": list(PROTOCOL_VERSIONS),
        "serverVersion": SERVER_VERSION,
        "clientIdentifier": secrets.token_hex(8),
    }
    if error:
        body["errorMessage"] = error.message
    return bytes([CONNECT_VERSION]) + packed(Operation.CONNECT_ANSWER, body)
