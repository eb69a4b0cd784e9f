"""What arrives is seen once, also what was sampled long ago."""

from tests.local_cloud import wait_for
from tests.tools.tidectl.publishing import SAMPLES, START_MS, Publisher
from tidectl.arrivals import Arrivals
from tidectl.home import Home
from tidectl.instants import epoch_ms
from tidectl.ledger import Entry
from tidectl.query_api import QueryApi
from tidectl.target import Target


def arrived(arrivals: Arrivals, count: int) -> list[Entry]:
    """Return what arrived, once it is `count` batches."""
    found: list[Entry] = []

    def enough() -> bool:
        found.extend(arrivals.poll())
        return len(found) >= count

    wait_for(f"{count} arrivals", enough, within_s=30)
    return found


def test_only_what_is_new_arrives_and_late_samples_do(deployed: Target, shared_home: Home) -> None:
    publisher = Publisher(deployed, shared_home, "arriving")
    publisher.send(range(5, 8))
    publisher.entries(3)
    arrivals = Arrivals(QueryApi(deployed), thing="arriving")
    assert arrivals.poll() == []
    publisher.send(range(2))  # sampled before all that is there
    found = arrived(arrivals, 2)
    assert sorted(entry.sequence or 0 for entry in found) == [0, 1]
    assert arrivals.poll() == []
    publisher.close()


def test_the_rows_of_an_arrival_are_its_samples_and_no_others(
    deployed: Target, shared_home: Home
) -> None:
    publisher = Publisher(deployed, shared_home, "arriving-rows")
    arrivals = Arrivals(QueryApi(deployed), thing="arriving-rows")
    publisher.send([0, 1, 3])
    found = arrived(arrivals, 3)
    rows = arrivals.rows([entry for entry in found if entry.sequence in (0, 3)])
    step_ms = SAMPLES * 1_000
    assert [epoch_ms(row["time"]) for row in rows] == [
        START_MS + start + 1_000 * number for start in (0, 3 * step_ms) for number in range(SAMPLES)
    ]
    publisher.close()


def test_a_redelivered_batch_does_not_arrive_again(deployed: Target, shared_home: Home) -> None:
    publisher = Publisher(deployed, shared_home, "arriving-twice")
    arrivals = Arrivals(QueryApi(deployed), thing="arriving-twice")
    publisher.send([0])
    arrived(arrivals, 1)
    publisher.send([0, 1])
    assert [entry.sequence for entry in arrived(arrivals, 1)] == [1]
    publisher.close()
