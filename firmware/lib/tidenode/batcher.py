"""Gather samples of one measurement until they are a batch.

Flow: sampler -> [batcher] -> outbox
Bounded: at `samples_max`, or when the first sample is `age_ms_max` old, the samples are
encoded and go to the outbox at once. What the outbox refuses is counted there as dropped.
"""

from tidenode.errors import OutboxError
from tidewire.batch import Batch
from tidewire.column import DECIMAL, INTEGER, Column
from tidewire.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tidenode.clock import Clock
    from tidenode.outbox import Outbox

    Encode = Callable[[Batch], bytes]


class Batcher:
    """Batch samples of `fields`, a tuple of (name, decimals); no decimals makes an INTEGER.

    Room for `samples_max` is reserved at once, so that taking a sample needs no heap.
    `accepted` counts the samples that lie safely in the outbox since the start.
    """

    def __init__(
        self,
        *,
        site: str,
        thing: str,
        measurement: str,
        boot: int,
        fields: tuple[tuple[str, int], ...],
        samples_max: int,
        age_ms_max: int,
        outbox: "Outbox",
        clock: "Clock",
        encode: "Encode",
        warn: "Callable[[str], None]",
    ) -> None:
        self.accepted = 0
        self._site, self._thing, self._measurement, self._boot = site, thing, measurement, boot
        self.fields = len(fields)
        self._fields = fields
        self._samples_max = samples_max
        self._age_ms_max = age_ms_max
        self._outbox = outbox
        self._clock = clock
        self._encode = encode
        self._warn = warn
        self._times_ms: list[int] = [0] * samples_max
        self._columns: list[list[int | None]] = [[None] * samples_max for _ in fields]
        self._forget()
        self._first_at_ms = 0

    def add(self, time_ms: int, values: "Sequence[int | None]") -> None:
        """Take one sample; a time before the last one begins another batch."""
        if self._times_ms and time_ms < self._times_ms[-1]:
            self.flush()
        if not self._times_ms:
            self._first_at_ms = self._clock.monotonic_ms()
        self._times_ms.append(time_ms)
        for column, value in zip(self._columns, values):  # noqa: B905  # MicroPython has no strict
            column.append(value)
        if len(self._times_ms) >= self._samples_max:
            self.flush()

    def flush_if_old(self) -> None:
        """Flush when the first sample is `age_ms_max` old."""
        if self._times_ms:
            age_ms = self._clock.monotonic_ms() - self._first_at_ms
            if age_ms >= self._age_ms_max:
                self.flush()

    def flush(self) -> None:
        """Put the samples at hand into the outbox as one batch."""
        samples = len(self._times_ms)
        if not samples:
            return
        columns = [
            Column(name, DECIMAL if decimals else INTEGER, decimals, values)
            for (name, decimals), values in zip(self._fields, self._columns)  # noqa: B905  # as above
        ]
        batch = Batch(
            self._site,
            self._thing,
            self._measurement,
            self._boot,
            self._outbox.next_sequence,
            self._times_ms,
            columns,
        )
        try:
            self._outbox.push(self._measurement, samples, self._encode(batch))
            self.accepted += samples
        except OutboxError as error:
            self._warn("batch dropped measurement=%s: %s" % (self._measurement, error))
        except (WireError, MemoryError) as error:
            self._outbox.lose(samples)
            self._warn("batch not encoded measurement=%s: %r" % (self._measurement, error))
        finally:
            self._forget()

    def _forget(self) -> None:
        # Not by clear(), with which MicroPython gives the room back.
        del self._times_ms[:]
        for values in self._columns:
            del values[:]
