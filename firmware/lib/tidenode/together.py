"""Run several coroutines as one: they begin together and end together."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    Part = Coroutine[Any, Any, None] | asyncio.Task[None]


async def run_together(parts: "list[Part]", stop: "asyncio.Event | None" = None) -> None:
    """Run `parts` until one fails, and raise that; or until `stop` is set.

    Either way, and when this is cancelled, all of them are cancelled. A part that returns, or that
    somebody else cancels, is done; the others go on. Each becomes a task, in its place; one that is
    done leaves the list.
    """
    ended = stop or asyncio.Event()
    errors: list[Exception] = []

    def done(task: "Part", error: BaseException) -> None:
        parts.remove(task)  # else its coroutine would be kept
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            errors.append(error)  # raised again below, where it is sorted
            ended.set()

    for at in range(len(parts)):  # no variable keeps one that is done
        parts[at] = asyncio.create_task(parts[at])  # type: ignore[arg-type]  # none is one yet
        # As `asyncio.gather` does it. A coroutine around each part would be 192 bytes of heap.
        parts[at].state = done  # type: ignore[union-attr]  # MicroPython's
    try:
        await ended.wait()
    finally:
        for part in parts:
            part.cancel()  # type: ignore[union-attr]  # a task by now
    if errors:
        raise errors[0]
