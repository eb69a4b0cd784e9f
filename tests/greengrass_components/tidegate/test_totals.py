"""Totals of counters in samples, over roll-overs, restarts and readings that can't be."""

from pathlib import Path

from tidegate.group import Group
from tidegate.sample import Sample, Value
from tidegate.tag import Tag
from tidegate.totals import Totals

TAGS = (
    Tag(field="pulses", address="1", counter_bits=16),
    Tag(field="energy_kwh", address="2", counter_bits=8, scale=0.5),
    Tag(field="level_m", address="3"),
)
GROUP = Group(thing="gw-1:meter", measurement="meter", tags=TAGS)


def read(totals: Totals, *values: Value) -> Sample:
    return totals.apply(Sample(GROUP, 1, 1, values))


def test_counters_become_totals_and_other_tags_stay(tmp_path: Path) -> None:
    totals = Totals(tmp_path / "counters.json", [GROUP])
    assert read(totals, 65_000, 127.0, 1.5).values == (65_000, 127.0, 1.5)
    assert read(totals, 100, 1.0, 1.5).values == (65_636, 129.0, 1.5)
    missing = read(totals, None, None, None)
    assert (missing.values, missing.qualities) == ((None, None, None), None)
    assert read(totals, 200, 1.5, 1.5).values == (65_736, 129.5, 1.5)


def test_totals_go_on_over_a_kill_and_over_an_end(tmp_path: Path) -> None:
    path = tmp_path / "counters.json"
    killed = Totals(path, [GROUP])
    read(killed, 65_000, 10.0, 0)
    read(killed, 100, 20.0, 0)
    read(killed, 50_000, 30.0, 0)  # nothing of this is written down: it did not roll over
    again = Totals(path, [GROUP])
    assert read(again, 60_000, 40.0, 0).values == (125_536, 40.0, 0)
    again.keep()
    assert read(Totals(path, [GROUP]), 60_001, 40.0, 0).values == (125_537, 40.0, 0)


def test_a_reading_that_the_counter_cant_have_is_bad(tmp_path: Path) -> None:
    totals = Totals(tmp_path / "counters.json", [GROUP])
    sample = read(totals, 70_000, 1.0, 2.0)
    assert (sample.values, sample.qualities) == ((None, 1.0, 2.0), b"\x02\x00\x00")
    assert totals.refused == 1


def test_a_file_that_is_none_begins_anew_and_a_group_without_counters_passes(
    tmp_path: Path,
) -> None:
    (tmp_path / "counters.json").write_text('{"a": 1}')
    totals = Totals(tmp_path / "counters.json", [GROUP])
    assert read(totals, 1, 1.0, 0).values == (1, 1.0, 0)
    plain = Sample(Group(thing="t", measurement="m", tags=TAGS[2:]), 1, 1, (1.0,))
    assert totals.apply(plain) is plain
