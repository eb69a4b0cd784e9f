"""Ask a time server for the time, to the millisecond (SNTP version 4, RFC 4330)."""

import asyncio
import os
import socket

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.clock import Clock
    from tidenode.resolver import Resolver

PACKET_BYTES = 48
_TIMEOUT_MS = 3_000
_UNIX_OF_NTP_S = 2_208_988_800  # 1970 in seconds since 1900
_ERA_S = 1 << 32  # seconds of NTP wrap in 2036


def request(nonce: bytes) -> bytes:
    """Return a client's packet; `nonce` (8 bytes) stands where our transmit time would."""
    return b"\x23" + b"\x00" * 39 + nonce  # version 4, mode 3


def utc_ms_of(reply: bytes, nonce: bytes) -> int:
    """Return the server's transmit time. Raises LinkError for a reply that isn't one to us."""
    if len(reply) != PACKET_BYTES or reply[0] & 7 != 4 or reply[24:32] != nonce:
        raise LinkError("not the answer of a time server")
    if reply[0] >> 6 == 3 or not 1 <= reply[1] <= 15:
        raise LinkError("the time server does not know the time")
    seconds = int.from_bytes(reply[40:44], "big")
    fraction = int.from_bytes(reply[44:48], "big")
    if not seconds >> 31:
        seconds += _ERA_S
    return (seconds - _UNIX_OF_NTP_S) * 1_000 + (fraction * 1_000 >> 32)


class Sntp:
    """Asks the time server of the configuration's section `clock`."""

    def __init__(self, source: "Any", clock: "Clock", resolver: "Resolver") -> None:
        self._source = source
        self._clock = clock
        self._resolver = resolver

    async def ask(self) -> int:
        """Return the time now in UTC ms, half the round trip added. Raises LINK_FAILURES."""
        return int(await asyncio.wait_for_ms(self._exchange(), _TIMEOUT_MS))  # type: ignore[attr-defined]  # MicroPython reads a socket

    async def _exchange(self) -> int:
        host, port = self._source.sntp_host, self._source.sntp_port
        address = await self._resolver.resolve(host, port, socket.SOCK_DGRAM)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sender.setblocking(False)
            sender.connect(address)
            nonce = os.urandom(8)
            began_ms = self._clock.monotonic_ms()
            sender.send(request(nonce))
            reply = await asyncio.StreamReader(sender).read(PACKET_BYTES)  # type: ignore[arg-type]  # MicroPython reads a socket
            round_trip_ms = self._clock.monotonic_ms() - began_ms
            return utc_ms_of(reply, nonce) + round_trip_ms // 2
        finally:
            sender.close()
