"""An application on a bound socket: serves until `stop`, which waits for what is in flight."""

import asyncio
import socket
from collections.abc import MutableMapping
from typing import Any

import pytest

from tidelocal.http_server import GRACE_S, HttpServer

REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


class App:
    """Answers `ok` once `may_answer` is set."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        self.asked.set()
        await self.may_answer.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def door() -> socket.socket:
    door = socket.create_server(("127.0.0.1", 0))
    door.setblocking(False)
    return door


async def _ask(door: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*door.getsockname())
    writer.write(REQUEST)
    return reader, writer


def test_it_serves_a_request_in_flight_to_its_end(door: socket.socket) -> None:
    async def scene() -> bytes:
        app = App()
        server = HttpServer(app, door)
        task = server.start()
        reader, writer = await _ask(door)
        async with asyncio.timeout(10):
            await app.asked.wait()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            app.may_answer.set()
            answer = await reader.readuntil(b"ok")
            await stopping
        assert task.done()
        writer.close()
        return answer

    assert asyncio.run(scene()).startswith(b"HTTP/1.1 200")


def test_a_client_that_keeps_its_connection_does_not_hold_the_end(door: socket.socket) -> None:
    async def scene() -> float:
        app = App()
        app.may_answer.set()
        server = HttpServer(app, door)
        task = server.start()
        reader, writer = await _ask(door)
        async with asyncio.timeout(10):
            await reader.readuntil(b"ok")
            before = asyncio.get_running_loop().time()
            await server.stop()
            await asyncio.wait({task})
        writer.close()
        return asyncio.get_running_loop().time() - before

    assert asyncio.run(scene()) <= 2 * GRACE_S + 1


def test_the_door_stays_its_owners_and_refuses_nobody_before_the_start(
    door: socket.socket,
) -> None:
    async def scene() -> None:
        app = App()
        app.may_answer.set()
        reader, writer = await _ask(door)  # waits in the backlog
        server = HttpServer(app, door)
        server.start()
        async with asyncio.timeout(10):
            await reader.readuntil(b"ok")
            writer.close()
            await server.stop()
        assert door.fileno() >= 0

    asyncio.run(scene())
    door.close()


def test_stopping_what_never_started_is_nothing(door: socket.socket) -> None:
    async def scene() -> None:
        await HttpServer(App(), door).stop()

    asyncio.run(scene())
    door.close()
