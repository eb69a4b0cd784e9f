"""Ask DNS for an address without stopping the loop.

`getaddrinfo` blocks, for seconds where there is no network, so it runs in a thread of its
own that does nothing else.
"""

import _thread
import asyncio
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


async def look_up(host: str, port: int, kind: int, ended: "Callable[[], None]") -> "Any":
    """Return an address of `host`. Raises OSError.

    `ended` is called when the lookup is over, maybe long after the caller was cancelled.
    """
    ready = asyncio.ThreadSafeFlag()  # type: ignore[attr-defined]  # MicroPython's
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, 0, kind)[0][-1])
        except Exception as error:  # handed over to the waiting task, which sorts it
            answers.append(error)
        ended()
        ready.set()

    try:
        _thread.start_new_thread(work, ())
    except OSError:
        ended()  # no memory for a stack
        raise
    await ready.wait()
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]
