"""Make batches of samples: tidewire's columns, many samples of one stream at a time.

Flow: samples -> [Batching] -> outbox
Bounded: a batch goes when it has `samples_max` samples or `values_max` values, or when its first
sample is `age_ms_max` old; all together hold `open_values_max`, then the fullest goes.
Pure: it says what is due and makes bytes of it; who asks keeps them.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.errors import GateError
from tidegate.quick_encoder import quick_encode
from tidegate.quick_packer import quick_column
from tidegate.stream import Stream, Value
from tidewire import Batch, WireError
from tidewire.limits import SAMPLES_MAX, VALUES_MAX

SAMPLES_PER_BATCH = 120
FIRST_AGE_MS_MAX = 2_000  # of a stream's first batch: who starts a gateway wants to see it work
AGE_MS_MAX = 20_000  # what a value waits at most: a compromise of freshness and density
VALUES_PER_BATCH = 16_384  # some 20 ms of encoding, and a payload of 20 to 40 KB
_NEWEST = 32  # instants of a batch that a later sample may still be of
OPEN_VALUES_MAX = 400_000  # some 15 MB of memory


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """When a batch goes; raises `GateError` for sizes that the wire does not take."""

    samples_max: int = SAMPLES_PER_BATCH
    age_ms_max: int = AGE_MS_MAX
    values_max: int = VALUES_PER_BATCH
    open_values_max: int = OPEN_VALUES_MAX

    def __post_init__(self) -> None:
        for name, value, most in (
            ("samples_max", self.samples_max, SAMPLES_MAX),
            ("values_max", self.values_max, VALUES_MAX),
            ("age_ms_max", self.age_ms_max, 3_600_000),
        ):
            if not 1 <= value <= most:
                raise GateError(f"batch {name} is {value}, 1 to {most}")


@dataclass(slots=True)
class Gathered:
    """Samples of one stream that are no batch yet, with the number each has in the journal."""

    stream: Stream
    opened_at_ms: int
    times_ms: list[int] = field(default_factory=list)
    rows: list[Sequence[Value]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def values(self) -> int:
        """How many values there are, missing ones counted."""
        return len(self.rows) * len(self.stream.fields)

    def behind(self, number: int) -> "Gathered":
        """Return the samples behind the journal's `number`."""
        start = bisect_right(self.numbers, number)
        return Gathered(
            self.stream,
            self.opened_at_ms,
            self.times_ms[start:],
            self.rows[start:],
            self.numbers[start:],
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A batch in bytes, or samples that make none (`payload` is None, and `why` says it)."""

    stream: Stream
    payload: bytes | None
    samples: int
    values: int
    first_ms: int
    last_ms: int
    last_number: int
    why: str = ""


class Batching:
    """Gathers samples by stream."""

    def __init__(self, settings: BatchSettings) -> None:
        self.settings = settings
        self._open: dict[Stream, Gathered] = {}
        self._newest: dict[Stream, frozenset[int]] = {}  # times of the batches before
        self._values = 0

    def add(
        self, stream: Stream, time_ms: int, row: Sequence[Value], number: int, now_ms: int
    ) -> None:
        """Take one sample; `number` is the journal's. Times of a stream may go back.

        One of the same millisecond as a sample of the batch before is put a millisecond later: the
        store keeps samples of one batch apart, but of two batches the later would hide the other.
        """
        before = self._newest.get(stream, ())
        while time_ms in before:
            time_ms += 1
        gathered = self._open.get(stream)
        if gathered is None:
            gathered = self._open[stream] = Gathered(stream, now_ms)
        gathered.times_ms.append(time_ms)
        gathered.rows.append(row)
        gathered.numbers.append(number)
        self._values += len(row)

    def due(self, now_ms: int, *, all_of_it: bool = False) -> Iterator[Gathered]:
        """Yield, and forget, what is to become batches now."""
        settings = self.settings
        for stream, gathered in list(self._open.items()):
            is_full = (
                len(gathered.rows) >= settings.samples_max
                or gathered.values >= settings.values_max
                or not 0 <= now_ms - gathered.opened_at_ms < self._age_ms_max(stream)
            )
            if is_full or all_of_it:
                yield self._taken(stream)
        while self._values > settings.open_values_max:
            yield self._taken(max(self._open, key=lambda stream: self._open[stream].values))

    def put_back(self, gathered: Gathered) -> None:
        """Take samples again of which no batch could be kept; they are due at once."""
        if not gathered.rows:
            return
        since = self._open.get(gathered.stream)
        if since is not None:
            gathered.times_ms += since.times_ms
            gathered.rows += since.rows
            gathered.numbers += since.numbers
            self._values -= since.values
        self._open[gathered.stream] = gathered
        self._values += gathered.values

    def is_full(self, stream: Stream) -> bool:
        """Whether the stream's samples make a batch, or all together are too many."""
        gathered, settings = self._open[stream], self.settings
        return (
            len(gathered.rows) >= settings.samples_max
            or gathered.values >= settings.values_max
            or self._values > settings.open_values_max
        )

    def oldest_number(self) -> int | None:
        """Return the least journal number of all samples at hand."""
        return min((gathered.numbers[0] for gathered in self._open.values()), default=None)

    @property
    def values(self) -> int:
        """How many values are at hand."""
        return self._values

    @property
    def samples(self) -> int:
        """How many samples are at hand."""
        return sum(len(gathered.rows) for gathered in self._open.values())

    def _age_ms_max(self, stream: Stream) -> int:
        age_ms_max = self.settings.age_ms_max
        return age_ms_max if stream in self._newest else min(age_ms_max, FIRST_AGE_MS_MAX)

    def _taken(self, stream: Stream) -> Gathered:
        gathered = self._open.pop(stream)
        newest = {*gathered.times_ms, *self._newest.get(stream, ())}
        self._newest[stream] = frozenset(heapq.nlargest(_NEWEST, newest))
        self._values -= gathered.values
        return gathered


def batches_of(gathered: Gathered, boot: int, sequence: int) -> Iterator[Made]:
    """Yield the batches of `gathered`, in order; the first has `sequence`, each next one more.

    Samples are put in order of time. Where they don't fit in one batch (too large, or a field
    that changed its type) they are halved; a single one that fits in none makes no batch, and
    takes no sequence number.
    """
    order = sorted(range(len(gathered.rows)), key=gathered.times_ms.__getitem__)
    made = _made(gathered, order, boot, sequence)
    if made.payload is not None or len(order) == 1:
        yield made
        return
    middle = len(order) // 2
    for half in (slice(middle), slice(middle, None)):  # as they came: a half has the lower numbers
        part = Gathered(
            gathered.stream,
            gathered.opened_at_ms,
            gathered.times_ms[half],
            gathered.rows[half],
            gathered.numbers[half],
        )
        for one in batches_of(part, boot, sequence):
            sequence += one.payload is not None
            yield one


def _made(gathered: Gathered, order: list[int], boot: int, sequence: int) -> Made:
    stream = gathered.stream
    times_ms = [gathered.times_ms[place] for place in order]
    rows = gathered.rows if order == list(range(len(order))) else [gathered.rows[i] for i in order]
    payload, why = None, ""
    try:
        columns = [
            quick_column(name, list(values))
            for name, values in zip(stream.fields, zip(*rows, strict=True), strict=True)
        ]
        batch = Batch(
            stream.site, stream.thing, stream.measurement, boot, sequence, times_ms, columns
        )
        payload = quick_encode(batch)
    except WireError as error:
        why = str(error)
    return Made(
        stream, payload, len(order), len(order) * len(stream.fields),
        times_ms[0], times_ms[-1], max(gathered.numbers), why,
    )  # fmt: skip
