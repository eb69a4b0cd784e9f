"""A session with an OPC UA server: security, user, node ids, limits."""

import asyncio
import hashlib
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto import security_policies

from tidegate.opcua.certificate import APPLICATION_URI_PREFIX, own_certificate
from tidegate.opcua.errors import OpcuaDownError, OpcuaError
from tidegate.opcua.server_clock import ServerClock
from tidegate.opcua.settings import OpcuaSettings

log = logging.getLogger("tidegate.opcua")
logging.getLogger("asyncua").setLevel(logging.WARNING)  # at INFO it tells of every publish
logging.getLogger("asyncua.client").setLevel(logging.ERROR)  # of each try to connect, below

NODES_PER_CALL = 1000  # where the server tells no limit
_CLOSE_S_MAX = 3.0
_SESSION_MS = 60_000  # a dead gateway's session ends on the server after this
FAILURES = (ua.UaError, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError)


class Session:
    """One connection; after a loss it is closed and another one made, never mended.

    `lost` is set when the connection ends or the server stops answering.
    """

    def __init__(
        self,
        settings: OpcuaSettings,
        clock: ServerClock | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.lost = asyncio.Event()
        self.nodes_per_read = self.nodes_per_subscribe = NODES_PER_CALL
        self.client: Any = None
        self.clock = clock or ServerClock()
        self._settings, self._clock_ns = settings, clock_ns
        self._namespaces: list[str] = []

    async def open(self) -> None:
        """Connect; raises `OpcuaError`."""
        settings = self._settings
        timeout_s = settings.timeout_ms / 1000
        # Its watchdog gives up after one second, which a server that makes a thousand items needs.
        client = Client(settings.url, timeout=timeout_s, watchdog_intervall=timeout_s)
        client.application_uri = f"{APPLICATION_URI_PREFIX}{socket.gethostname()}"
        client.session_timeout = _SESSION_MS
        client.connection_lost_callback = self._on_lost
        self.client = client
        try:
            if settings.policy != "None":
                await self._secure(client)
            if settings.user and settings.password_file:
                client.set_user(settings.user)
                client.set_password(_secret(settings.password_file))
            await client.connect()
            self._namespaces = await client.get_namespace_array()
            await self._read_facts()
        except FAILURES as error:
            await self.close()
            raise OpcuaDownError(f"can't connect to {settings.url}", error) from error
        except OpcuaError:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go; never raises, and takes three seconds at most."""
        client, self.client = self.client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S_MAX):
                await client.disconnect()
        except Exception as error:
            log.debug("disconnecting failed: %r", error)
            client.disconnect_socket()

    def node_id(self, address: str) -> Any:
        """Return the id in `address`: `ns=2;s=...`, `nsu=URI;s=...`, `i=...`.

        Raises `OpcuaError` for one that can't be, or whose namespace the server does not have.
        """
        text = address
        if address.startswith("nsu="):
            uri, _, rest = address[4:].partition(";")
            if uri not in self._namespaces:
                raise OpcuaError(f"the server has no namespace {uri}, as {address} wants")
            text = f"ns={self._namespaces.index(uri)};{rest}"
        try:
            return ua.NodeId.from_string(text)
        except (ua.UaError, ValueError) as error:
            raise OpcuaError(f"{address!r} is no node id, as in ns=2;s=tank.level_m") from error

    async def ask(self, what: str, awaitable: Awaitable[Any]) -> Any:
        """Await an answer of the server; raises `OpcuaError` saying `what` failed."""
        try:
            return await awaitable
        except (OSError, TimeoutError, ConnectionError) as error:
            self.lost.set()
            raise OpcuaDownError(what, error) from error
        except FAILURES as error:
            raise OpcuaError(what, error) from error

    async def _on_lost(self, error: Exception) -> None:
        log.warning("connection lost url=%s: %r", self._settings.url, error)
        self.lost.set()

    async def _secure(self, client: Any) -> None:
        settings = self._settings
        certificate, key = own_certificate(
            settings.keys, "tidegauge gateway", client.application_uri
        )
        policy: Callable[..., Any] = getattr(security_policies, f"SecurityPolicy{settings.policy}")
        mode = getattr(ua.MessageSecurityMode, settings.mode)
        endpoints = await client.connect_and_get_server_endpoints()
        try:
            endpoint = Client.find_endpoint(endpoints, mode, policy.URI)  # type: ignore[attr-defined]  # a class with a constant
        except ua.UaError as error:
            offers = sorted(
                {f"{one.SecurityPolicyUri.partition('#')[2]} {one.SecurityMode.name.rstrip('_')}"
                 for one in endpoints}
            )  # fmt: skip
            raise OpcuaError(
                f"{settings.url} does not offer {settings.policy} {settings.mode}; it has "
                + ", ".join(offers)
            ) from error
        seen = bytes(endpoint.ServerCertificate)
        await client.set_security(
            policy,
            certificate,
            key,
            server_certificate=str(_known(settings.keys / "server.der", seen)),
            mode=mode,
        )

    async def _read_facts(self) -> None:
        """Take the server's time, and its limits of nodes in a call, where it tells them."""
        names = ("MaxNodesPerRead", "MaxMonitoredItemsPerCall")
        ids = [
            ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
            ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ]
        found = dict.fromkeys(names, NODES_PER_CALL)
        ids.append(ua.ObjectIds.Server_ServerStatus_CurrentTime)
        *limits, time_data = await self.read([ua.NodeId(identifier) for identifier in ids])
        told = time_data.Value.Value if time_data.Value is not None else None
        self.clock.hear(told if isinstance(told, datetime) else None, self._clock_ns())
        for name, data in zip(names, limits, strict=True):
            if data.Value is not None and isinstance(data.Value.Value, int) and data.Value.Value:
                found[name] = min(int(data.Value.Value), NODES_PER_CALL)
        self.nodes_per_read, self.nodes_per_subscribe = found.values()

    async def read(self, nodes: list[Any]) -> list[Any]:
        """Return the data values of `nodes`, in calls of what the server takes."""
        out: list[Any] = []
        for start in range(0, len(nodes), self.nodes_per_read):
            parameters = ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both)
            for node in nodes[start : start + self.nodes_per_read]:
                parameters.NodesToRead.append(
                    ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value)
                )
            out += await self.client.uaclient.read(parameters)
        return out


def _known(path: Path, seen: bytes) -> Path:
    """Return the path of the server's certificate, which is the first that was ever seen."""
    if path.exists():
        if path.read_bytes() != seen:
            raise OpcuaError(
                f"the server shows another certificate than {path}: if it was renewed, remove "
                f"that file (the new one is SHA-256 {hashlib.sha256(seen).hexdigest()})"
            )
        return path
    log.warning("first certificate of the server kept path=%s", path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(seen)
    return path


def _secret(path: Path) -> str:
    try:
        return path.read_text().rstrip("\r\n")
    except OSError as error:
        raise OpcuaError(f"can't read the password in {path}: {error.strerror}") from error
