"""The MQTT door: TLS with a required client certificate, then MiniStack's broker session.

Flow: device ~TLS~> [broker] -> session -> policies -> rules -> PUBACK
Bounded: CONNECTIONS_MAX connections, one read of READ_BYTES at a time each, so a device that
publishes faster than the rules run waits in its own socket; what waits for a device that does
not read is bounded by its outlet. Every hang-up has a log line.
"""

import asyncio
import logging
import socket
import ssl
from contextlib import suppress

from tidelocal.errors import LocalCloudError
from tidelocal.host import Host, Identity, MqttSession
from tidelocal.mqtt_connect import NotConnectError, keep_alive_s
from tidelocal.mqtt_outlet import Outlet
from tidelocal.mqtt_packets import PacketRefusedError, Packets

CONNECTIONS_MAX = 1024  # far more boards than one machine simulates
READ_BYTES = 16 * 1024
HANDSHAKE_S = 10.0  # a small board needs about two seconds
CONNECT_S = 10.0
END_S = 2.0  # what a peer gets to take our last bytes

log = logging.getLogger(__name__)


class Broker:
    """Accepts devices on a bound socket until `close`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.refused = 0

    async def open(self, door: socket.socket) -> None:
        """Start accepting."""
        self._context = await self._host.iot.tls_context()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Acceptor(self), sock=door
        )

    async def close(self) -> None:
        """Stop accepting and hang up; devices keep what was not acknowledged."""
        if self._server:
            self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=END_S)

    def accept(self, transport: asyncio.Transport) -> None:
        """Serve a new connection in a task of its own."""
        peer = transport.get_extra_info("peername")
        if len(self._connections) >= CONNECTIONS_MAX:
            self._log_refusal(peer, f"{CONNECTIONS_MAX} connections are open")
            transport.abort()
            return
        task = asyncio.create_task(self._serve(transport, peer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, transport: asyncio.Transport, peer: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2 * READ_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        assert self._context is not None  # noqa: S101 `open` made it before accepting
        try:
            tls = await loop.start_tls(
                transport, protocol, self._context, server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=END_S,
            )  # fmt: skip
        except (OSError, asyncio.CancelledError) as error:
            transport.abort()
            self._log_refusal(peer, _handshake_reason(error))
            return
        if tls is None:  # the peer was gone before the handshake began
            return
        protocol.connection_made(tls)  # start_tls leaves this to its caller
        writer = asyncio.StreamWriter(tls, protocol, reader, loop)
        try:
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            identity = self._host.iot.identify(certificate) if certificate else "no certificate"
            if isinstance(identity, str):
                self._log_refusal(peer, identity)
            else:
                await self._converse(identity, reader, writer, peer)
        finally:
            with suppress(OSError):
                writer.close()

    async def _converse(
        self,
        identity: Identity,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: tuple[str, int],
    ) -> None:
        outlet = Outlet(writer)

        async def send(data: bytes) -> None:
            outlet.send(data, session.unacknowledged)

        with self._host.scopes.scope(identity.account, identity.region):
            session = self._host.iot.open_session(identity, peer[0], send=send, close=writer.close)
            reason = "the local cloud is ending"
            try:
                reason = await self._feed(identity, session, reader, outlet)
            except (OSError, LocalCloudError, PacketRefusedError, NotConnectError) as error:
                reason = outlet.reason or str(error) or type(error).__name__
            except asyncio.CancelledError:
                pass
            except Exception:
                log.exception("session failed client=%s", session.client)
                reason = "our own mistake"
            finally:
                log.info(
                    "hang-up client=%s peer=%s:%d certificate=%s reason=%s",
                    session.client, *peer[:2], identity.certificate_id[:12], reason,
                )  # fmt: skip
                try:
                    await asyncio.shield(session.end())
                except LocalCloudError as error:
                    log.warning("will lost client=%s reason=%s", session.client, error)

    async def _feed(
        self,
        identity: Identity,
        session: MqttSession,
        reader: asyncio.StreamReader,
        outlet: Outlet,
    ) -> str:
        """Pass bytes on until the connection ends; return why it did."""
        head, packets = b"", Packets()
        silence_s: float | None = CONNECT_S
        connected = False
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                return f"nothing came for {silence_s:.0f} s"
            if not data:
                gone = outlet.reason or "the peer went away"
                return session.reason if session.taken_over else gone
            if not self._host.iot.is_active(identity):
                return "its certificate is no longer active"
            packets.follow(data)
            if not connected:
                head += data
                keep_alive = keep_alive_s(head)
                if keep_alive is None:
                    continue  # the rest of CONNECT is on its way
                connected, data = True, head
                # MQTT 3.1.1, 3.1.2.10: one and a half keep-alives of silence end it.
                silence_s = 1.5 * keep_alive or None
            if not await session.feed(data):
                return session.reason
            await outlet.room(silence_s)

    def _log_refusal(self, peer: tuple[str, int] | None, reason: str) -> None:
        self.refused += 1
        host, port = (peer or ("?", 0))[:2]
        log.warning("refused peer=%s:%d reason=%s", host, port, reason)


class _Acceptor(asyncio.Protocol):
    """Takes the plain connection and leaves its first bytes for TLS."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 a TCP server makes no other
        transport.pause_reading()
        self._broker.accept(transport)


def _handshake_reason(error: BaseException) -> str:
    """Say what a failed handshake means to whom looks after the device."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        if error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return "it has no client certificate"
        return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    return "it left during the handshake" if not str(error) else f"handshake: {error}"
