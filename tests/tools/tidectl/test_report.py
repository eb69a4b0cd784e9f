"""Which things report, by the ledger and the tables of both engines."""

import time
from pathlib import Path

import pytest

from tests.local_cloud import wait_for
from tests.tools.tidectl.publishing import SAMPLES, SITE, START_MS, Publisher
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.query_api import QueryApi
from tidectl.report import MEASUREMENTS_PER_QUESTION, Report, reports
from tidectl.target import Target


def test_a_store_without_samples_has_no_reports_and_then_each_things_own(
    empty_cloud: Target, tmp_path: Path
) -> None:
    api = QueryApi(empty_cloud)
    assert reports(api, 0) == []
    publisher = Publisher(empty_cloud, Home(tmp_path / "home"), "reporter")
    publisher.send([0, 1], measurement="climate")
    publisher.send([2], measurement="health")
    publisher.close()
    wait_for(
        "three batches in the ledger",
        lambda: sum(report.batches for report in reports(api, 0)) == 3,
        within_s=30,
    )

    def expected(measurement: str, batches: int, last_sequence: int) -> Report:
        last_ms = START_MS + 1_000 * ((last_sequence + 1) * SAMPLES - 1)
        return Report("reporter", measurement, (SITE,), batches, batches * SAMPLES, last_ms)

    assert reports(api, 0) == [expected("climate", 2, 1), expected("health", 1, 2)]
    assert reports(api, START_MS + 1_000) == [
        expected("climate", 1, 1),
        expected("health", 1, 2),
    ]
    assert reports(api, time.time_ns() // 1_000_000) == []


def test_more_measurements_than_one_question_takes_are_asked_in_several(
    deployed: Target, tmp_path: Path
) -> None:
    count = MEASUREMENTS_PER_QUESTION + 1
    publisher = Publisher(deployed, Home(tmp_path), "reporter-of-many")
    for number in range(count):
        publisher.send([number], measurement=f"report_{number}")
    publisher.entries(count)
    publisher.close()
    mine = [report for report in reports(QueryApi(deployed), 0) if report.thing == publisher.thing]
    assert len(mine) == count
    assert {report.sites for report in mine} == {(SITE,)}


def test_an_api_that_does_not_answer_is_no_empty_store(deployed: Target) -> None:
    api = QueryApi(deployed)
    api._url = "http://127.0.0.1:9/query"
    with pytest.raises(TidectlError, match="does not answer"):
        reports(api, 0)
