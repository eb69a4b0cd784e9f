"""The board's application: start every stage, stop them in order.

Flow: samplers -> batchers -> outbox -> uplink
"""

import asyncio

from tidenode.together import run_together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from tidenode.outbox import Outbox
    from tidenode.sampler import Sampler
    from tidenode.timekeeper import Timekeeper
    from tidenode.together import Part
    from tidenode.uplink import Uplink
    from tidenode.watchdog import Watchdog

# The agent of this program, for a console beside it to watch and stop.
running: "Agent | None" = None

_FLUSH_CHECK_MS = 100  # how much older than `age_ms_max` a batch may grow
_DRAIN_CHECK_MS = 50


class Agent:
    """Everything of one board, wired by `tidenode.app`."""

    def __init__(
        self,
        *,
        thing: str,
        boot: int,
        samplers: "Sequence[Sampler]",
        outbox: "Outbox",
        uplink: "Uplink",
        timekeeper: "Timekeeper",
        waiting_bytes_max: int = -1,
    ) -> None:
        self.restarting = False  # whether the board is to start anew once `run` has returned
        self._thing = thing
        self.boot = boot
        self._samplers = samplers
        self._outbox = outbox
        self._uplink = uplink
        self._timekeeper = timekeeper
        self._waiting_bytes_max = waiting_bytes_max  # negative: the time is known
        self.safe_mode = False  # without sensors, after too many starts that came to nothing
        self.alone = False  # without them since an update asked for their heap
        self.proving = False  # whether it is a new version, which has yet to prove itself
        self.proved: Callable[[], None] = _nobody  # called when it has
        self.watchdog: Watchdog | None = None
        self.beside: list[Coroutine[Any, Any, None]] = []  # what runs with the stages
        self._drain_timeout_ms: int | None = None  # none: it is not to stop

    def stop(self, drain_timeout_ms: int) -> None:
        """Stop sampling; `run` flushes, drains for at most `drain_timeout_ms` and returns."""
        self._drain_timeout_ms = drain_timeout_ms

    def restart(self) -> None:
        """Stop, to start anew; what waits in the outbox waits on."""
        self.restarting = True
        self.stop(0)

    async def run(self) -> None:
        """Run until `stop`. Raises whatever no stage could handle."""
        global running
        running = self
        if self._waiting_bytes_max >= 0:
            # Not before: while the agent is built its heap is full of what only that needs.
            from tidenode import waiting

            waiting.begin(self._samplers, self._outbox, self._timekeeper, self._waiting_bytes_max)
        ended = asyncio.Event()
        stages: list[Part] = []
        for sampler in self._samplers:
            stages.append(sampler.run())  # a comprehension is heap on a board
        stages.append(self._flush_then_drain(stages, ended))
        stages.extend((self._uplink.run(), self._timekeeper.run()))
        stages.extend(self.beside)
        self.beside.clear()  # one that is done is nobody's
        await run_together(stages, ended)

    def stats(self) -> dict[str, object]:
        """Return the counts that ARCHITECTURE.md names under Board."""
        sampled = held = blocked_ms_max = 0
        errors, left_out = {}, []
        for one in self._samplers:  # once: each comprehension is heap on a board
            sampled += one.sampled
            held += getattr(one.batcher, "held", 0)
            blocked_ms_max = max(blocked_ms_max, one.blocked_ms_max)
            if one.errors:
                errors[one.name] = one.errors
            if one.rest_ms:
                left_out.append(one.name)
        return {
            "thing": self._thing,
            "boot": self.boot,
            "sampled": sampled,
            "accepted": self._outbox.accepted,
            "acknowledged": self._uplink.acknowledged,
            "dropped": self._outbox.dropped,
            "held": held,
            "errors": errors,
            "blocked_ms_max": blocked_ms_max,
            "queued_batches": len(self._outbox),
            "connects": self._uplink.connects,
            "connected": self._uplink.connected,
            "safe_mode": self.safe_mode,
            "left_out": left_out,
        }

    async def _flush_then_drain(self, stages: "list[Part]", ended: asyncio.Event) -> None:
        """Flush what is old until `stop`. Then end the samplers, which are the first `stages`."""
        while self._drain_timeout_ms is None:
            await asyncio.sleep_ms(_FLUSH_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
            for sampler in self._samplers:
                sampler.batcher.flush_if_old()
            self._outbox.sync_if_old()
            if self.watchdog is not None:
                self.watchdog.turn()
        for stage in stages[: len(self._samplers)]:
            stage.cancel()  # type: ignore[union-attr]  # a task since it runs
        for sampler in self._samplers:
            sampler.batcher.flush()
        if self._timekeeper.learned:
            self._timekeeper.learned(None)
        self._outbox.sync(False)
        for _ in range(self._drain_timeout_ms // _DRAIN_CHECK_MS):
            if not len(self._outbox):
                break
            await asyncio.sleep_ms(_DRAIN_CHECK_MS)  # type: ignore[attr-defined]  # MicroPython's
        self._outbox.settle()
        ended.set()


def _nobody() -> None:
    pass
