"""Set the clock from the network, before anything is sent and then once in a while.

Flow: time server -> [timekeeper] -> clock
Sampling does not wait for it: `learned` gives samples that were taken before their true times.
A clock that is already past the floor when the board starts (a warm start, the unix port) is
believed.
"""

import asyncio

from tidenode.link import LINK_FAILURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tidenode.clock import Clock

_TURN_MS_MAX = 1_800_000  # Wi-Fi may try several networks, each for two minutes


class Timekeeper:
    """Keep `clock` right by `ask()`, which returns UTC ms; `ask` None believes the board.

    `online()` waits for the network; None means that there is nothing to wait for. `learned`,
    if set, is called once with the milliseconds by which the clock was behind, before `known`
    is set and before anything else happens; with None by whoever stops sampling before that.
    """

    def __init__(
        self,
        *,
        clock: "Clock",
        ask: "Callable[[], Awaitable[int]] | None",
        online: "Callable[[], Awaitable[None]] | None",
        set_wall_ms: "Callable[[int], None] | None",
        resync_ms: int,
        warn: "Callable[[str], None]",
        retry_ms: int = 5_000,
    ) -> None:
        self.known = asyncio.Event()
        self.due_ms: int | None = None  # for the watchdog
        self.failures = 0
        self.learned: Callable[[int | None], None] | None = None
        self._clock = clock
        self._ask = ask
        self._online = online
        self._set_wall_ms = set_wall_ms
        self._resync_ms = resync_ms
        self._warn = warn
        self._retry_ms = retry_ms

    async def ready_to_dial(self) -> None:
        """Return when there is a network, and the time by which TLS checks dates."""
        if self._online:
            await self._online()
        await self.known.wait()

    async def run(self) -> None:
        """Set the clock until cancelled; return at once where there is nobody to ask."""
        if self._clock.trusted:
            self.known.set()
        if self._ask is None:
            if not self._clock.trusted:
                self._warn("the clock isn't set and clock.sntp_host is null: nothing is sent")
            return
        if self._clock.trusted:
            await self._rest(self._resync_ms)
        while True:
            self._turn(_TURN_MS_MAX)
            try:
                if self._online:
                    await self._online()
                utc_ms = await self._ask()
                if self._take(utc_ms):
                    self.known.set()
                    await self._rest(self._resync_ms)
                    continue
                self._warn("the time server's time can't be: %d" % utc_ms)
            except LINK_FAILURES as error:
                self._warn("no time yet: %r" % error)
            self.failures += 1
            await self._rest(self._retry_ms)

    async def _rest(self, rest_ms: int) -> None:
        self._turn(rest_ms)
        await asyncio.sleep_ms(rest_ms)  # type: ignore[attr-defined]  # MicroPython's

    def _turn(self, until_ms: int) -> None:
        self.due_ms = self._clock.monotonic_ms() + until_ms

    def _take(self, utc_ms: int) -> bool:
        before_ms = self._clock.utc_ms()
        if not self._clock.set_utc_ms(utc_ms):
            return False
        if self._set_wall_ms:
            self._set_wall_ms(utc_ms)
        if self.learned:
            self.learned(utc_ms - before_ms)
            self.learned = None
        return True
