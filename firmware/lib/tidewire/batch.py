"""A batch: consecutive samples of one measurement from one boot of one thing."""

from collections import namedtuple

Batch = namedtuple(
    "Batch", ("site", "thing", "measurement", "boot", "sequence", "times_ms", "columns")
)
# times_ms: list of int, epoch milliseconds UTC, not descending, at least one.
# boot, sequence: int >= 0; both None for a foreign payload, which has neither.
# columns: list of Column with different names, at least one.
