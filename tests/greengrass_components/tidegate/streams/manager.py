"""A stream manager in a thread of the test, with the real sockets and the real store."""

import asyncio
import threading
from pathlib import Path
from typing import Self

from tidegate.streams.exports.aws_access import AwsAccess
from tidegate.streams.exports.exports import Exports
from tidegate.streams.server import Server
from tidegate.streams.store import Store

TOKEN = "a-token-of-the-tests"
RETRY_S_MAX = 0.3


class Manager:
    """Serves the streams in `root` on a free port; stop it and start it again."""

    def __init__(
        self, root: Path, socket_path: Path | None = None, access: AwsAccess | None = None
    ) -> None:
        self.root, self.socket_path, self.access = root, socket_path, access
        self.port = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self.server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        if self._loop and self._stop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            assert not self._thread.is_alive()
            self._loop = None

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        store = Store(self.root)
        self.server = Server(store, admit=lambda token, decide: decide(token == TOKEN))
        exports = Exports(store, self.access, delay_s_max=RETRY_S_MAX) if self.access else None
        try:
            self.port = await self.server.listen(self.port, self.socket_path) or 0
            self._ready.set()
            await self.server.run(self._stop)
        finally:
            if exports:
                await exports.close()
            store.close()
