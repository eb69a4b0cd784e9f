"""Run several coroutines as one: they begin together and end together."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from typing import Any

    Parts = Iterable[Coroutine[Any, Any, None]]


async def run_together(parts: "Parts", stop: "asyncio.Event | None" = None) -> None:
    """Run `parts` until one fails, and raise that; or until `stop` is set.

    Either way, and when this is cancelled, all of them are cancelled. A part that returns
    is done; the others go on.
    """
    ended = stop or asyncio.Event()
    errors: list[Exception] = []

    def done(_task: object, error: BaseException) -> None:
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            errors.append(error)  # raised again below, where it is sorted
            ended.set()

    tasks = [asyncio.create_task(part) for part in parts]
    for task in tasks:
        # As `asyncio.gather` does it. A coroutine around each part would be 192 bytes of heap.
        task.state = done  # type: ignore[attr-defined]  # MicroPython's
    try:
        await ended.wait()
    finally:
        for task in tasks:
            task.cancel()
    if errors:
        raise errors[0]
