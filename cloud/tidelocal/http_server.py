"""Serve an ASGI application on a socket that is bound already."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

# What answers get to finish once the local cloud is ending.
GRACE_S = 1.0


class HttpServer:
    """Runs from `start` until `stop`."""

    def __init__(self, app: Callable[..., Awaitable[None]], door: socket.socket) -> None:
        self._app, self._door = app, door
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin serving; the task ends with `stop`, or with what went wrong."""
        config = Config()
        # hypercorn closes the descriptor it is given.
        config.bind = [f"fd://{os.dup(self._door.fileno())}"]
        config.graceful_timeout = GRACE_S
        config.accesslog = None
        config.errorlog = None
        app: Any = self._app
        self._task = asyncio.create_task(
            serve(app, config, shutdown_trigger=self._ending.wait, mode="asgi")
        )
        return self._task

    async def stop(self) -> None:
        """Take no more requests and let those in flight finish."""
        self._ending.set()
        if self._task:
            await asyncio.wait({self._task}, timeout=2 * GRACE_S)
