"""The slow link holds what passes for a round trip, in order, and breaks on command."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tidegate.simulators.slow_link import SlowLink


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    writer.close()


def with_link(
    scene: Callable[[SlowLink, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    round_trip_ms: float = 0.0,
) -> None:
    async def run() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with SlowLink(port, round_trip_ms=round_trip_ms) as link, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            await scene(link, reader, writer)
            writer.close()
        server.close()

    asyncio.run(run())


def test_a_byte_comes_back_after_the_round_trip_and_not_before() -> None:
    async def scene(
        _link: SlowLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        assert loop.time() - began >= 0.05

    with_link(scene, round_trip_ms=50)


def test_megabytes_pass_in_order_though_little_is_held() -> None:
    async def scene(
        _link: SlowLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        data = bytes(range(256)) * 16_384  # 4 MiB
        writer.write(data)
        assert await reader.readexactly(len(data)) == data

    with_link(scene, round_trip_ms=1)


def test_a_cut_ends_the_connection_and_a_refusal_the_next_one() -> None:
    async def scene(
        link: SlowLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"x")
        await reader.readexactly(1)
        link.cut()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            assert await reader.readexactly(1)
        link.refuse()
        again, other = await asyncio.open_connection("127.0.0.1", link.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await again.readexactly(1)
        other.close()
        assert link.connections == 2

    with_link(scene)


def test_what_waits_in_a_pause_comes_after_it() -> None:
    async def scene(
        link: SlowLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        link.pause()
        writer.write(b"late")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readexactly(4)
        link.resume()
        assert await reader.readexactly(4) == b"late"

    with_link(scene)
