"""Names are looked up beside the loop, numbers at once."""

import asyncio
import socket
import time

from tidenode import lookup
from tidenode.errors import LinkError
from tidenode.resolver import Resolver


class SlowDns:
    """The machine's own, after a while."""

    @staticmethod
    def getaddrinfo(*asked):
        time.sleep_ms(100)
        return socket.getaddrinfo(*asked)


async def test_a_number_and_a_name_have_an_address():
    resolver = Resolver()
    number = await resolver.resolve("127.0.0.1", 8883)
    assert number == socket.getaddrinfo("127.0.0.1", 8883)[0][-1]
    name = await resolver.resolve("localhost", 8883)
    assert name


async def test_a_second_name_is_refused_while_the_first_is_looked_up():
    resolver = Resolver()
    first = asyncio.create_task(resolver.resolve("localhost", 8883))
    await asyncio.sleep_ms(0)
    try:
        await resolver.resolve("localhost", 8883)
    except LinkError:
        assert await resolver.resolve("127.0.0.1", 8883)
    else:
        assert first.done()  # it was quicker
    assert await first


async def test_an_unknown_name_is_an_os_error_each_time():
    resolver = Resolver()
    for _ in range(2):
        try:
            await resolver.resolve("no such name", 8883)
        except OSError:
            continue
        raise AssertionError("found")


async def test_the_loop_goes_on_while_a_name_is_looked_up():
    turns = 0

    async def turn():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep_ms(0)

    task = asyncio.create_task(turn())
    lookup.socket = SlowDns
    try:
        assert await Resolver().resolve("localhost", 8883)
    finally:
        lookup.socket = socket
    task.cancel()
    assert turns > 1
