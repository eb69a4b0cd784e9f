"""Make totals of the counters among a component's tags, over roll-overs and restarts.

Flow: poller -> [totals] -> report rules
A counter's state is written down when it has rolled over or begun again, and at the end: between
two of those the total follows from the reading. A reading that the counter can't have becomes a
missing value of bad quality.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.reduction import Counter, CounterState
from tidegate.reduction.value import Value, number_of
from tidegate.sample import Sample
from tidegate.segment_log.cursors import replace_file
from tidegate.tag import Tag

log = logging.getLogger("tidegate.totals")


class Totals:
    """The counters of `groups`; `path` keeps their states. Counts readings that can't be."""

    def __init__(self, path: Path, groups: Iterable[Group]) -> None:
        self._path = path
        self._states = _read(path)
        self._counters: dict[Group, list[tuple[int, Tag, str, Counter]]] = {}
        for group in groups:
            for place, tag in enumerate(group.tags):
                if tag.counter_bits:
                    key = f"{group.thing}/{group.measurement}/{tag.field}"
                    counter = Counter(1 << tag.counter_bits, self._states.get(key))
                    self._counters.setdefault(group, []).append((place, tag, key, counter))
        self.refused = 0

    def apply(self, sample: Sample) -> Sample:
        """Return the sample with totals in place of readings."""
        counters = self._counters.get(sample.group)
        if counters is None:
            return sample
        values = list(sample.values)
        qualities = bytearray(sample.qualities or bytes(len(values)))
        turned = False
        for place, tag, key, counter in counters:
            turns = counter.rollovers + counter.restarts
            try:
                values[place] = _total(tag, counter, values[place])
            except GateError:
                self.refused += 1
                values[place], qualities[place] = None, Quality.BAD
            turned |= counter.rollovers + counter.restarts != turns or key not in self._states
            if counter.state:
                self._states[key] = counter.state
        if turned:
            self.keep()
        marked = bytes(qualities) if any(qualities) else None
        return replace(sample, values=tuple(values), qualities=marked)

    def keep(self) -> None:
        """Write the states down; a disk that refuses is told of in the log."""
        if not self._states:
            return
        facts = {key: (state.raw, state.total) for key, state in self._states.items()}
        try:
            replace_file(self._path, json.dumps(facts).encode())
        except OSError as error:
            log.error("counters not kept: %s", error)


def _total(tag: Tag, counter: Counter, value: Value) -> Value:
    number = number_of(value)
    if number is None:
        return value
    total = counter.total(round(tag.raw(number)))
    return tag.real(total) if tag.is_scaled else total


def _read(path: Path) -> dict[str, CounterState]:
    try:
        facts = json.loads(path.read_bytes())
        return {key: CounterState(int(raw), int(total)) for key, (raw, total) in facts.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        log.error("counters begin anew, %s can't be read: %s", path, error)
        return {}
