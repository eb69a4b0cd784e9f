"""Prove that nothing is lost and nothing stored twice, from two independent counts.

Flow: ledger (sequence numbers) and store (rows counted) -> [audit] -> verdict
A hole in a thing's sequence numbers is a lost batch; a number that stands twice is a batch
stored twice; where the rows of a measurement are fewer or more than its batches say, samples
are missing or doubled. What lies in quarantine, or was given up by the stream, is counted as
well: it is not lost, but not in the store either.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidectl.ledger import Entry, Ledger, by_thing
from tidectl.query_api import QueryApi
from tidectl.sequences import Gap, Repeat, faults
from tidectl.tables import text
from tidectl.target import Target

SETTLE_S = 5.0  # what is on its way is stored within a batching window and a retry or two
_PAUSE_S = 0.5
RULE_FAILED = "rule-failed/"


@dataclass(frozen=True, slots=True)
class Miscount:
    """The rows in the store are not as many as the batches in the ledger say."""

    thing: str
    measurement: str
    by_ledger: int
    in_store: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit found; counts are of batches or samples, as named."""

    things: int = 0
    batches: int = 0
    samples: int = 0
    samples_empty: int = 0
    values_not_finite: int = 0
    gaps: tuple[Gap, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    miscounts: tuple[Miscount, ...] = ()
    set_aside: dict[str, int] = field(default_factory=dict)  # records in quarantine, by reason
    rule_failed: int = 0  # messages the rule could not put on the stream
    given_up: int = 0  # runs of records the stream gave up on

    @property
    def lost_batches(self) -> int:
        """Batches that a sequence misses."""
        return sum(gap.batches for gap in self.gaps)

    @property
    def lost_samples(self) -> int:
        """Samples that the ledger has and the store has not."""
        return sum(max(0, count.by_ledger - count.in_store) for count in self.miscounts)

    @property
    def duplicated_samples(self) -> int:
        """Samples of repeated batches, and rows in the store beyond the ledger."""
        beyond = sum(max(0, count.in_store - count.by_ledger) for count in self.miscounts)
        return beyond + sum(repeat.samples for repeat in self.repeats)

    @property
    def whole(self) -> bool:
        """Whether nothing is lost and nothing stored twice."""
        return not (self.gaps or self.repeats or self.miscounts)

    def document(self) -> dict[str, Any]:
        """Return it for programs; `lost` and `duplicated` add up batches and samples."""
        return {
            "things": self.things,
            "batches": self.batches,
            "samples": self.samples,
            "samples_empty": self.samples_empty,
            "values_not_finite": self.values_not_finite,
            "lost": self.lost_batches + self.lost_samples,
            "lost_batches": self.lost_batches,
            "lost_samples": self.lost_samples,
            "duplicated": self.duplicated_samples,
            "set_aside": sum(self.set_aside.values()),
            "set_aside_by_reason": self.set_aside,
            "failed": self.rule_failed + self.given_up,
            "rule_failed": self.rule_failed,
            "given_up": self.given_up,
            "gaps": [
                {"thing": gap.thing, "first": gap.first, "last": gap.last,
                 "received_at_ms": gap.received_at_ms}
                for gap in self.gaps
            ],
            "repeats": [
                {"thing": repeat.thing, "sequence": repeat.sequence, "samples": repeat.samples,
                 "received_at_ms": repeat.received_at_ms}
                for repeat in self.repeats
            ],
            "miscounts": [
                {"thing": count.thing, "measurement": count.measurement,
                 "by_ledger": count.by_ledger, "in_store": count.in_store}
                for count in self.miscounts
            ],
        }  # fmt: skip


class Audit:
    """Audits the stack in `target`; `since_ms` leaves out what was received before."""

    def __init__(self, target: Target, *, since_ms: int | None = None) -> None:
        self._target = target
        self._outputs = target.stack_outputs()
        self._api = QueryApi(target)
        self._ledger = Ledger(self._api)
        self._since_ms = since_ms

    def run(
        self, *, settle_s: float = SETTLE_S, on_wait: Callable[[Verdict], None] = lambda _: None
    ) -> Verdict:
        """Return the verdict; one that is not whole is looked at again for `settle_s`."""
        deadline = time.monotonic() + settle_s
        while True:
            verdict = self._look()
            if verdict.whole or time.monotonic() >= deadline:
                return verdict
            on_wait(verdict)
            time.sleep(_PAUSE_S)

    def _look(self) -> Verdict:
        found = self._whole_history() if self._since_ms is None else self._recent(self._since_ms)
        set_aside, rule_failed = self._quarantined()
        return Verdict(
            **found, set_aside=set_aside, rule_failed=rule_failed, given_up=self._given_up()
        )

    def _whole_history(self) -> dict[str, Any]:
        """Judge sums first, and read the entries of those things only whose sums don't tile."""
        totals = self._ledger.totals()
        gaps: list[Gap] = []
        repeats: list[Repeat] = []
        for thing in (total.thing for total in totals if not total.tiles):
            more_gaps, more_repeats = faults(self._ledger.of_thing(thing))
            gaps += more_gaps
            repeats += more_repeats
        by_ledger = self._ledger.samples()
        measurements = sorted({measurement for _, measurement in by_ledger})
        in_store: dict[tuple[str, str], int] = {}
        for measurement in measurements:
            counts = self._counts(measurement)
            in_store |= {(thing, measurement): count for thing, count in counts.items()}
        return {
            "things": len(totals),
            "batches": sum(total.batches for total in totals),
            "samples": sum(total.samples for total in totals),
            "samples_empty": sum(total.samples_empty for total in totals),
            "values_not_finite": sum(total.values_not_finite for total in totals),
            "gaps": tuple(gaps),
            "repeats": tuple(repeats),
            "miscounts": _miscounts(by_ledger, in_store),
        }

    def _recent(self, since_ms: int) -> dict[str, Any]:
        """Judge the entries received since; rows are counted from their first sample on."""
        by_thing: dict[str, list[Entry]] = {}
        for entry in self._ledger.received_since(since_ms):
            by_thing.setdefault(entry.thing, []).append(entry)
        entries = [entry for some in by_thing.values() for entry in some]
        judged = [faults(some, from_start=False) for some in by_thing.values()]
        by_ledger: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], str] = {}
        for entry in entries:
            pair = entry.thing, entry.measurement
            by_ledger[pair] += entry.samples
            first[pair] = min(first.get(pair, entry.time), entry.time)
        in_store = {}
        for (thing, measurement), time_iso in first.items():
            instant = self._api.tables.instant(time_iso)
            where = f" AND thing = {text(thing)} AND time >= {instant}"
            in_store[thing, measurement] = self._counts(measurement, where).get(thing, 0)
        return {
            "things": len(by_thing),
            "batches": len(entries),
            "samples": sum(entry.samples for entry in entries),
            "samples_empty": sum(entry.samples_empty for entry in entries),
            "values_not_finite": sum(entry.values_not_finite for entry in entries),
            "gaps": tuple(gap for gaps, _ in judged for gap in gaps),
            "repeats": tuple(repeat for _, repeats in judged for repeat in repeats),
            "miscounts": _miscounts(dict(by_ledger), in_store),
        }

    def _counts(self, measurement: str, where: str = "") -> dict[str, int]:
        table = self._api.tables.samples(measurement)
        rows = by_thing(self._api, table, "COUNT(*) AS samples", where=where)
        return {row["thing"]: int(row["samples"]) for row in rows}

    def _quarantined(self) -> tuple[dict[str, int], int]:
        """Count the objects in quarantine by the first part of their keys."""
        bucket = self._outputs["QuarantineBucketName"]
        pages = self._target.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        reasons = Counter(
            item["Key"].partition("/")[0] for page in pages for item in page.get("Contents", ())
        )
        failed = reasons.pop(RULE_FAILED.rstrip("/"), 0)
        return dict(sorted(reasons.items())), failed

    def _given_up(self) -> int:
        answer = self._target.client("sqs").get_queue_attributes(
            QueueUrl=self._outputs["FailedRecordsQueueUrl"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _miscounts(
    by_ledger: dict[tuple[str, str], int], in_store: dict[tuple[str, str], int]
) -> tuple[Miscount, ...]:
    return tuple(
        Miscount(thing, measurement, count, in_store.get((thing, measurement), 0))
        for (thing, measurement), count in sorted(by_ledger.items())
        if in_store.get((thing, measurement), 0) != count
    )
