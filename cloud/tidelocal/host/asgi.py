"""The shapes of what goes between the front, our API handlers and MiniStack."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]
ServiceHandler = Callable[
    [str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]
]
# Answers an API call, or leaves it to MiniStack.
ApiHandler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Answer | None]
