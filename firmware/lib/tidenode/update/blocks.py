"""Read a bundle from the cloud, block by block.

Flow: file stream -> [blocks] -> head, slot
Bounded: one block is held at a time.
"""

from tidenode.update.errors import UpdateError, UpdateRefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Blocks:
    """A bundle of `size_bytes`; `fetch(number)` returns one of its blocks, the last is shorter.

    `fetched` counts them.
    """

    def __init__(
        self, fetch: "Callable[[int], Awaitable[bytes]]", block_bytes: int, size_bytes: int
    ) -> None:
        self.fetched = 0
        self.size_bytes = size_bytes
        self._fetch = fetch
        self._block_bytes = block_bytes
        self._number = -1
        self._data = b""

    async def at(self, offset: int) -> memoryview:
        """Return what is from `offset` on, to the end of its block. Raises UpdateError."""
        if not 0 <= offset < self.size_bytes:
            raise UpdateRefusedError("the bundle ends at %d" % self.size_bytes)
        number = offset // self._block_bytes
        begin = number * self._block_bytes
        if number != self._number:
            self._number, self._data = -1, b""  # room for the next one
            data = await self._fetch(number)
            if len(data) != min(self._block_bytes, self.size_bytes - begin):
                raise UpdateError("block %d of %d bytes" % (number, len(data)))
            self._number, self._data = number, data
            self.fetched += 1
        return memoryview(self._data)[offset - begin :]

    async def read(self, offset: int, size_bytes: int) -> bytes:
        """Return `size_bytes` from `offset` on. Raises UpdateError."""
        data = b""
        while len(data) < size_bytes:
            view = await self.at(offset + len(data))
            data += bytes(view[: size_bytes - len(data)])
        return data
