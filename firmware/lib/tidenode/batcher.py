"""Gather samples of one measurement until they are a batch.

Flow: sampler -> [batcher] -> outbox
Bounded: at `samples_max`, or when the first sample is `age_ms_max` old, the samples are
encoded and go to the outbox at once. What the outbox refuses is counted there as dropped.
"""

from array import array

from tidenode.errors import OutboxError
from tidewire.batch import Batch
from tidewire.column import DECIMAL, INTEGER, Column
from tidewire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.clock import Clock
    from tidenode.outbox import Outbox
    from tidenode.waiting import Waiting

    Encode = Callable[[Batch], bytes]

# What array("i") holds; MicroPython cuts off what is beyond, and tells nobody.
_LOWEST = -0x80000000
_HIGHEST = 0x7FFFFFFF


class Batcher:
    """Batch samples of `fields`, a tuple of (name, decimals); no decimals makes an INTEGER.

    `origin` is what a Batch begins with: site, thing, measurement and boot. Room for
    `samples_max` is reserved at once, so that taking a sample needs no heap: 32 bits a value.
    A field that ever has none, or a wider one, has a list from then on.
    """

    # By number of the field; of the class, where it is empty, so that few take heap for it.
    _lists: "dict[int, list[int | None]]" = {}  # noqa: RUF012  # replaced, never changed

    def __init__(
        self,
        *,
        origin: "tuple[str, str, str, int]",
        fields: tuple[tuple[str, int], ...],
        samples_max: int,
        age_ms_max: int,
        outbox: "Outbox",
        clock: "Clock",
        encode: "Encode",
        warn: "Callable[[str], None]",
    ) -> None:
        self._origin = origin
        self.fields = fields
        self._samples_max = samples_max
        self._age_ms_max = age_ms_max
        self.outbox: Outbox | Waiting = outbox
        self._clock = clock
        self._encode = encode
        self._warn = warn
        self._count = 0  # of the samples at hand
        self._first_ms = 0  # the time of the first one
        self._first_at_ms = 0
        # The milliseconds since the first one, then the values, field by field.
        self._numbers = array("i", bytes(4 * samples_max * (1 + len(fields))))

    def add(self, time_ms: int, values: "Sequence[int | None]") -> None:
        """Take one sample; a time before the last one begins another batch."""
        since_ms = time_ms - self._first_ms
        if self._count and not self._numbers[self._count - 1] <= since_ms <= _HIGHEST:
            self.flush()
        count = self._count
        if not count:
            self._first_ms, since_ms = time_ms, 0
            self._first_at_ms = self._clock.monotonic_ms()
        self._numbers[count] = since_ms
        at = count
        for number, value in enumerate(values):
            at += self._samples_max
            if number in self._lists:
                self._lists[number][count] = value
            elif value is not None and _LOWEST <= value <= _HIGHEST:
                self._numbers[at] = value
            else:
                column = list(self._column(number))
                column[count] = value
                self._lists = dict(self._lists)
                self._lists[number] = column
        self._count = count + 1
        if count + 1 >= self._samples_max:
            self.flush()

    def flush_if_old(self) -> None:
        """Flush when the first sample is `age_ms_max` old; later where the heap is too short."""
        if self._count:
            age_ms = self._clock.monotonic_ms() - self._first_at_ms
            if age_ms >= self._age_ms_max:
                self._put()

    def flush(self) -> None:
        """Put the samples at hand into the outbox as one batch."""
        if self._count and not self._put():
            self._lose("out of memory")

    def _put(self) -> bool:
        """Return False where the heap is too short to encode the samples at hand."""
        try:
            payload = self._encode(self._batch(self._count))
        except WireError as error:
            self._lose(repr(error))
            return True
        except MemoryError:
            return False
        samples, self._count = self._count, 0
        measurement = self._origin[2]
        try:
            self.outbox.push(measurement, samples, payload)
        except OutboxError as error:
            self._warn("batch dropped measurement=%s: %s" % (measurement, error))
        except MemoryError as error:
            self.outbox.lose(samples)
            self._warn("batch dropped measurement=%s: %r" % (measurement, error))
        return True

    def _lose(self, why: str) -> None:
        samples, self._count = self._count, 0
        self.outbox.lose(samples)
        self._warn("batch not encoded measurement=%s: %s" % (self._origin[2], why))

    def _batch(self, samples: int) -> Batch:
        columns = []
        for number, (name, decimals) in enumerate(self.fields):
            values = self._lists[number] if number in self._lists else self._column(number)
            if samples < self._samples_max:
                values = values[:samples]
            # Not as a list, for which a board may have no room: `encode` only reads it.
            columns.append(Column(name, DECIMAL if decimals else INTEGER, decimals, values))
        times_ms = [self._first_ms + self._numbers[at] for at in range(samples)]
        return Batch(*self._origin, self.outbox.next_sequence, times_ms, columns)

    def _column(self, number: int) -> "Any":
        """Return a view of the numbers of one field, those of earlier samples too."""
        begin = (number + 1) * self._samples_max
        return memoryview(self._numbers)[begin : begin + self._samples_max]
