"""What the names in a board's outbox say of it: they are its memory over reboots.

<sequence>.<batches>.<samples>.<bytes> is a segment; <boot>.boots, <sequence>.sent and
<samples>.<sequence>.dropped are counters. Boards made before had
<sequence>.<samples>.<bytes>.<measurement>, a batch. Pure: names in, numbers out.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counters:
    """Where a board stands."""

    boot: int  # starts so far
    next_sequence: int
    queued_batches: int
    queued_samples: int
    dropped_samples: int


def counters_of(names: Iterable[str]) -> Counters:
    """Return what `names` say; of two counters of a kind, which a cut leaves, the higher."""
    boot = queued_batches = queued_samples = dropped = 0
    last_sequence = -1
    for name in names:
        *texts, kind = name.split(".")
        if not all(text.isdecimal() for text in texts):
            continue
        numbers = [int(text) for text in texts]
        if len(numbers) == 1 and kind == "boots":
            boot = max(boot, numbers[0])
        elif len(numbers) == 1 and kind == "sent":
            last_sequence = max(last_sequence, numbers[0])
        elif len(numbers) == 2 and kind == "dropped":  # noqa: PLR2004  # samples, sequence
            dropped = max(dropped, numbers[0])
            last_sequence = max(last_sequence, numbers[1])
        elif len(numbers) == 3 and kind.isdecimal():  # noqa: PLR2004  # a segment, and its bytes
            queued_batches += numbers[1]
            queued_samples += numbers[2]
            last_sequence = max(last_sequence, numbers[0] + numbers[1] - 1)
        elif len(numbers) == 3:  # noqa: PLR2004  # a batch: sequence, samples, bytes
            queued_batches += 1
            queued_samples += numbers[1]
            last_sequence = max(last_sequence, numbers[0])
    return Counters(boot, last_sequence + 1, queued_batches, queued_samples, dropped)
