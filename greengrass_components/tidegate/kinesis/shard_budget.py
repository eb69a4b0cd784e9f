"""What one shard takes: so many records and bytes a second, and a second's worth at once.

Pure: the clock's readings come in, waiting times go out. A shard takes 1,000 records and 1 MiB
(bytes with partition keys) a second; what goes beyond is answered with
`ProvisionedThroughputExceededException`, and costs a round trip for nothing.
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

from dataclasses import dataclass

RECORDS_PER_S = 1_000
BYTES_PER_S = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardRate:
    """The rate to keep to; half of a shard's own where two producers share it."""

    records_per_s: float = RECORDS_PER_S
    bytes_per_s: float = BYTES_PER_S


class ShardBudget:
    """Two buckets that fill with time; what is taken may leave a debt that has to be waited for.

    So a record larger than a bucket can go at all. Both begin full: a second's worth.
    """

    def __init__(self, rate: ShardRate, now_s: float) -> None:
        self._rate = rate
        self._records, self._bytes = rate.records_per_s, rate.bytes_per_s
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Return for how long nothing may be sent; 0 where something may be now."""
        self._fill(now_s)
        records_s = (1 - self._records) / self._rate.records_per_s
        return max(0.0, records_s, -self._bytes / self._rate.bytes_per_s)

    def take(self, record_bytes: int, now_s: float) -> bool:
        """Take one record's worth and return True, or return False: `wait_s` says how long."""
        if self.wait_s(now_s) > 0:
            return False
        self._records -= 1
        self._bytes -= record_bytes
        return True

    def _fill(self, now_s: float) -> None:
        passed_s, self._at_s = max(0.0, now_s - self._at_s), max(now_s, self._at_s)
        rate = self._rate
        self._records = min(rate.records_per_s, self._records + passed_s * rate.records_per_s)
        self._bytes = min(rate.bytes_per_s, self._bytes + passed_s * rate.bytes_per_s)
