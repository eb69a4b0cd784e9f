"""The ledger is read whole, however small the pages."""

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import psutil
import pytest

from tests.tools.tidectl.publishing import SAMPLES, SITE, Publisher
from tidectl.home import Home
from tidectl.ledger import Ledger, by_thing
from tidectl.local_process import LocalProcess
from tidectl.query_api import NothingStoredError, QueryApi
from tidectl.stack import deploy
from tidectl.target import Target, local_target
from tidewire import topic

THINGS = ("ledger-a", "ledger-b", "ledger-c")
BATCHES = 7


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A store of its own with three things' batches of two measurements in it."""
    home = Home(tmp_path_factory.mktemp("ledger") / "home")
    facts = LocalProcess(home).start(http_port=0, mqtt_port=0, store_port=0)
    target = local_target(facts)
    deploy(target)
    for thing in THINGS:
        publisher = Publisher(target, home, thing)
        publisher.send(range(4))
        publisher.send(range(4, BATCHES), measurement="health", boot=2)
        publisher.entries(BATCHES)
        publisher.close()
    yield target
    psutil.Process(facts.pid).kill()


@pytest.mark.parametrize("page_rows", [2, 3, 5, 10_000])
def test_pages_of_any_size_give_each_entry_once(filled: Target, page_rows: int) -> None:
    ledger = Ledger(QueryApi(filled, rows_max=page_rows))
    for thing in THINGS:
        entries = list(ledger.of_thing(thing))
        assert sorted(entry.sequence or 0 for entry in entries) == list(range(BATCHES))
        assert entries == sorted(entries, key=attrgetter("received_at_ms"))
        assert {(entry.measurement, entry.boot) for entry in entries} == {
            ("climate", 1),
            ("health", 2),
        }


@pytest.mark.parametrize("page_rows", [3, 10_000])  # the rows of a thing and one more
def test_sums_by_thing_are_whole(filled: Target, page_rows: int) -> None:
    ledger = Ledger(QueryApi(filled, rows_max=page_rows))
    totals = {total.thing: total for total in ledger.totals() if total.thing in THINGS}
    assert sorted(totals) == sorted(THINGS)
    for total in totals.values():
        assert (total.batches, total.samples) == (BATCHES, BATCHES * SAMPLES)
        assert (total.first, total.last) == (0, BATCHES - 1)
        assert total.tiles
    samples = ledger.samples()
    for thing in THINGS:
        assert samples[thing, "climate"] == 4 * SAMPLES
        assert samples[thing, "health"] == (BATCHES - 4) * SAMPLES


def test_the_newest_storing_is_known(filled: Target) -> None:
    ledger = Ledger(QueryApi(filled))
    newest_ms = ledger.last_stored_at_ms()
    assert [entry.stored_at_ms for entry in ledger.stored_since(newest_ms)] != []
    assert list(ledger.stored_since(newest_ms + 3_600_000)) == []


def test_it_is_empty_then_has_foreign_batches_and_then_sequences(
    empty_cloud: Target, tmp_path: Path
) -> None:
    """Neither `boot` nor `sequence` is a column before the first batch that has one."""
    ledger = Ledger(QueryApi(empty_cloud))
    assert (ledger.totals(), ledger.samples(), ledger.last_stored_at_ms()) == ([], {}, 0)
    assert list(ledger.stored_since(0)) == []
    publisher = Publisher(empty_cloud, Home(tmp_path / "home"), "stranger")
    name = topic.BASIC_INGEST_PREFIX + topic.build(SITE, publisher.thing, "climate")
    publisher.publish(name, b'{"temperature_c": 20.5}')
    (entry,) = publisher.entries(1)
    assert (entry.boot, entry.sequence, entry.samples) == (None, None, 1)
    (totals,) = ledger.totals()
    assert (totals.batches, totals.sequenced, totals.first, totals.last) == (1, 0, None, None)
    publisher.send([0])
    publisher.entries(2)
    publisher.close()
    (totals,) = ledger.totals()
    assert (totals.batches, totals.sequenced, totals.first, totals.last) == (2, 1, 0, 0)


def test_a_table_that_is_not_there_has_no_rows(filled: Target) -> None:
    api = QueryApi(filled)
    assert list(by_thing(api, '"never_measured"', "COUNT(*) AS samples")) == []
    with pytest.raises(NothingStoredError):
        api.ask('SELECT * FROM "never_measured"')
