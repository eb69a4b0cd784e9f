"""Hold batches whose times nobody knows yet, and give them theirs when the clock does.

Flow: batcher -> [waiting] -> outbox
Only a board that starts without the time loads this, until it knows it. Times are counted from
UNSET_MS, and a batch holds one of them, its first: the rest are offsets. Bounded: at
`bytes_max` the oldest batch is counted as dropped, as are all if the board is stopped before
it learned the time. A power cut loses them as it does all that is not on flash yet.
"""

import sys

from tidenode import log
from tidenode.errors import OutboxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.batcher import Batcher
    from tidenode.outbox import Outbox
    from tidenode.timekeeper import Timekeeper

_MARK = b"\x06\x1b\x00\x00\x00"  # the key of the time, 8 bytes to come, how all from 1987 begin


def begin(
    samplers: "Sequence[Any]", outbox: "Outbox", timekeeper: "Timekeeper", bytes_max: int
) -> None:
    """Hold what the batchers of `samplers` make until `timekeeper` knows."""
    waiting = Waiting(outbox=outbox, bytes_max=bytes_max, warn=log.warn)
    for sampler in samplers:
        waiting.join(getattr(sampler.batcher, "after", sampler.batcher))  # behind a conditioner
    timekeeper.learned = waiting.release


class Waiting:
    """Stands in for `outbox` at each batcher that joins, until `release`."""

    def __init__(
        self,
        *,
        outbox: "Outbox",
        bytes_max: int,
        warn: "Callable[[str], None]",
    ) -> None:
        self._batchers: list[Batcher] = []
        self._outbox = outbox
        self._bytes_max = bytes_max
        self._warn = warn
        self._held: list[tuple[str, int, bytes]] = []  # no payload: it could not be made
        self._held_bytes = 0
        self._full = False

    @property
    def next_sequence(self) -> int:
        """The sequence of the next batch: none goes to the outbox before those held."""
        return self._outbox.next_sequence + len(self._held)

    def join(self, batcher: "Batcher") -> None:
        """Have `batcher` get the outbox itself at the end."""
        self._batchers.append(batcher)
        batcher.outbox = self

    def push(self, measurement: str, samples: int, payload: bytes) -> None:
        """Hold `payload`; the oldest give way."""
        self._held.append((measurement, samples, payload))
        self._held_bytes += len(payload)
        while self._held_bytes > self._bytes_max:
            if not self._full:
                self._full = True  # said once: it may go on for days
                self._warn("no time yet, and no room: the oldest samples are dropped")
            self._drop()

    def lose(self, samples: int) -> None:
        """Take note of a batch that never became a payload."""
        self._held.append(("", samples, b""))

    def release(self, shift_ms: "int | None") -> None:
        """Let all go to the outbox, `shift_ms` later than they believe, and batches henceforth.

        With None, where nobody will know the time, all are counted as dropped.
        """
        for batcher in self._batchers:
            batcher.flush()
            batcher.outbox = self._outbox
        sys.modules.pop(__name__, None)  # it has done its part
        held, self._held = self._held, []
        for measurement, samples, payload in held:
            if not payload or shift_ms is None:
                self._outbox.lose(samples)
                continue
            try:
                self._outbox.push(measurement, samples, shifted(payload, shift_ms))
            except OutboxError as error:
                self._warn("batch dropped measurement=%s: %s" % (measurement, error))

    def _drop(self) -> None:
        _, samples, payload = self._held.pop(0)
        self._held_bytes -= len(payload)
        self._outbox.lose(samples)


def shifted(payload: bytes, shift_ms: int) -> bytes:
    """Return the batch `payload`, whose first time counts from UNSET_MS, `shift_ms` later."""
    at = payload.index(_MARK) + 2  # no text has such bytes, and texts alone stand before
    time_ms = int.from_bytes(payload[at : at + 8], "big") + shift_ms
    return payload[:at] + time_ms.to_bytes(8, "big") + payload[at + 8 :]
