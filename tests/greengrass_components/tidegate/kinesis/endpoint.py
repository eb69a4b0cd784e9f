"""A Kinesis endpoint that breaks as it is told to: named, seeded faults, on loopback."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.greengrass_components.tidegate.loopback_http import Answer, LoopbackHttp, Request


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong; each is drawn by itself, from the seed."""

    seed: int = 7
    throttle: float = 0.0  # of records, by themselves
    fail: float = 0.0  # of requests: status 500, nothing is taken
    cut: float = 0.0  # of requests: all is taken, and the answer never comes
    refuse: str | None = None  # every request, with this code and status 400


@dataclass(frozen=True)
class Blackout:
    """A time in which every connection ends without an answer, by the producer's clock."""

    begin_s: float
    end_s: float
    clock_s: Callable[[], float]

    def is_on(self) -> bool:
        """Whether it is dark now."""
        return self.begin_s <= self.clock_s() < self.end_s


class Endpoint(LoopbackHttp):
    """Takes PutRecords over HTTP and keeps what it took, in order."""

    def __init__(self, faults: Faults | None = None, blackout: Blackout | None = None) -> None:
        self.faults, self.blackout = faults or Faults(), blackout
        self.dice = random.Random(self.faults.seed)
        self.taken: list[tuple[str, bytes]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []  # headers and body, of the last few
        self.counts = {"requests": 0, "throttled": 0, "failed": 0, "cut": 0, "dark": 0}
        self.date: str | None = None
        super().__init__(self._given)

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Return status and document of an answer; None ends the connection without one."""
        self.counts["requests"] += 1
        if self.blackout and self.blackout.is_on():
            self.counts["dark"] += 1
            return None
        if self.faults.refuse:
            return 400, {"__type": f"com.amazon#{self.faults.refuse}", "message": "no"}
        if self.dice.random() < self.faults.fail:
            self.counts["failed"] += 1
            return 500, {"__type": "InternalFailure"}
        results = []
        for record in request["Records"]:
            if self.dice.random() < self.faults.throttle:
                self.counts["throttled"] += 1
                code = "ProvisionedThroughputExceededException"
                results.append({"ErrorCode": code, "ErrorMessage": "Rate exceeded for shard"})
                continue
            self.taken.append((record["PartitionKey"], base64.b64decode(record["Data"])))
            results.append({"ShardId": "shardId-0", "SequenceNumber": str(len(self.taken))})
        if self.dice.random() < self.faults.cut:
            self.counts["cut"] += 1
            return None
        failed = sum("ErrorCode" in result for result in results)
        return 200, {"FailedRecordCount": failed, "Records": results}

    def _given(self, request: Request) -> Answer | None:
        self.requests = [*self.requests[-3:], (request.headers, request.body)]
        found = self.answer(json.loads(request.body))
        if found is None:
            return None
        status, document = found
        date = {"Date": self.date} if self.date else {}
        return Answer(status, json.dumps(document).encode(), date)
