"""Ask DNS for an address without stopping the loop.

`getaddrinfo` blocks, for seconds where there is no network, so it runs in a thread of its
own that does nothing else. The address is opaque: its form differs between ports.
"""

import _thread
import asyncio
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


async def resolve(host: str, port: int, kind: int = socket.SOCK_STREAM) -> "Any":
    """Return a socket address of `host`, asked for anew at each call. Raises OSError."""
    if _is_number(host):
        return socket.getaddrinfo(host, port, 0, kind)[0][-1]
    ready = asyncio.ThreadSafeFlag()
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, 0, kind)[0][-1])
        except Exception as error:  # handed over to the waiting task, which sorts it
            answers.append(error)
        ready.set()

    _thread.start_new_thread(work, ())
    await ready.wait()
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _is_number(host: str) -> bool:
    return not host.strip("0123456789.")
