"""The HTTPS door for devices: TLS with a required client certificate, one request a connection.

Flow: device ~TLS~> [device door] -> device plane
Bounded: CONNECTIONS_MAX connections, HEAD_BYTES_MAX and BODY_BYTES_MAX a request, REQUEST_S each.
"""

import asyncio
import json
import logging
import socket
from contextlib import suppress
from typing import Any

from tidelocal.greengrass.device_plane import DevicePlane
from tidelocal.greengrass.errors import STATUSES, GreengrassRefusedError
from tidelocal.host import Host

CONNECTIONS_MAX = 256
HEAD_BYTES_MAX = 16 * 1024
BODY_BYTES_MAX = 1024 * 1024
REQUEST_S = 10.0

log = logging.getLogger(__name__)


class DeviceDoor:
    """Accepts devices on a bound socket until `close`."""

    def __init__(self, host: Host, plane: DevicePlane) -> None:
        self._host, self._plane = host, plane
        self._server: asyncio.Server | None = None
        self._open = 0

    async def open(self, door: socket.socket) -> None:
        """Start accepting."""
        self._server = await asyncio.start_server(
            self._serve,
            sock=door,
            ssl=await self._host.iot.tls_context(),
            ssl_handshake_timeout=REQUEST_S,
            ssl_shutdown_timeout=1.0,
            limit=HEAD_BYTES_MAX,
        )

    async def close(self) -> None:
        """Stop accepting."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= CONNECTIONS_MAX:
            writer.close()
            return
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                status, document = await self._answer(reader, writer)
            body = json.dumps(document).encode()
            head = (
                f"HTTP/1.1 {status} {'OK' if status < 300 else 'Refused'}\r\n"  # noqa: PLR2004  HTTP
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.info("a device hung up in the middle of its request")
        finally:
            self._open -= 1
            with suppress(OSError):
                writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[int, dict[str, Any]]:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        identity = self._host.iot.identify(certificate) if certificate else "no certificate"
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if isinstance(identity, str):
            log.warning("refused a device: %s", identity)
            return 403, {"message": identity}
        words = first.split()
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        length = headers.get("content-length", "0")
        if len(words) < 2 or not length.isdigit() or int(length) > BODY_BYTES_MAX:  # noqa: PLR2004  method, path
            return 400, {"message": "no HTTP request that this door takes"}
        body = await reader.readexactly(int(length))
        try:
            return 200, self._plane.answer(identity, words[0], words[1], body)
        except GreengrassRefusedError as error:
            log.info("refused %s: %s", words[1], error)
            return STATUSES.get(error.code, 400), {"message": error.message}
