"""A nucleus that takes a component's connection and then says nothing, as one that hangs."""

import asyncio
import os
from pathlib import Path
from typing import Self

from tidegate.ipc.client import MESSAGE_BYTES_MAX, SOCKET_VARIABLE, TOKEN_VARIABLE
from tidegate.ipc.errors import IpcError
from tidegate.ipc.message import ACCEPTED, Kind, Message, parse, read_frame


class SilentNucleus:
    """Serves `path`; `greets`: it takes the connection at least. `asked` has what it was asked."""

    def __init__(self, path: Path, *, greets: bool) -> None:
        self._path, self._greets = path, greets
        self.asked: list[Message] = []
        self._server: asyncio.Server | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What it gives to a component."""
        return {**os.environ, SOCKET_VARIABLE: str(self._path), TOKEN_VARIABLE: "t"}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                message = parse(await read_frame(reader, MESSAGE_BYTES_MAX))
                self.asked.append(message)
                if message.kind is Kind.CONNECT and self._greets:
                    writer.write(Message(Kind.CONNECT_ACK, ACCEPTED).encoded())
        except IpcError:
            writer.close()
