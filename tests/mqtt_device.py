"""A device on one TLS socket that speaks just enough MQTT 3.1.1 to see what the broker does."""

import json
import socket
import ssl
import struct
from pathlib import Path
from typing import Any, Self

from tests.local_cloud import Certificate

CONNACK, PUBLISH, PUBACK, SUBACK = 0x20, 0x30, 0x40, 0x90
TIMEOUT_S = 10.0


class HungUpError(Exception):
    """The broker closed the connection."""


class MqttDevice:
    """Connects at once; `publish` waits for the PUBACK, `messages` gathers what came before it."""

    def __init__(
        self, facts: dict[str, Any], certificate: Certificate | None, client: str,
        *, keep_alive_s: int = 60, clean: bool = True, will_topic: str = "",
    ) -> None:  # fmt: skip
        context = ssl.create_default_context(cafile=facts["ca_path"])
        if certificate:
            context.load_cert_chain(certificate.certificate_path, certificate.key_path)
        plain = socket.create_connection((facts["mqtt_host"], facts["mqtt_port"]), TIMEOUT_S)
        self._packet_id = 0
        self._messages: list[tuple[str, bytes]] = []
        self._socket: socket.socket = plain
        try:
            self._socket = context.wrap_socket(plain, server_hostname=facts["mqtt_host"])
            flags = 2 * clean | (4 if will_topic else 0)
            body = struct.pack(">H4sBBH", 4, b"MQTT", 4, flags, keep_alive_s) + _text(client)
            body += _text(will_topic) + _text("gone") if will_topic else b""
            self.send(b"\x10" + _length(len(body)) + body)
            kind, answer = self.receive()
        except BaseException:
            self.close()
            raise
        assert (kind, answer[1:]) == (CONNACK, b"\0")
        self.session_present = bool(answer[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave without DISCONNECT."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise HungUpError(str(error)) from error

    def receive(self) -> tuple[int, bytes]:
        """Return the type and body of the next packet."""
        head = self._exactly(1)[0]
        length, shift = 0, 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return head & 0xF0, self._exactly(length)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 and wait until it is acknowledged."""
        self.send(self.packet(topic, payload))
        assert self._answer(PUBACK) == struct.pack(">H", self._packet_id)

    def subscribe(self, *filters: str) -> None:
        """Subscribe with QoS 1 to all `filters`."""
        self._packet_id = self._packet_id % 0xFFFF + 1
        body = struct.pack(">H", self._packet_id)
        body += b"".join(_text(each) + b"\1" for each in filters)
        self.send(b"\x82" + _length(len(body)) + body)
        assert self._answer(SUBACK) == struct.pack(">H", self._packet_id) + b"\1" * len(filters)

    def message(self) -> tuple[str, bytes]:
        """Return topic and payload of the next message, acknowledged."""
        while not self._messages:
            kind, body = self.receive()
            assert kind == PUBLISH
            self._take(body)
        return self._messages.pop(0)

    def ask(self, topic: str, document: Any, *answers: str) -> tuple[str, Any]:
        """Publish JSON and return the next message on one of `answers`, read as JSON.

        Without `answers` they are `accepted` and `rejected` below `topic`.
        """
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.publish(topic, payload)
        while True:
            answered, body = self.message()
            for answer in answers or (f"{topic}/accepted", f"{topic}/rejected"):
                if answered == answer:
                    return answered.rpartition("/")[2], json.loads(body)

    def _answer(self, wanted: int) -> bytes:
        """Return the body of the next packet of kind `wanted`; messages before it are kept."""
        while True:
            kind, body = self.receive()
            if kind == wanted:
                return body
            assert kind == PUBLISH
            self._take(body)

    def _take(self, body: bytes) -> None:
        """Keep a message of QoS 1 and acknowledge it."""
        (length,) = struct.unpack_from(">H", body)
        at = 2 + length
        self._messages.append((body[2:at].decode(), body[at + 2 :]))
        self.send(b"\x40\2" + body[at : at + 2])

    def packet(self, topic: str, payload: bytes) -> bytes:
        """Return the bytes of a QoS 1 PUBLISH with the next packet id."""
        self._packet_id = self._packet_id % 0xFFFF + 1
        name = topic.encode()
        body = struct.pack(f">H{len(name)}sH", len(name), name, self._packet_id) + payload
        return b"\x32" + _length(len(body)) + body

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self._socket.recv(count - len(data))
            except OSError as error:
                raise HungUpError(str(error)) from error
            if not more:
                raise HungUpError("closed")
            data += more
        return data


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()


def _length(count: int) -> bytes:
    data = bytearray()
    while True:
        count, low = divmod(count, 0x80)
        data.append(low | (0x80 if count else 0))
        if not count:
            return bytes(data)


def raw_tls(facts: dict[str, Any], certificate: Path, key: Path) -> ssl.SSLSocket:
    """Open TLS to the broker with any certificate, without a word of MQTT."""
    context = ssl.create_default_context(cafile=facts["ca_path"])
    context.load_cert_chain(certificate, key)
    plain = socket.create_connection((facts["mqtt_host"], facts["mqtt_port"]), TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname="localhost")
