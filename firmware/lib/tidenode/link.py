"""One connection to the broker: mutual TLS and MQTT's greeting.

The server is always verified: its chain against the given roots, its name against the host,
its dates against the clock. There is no way to switch that off. Runs on MicroPython only.
"""

import asyncio
import errno
import socket
from asyncio import core  # type: ignore[attr-defined]  # MicroPython's

import tls  # what `ssl` wraps, which would be a kilobyte of heap more

from tidenode import mqtt
from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.inbox import Inbox
    from tidenode.resolver import Resolver

# What dialling, TLS and a broken connection raise here. TimeoutError and EOFError are no
# OSErrors on MicroPython, and a refused certificate is a ValueError.
LINK_FAILURES = (OSError, ValueError, EOFError, asyncio.TimeoutError, LinkError)

_RECEIVE_BYTES = 128  # 32 acknowledgements at once
_IPPROTO_TCP = 6  # the unix port has no names for these two
_TCP_NODELAY = 1


class Link:
    """A broker one can be connected to, once at a time, any number of times.

    `greeting` is the CONNECT to begin with. `certificate`, `key` and `root` are DER; one
    certificate each. What comes by subscriptions goes to `inbox`, if that is set.
    """

    def __init__(
        self,
        *,
        resolver: "Resolver",
        host: str,
        port: int,
        greeting: bytes,
        connect_timeout_ms: int,
        certificate: bytes,
        key: bytes,
        root: bytes,
    ) -> None:
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(root)
        self._context = context
        self._resolver = resolver
        self._host = host
        self._port = port
        self._greeting = greeting
        self.connect_timeout_ms = connect_timeout_ms
        self.inbox: Inbox | None = None
        self._socket: Any = None
        self._reader = mqtt.Reader()
        self._received = bytearray(_RECEIVE_BYTES)

    async def open(self) -> bool:
        """Connect; return whether the broker kept our session. Raises LINK_FAILURES."""
        # The handshake runs inside the first write and read, so that "connected" is all of
        # dial, CONNECT and CONNACK under one deadline.
        return bool(await asyncio.wait_for_ms(self._greet(), self.connect_timeout_ms))  # type: ignore[attr-defined]  # MicroPython's

    async def send(self, frame: "bytes | memoryview") -> None:
        """Send `frame`, which must not change until this returns. One task at a time."""
        view = memoryview(frame)
        done = 0
        while done < len(view):
            # mbedTLS wants a write that was not taken repeated with the same bytes.
            count = self._socket.write(view[done:])
            if count is None:
                await _until_writable(self._socket)
            else:
                done += count

    async def receive(self) -> list[tuple[int, int]]:
        """Return the packets that came, maybe none. Raises LINK_FAILURES, at the end too."""
        await _until_readable(self._socket)
        count = self._socket.readinto(self._received)
        if count is None:
            return []
        if not count:
            raise LinkError("the broker closed the connection")
        return self._reader.feed(memoryview(self._received)[:count])

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _greet(self) -> bool:
        address = await self._resolver.resolve(self._host, self._port)
        self.close()
        self._reader = mqtt.Reader(self.inbox)
        raw = socket.socket()
        self._socket = raw  # from here on close() closes it
        raw.setblocking(False)
        raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        try:
            raw.connect(address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        await _until_writable(raw)
        self._socket = self._context.wrap_socket(
            raw, server_hostname=self._host, do_handshake_on_connect=False
        )
        await self.send(self._greeting)  # a read before this write would wait for ever
        while True:
            packets = await self.receive()
            if packets:
                break
        if len(packets) != 1 or packets[0][0] != mqtt.CONNACK:
            raise LinkError("the broker did not begin with a CONNACK")
        return mqtt.session_present(packets[0][1])


# A generator is awaitable on MicroPython; these two names are private but alike on both ports.


def _until_writable(stream: "Any") -> "Any":
    yield core._io_queue.queue_write(stream)


def _until_readable(stream: "Any") -> "Any":
    yield core._io_queue.queue_read(stream)
