"""Serve an ASGI application on a free port of loopback, for the time of a test."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypercorn.asyncio
import hypercorn.config

from tidelocal.timeseries import TimeSeriesEngine, timestream_handle


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Yield the application's URL; the server is gone when the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        loop.run_until_complete(
            hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]  # an event's wait, as it wants
        )
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        listener.detach()  # hypercorn has closed it


def timestream_app(engine: TimeSeriesEngine) -> Any:
    """Return an application that hands every call to the Timestream face of `engine`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        target = dict(scope["headers"])[b"x-amz-target"].decode()
        status, headers, content = await timestream_handle(engine, target, body)
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    return app
