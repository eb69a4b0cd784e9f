"""Find what an outbox holds after a restart, by the names of its files alone.

`tidenode.outbox` has their forms. After a cut two counters may stand side by side: the
higher one counts and the other is stale.
"""

import errno
import os
from collections import namedtuple

from tidenode.entry import Entry

# entries: list of Entry by sequence. sent, tally_sequence: -1 where there is none.
# stale: names of files to remove.
Recovered = namedtuple("Recovered", ("entries", "sent", "dropped", "tally_sequence", "stale"))


def recover(folder: str) -> Recovered:
    """Return what `folder` holds, having made it where it is not there."""
    try:
        os.mkdir(folder)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    entries: list[Entry] = []
    marks: list[tuple[int, str]] = []
    tallies: list[tuple[int, int, str]] = []
    stale: list[str] = []
    for name in os.listdir(folder):
        kind, numbers, text = _parse(name)
        if kind == "batch":
            entries.append(Entry(numbers[0], numbers[1], numbers[2], text))
        elif kind == "sent":
            marks.append((numbers[0], name))
        elif kind == "dropped":
            tallies.append((numbers[0], numbers[1], name))
        elif kind == "new":
            stale.append(name)
    entries.sort()
    marks.sort()
    tallies.sort()
    sent = marks.pop()[0] if marks else -1
    dropped, tally_sequence = tallies.pop()[:2] if tallies else (0, -1)
    stale.extend([name for _, name in marks])
    stale.extend([name for _, _, name in tallies])
    return Recovered(entries, sent, dropped, tally_sequence, stale)


def _parse(name: str) -> tuple[str, list[int], str]:
    """Return (kind, numbers, measurement) of a file name; kind "" is not ours."""
    if name == "new":
        return "new", [], ""
    parts = name.split(".")
    numbers = [int(part) for part in parts[:-1] if part.isdigit()]
    if len(numbers) == len(parts) - 1:
        if len(parts) == 4:
            return "batch", numbers, parts[3]
        if len(parts) == 3 and parts[2] == "dropped":
            return "dropped", numbers, ""
        if len(parts) == 2 and parts[1] == "sent":
            return "sent", numbers, ""
    return "", [], ""
