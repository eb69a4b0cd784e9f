"""A scripted MQTT 3.1.1 broker with mutual TLS: it does what a test tells it to do wrong.

It acknowledges publishes, answers pings, grants subscriptions, says what a test has it say,
remembers sessions; it can keep acknowledgements to itself, delay them, fall silent, read
slowly, cut its connections and go away.
"""

import asyncio
import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.firmware.lib.tidenode.identities import Identity

CALL_TIMEOUT_S = 10.0
CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 12, 13
SUBSCRIBE, SUBACK = 8, 9
SLOW_EVERY = 400  # packets between two rests of a slow reader
SLOW_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class Publish:
    """What a client published."""

    topic: str
    payload: bytes
    packet_id: int
    duplicate: bool
    connection: int


@dataclass(slots=True)
class Faults:
    """How the broker misbehaves; chances are per publish."""

    seed: int = 0
    drop_puback: float = 0.0
    cut: float = 0.0
    acknowledge: bool = True
    answer_pings: bool = True
    greet: bool = True
    forget_sessions: bool = False
    connack_code: int = 0
    puback_delay_s: float = 0.0
    rest_s: float = 0.0
    grant: int | None = 1  # the code of each filter; None hangs up instead


class Broker:
    """Listens on a free port of loopback until `close`; `pause` and `resume` keep the port."""

    def __init__(self, folder: Path, identity: Identity, authority: Identity) -> None:
        self.misbehave(Faults())
        self._folder = folder
        self.received: list[Publish] = []
        self.said: list[Publish] = []  # at QoS 0
        self.subscribed: list[list[str]] = []  # the filters of each SUBSCRIBE
        self.taken: list[int] = []  # the packet ids of what a client acknowledged
        self.clients: list[str] = []
        self.pings = 0
        self._sessions: set[str] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.become(identity)
        self._tls.load_verify_locations(cadata=authority.certificate_der())
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._loop.set_exception_handler(lambda *_: None)  # a board that let go tells why itself
        with socket.socket() as finder:
            finder.bind(("127.0.0.1", 0))
            self.port: int = finder.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def misbehave(self, faults: Faults) -> None:
        """Do as `faults` say from now on."""
        self.faults, self._chance = faults, random.Random(faults.seed)

    def become(self, identity: Identity) -> None:
        """Show `identity` to those who connect from now on."""
        self._tls.load_cert_chain(*identity.save_pem(self._folder, "broker"))

    def speak(self, version: ssl.TLSVersion) -> None:
        """Speak no TLS before `version`."""
        self._tls.minimum_version = version

    def resume(self) -> Self:
        """Listen."""
        self._call(self._listen())
        return self

    def pause(self) -> None:
        """Stop listening and cut every connection."""
        self._call(self._go_away())

    def cut(self) -> None:
        """Cut every connection; the broker stays."""
        self._call(self._cut())

    def say(self, topic: str, payload: bytes, packet_id: int = 0) -> None:
        """Publish to all who are connected, at QoS 1 where there is a packet id."""
        self.write(publish_packet(topic, payload, packet_id))

    def write(self, packet: bytes) -> None:
        """Write `packet` to all who are connected, whatever it is."""
        self._call(self._write(packet))

    def close(self) -> None:
        """End."""
        self.pause()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_for(self, wanted: Callable[[], bool], timeout_s: float = 20.0) -> bool:
        """Return whether `wanted()` came true; it is asked after each packet."""
        with self._changed:
            return self._changed.wait_for(wanted, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        if self.faults.rest_s:  # else the kernel reads on for a slow reader
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        self._server = await asyncio.start_server(self._serve, sock=listener, ssl=self._tls)

    async def _go_away(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()

    async def _write(self, packet: bytes) -> None:
        for writer in self._writers:
            writer.write(packet)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = packets = 0
        while True:
            packets += 1
            if self.faults.rest_s and not packets % SLOW_EVERY:
                await asyncio.sleep(self.faults.rest_s)
            first, body = await _packet(reader)
            kind = first >> 4
            if kind == CONNECT:
                connection = self._greet(body, writer)
            elif kind == PINGREQ:
                self.pings += 1
                if self.faults.answer_pings:
                    writer.write(bytes((PINGRESP << 4, 0)))
            elif kind == SUBSCRIBE:
                self._grant(body, writer)
            elif kind == PUBACK:
                self.taken.append(int.from_bytes(body, "big"))
            elif kind == PUBLISH:
                self._take(_parsed(first, body, connection), writer)
            with self._changed:
                self._changed.notify_all()

    def _greet(self, body: bytes, writer: asyncio.StreamWriter) -> int:
        client = body[12:].decode()
        kept = client in self._sessions and not self.faults.forget_sessions
        self._sessions.add(client)
        self.clients.append(client)
        code = self.faults.connack_code
        if self.faults.greet:
            writer.write(bytes((CONNACK << 4, 2, kept and not code, code)))
        return len(self.clients)

    def _grant(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        filters = _filters(body)
        self.subscribed.append(filters)
        if self.faults.grant is None:
            writer.transport.abort()
        else:
            codes = bytes((self.faults.grant,)) * len(filters)
            writer.write(bytes((SUBACK << 4, 2 + len(codes))) + body[:2] + codes)

    def _take(self, publish: Publish, writer: asyncio.StreamWriter) -> None:
        if not publish.packet_id:
            self.said.append(publish)
            return
        self.received.append(publish)
        if self._chance.random() < self.faults.cut:
            writer.transport.abort()
        elif self.faults.acknowledge and (self._chance.random() >= self.faults.drop_puback):
            puback = bytes((PUBACK << 4, 2)) + publish.packet_id.to_bytes(2, "big")
            if self.faults.puback_delay_s:
                self._loop.call_later(self.faults.puback_delay_s, writer.write, puback)
            else:
                writer.write(puback)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return first, await reader.readexactly(length)


def publish_packet(topic: str, payload: bytes, packet_id: int = 0) -> bytes:
    """Return a PUBLISH, at QoS 1 where there is a packet id."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name
    body += packet_id.to_bytes(2, "big") if packet_id else b""
    length, left = b"", len(body) + len(payload)
    while left > 127:  # seven bits a byte
        length, left = length + bytes((left & 127 | 128,)), left >> 7
    first = PUBLISH << 4 | (2 if packet_id else 0)
    return bytes((first,)) + length + bytes((left,)) + body + payload


def _filters(body: bytes) -> list[str]:
    filters, at = [], 2
    while at < len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        filters.append(body[at + 2 : at + 2 + size].decode())
        at += 3 + size
    return filters


def _parsed(first: int, body: bytes, connection: int) -> Publish:
    topic_end = 2 + int.from_bytes(body[:2], "big")
    id_bytes = 2 if first & 6 else 0
    return Publish(
        topic=body[2:topic_end].decode(),
        payload=body[topic_end + id_bytes :],
        packet_id=int.from_bytes(body[topic_end : topic_end + id_bytes], "big"),
        duplicate=bool(first & 8),
        connection=connection,
    )
