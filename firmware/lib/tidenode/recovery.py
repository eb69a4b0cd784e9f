"""Find what segments there are after a restart, by the names of the files alone.

`tidenode.segments` has their forms. After a cut two counters may stand side by side: the
higher one counts and the other is stale.
"""

import errno
import os
from collections import namedtuple

# segments: list of (first sequence, batches, samples, bytes) in order. sent, tally_sequence: -1
# where there is none. stale: names of files to remove.
Recovered = namedtuple("Recovered", ("segments", "sent", "dropped", "tally_sequence", "stale"))


def recover(folder: str) -> Recovered:
    """Return what `folder` holds, having made it where it is not there."""
    try:
        os.mkdir(folder)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    segments: list[tuple[int, ...]] = []
    marks: list[tuple[int, str]] = []
    tallies: list[tuple[int, int, str]] = []
    stale: list[str] = []
    for name in os.listdir(folder):
        kind, numbers = parse(name)
        if kind == "segment":
            segments.append(tuple(numbers))
        elif kind == "sent":
            marks.append((numbers[0], name))
        elif kind == "dropped":
            tallies.append((numbers[0], numbers[1], name))
        elif kind == "new":
            stale.append(name)
    segments.sort()
    marks.sort()
    tallies.sort()
    sent = marks.pop()[0] if marks else -1
    dropped, tally_sequence = tallies.pop()[:2] if tallies else (0, -1)
    stale.extend([name for _, name in marks])
    stale.extend([name for _, _, name in tallies])
    return Recovered(segments, sent, dropped, tally_sequence, stale)


def parse(name: str) -> tuple[str, list[int]]:
    """Return (kind, numbers) of a file name; kind "" is not ours."""
    if name == "new":
        return "new", []
    parts = name.split(".")
    numbers = [int(part) for part in parts if part.isdigit()]
    if len(parts) == len(numbers) == 4 and numbers[1]:
        return "segment", numbers
    if len(numbers) == len(parts) - 1:
        kind = parts[-1]
        if (kind, len(numbers)) in (("dropped", 2), ("sent", 1), ("boots", 1)):
            return kind, numbers
    return "", []
