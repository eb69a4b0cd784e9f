"""The token exchange service: AWS credentials for components that depend on it.

Flow: boto3 in a component -> http://localhost -> [credentials] ~mutual TLS~> role alias
Held until `RENEW_S` before they end; who has no token of a component gets nothing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tidegate.nucleus.device_cloud import DeviceCloud
from tidegate.nucleus.environment import CREDENTIALS_PATH
from tidegate.nucleus.errors import NucleusError

log = logging.getLogger(__name__)

RENEW_S = 300.0
HEAD_BYTES_MAX = 16 * 1024
HEAD_S_MAX = 10.0


class CredentialsServer:
    """Listens on a free port of loopback between `open` and `close`."""

    def __init__(self, cloud: DeviceCloud) -> None:
        self._cloud = cloud
        self._server: asyncio.Server | None = None
        self._held: tuple[float, dict[str, Any]] | None = None
        self._fetching = asyncio.Lock()
        self.allows: Callable[[str], bool] = lambda _token: False
        self.port = 0

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_S_MAX):
                head = await reader.readuntil(b"\r\n\r\n")
            status, document = await self._answer(head.decode("latin-1"))
            body = json.dumps(document).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a caller that went away, or no HTTP
        finally:
            writer.close()

    async def _answer(self, head: str) -> tuple[str, dict[str, Any]]:
        first, *lines = head.split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        if first.split()[:2] != ["GET", CREDENTIALS_PATH]:
            return "404 Not Found", {"message": f"only GET {CREDENTIALS_PATH}"}
        if not self.allows(headers.get("authorization", "")):
            return "403 Forbidden", {"message": "not a component that may have credentials"}
        try:
            return "200 OK", await self._credentials()
        except NucleusError as error:
            log.warning("no credentials: %s", error)
            return "500 Internal Server Error", {"message": str(error)}

    async def _credentials(self) -> dict[str, Any]:
        async with self._fetching:
            if self._held and self._held[0] - RENEW_S > time.time():
                return self._held[1]
            got = await asyncio.to_thread(self._cloud.credentials)
            document = {
                "AccessKeyId": got["accessKeyId"],
                "SecretAccessKey": got["secretAccessKey"],
                "Token": got["sessionToken"],
                "Expiration": got["expiration"],
            }
            self._held = (_epoch_s(str(got["expiration"])), document)
            return document


def _epoch_s(text: str) -> float:
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
