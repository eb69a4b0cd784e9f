"""How a log behaves: its bounds, what happens at them, and when it is durable."""

from dataclasses import dataclass
from enum import Enum

from tidegate.segment_log.errors import LogError

BYTES_MIN = 1024  # as AWS's stream manager has it
INTERVAL_MS_DEFAULT = 1_000
BATCH_RECORDS_DEFAULT = 1_000


class WhenFull(Enum):
    """What an append does that finds no room."""

    REJECT = "reject"  # `LogFullError`
    DROP_OLDEST = "drop-oldest"  # whole segments, counted


class Sync(Enum):
    """When the kernel is told to bring what was appended to the disk.

    A killed process loses nothing with any of them; a power cut loses what wasn't synced.
    """

    INTERVAL = "interval"  # at most `sync_interval_ms` later
    BATCH = "batch"  # after `sync_batch_records`, and at most `sync_interval_ms` later
    EACH = "each"  # before the append returns


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Bounds of one log; `bytes_max` counts whole segment files, heads of records included.

    Segments are cut at `segment_bytes`, so the log stays at or under `bytes_max` and drops a
    segment at a time. Records older than `ttl_ms` go with their segment. Raises `LogError`.
    """

    bytes_max: int
    segment_bytes: int = 1 << 20
    when_full: WhenFull = WhenFull.REJECT
    ttl_ms: int | None = None
    sync: Sync = Sync.INTERVAL
    sync_interval_ms: int = INTERVAL_MS_DEFAULT
    sync_batch_records: int = BATCH_RECORDS_DEFAULT

    def __post_init__(self) -> None:
        if not BYTES_MIN <= self.segment_bytes <= self.bytes_max:
            raise LogError(
                f"segments of {self.segment_bytes} bytes in a log of {self.bytes_max} bytes:"
                f" from {BYTES_MIN} up to the size of the log"
            )
        if (
            min(
                self.sync_interval_ms,
                self.sync_batch_records,
                1 if self.ttl_ms is None else self.ttl_ms,
            )
            < 1
        ):
            raise LogError("intervals, batches and the time to live of a log are 1 or more")
