"""What waits for a device to read it.

Flow: session, other devices' publishes -> [outlet] -> TLS -> device
Bounded: when QUEUE_BYTES_MAX wait, or UNACKNOWLEDGED_MAX messages for their PUBACK, the connection
ends. `send` never waits, so a device that stops reading holds nobody else up.
"""

import asyncio

from tidelocal.errors import LocalCloudError

# One request for file blocks is answered with 128 KB in base64; room for some of them.
QUEUE_BYTES_MAX = 1024 * 1024
# What a kept session can hold of them for the next connection. AWS holds back all above 100.
UNACKNOWLEDGED_MAX = 1000


class OutletStuckError(LocalCloudError):
    """The device sends and does not read."""


class Outlet:
    """The sending side of one connection; `reason` says why it ended it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.reason = ""

    def send(self, data: bytes, unacknowledged: int) -> None:
        """Queue `data`; a full queue ends the connection and `data` is dropped with it."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        self._writer.write(data)
        waiting_bytes = transport.get_write_buffer_size()
        if waiting_bytes > QUEUE_BYTES_MAX:
            self.reason = f"it does not read: {waiting_bytes} bytes wait, {QUEUE_BYTES_MAX} at most"
        elif unacknowledged > UNACKNOWLEDGED_MAX:
            self.reason = (
                f"it does not acknowledge: {unacknowledged} messages wait, "
                f"{UNACKNOWLEDGED_MAX} at most"
            )
        if self.reason:
            transport.abort()

    async def room(self, within_s: float | None) -> None:
        """Wait until what this device caused has mostly gone out; raises `OutletStuckError`."""
        try:
            async with asyncio.timeout(within_s):
                await self._writer.drain()
        except TimeoutError:
            raise OutletStuckError(f"it read nothing for {within_s:.0f} s") from None
