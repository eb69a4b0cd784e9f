"""A stand-in for the server that peers send to: an MQTT broker that only takes and counts.

MQTT 3.1.1 and 5. Of ThingsBoard's device API it answers what the gateway waits for: requests for
attributes, and `getSessionLimits`.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

Count = Callable[[str, bytes], dict[str, int]]
_LIMITS = {
    "maxPayloadSize": 65_536,
    "maxInflightMessages": 100,
    "rateLimits": {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""},
    "gatewayRateLimits": {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""},
}


class TelemetryServer:
    """Runs in a thread; `counts` has the values taken so far, by device."""

    def __init__(self, count: Count) -> None:
        self.counts: Counter[str] = Counter()
        self._count = count
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = 4
        try:
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                kind = head >> 4
                if kind == 1:
                    version = body[6]
                    writer.write(b"\x20\x03\0\0\0" if version == 5 else b"\x20\x02\0\0")
                elif kind == 3:
                    self._publish(head, body, version, writer)
                elif kind == 8:
                    count = _filters(body, version)
                    properties = b"\0" if version == 5 else b""
                    packet = body[:2] + properties + bytes([1]) * count
                    writer.write(bytes([0x90, len(packet)]) + packet)
                elif kind == 12:
                    writer.write(b"\xd0\0")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def _publish(self, head: int, body: bytes, version: int, writer: asyncio.StreamWriter) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:end].decode()
        if head >> 1 & 3:
            writer.write(b"\x40\x02" + body[end : end + 2])
            end += 2
        if version == 5:
            length, used = _variable(body, end)
            end += used + length
        payload = body[end:]
        if "/request/" in topic:
            answer = _answer(topic, payload)
            place = topic.replace("/request/", "/response/").encode()
            properties = b"\0" if version == 5 else b""
            packet = len(place).to_bytes(2, "big") + place + properties + answer
            writer.write(b"\x30" + _encoded(len(packet)) + packet)
            return
        self.counts.update(self._count(topic, payload))


def _answer(topic: str, payload: bytes) -> bytes:
    if "/rpc/" in topic and b"getSessionLimits" in payload:
        return json.dumps(_LIMITS).encode()
    return b"{}"


async def _length(reader: asyncio.StreamReader) -> int:
    value = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value


def _variable(body: bytes, at: int) -> tuple[int, int]:
    value = shift = used = 0
    while True:
        byte = body[at + used]
        value |= (byte & 127) << shift
        shift, used = shift + 7, used + 1
        if byte < 128:
            return value, used


def _encoded(length: int) -> bytes:
    found = bytearray()
    while True:
        length, low = divmod(length, 128)
        found.append(low | (128 if length else 0))
        if not length:
            return bytes(found)


def _filters(body: bytes, version: int) -> int:
    at, count = 2, 0
    if version == 5:
        length, used = _variable(body, at)
        at += used + length
    while at < len(body):
        at += 3 + int.from_bytes(body[at : at + 2], "big")
        count += 1
    return count


def thingsboard_values(topic: str, payload: bytes) -> dict[str, int]:
    """Count the values of a gateway's telemetry, by device."""
    if topic != "v1/gateway/telemetry":
        return {}
    document: dict[str, list[dict[str, Any]]] = json.loads(payload)
    return {
        device: sum(len(row.get("values", row)) for row in rows)
        for device, rows in document.items()
    }


def one_value(topic: str, _payload: bytes) -> dict[str, int]:
    """Count a message as a value of the device that its topic begins with."""
    return {topic.split("/", maxsplit=1)[0]: 1}
