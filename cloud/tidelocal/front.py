"""The HTTP door: refuse what must not come in, hand the rest to the hosted services.

Flow: HTTP -> [front] -> host -> service
Refused here: MiniStack's own reset and configuration (they need no credentials), services
that the local cloud lacks, which MiniStack would answer late or as S3, and the resharding of
streams, at which MiniStack forgets their records.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from xml.sax.saxutils import escape

from tidelocal.host import Host, Message, Receive, Send

# The rest under these prefixes resets, configures or reads across accounts.
_OPEN_PATHS = frozenset({"/_ministack/health", "/_ministack/ready", "/_ministack/iot/ca.pem"})
_CLOSED_PREFIXES = ("/_ministack", "/_localstack")
_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
# Calls that only read or move data; any other may change what a restart must find again.
_DATA_TARGETS = re.compile(
    r"(?:Kinesis_20131202\.(?:Put|Get|Describe|List|Subscribe)|Timestream_20181101\."
    r"|AmazonSQS\.Receive|\w+\.(?:Describe|Get|List))"
)
_RESHARDING = re.compile(r"Kinesis_20131202\.(?:UpdateShardCount|SplitShard|MergeShards)$")
_DATA_PREFIXES = ("/_aws/execute-api/", "/topics/")
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = logging.getLogger(__name__)


class Front:
    """ASGI application; `on_change` returns when what a call may have changed is kept."""

    def __init__(self, host: Host, on_change: Callable[[], Awaitable[None]]) -> None:
        self._host, self._on_change = host, on_change

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await self._host.serve(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        path, method = scope["path"], scope["method"]
        if path.startswith(_CLOSED_PREFIXES) and path not in _OPEN_PATHS:
            log.warning("refused %s %s: closed from outside", method, path)
            await _answer(send, 403, "AccessDenied", f"{path} is closed in the local cloud")
            return
        missing = self._missing_service(method, path, headers)
        if missing:
            log.warning("refused %s: not in the local cloud", missing)
            await _answer(
                send,
                501,
                "ServiceNotInLocalCloud",
                f"{missing} is not in the local cloud",
                as_xml="x-www-form-urlencoded" in headers.get("content-type", ""),
            )
            return
        target = headers.get("x-amz-target", "")
        if _RESHARDING.match(target):
            log.warning("refused %s: it would lose records", target)
            await _answer(
                send,
                501,
                "NotInLocalCloud",
                f"{target} would lose the records of the stream in the local cloud: "
                "make another stream",
            )
            return
        if (
            method in _READING_METHODS
            or path.startswith(_DATA_PREFIXES)
            or _DATA_TARGETS.match(target)
        ):
            await self._host.serve(scope, receive, send)
        else:
            await self._host.serve(scope, receive, self._noting(send))

    def _noting(self, send: Send) -> Send:
        """Have the change kept before its caller hears that it is made."""

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await self._on_change()
            await send(message)

        return note_and_send

    def _missing_service(self, method: str, path: str, headers: dict[str, str]) -> str:
        """Return the name of the service when we lack it, else nothing."""
        if not _SCOPE.search(headers.get("authorization", "")) and "x-amz-target" not in headers:
            return ""
        service = self._host.service_of(method, path, headers)
        return "" if self._host.serves(service) else service


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _answer(
    send: Send, status: int, code: str, message: str, *, as_xml: bool = False
) -> None:
    if as_xml:
        kind, body = (
            "text/xml",
            (
                f"<ErrorResponse><Error><Code>{code}</Code><Message>{escape(message)}</Message>"
                "</Error></ErrorResponse>"
            ),
        )
    else:
        kind, body = "application/json", json.dumps({"__type": code, "message": message})
    headers = [
        (b"content-type", kind.encode()),
        (b"x-amzn-errortype", code.encode()),
        (b"content-length", str(len(body.encode())).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
