"""A device on one TLS socket that speaks just enough MQTT 3.1.1 to see what the broker does."""

import socket
import ssl
import struct
from pathlib import Path
from typing import Any, Self

from tests.local_cloud import Certificate

CONNACK, PUBACK = 0x20, 0x40
TIMEOUT_S = 10.0


class HungUpError(Exception):
    """The broker closed the connection."""


class MqttDevice:
    """Connects at once; `publish` waits for the PUBACK."""

    def __init__(
        self, facts: dict[str, Any], certificate: Certificate | None, client: str,
        *, keep_alive_s: int = 60, clean: bool = True, will_topic: str = "",
    ) -> None:  # fmt: skip
        context = ssl.create_default_context(cafile=facts["ca_path"])
        if certificate:
            context.load_cert_chain(certificate.certificate_path, certificate.key_path)
        plain = socket.create_connection((facts["mqtt_host"], facts["mqtt_port"]), TIMEOUT_S)
        self._packet_id = 0
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
        kind, body = self.receive()
        assert (kind, body) == (PUBACK, struct.pack(">H", self._packet_id))

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
