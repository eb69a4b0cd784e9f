"""Let a new version prove itself, or give it up.

Flow: start -> [trial] -> it stays | restart with the version before
It has proved itself when its own message has come back from the broker: then network, TLS,
identity, policy and the loop work, which is what it takes to bring the next version.
"""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ECHO_TIMEOUT_MS = 5_000
PAUSE_MS = 1_000


class Trial:
    """`echo(timeout_ms)` says whether a message came back; `settle` and `give_up(why)` decide.

    After either it is over.
    """

    def __init__(
        self,
        *,
        echo: "Callable[[int], Awaitable[bool]]",
        now_ms: "Callable[[], int]",
        timeout_ms: int,
        settle: "Callable[[], None]",
        give_up: "Callable[[str], None]",
        pause_ms: int = PAUSE_MS,
    ) -> None:
        self._echo = echo
        self._now_ms = now_ms
        self._timeout_ms = timeout_ms
        self._settle = settle
        self._give_up = give_up
        self._pause_ms = pause_ms

    async def run(self) -> None:
        """Return when it is decided."""
        began_ms = self._now_ms()
        while True:
            if await self._echo(ECHO_TIMEOUT_MS):
                self._settle()
                return
            if self._now_ms() - began_ms > self._timeout_ms:
                self._give_up(
                    "no message of its own came back in %d s" % (self._timeout_ms // 1_000)
                )
                return
            await asyncio.sleep_ms(self._pause_ms)  # type: ignore[attr-defined]  # MicroPython's
