"""One shard to one function: order, partial answers, bisection, retries, age, destination."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidelocal.shards import NOW_MS, QUEUE_ARN, SHARD, STREAM_ARN, mapping, record
from tidelocal.errors import LocalCloudError, ServiceCallError
from tidelocal.host import FunctionResult
from tidelocal.journal import Journal
from tidelocal.mapping import EVENT_BYTES_MAX, RETRY_DELAY_S_MAX, ShardMapping
from tidelocal.mapping_settings import read_settings
from tidelocal.stream import ShardRecords

OK, FAILED = FunctionResult(None, None), FunctionResult(None, "boom")
GONE = ServiceCallError("lambda", "ResourceNotFoundException", "no such function")
Function = Callable[[list[int]], FunctionResult]


def failures_of(*numbers: object) -> FunctionResult:
    """Return the partial answer that reports `numbers`, whatever they are."""
    items = [{"itemIdentifier": f"{n:030d}" if isinstance(n, int) else n} for n in numbers]
    return FunctionResult({"batchItemFailures": items}, None)


class World:
    """The effects of a delivery, its clock, and what it did: ends it when nothing is left."""

    def __init__(
        self, folder: Path, function: Function, *, records: int = 0, position: str = "",
        **settings: Any,
    ) -> None:  # fmt: skip
        self.records = ShardRecords(
            STREAM_ARN, SHARD, journal=Journal(folder), wake=lambda: None, bytes_max=10**9
        )
        for number in range(1, records + 1):
            self.put(number)
        self.function = function
        self.now = NOW_MS
        self.calls: list[list[int]] = []
        self.events: list[dict[str, Any]] = []
        self.checkpoints: list[int] = []
        self.results: list[str] = []
        self.failures: list[dict[str, Any]] = []
        self.destination_faults: Iterator[LocalCloudError] = iter(())
        self.waits_s: list[float] = []
        self.ends_after_waits = 10**9
        self.delivery = ShardMapping(
            settings=read_settings(mapping(**settings)),
            records=self.records,
            position=position,
            effects=self,
            on_result=self.results.append,
        )

    def put(self, number: int, arrival_ms: int = NOW_MS, data: str = "ZGF0YQ==") -> None:
        self.records.append(record(f"{number:030d}", arrival_ms, data))

    def run(self) -> "World":
        asyncio.run(asyncio.wait_for(self.delivery.run(), 30))
        return self

    @property
    def position(self) -> int:
        return int(self.delivery.position or 0)

    async def invoke(self, _function_arn: str, event: dict[str, Any]) -> FunctionResult:
        self.events.append(event)
        numbers = [int(each["kinesis"]["sequenceNumber"]) for each in event["Records"]]
        self.calls.append(numbers)
        return self.function(numbers)

    async def send_failure(self, destination_arn: str, document: str) -> None:
        assert destination_arn == QUEUE_ARN
        for fault in self.destination_faults:
            raise fault
        self.failures.append(json.loads(document))

    async def keep_checkpoint(self, _uuid: str, shard: str, sequence_number: str) -> None:
        assert shard == SHARD
        self.checkpoints.append(int(sequence_number))

    def now_ms(self) -> int:
        return self.now

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        if event.is_set():
            return True
        if seconds is None or len(self.waits_s) >= self.ends_after_waits:
            self.delivery.end()
            return True
        self.waits_s.append(seconds)
        self.now += round(seconds * 1000)
        return False


def failing(poison: int, times: int = 10**9) -> Function:
    """Return a function that fails while `poison` is in its batch, so many times."""
    left = [times]

    def function(numbers: list[int]) -> FunctionResult:
        if poison in numbers and left[0]:
            left[0] -= 1
            return FAILED
        return OK

    return function


def test_records_go_in_order_and_in_batches_and_each_batch_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK, records=7, BatchSize=3).run()
    assert world.calls == [[1, 2, 3], [4, 5, 6], [7]]
    assert world.checkpoints == [3, 6, 7]
    assert (world.delivery.delivered, world.results[-1]) == (7, "OK")


def test_delivery_goes_on_behind_its_position(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK, records=5, position=f"{3:030d}").run()
    assert world.calls == [[4, 5]]


def test_a_record_looks_as_lambda_shows_it(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK, records=1).run()
    (event,) = world.events
    assert event == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "thing",
                    "sequenceNumber": f"{1:030d}",
                    "data": "ZGF0YQ==",
                    "approximateArrivalTimestamp": NOW_MS / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{SHARD}:{1:030d}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::000000000000:role/ingest",
                "awsRegion": "us-east-1",
                "eventSourceARN": STREAM_ARN,
            }
        ]
    }


# ---- partial answers ----


def test_the_checkpoint_is_the_first_failed_record_and_the_rest_comes_again(
    tmp_path: Path,
) -> None:
    answers = iter([failures_of(4, 3), failures_of(3), OK])
    world = World(
        tmp_path, lambda _numbers: next(answers), records=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    ).run()  # fmt: skip
    assert world.calls == [[1, 2, 3, 4, 5], [3, 4, 5], [3, 4, 5]]
    assert world.checkpoints == [2, 5]


@pytest.mark.parametrize(
    "payload", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}]
)
def test_an_answer_without_failures_is_success(tmp_path: Path, payload: object) -> None:
    world = World(
        tmp_path, lambda _numbers: FunctionResult(payload, None), records=3,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    ).run()  # fmt: skip
    assert (world.calls, world.checkpoints) == ([[1, 2, 3]], [3])


@pytest.mark.parametrize(
    "payload",
    [
        "text",
        [],
        {"batchItemFailures": "2"},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": ["2"]}]},
        {"batchItemFailures": [{"wrong": f"{2:030d}"}]},
        {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}, {"itemIdentifier": "9"}]},
    ],
)
def test_an_answer_that_can_not_be_read_fails_the_whole_batch(
    tmp_path: Path, payload: object
) -> None:
    answers = iter([FunctionResult(payload, None), OK])
    world = World(
        tmp_path, lambda _numbers: next(answers), records=3,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    ).run()  # fmt: skip
    assert (world.calls, world.checkpoints) == ([[1, 2, 3]] * 2, [3])


def test_without_the_response_type_reported_failures_mean_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: failures_of(1), records=3).run()
    assert (world.calls, world.checkpoints) == ([[1, 2, 3]], [3])


# ---- errors: retries, bisection, destination ----


def test_an_error_is_tried_again_for_ever_with_growing_pauses(tmp_path: Path) -> None:
    world = World(tmp_path, failing(1, times=8), records=2).run()
    assert world.calls == [[1, 2]] * 9
    assert world.waits_s == sorted(world.waits_s)
    assert world.waits_s[-1] == RETRY_DELAY_S_MAX
    assert world.checkpoints == [2]
    assert world.results[0] == "PROBLEM: Function call failed"


def test_an_absent_function_holds_its_records(tmp_path: Path) -> None:
    def absent(_numbers: list[int]) -> FunctionResult:
        raise GONE

    world = World(tmp_path, absent, records=3)
    world.ends_after_waits = 5
    world.run()
    assert (world.position, world.delivery.failed_calls, world.checkpoints) == (0, 6, [])


def test_bisection_finds_the_poison_and_keeps_the_order(tmp_path: Path) -> None:
    world = World(
        tmp_path, failing(5), records=8, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
    ).run()  # fmt: skip
    assert world.calls == [
        [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6], [5], [5], [6], [7, 8],
    ]  # fmt: skip
    assert world.checkpoints == [4, 5, 6, 8]
    assert (world.delivery.set_aside, world.delivery.dropped) == (1, 0)
    (failure,) = world.failures
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    batch = failure["KinesisBatchInfo"]
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"] == f"{5:030d}"
    assert (batch["batchSize"], batch["shardId"], batch["streamArn"]) == (1, SHARD, STREAM_ARN)
    assert batch["approximateArrivalOfFirstRecord"] == "2026-09-21T14:13:20.000Z"


def test_retries_end_and_what_has_no_destination_is_dropped_and_counted(tmp_path: Path) -> None:
    world = World(tmp_path, failing(2), records=4, BatchSize=2, MaximumRetryAttempts=2).run()
    assert world.calls == [[1, 2]] * 3 + [[3, 4]]
    assert (world.delivery.dropped, world.delivery.set_aside) == (2, 0)
    assert world.checkpoints == [2, 4]


def test_progress_within_a_batch_begins_the_retries_anew(tmp_path: Path) -> None:
    answers = iter([failures_of(2), failures_of(3), FAILED, FAILED])
    world = World(
        tmp_path, lambda _numbers: next(answers), records=3, MaximumRetryAttempts=2,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    ).run()  # fmt: skip
    assert world.calls == [[1, 2, 3], [2, 3], [3], [3]]
    assert (world.delivery.delivered, world.delivery.dropped) == (2, 1)


def test_a_failing_destination_is_tried_until_it_takes(tmp_path: Path) -> None:
    world = World(
        tmp_path, failing(1), records=2, BatchSize=1, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
    )  # fmt: skip
    world.destination_faults = iter([GONE, GONE])
    world.run()
    assert (len(world.failures), world.checkpoints) == (1, [1, 2])


def test_records_too_old_go_to_the_destination_without_a_call(tmp_path: Path) -> None:
    world = World(
        tmp_path, lambda _numbers: OK, MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
    )  # fmt: skip
    world.put(1, NOW_MS - 61_000)
    world.put(2, NOW_MS - 60_001)
    world.put(3, NOW_MS - 60_000)
    world.run()
    assert (world.calls, world.checkpoints) == ([[3]], [2, 3])
    (failure,) = world.failures
    assert failure["requestContext"]["condition"] == "RecordAgeExceeded"
    assert failure["KinesisBatchInfo"]["endSequenceNumber"] == f"{2:030d}"


def test_a_record_grows_too_old_while_it_is_tried(tmp_path: Path) -> None:
    world = World(tmp_path, failing(1), records=2, MaximumRecordAgeInSeconds=60).run()
    assert 10 < len(world.calls) < 30
    assert (world.delivery.dropped, world.checkpoints) == (2, [2])


def test_a_record_behind_one_from_before_the_clock_was_set_back_is_not_skipped(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, lambda _numbers: OK, MaximumRecordAgeInSeconds=60)
    world.put(1, NOW_MS)
    world.put(2, NOW_MS - 90_000)  # the clock was set back in between
    world.put(3, NOW_MS)
    world.run()
    assert world.calls == [[1, 2, 3]]
    assert (world.delivery.dropped, world.position) == (0, 3)


def test_an_end_while_the_destination_fails_passes_nothing(tmp_path: Path) -> None:
    world = World(
        tmp_path, lambda _numbers: OK, MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
    )  # fmt: skip
    world.put(1, NOW_MS - 90_000)
    world.put(2, NOW_MS)
    world.destination_faults = iter(lambda: GONE, None)
    world.ends_after_waits = 3
    world.run()
    assert (world.calls, world.checkpoints, world.position) == ([], [], 0)


def test_an_end_takes_what_the_function_did_and_no_more(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK, records=4, BatchSize=2)

    def ending(_numbers: list[int]) -> FunctionResult:
        world.delivery.end()
        return OK

    world.function = ending
    world.run()
    assert (world.calls, world.checkpoints) == ([[1, 2]], [2])


# ---- batching ----


def test_a_batch_waits_for_its_window_unless_it_is_full(tmp_path: Path) -> None:
    world = World(
        tmp_path, lambda _numbers: OK, records=5, BatchSize=3, MaximumBatchingWindowInSeconds=2
    ).run()
    assert world.calls == [[1, 2, 3], [4, 5]]
    assert world.waits_s == [2.0]


def test_a_clock_set_back_does_not_hold_a_batch(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK, records=1, MaximumBatchingWindowInSeconds=2)
    world.now = NOW_MS - 3_600_000
    world.run()
    assert (world.calls, world.waits_s) == ([[1]], [])


def test_an_event_is_never_longer_than_lambda_takes(tmp_path: Path) -> None:
    world = World(tmp_path, lambda _numbers: OK)
    for number in range(1, 13):
        world.put(number, data="A" * 1_400_000)
    world.put(13, data="A" * 2 * EVENT_BYTES_MAX)  # the first one always goes
    world.run()
    assert [number for call in world.calls for number in call] == list(range(1, 14))
    assert world.calls[-1] == [13]
    for event in world.events[:-1]:
        assert len(json.dumps(event)) <= EVENT_BYTES_MAX


OUTCOMES = st.sampled_from(["ok", "ok", "error", "absent", "partial", "nonsense"])


@given(
    outcomes=st.lists(OUTCOMES, max_size=12),
    picks=st.lists(st.integers(0, 9), min_size=12, max_size=12),
    records=st.integers(0, 9),
    batch_size=st.integers(1, 5),
    bisect=st.booleans(),
    retries_max=st.sampled_from([-1, 0, 2]),
)
def test_whatever_fails_every_record_is_done_with_once_and_in_order(
    *,
    outcomes: list[str],
    picks: list[int],
    records: int,
    batch_size: int,
    bisect: bool,
    retries_max: int,
) -> None:
    done: list[int] = []
    script = iter(zip(outcomes, picks, strict=False))

    def function(numbers: list[int]) -> FunctionResult:
        outcome, pick = next(script, ("ok", 0))
        if outcome == "ok":
            done.extend(numbers)
            return OK
        if outcome == "partial":
            first = pick % len(numbers)
            done.extend(numbers[:first])
            return failures_of(*numbers[first:])
        if outcome == "absent":
            raise GONE
        return FAILED if outcome == "error" else failures_of("nonsense")

    with TemporaryDirectory() as name:
        world = World(
            Path(name), function, records=records, BatchSize=batch_size,
            BisectBatchOnFunctionError=bisect, MaximumRetryAttempts=retries_max,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": QUEUE_ARN}},
        ).run()  # fmt: skip
    set_aside = [
        number
        for failure in world.failures
        for number in range(
            int(failure["KinesisBatchInfo"]["startSequenceNumber"]),
            int(failure["KinesisBatchInfo"]["endSequenceNumber"]) + 1,
        )
    ]
    assert done == sorted(done)
    assert sorted(done + set_aside) == list(range(1, records + 1))
    assert world.checkpoints == sorted(set(world.checkpoints))
    assert world.position == records
    assert not (set_aside and retries_max == -1)
