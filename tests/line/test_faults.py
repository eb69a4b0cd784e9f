"""The whole line under faults: nothing acknowledged is lost, nothing is stored twice."""

import io
import random
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import pytest

from tests.line.line import Line, wait_until
from tests.line.proxy import FaultyProxy
from tidectl import functions_zip

FAULT_S = 1.5
SEED = 20_261_124


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One line for all faults: each ends, and what came before it has to stay whole as well."""
    with Line(tmp_path_factory.mktemp("faults")) as line:
        yield line


def test_the_line_stores_what_boards_accept(line: Line) -> None:
    boards = [line.board(f"board-{number}") for number in range(3)]
    for board in boards:
        board.wait_for(lambda stats: stats.acknowledged >= 100)
    for board in boards:
        line.drain(board)
    line.assert_whole()


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_a_restarted_cloud_costs_nothing(line: Line, kill: bool) -> None:
    board = line.board("killed" if kill else "restarted")
    for _ in range(2):
        before = board.wait_for(lambda stats: stats.connected).acknowledged
        board.wait_for(lambda stats, before=before: stats.acknowledged > before + 50)
        line.restart_cloud(kill=kill, after_s=FAULT_S)
    count = board.wait_for(lambda stats: stats.connects >= 3).acknowledged
    board.wait_for(lambda stats: stats.acknowledged > count)
    line.drain(board)
    line.assert_whole()


@pytest.mark.parametrize("fault", ["cut", "stall", "half_close", "refuse"])
def test_a_bad_network_costs_nothing(line: Line, fault: str) -> None:
    with FaultyProxy(line.target.broker().port) as network:
        board = line.board(f"network-{fault}", via_port=network.port)
        for _ in range(3):
            count = board.wait_for(lambda stats: stats.connected).acknowledged
            board.wait_for(lambda stats, count=count: stats.acknowledged > count)
            getattr(network, fault)()
            time.sleep(FAULT_S)  # the fault's own length
            network.accept()
        connects = board.wait_for(lambda stats: stats.connects >= 4).connects
        line.drain(board)
    assert network.faults[fault] >= 3
    assert connects >= 4
    line.assert_whole()


def test_a_board_that_loses_power_at_any_moment_costs_nothing(line: Line) -> None:
    chance = random.Random(SEED)
    board = line.board("brown-out")
    for _ in range(6):
        board.wait_for(lambda stats: stats.accepted > 0)
        time.sleep(chance.uniform(0.0, 1.2))  # the moment is the fault
        line.count_killed(board)
        board.start()
    board.wait_for(lambda stats: stats.acknowledged > 0)
    final = line.drain(board)
    assert final.boot == 7
    line.assert_whole(exact=False)


def test_a_function_that_can_not_start_costs_nothing(line: Line) -> None:
    board = line.board("patient")
    board.wait_for(lambda stats: stats.acknowledged > 0)
    with _function(line, handler="tidecloud.absent.ingest"):
        count = board.wait_for(lambda stats: stats.acknowledged > 0).acknowledged
        board.wait_for(lambda stats: stats.acknowledged > count + 50)
        time.sleep(FAULT_S)  # the fault's own length
    line.drain(board)
    line.assert_whole()


CRASHING = """
import os
from tidecloud import entry
def ingest(event, context):
    entry.ingest(event, context)
    os._exit(1)  # all is stored, and nobody hears of it
"""


def test_a_function_that_dies_after_storing_stores_nothing_twice(line: Line) -> None:
    board = line.board("repeated")
    with _function(line, handler="crashing.ingest", crashing=CRASHING):
        board.wait_for(lambda stats: stats.acknowledged >= 50)
        wait_until("it stored something", lambda: "repeated" in line.ledger_samples())
        time.sleep(FAULT_S)  # the fault's own length
    line.drain(board)
    line.assert_whole()


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_an_absent_store_costs_nothing(line: Line, fault: str) -> None:
    facts = line.target.local
    assert facts
    with (
        FaultyProxy(facts.store_port) as way,
        _function(line, environment={"STORE_URL": f"http://127.0.0.1:{way.port}"}),
    ):
        board = line.board(f"store-{fault}")
        board.wait_for(lambda stats: stats.acknowledged > 0)
        wait_until("the store is in use", lambda: way.connections > 0)
        getattr(way, fault)()
        count = board.wait_for(lambda stats: stats.connected).acknowledged
        board.wait_for(lambda stats: stats.acknowledged > count + 50)
        time.sleep(FAULT_S)  # the fault's own length
        way.accept()
        line.drain(board)
        line.assert_whole()
        assert way.faults[fault] >= 1


def test_records_that_come_twice_are_stored_once(line: Line) -> None:
    board = line.board("echoed")
    board.wait_for(lambda stats: stats.acknowledged >= 100)
    line.drain(board)
    line.wait_until_stored()
    stream = line.target.stack_outputs()["StreamName"]
    kinesis = line.target.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = [
        record
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]
        if record["PartitionKey"] == "echoed"
    ]
    assert len(records) >= 5
    answer = kinesis.put_records(
        StreamName=stream,
        Records=[{"Data": r["Data"], "PartitionKey": r["PartitionKey"]} for r in records],
    )
    assert answer["FailedRecordCount"] == 0
    marker = line.board("marker")  # behind the echoes in the same shard
    marker.wait_for(lambda stats: stats.acknowledged > 0)
    line.drain(marker)
    line.assert_whole()


@contextmanager
def _function(
    line: Line,
    *,
    handler: str = "",
    crashing: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[None]:
    """Give the ingest function another handler, code or environment for a while."""
    functions = line.target.client("lambda")
    name = line.target.stack_outputs()["IngestFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)
    variables = before["Environment"]["Variables"]
    good = functions_zip.build().data
    if crashing:
        functions.update_function_code(FunctionName=name, ZipFile=_with_crash(good, crashing))
    functions.update_function_configuration(
        FunctionName=name,
        Handler=handler or before["Handler"],
        Environment={"Variables": {**variables, **environment}},
    )
    try:
        yield
    finally:
        functions.update_function_code(FunctionName=name, ZipFile=good)
        functions.update_function_configuration(
            FunctionName=name, Handler=before["Handler"], Environment={"Variables": variables}
        )


def _with_crash(zipped: bytes, source: str) -> bytes:
    packed = io.BytesIO(zipped)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("crashing.py", source)
    return packed.getvalue()
