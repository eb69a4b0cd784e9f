"""Ask DNS for an address without stopping the loop.

`getaddrinfo` blocks, for seconds where there is no network, so it runs in a thread of its
own that does nothing else.
Bounded: one question at a time; while a lookup hangs, the next is refused.
"""

import _thread
import asyncio
import socket

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Resolver:
    """Finds socket addresses, which are opaque: their form differs between ports."""

    def __init__(self) -> None:
        self._busy = False

    async def resolve(self, host: str, port: int, kind: int = socket.SOCK_STREAM) -> "Any":
        """Return an address of `host`, asked for anew at each call.

        Raises OSError, and LinkError while an earlier lookup still hangs.
        """
        if not host.strip("0123456789."):
            return socket.getaddrinfo(host, port, 0, kind)[0][-1]  # a number: nobody is asked
        if self._busy:
            raise LinkError("DNS still looks for an earlier name")
        self._busy = True
        ready = asyncio.ThreadSafeFlag()
        answers: list[Any] = []

        def work() -> None:
            try:
                answers.append(socket.getaddrinfo(host, port, 0, kind)[0][-1])
            except Exception as error:  # handed over to the waiting task, which sorts it
                answers.append(error)
            self._busy = False
            ready.set()

        try:
            _thread.start_new_thread(work, ())
        except OSError:
            self._busy = False  # no memory for a stack
            raise
        await ready.wait()
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]
