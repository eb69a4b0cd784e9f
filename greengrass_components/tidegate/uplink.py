"""Carry batches from outboxes to the cloud, and tell the outboxes what has arrived.

Flow: outboxes -> [Uplink] -> producer -> Kinesis | Stream Manager
Bounded by the producer's room: when it has none, batches stay where they are, on the disk. A
cursor moves over a batch when all before it have arrived too, and at most once a second; what
is sent again after a restart lands on itself in the store.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.batch_log import BatchLog, Entry
from tidegate.kinesis.producer import Clock, Producer
from tidegate.segment_log.errors import LogError
from tidegate.thing_owners import ThingOwners

log = logging.getLogger("tidegate.uplink")

IDLE_S = 0.2  # between two looks into outboxes that were empty
FINISH_S = 1.0  # between two writes of a cursor
# For what is on its way when the component has to end: with a request's own 6 s it is below the
# 10 s that a nucleus gives.
STOP_S = 3.0


class Source(Protocol):
    """An outbox as the uplink sees it."""

    name: str

    @property
    def damaged_bytes(self) -> int:
        """Bytes that a disk has damaged, and that were passed over."""
        ...

    def join(self) -> int:
        """Return the number of the first batch that has not arrived."""
        ...

    def read(self, number: int) -> list[Entry]:
        """Return batches from `number` on."""
        ...

    def finish(self, next_number: int) -> None:
        """Note that all batches below `next_number` have arrived."""
        ...


class OutboxSource:
    """An outbox of this process."""

    def __init__(self, batches: BatchLog, sink: str, name: str = "outbox") -> None:
        self.name = name
        self._batches, self._sink = batches, sink

    @property
    def damaged_bytes(self) -> int:
        """As `Source.damaged_bytes`."""
        return self._batches.log.damaged_bytes

    def join(self) -> int:
        """As `Source.join`."""
        return self._batches.join(self._sink)

    def read(self, number: int) -> list[Entry]:
        """As `Source.read`."""
        return self._batches.read(number)

    def finish(self, next_number: int) -> None:
        """As `Source.finish`."""
        self._batches.finish(self._sink, next_number)


class SystemClock:
    """The machine's own time."""

    def now_s(self) -> float:
        """Return seconds that never go back."""
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        await asyncio.sleep(delay_s)


@dataclass(slots=True)
class _Reading:
    """How far one source is read, and which of its batches are on their way, in order."""

    source: Source
    next_number: int
    on_their_way: deque[tuple[int, int]] = field(default_factory=deque)  # (token, number)
    arrived_to: int = 0
    finished_to: int = 0


class Uplink:
    """Moves what `sources` hold into a producer that `make_producer` makes.

    `make_producer(on_done, on_refused)`: the producer tells of each token once. `keep_refused`
    gets a record that Kinesis never takes, with the reason; it counts as arrived then, so that
    it does not stop what is behind it.
    """

    def __init__(
        self,
        *,
        sources: Sequence[Source],
        make_producer: Callable[..., Producer],
        keep_refused: Callable[[bytes, str], None],
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._keep_refused = keep_refused
        self._arrived: set[int] = set()
        self.producer = make_producer(on_done=self._arrived.update, on_refused=self._refused)
        self._readings: list[_Reading] = []
        self._turn = -1  # whose it was last
        self.owners = ThingOwners()
        for source in sources:
            self.add(source)
        self._token = 0
        self._finished_at_s = float("-inf")
        self._stopping = False
        self.batches_arrived = 0

    def add(self, source: Source) -> None:
        """Take another source, from now on."""
        number = source.join()
        self._readings.append(_Reading(source, number, arrived_to=number, finished_to=number))

    def stop(self) -> None:
        """Read no more; `run` ends when what is on its way has arrived, or after `STOP_S`."""
        self._stopping = True

    async def run(self) -> None:
        """Carry until `stop`."""
        deadline_s: float | None = None
        while True:
            if self._stopping:
                self.producer.flush()
                deadline_s = deadline_s or self._clock.now_s() + STOP_S
                if self.producer.is_empty or self._clock.now_s() >= deadline_s:
                    break
            if not await self.step():
                due_s = self.producer.due_in_s()
                await self._clock.sleep(IDLE_S if due_s is None else min(IDLE_S, due_s))
        self._finish(force=True)

    async def step(self) -> bool:
        """Read what there is room for, and put what is due, once; returns whether it read any."""
        fed = not self._stopping and self._feed()
        await self.producer.send()
        self._finish(force=False)
        return fed

    async def drain(self) -> None:
        """Carry until the sources are empty and all has arrived."""
        while True:
            fed = await self.step()
            if not fed:
                self.producer.flush()
                if self.producer.is_empty:
                    break
            if not self.producer.has_room or not fed:
                await self._clock.sleep(self.producer.due_in_s() or 0.0)
        self._finish(force=True)

    def damaged_bytes(self) -> int:
        """Return how much of the sources was passed over as damaged."""
        return sum(one.source.damaged_bytes for one in self._readings)

    def waiting(self) -> dict[str, int]:
        """Return how many batches of each source are on their way."""
        return {one.source.name: len(one.on_their_way) for one in self._readings}

    def _feed(self) -> bool:
        """Give the producer what it has room for; returns whether that was anything.

        The sources take turns, so that what waits in one does not keep another's newest back.
        """
        fed = False
        left = len(self._readings)  # turns until every source was found empty
        while left and self.producer.has_room:
            self._turn = (self._turn + 1) % len(self._readings)
            reading = self._readings[self._turn]
            if self._feed_from(reading):
                fed, left = True, len(self._readings)
            else:
                left -= 1
        return fed

    def _feed_from(self, reading: _Reading) -> bool:
        """Give the producer one reading of a source; returns whether there was any."""
        name = reading.source.name
        try:
            entries = reading.source.read(reading.next_number)
        except (LogError, OSError) as error:
            log.error("outbox can't be read name=%s: %s", name, error)
            return False
        if not entries:
            return False
        if entries[0].number < reading.next_number:  # its owner has begun anew
            reading.on_their_way.clear()  # of the old life: no number of this one
            reading.arrived_to = reading.finished_to = entries[0].number
        for entry in entries:
            self.producer.add(entry.payload, self._token)
            reading.on_their_way.append((self._token, entry.number))
            self._token += 1
            if self.owners.note(entry.thing, name):
                log.error(
                    "two components have the thing %s, %s: each counts its batches for itself, and"
                    " the audit will tell of gaps that are none; name another thing in one of them",
                    entry.thing, " and ".join(sorted(self.owners.shared[entry.thing])),
                )  # fmt: skip
        reading.next_number = entries[-1].number + 1
        return True

    def _refused(self, data: bytes, tokens: list[int], why: str) -> None:
        self._keep_refused(data, why)
        self._arrived.update(tokens)

    def _finish(self, *, force: bool) -> None:
        """Move the cursors over what has arrived without a gap."""
        now_s = self._clock.now_s()
        if not force and now_s - self._finished_at_s < FINISH_S:
            return
        self._finished_at_s = now_s
        for reading in self._readings:
            while reading.on_their_way and reading.on_their_way[0][0] in self._arrived:
                token, number = reading.on_their_way.popleft()
                self._arrived.discard(token)
                self.batches_arrived += 1
                reading.arrived_to = number + 1
            if reading.arrived_to == reading.finished_to:
                continue
            try:
                reading.source.finish(reading.arrived_to)
                reading.finished_to = reading.arrived_to
            except (LogError, OSError) as error:
                log.error("cursor not written name=%s: %s", reading.source.name, error)
