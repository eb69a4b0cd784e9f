"""An audit of a real store finds each fault that was put into it, and no other."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.line.line import Line
from tests.tools.tidectl.publishing import SAMPLES, SITE, START_MS, Publisher
from tidecloud.ledger import LedgerEntry
from tidecloud.rows import Rows
from tidecloud.store import InfluxDbStore
from tidectl.audit import Audit, Miscount, Verdict
from tidectl.instants import now_ms
from tidectl.sequences import Gap

NS_PER_MS = 1_000_000


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A cloud whose store is audited as a whole; each test has things of its own in it."""
    with Line(tmp_path_factory.mktemp("audited")) as line:
        yield line


@pytest.fixture
def publisher(audited: Line) -> Iterator[Callable[[str], Publisher]]:
    made: list[Publisher] = []

    def make(thing: str) -> Publisher:
        made.append(Publisher(audited.target, audited.home, thing))
        return made[-1]

    yield make
    for one in made:
        one.close()


def verdict_of(line: Line, thing: str, since_ms: int | None = None) -> Verdict:
    """Return what an audit found of one thing."""
    found = Audit(line.target, since_ms=since_ms).run(settle_s=0)
    return replace(
        found,
        gaps=tuple(gap for gap in found.gaps if gap.thing == thing),
        repeats=tuple(repeat for repeat in found.repeats if repeat.thing == thing),
        miscounts=tuple(count for count in found.miscounts if count.thing == thing),
    )


def store_of(line: Line) -> InfluxDbStore:
    """Return the way around the functions into the line's store."""
    facts = line.target.local
    assert facts
    token = (line.home.local_state / "store-token").read_text().strip()
    return InfluxDbStore(url=facts.store_url, database="tidegauge", token=lambda: token)


def test_a_whole_thing_is_whole(audited: Line, publisher: Callable[[str], Publisher]) -> None:
    thing = publisher("whole")
    thing.send(range(3))
    thing.send(range(3, 6), measurement="health")
    thing.send(range(6, 9), boot=2)
    thing.entries(9)
    verdict = verdict_of(audited, "whole")
    assert verdict.whole
    assert (verdict.lost_batches, verdict.lost_samples, verdict.duplicated_samples) == (0, 0, 0)
    assert verdict.samples >= 9 * SAMPLES


def test_a_batch_that_comes_again_is_stored_once(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("again")
    thing.send([0, 1, 1, 0, 2, 1])
    thing.entries(3)
    assert verdict_of(audited, "again").whole


def test_batches_that_never_came_are_a_gap(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("holey")
    thing.send([0, 1, 4, 5])
    after = thing.entries(4)[2]
    verdict = verdict_of(audited, "holey")
    assert verdict.gaps == (Gap("holey", 2, 3, after.received_at_ms),)
    assert not verdict.whole
    assert verdict.document()["lost"] == 2


def test_a_batch_under_another_time_is_stored_twice(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("shifted")
    thing.send(range(3))
    thing.send([1], shift_ms=3_600_000)
    thing.entries(4)
    verdict = verdict_of(audited, "shifted")
    assert [repeat.sequence for repeat in verdict.repeats] == [1]
    assert verdict.duplicated_samples == SAMPLES


def test_samples_that_vanished_from_the_store_are_lost(audited: Line) -> None:
    entry = LedgerEntry(
        "thinned", "climate", 1, 0, START_MS * NS_PER_MS, samples=8, samples_empty=0,
        values_not_finite=0, last_time_ms=START_MS + 7_000, received_at_ms=now_ms(),
        stored_at_ms=now_ms(),
    )  # fmt: skip
    times_ns = [(START_MS + 1_000 * number) * NS_PER_MS for number in range(5)]
    rows = Rows("thinned", SITE, "climate", times_ns, {"temperature_c": [1.5] * 5})
    assert store_of(audited).write([rows], [entry]) == []
    verdict = verdict_of(audited, "thinned")
    assert verdict.miscounts == (Miscount("thinned", "climate", 8, 5),)
    assert (verdict.lost_samples, verdict.duplicated_samples) == (3, 0)


def test_samples_beyond_the_ledger_are_found(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("doubled")
    thing.send(range(2))
    (first, _) = thing.entries(2)
    odd_ns = START_MS * NS_PER_MS + 500
    rows = Rows("doubled", SITE, "climate", [odd_ns], {"temperature_c": [1.5]})
    ledger = LedgerEntry(
        "doubled", "other", None, None, odd_ns, samples=0, samples_empty=0, values_not_finite=0,
        last_time_ms=first.last_time_ms, received_at_ms=now_ms(), stored_at_ms=now_ms(),
    )  # fmt: skip
    assert store_of(audited).write([rows], [ledger]) == []
    verdict = verdict_of(audited, "doubled")
    assert verdict.miscounts == (Miscount("doubled", "climate", 2 * SAMPLES, 2 * SAMPLES + 1),)
    assert verdict.duplicated_samples == 1


def test_since_passes_over_what_came_before(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("recent")
    thing.send([0, 2])
    before = thing.entries(2)
    since_ms = max(entry.received_at_ms for entry in before) + 1
    while now_ms() <= since_ms:
        time.sleep(0.001)
    thing.send([3, 4, 6])
    thing.entries(5)
    assert [gap.first for gap in verdict_of(audited, "recent").gaps] == [1, 5]
    verdict = verdict_of(audited, "recent", since_ms)
    assert [gap.first for gap in verdict.gaps] == [5]
    assert verdict.miscounts == ()


def test_what_is_set_aside_is_told_and_is_not_lost(
    audited: Line, publisher: Callable[[str], Publisher]
) -> None:
    thing = publisher("garbled")
    before = Audit(audited.target).run(settle_s=0)
    thing.send([0], measurement="climate")
    thing.publish(f"dt/tidegauge/{SITE}/garbled/climate", b"\xa1\xff")
    thing.send([1])
    thing.entries(2)
    after = verdict_of(audited, "garbled")
    assert after.whole
    assert sum(after.set_aside.values()) == sum(before.set_aside.values()) + 1
    assert after.set_aside["payload"] == before.set_aside.get("payload", 0) + 1
