"""A real exchange by UDP with a time server of this file."""

import asyncio
import socket
import time

from tidenode import sntp
from tidenode.clock import FLOOR_MS, Clock
from tidenode.config import ClockSource
from tidenode.errors import LinkError
from tidenode.resolver import Resolver

SECONDS = FLOOR_MS // 1_000 + 2_208_988_800


class Server:
    """Answers one request after `delay_ms`, with what `spoil` makes of the answer."""

    def __init__(self, delay_ms=0, spoil=lambda answer: answer):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = bound_port(self.socket)
        self.delay_ms, self.spoil = delay_ms, spoil
        asyncio.create_task(self.serve())

    async def serve(self):
        self.socket.setblocking(False)
        while True:
            try:
                request, address = self.socket.recvfrom(100)
                break
            except OSError:
                await asyncio.sleep_ms(1)
        await asyncio.sleep_ms(self.delay_ms)
        answer = b"\x24\x01" + bytes(22) + request[40:] + bytes(8)
        answer += SECONDS.to_bytes(4, "big") + bytes(4)
        self.socket.sendto(self.spoil(answer), address)


def bound_port(sock):
    """Bind to a free port of loopback: this VM can't tell which one 0 became."""
    for port in range(40_000 + time.ticks_us() % 20_000, 65_000):
        try:
            sock.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            return port
        except OSError:
            pass
    raise AssertionError("no free port")


def asker(port):
    clock = Clock(ticks_ms=time.ticks_ms, ticks_diff=time.ticks_diff, wall_ms=0)
    return sntp.Sntp(ClockSource("127.0.0.1", port, 60, 0), clock, Resolver()).ask


async def test_a_time_comes_with_half_the_round_trip_added():
    utc_ms = await asker(Server(delay_ms=100).port)()
    assert FLOOR_MS + 50 <= utc_ms < FLOOR_MS + 5_000, utc_ms


async def test_a_forged_answer_is_refused():
    try:
        await asker(Server(spoil=lambda answer: answer[:24] + b"forgery!" + answer[32:]).port)()
    except LinkError:
        return
    raise AssertionError("was taken")


async def test_a_silent_server_is_given_up():
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ask = asker(bound_port(silent))
    try:
        await ask()
    except asyncio.TimeoutError:
        return
    raise AssertionError("it answered")
