"""Put user records into a stream as the Kinesis Producer Library would, and lose none.

Flow: outbox -> uplink -> [Producer] -> PutRecords
Bounded: at `pending_bytes_max` `has_room` says no and `add` must wait; nothing is dropped and
nothing expires. What Kinesis says it will never take is set aside by `on_refused`.

One request is on its way at a time: a shard takes a mebibyte a second, and a request up to five.
Each record that fails waits for itself, twice as long each time and with jitter; the others go on.
A record whose answer was lost is put again: the store takes it once.
"""

import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.kinesis.aggregate import AGGREGATE_BYTES_MAX, Aggregate
from tidegate.kinesis.backoff import Backoff
from tidegate.kinesis.client import Result
from tidegate.kinesis.errors import KinesisBusyError, KinesisError, KinesisRefusedError
from tidegate.kinesis.metrics import Metrics
from tidegate.kinesis.shard_budget import ShardBudget, ShardRate

log = logging.getLogger("tidegate.kinesis")

REQUEST_RECORDS_MAX = 500
REQUEST_BYTES_MAX = 5 << 20  # with partition keys; 10 MiB is taken by newer streams
RECORD_BYTES_MAX = 1 << 20  # of a stream whose MaxRecordSize nobody raised
PENDING_BYTES_MAX = 8 << 20  # a request on its way, and the next one
LINGER_MS = 1_000  # how long an aggregate waits to be filled
PUT_UNIT_BYTES = 25 * 1024
# Answers to a request of one record that no other try will change.
_NEVER = frozenset({"ValidationException", "InvalidArgumentException", "SerializationException"})


class PutClient(Protocol):
    """What sends: a `KinesisClient` in a thread, Stream Manager, or a test's own."""

    async def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        """Put (partition key, data) pairs; as `KinesisClient.put_records`."""
        ...


class Clock(Protocol):
    """Time that passes, for waiting and measuring."""

    def now_s(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        ...


@dataclass(slots=True)
class _Record:
    """A record of the stream on its way: its bytes, whose they are, when it may go."""

    data: bytes
    user_bytes: int
    tokens: list[int]
    since_s: float
    backoff: Backoff
    not_before_s: float = 0.0
    alone: bool = False  # the request it was in was refused: it has to show that it is not why


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of what goes to Kinesis; the defaults suit every stream."""

    aggregate_bytes_max: int = AGGREGATE_BYTES_MAX
    request_records_max: int = REQUEST_RECORDS_MAX
    request_bytes_max: int = REQUEST_BYTES_MAX
    record_bytes_max: int = RECORD_BYTES_MAX
    pending_bytes_max: int = PENDING_BYTES_MAX
    linger_ms: int = LINGER_MS


@dataclass(slots=True)
class _Open:
    """The aggregate that is being filled."""

    aggregate: Aggregate
    since_s: float
    user_bytes: int = 0
    tokens: list[int] = field(default_factory=list)


class Producer:
    """Aggregates user records under one partition key and puts them."""

    def __init__(
        self,
        *,
        client: PutClient,
        partition_key: str,
        clock: Clock,
        dice: random.Random,
        on_done: Callable[[list[int]], None],
        on_refused: Callable[[bytes, list[int], str], None],
        limits: Limits | None = None,
        rate: ShardRate | None = None,
    ) -> None:
        self._client = client
        self._key = partition_key
        self._key_bytes = len(partition_key.encode())
        self._clock = clock
        self._dice = dice
        self._on_done, self._on_refused = on_done, on_refused
        self._limits = limits or Limits()
        self._budget = ShardBudget(rate or ShardRate(), clock.now_s())
        self._open: _Open | None = None
        self._ready: deque[_Record] = deque()  # in order of `add`; some wait for their next try
        self._backoff = Backoff(dice)  # of the stream as a whole
        self._not_before_s = 0.0
        self._bytes = 0
        self.metrics = Metrics()
        self.last_error = ""

    @property
    def pending_bytes(self) -> int:
        """What is held here: added, and not known to be in the stream."""
        return self._bytes + (self._open.aggregate.bytes if self._open else 0)

    @property
    def has_room(self) -> bool:
        """Whether another user record may be added."""
        return self.pending_bytes < self._limits.pending_bytes_max

    @property
    def is_empty(self) -> bool:
        """Whether everything added is in the stream or set aside."""
        return not self._open and not self._ready

    @property
    def is_failing(self) -> bool:
        """Whether the last request failed, or a record has been tried in vain and waits."""
        return self._backoff.tries > 0 or any(one.backoff.tries for one in self._ready)

    def add(self, data: bytes, token: int) -> None:
        """Take one user record; `on_done` or `on_refused` will name its token, once."""
        self.metrics.user_records_received += 1
        self.metrics.user_records_pending += 1
        if self._open and not self._open.aggregate.fits(len(data)):
            self.flush()
        if not self._open:
            limits = self._limits
            bytes_max = min(limits.aggregate_bytes_max, limits.record_bytes_max) - self._key_bytes
            aggregate = Aggregate(self._key, bytes_max=bytes_max)
            self._open = _Open(aggregate, self._clock.now_s())
        self._open.aggregate.add(data)
        self._open.tokens.append(token)
        self._open.user_bytes += len(data)

    def flush(self) -> None:
        """Let the aggregate go that is being filled."""
        if not self._open:
            return
        filled, self._open = self._open, None
        data, backoff = filled.aggregate.encode(), Backoff(self._dice)
        record = _Record(data, filled.user_bytes, filled.tokens, filled.since_s, backoff)
        if len(record.data) + self._key_bytes > self._limits.record_bytes_max:
            self._refuse(record, f"{len(record.data)} bytes, {self._limits.record_bytes_max} fit")
            return
        self._ready.append(record)
        self._bytes += len(record.data)

    def due_in_s(self) -> float | None:
        """Return when `send` has something to do, in seconds from now; None: when more is added."""
        now_s, waits = self._clock.now_s(), []
        if self._ready:
            first_s = min(record.not_before_s for record in self._ready)
            budget_s = now_s + self._budget.wait_s(now_s)
            waits.append(max(first_s, self._not_before_s, budget_s))
        if self._open:
            waits.append(self._open.since_s + self._limits.linger_ms / 1000)
        return max(0.0, min(waits) - now_s) if waits else None

    async def send(self) -> None:
        """Put what may go now, in one request; returns at once when nothing may."""
        now_s = self._clock.now_s()
        if self._open and now_s >= self._open.since_s + self._limits.linger_ms / 1000:
            self.flush()
        if now_s < self._not_before_s:
            return
        records = self._chosen(now_s)
        if not records:
            return
        try:
            results = await self._client.put_records(
                [(self._key, record.data) for record in records]
            )
        except KinesisError as error:
            self._failed(records, error)
            return
        self._backoff.reset()
        self._settle(records, results, self._clock.now_s() - now_s)

    def _chosen(self, now_s: float) -> list[_Record]:
        """Return the records for one request, as many as shard and request take."""
        chosen: list[_Record] = []
        size = 0
        for record in self._ready:
            bytes_of = len(record.data) + self._key_bytes
            if len(chosen) == self._limits.request_records_max:
                break
            if record.not_before_s > now_s or (record.alone and chosen):
                continue
            if chosen and size + bytes_of > self._limits.request_bytes_max:
                break
            if not self._budget.take(bytes_of, now_s):
                break
            chosen.append(record)
            size += bytes_of
            if record.alone:
                break
        return chosen

    def _settle(self, records: list[_Record], results: list[Result], took_s: float) -> None:
        metrics = self.metrics
        metrics.request_time.add(took_s * 1000)
        metrics.kinesis_records_per_put_records_request.add(len(records))
        metrics.user_records_per_put_records_request.add(sum(len(r.tokens) for r in records))
        done: list[int] = []
        kept: set[int] = set()
        for record, result in zip(records, results, strict=True):
            if result.code is not None:
                metrics.fail(result.code)
                self.last_error = f"{result.code}: {result.message}"
                record.not_before_s = self._clock.now_s() + record.backoff.next_s()
                continue
            kept.add(id(record))
            done += record.tokens
            self._count_put(record)
        self._remove(kept)
        if done:
            self._on_done(done)

    def _count_put(self, record: _Record) -> None:
        metrics, count = self.metrics, len(record.tokens)
        metrics.kinesis_records_put += 1
        metrics.kinesis_records_data_put += len(record.data)
        metrics.put_units += -(-(len(record.data) + self._key_bytes) // PUT_UNIT_BYTES)
        metrics.user_records_put += count
        metrics.user_records_data_put += record.user_bytes
        metrics.user_records_pending -= count
        metrics.user_records_per_kinesis_record.add(count)
        metrics.retries_per_record.add(record.backoff.tries)
        metrics.buffering_time.add((self._clock.now_s() - record.since_s) * 1000)

    def _failed(self, records: list[_Record], error: KinesisError) -> None:
        """No record of the request is known to be taken: all stay, and go again."""
        code = error.code if isinstance(error, KinesisBusyError | KinesisRefusedError) else "Error"
        self.metrics.fail(code, len(records))
        if isinstance(error, KinesisRefusedError) and code in _NEVER:
            if len(records) == 1:
                self._remove({id(records[0])}, refused=str(error))
            for record in records:
                record.alone = True
            return
        delay_s = self._backoff.next_s()
        self._not_before_s = self._clock.now_s() + delay_s
        for record in records:
            record.backoff.tries += 1
        if str(error) != self.last_error:
            log.warning("put failed records=%d again_s=%.1f: %s", len(records), delay_s, error)
        self.last_error = str(error)

    def _remove(self, gone: set[int], refused: str | None = None) -> None:
        stay: deque[_Record] = deque()
        for record in self._ready:
            if id(record) not in gone:
                stay.append(record)
                continue
            self._bytes -= len(record.data)
            if refused is not None:
                self._refuse(record, refused)
        self._ready = stay

    def _refuse(self, record: _Record, why: str) -> None:
        count = len(record.tokens)
        self.metrics.user_records_refused += count
        self.metrics.user_records_pending -= count
        log.error("record set aside bytes=%d user_records=%d: %s", len(record.data), count, why)
        self._on_refused(record.data, record.tokens, why)
