"""Make rows of samples: what the report rules of a group let through, and how good it is.

Flow: sample -> [row filter] -> outbox
Pure. A row has the group's values in order, None where a value is missing or is not reported,
and behind them the worst quality of all. Bounded: where a swinging door is among the rules, one
sample is held back; `flush` gives it out. Of samples without any value only the first is a row: it
tells that there is none from then on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.group import Group
from tidegate.reduction import Rule, Verdict
from tidegate.sample import Sample, Value

Row = tuple[int, tuple[Value, ...]]
_NS_PER_MS = 1_000_000


@dataclass(slots=True)
class _Held:
    sample: Sample
    kept: list[bool]


class RowFilter:
    """The filter of one group; `let_go` counts values that no rule kept."""

    def __init__(self, group: Group) -> None:
        self._rules: list[Rule | None] = [
            tag.report.rule(tag.bounds) if tag.report else None for tag in group.tags
        ]
        self._passes = not any(self._rules)
        self._holds = any(
            tag.report is not None and tag.report.swinging_door is not None for tag in group.tags
        )
        self._held: _Held | None = None
        self._was_empty = False
        self.let_go = 0

    def take(self, sample: Sample) -> Iterator[Row]:
        """Yield rows as (epoch milliseconds, values and quality), oldest first."""
        was_empty, self._was_empty = self._was_empty, _is_empty(sample)
        if was_empty and self._was_empty:
            self.let_go += len(sample.values)
            return
        if self._passes:
            worst = 0 if sample.qualities is None else max(sample.qualities)
            yield sample.at_ns // _NS_PER_MS, (*sample.values, worst)
            return
        verdicts = self._judge(sample)
        before, self._held = self._held, None
        if before:
            kept = [
                was or bool(verdict & Verdict.BEFORE)
                for was, verdict in zip(before.kept, verdicts, strict=True)
            ]
            yield from self._row(before.sample, kept)
        held = _Held(sample, [bool(verdict & Verdict.THIS) for verdict in verdicts])
        if self._holds:
            self._held = held
        else:
            yield from self._row(held.sample, held.kept)

    def flush(self) -> Iterator[Row]:
        """Yield what is held back, whole: it is the last known of each value."""
        held, self._held = self._held, None
        if held:
            yield from self._row(held.sample, [True] * len(held.kept))

    def release(self) -> Iterator[Row]:
        """Yield what is held back, as `flush` does, and go on from there."""
        if self._held:
            for rule in self._rules:
                if rule is not None:
                    rule.keep()
        yield from self.flush()

    def _judge(self, sample: Sample) -> list[Verdict]:
        qualities = sample.qualities or bytes(len(sample.values))
        return [
            Verdict.THIS if rule is None else rule.offer(sample.at_ns, value, quality)
            for rule, value, quality in zip(self._rules, sample.values, qualities, strict=True)
        ]

    def _row(self, sample: Sample, kept: list[bool]) -> Iterator[Row]:
        self.let_go += kept.count(False)
        if any(kept):
            worst = 0 if sample.qualities is None else max(sample.qualities)
            values = (
                value if keep else None for value, keep in zip(sample.values, kept, strict=True)
            )
            yield sample.at_ns // _NS_PER_MS, (*values, worst)


def _is_empty(sample: Sample) -> bool:
    return sample.qualities is not None and all(value is None for value in sample.values)
