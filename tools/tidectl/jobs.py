"""Have things do something as AWS IoT jobs, and see how far each is.

Flow: document -> job -> each thing's board ; executions -> status
A thing that is away gets its jobs when it is back, in the order they were made.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.target import Target

RATE_MAX, RETRIES_MAX, MINUTES_MAX = 1000, 10, 10_080  # AWS's
# What a board keeps of a message unless told otherwise, less a topic and what AWS adds to a job.
DOCUMENT_BYTES_MAX = 512
_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"}
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a job goes out; a limit that is None is AWS's own."""

    rate_per_minute: int | None = None
    retries: int = 0  # of a thing that failed; one that refused is not asked again
    abort_percent: int | None = None  # so many failures of the first things stop the rest
    timeout_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """How far one thing is."""

    thing: str
    status: str
    details: dict[str, str]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True)
class Job:
    """One job; times are epoch milliseconds."""

    name: str
    status: str
    description: str
    made_at_ms: int


class Jobs:
    """The jobs of `target`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._iot = target.client("iot")

    def create(
        self,
        begin: str,
        document: Mapping[str, Any],
        things: Sequence[str],
        groups: Sequence[str],
        *,
        rollout: Rollout = Rollout(),
        description: str = "",
    ) -> str:
        """Have `things` and the things of `groups` do what `document` says.

        Return the job's name, which begins with `begin`. Raises TidectlError.
        """
        text = json.dumps(document, separators=(",", ":"))
        if len(text.encode()) > DOCUMENT_BYTES_MAX:
            raise TidectlError(
                f"a job of {len(text.encode())} bytes, {DOCUMENT_BYTES_MAX} at most",
                "a board could not read it",
            )
        targets = [self._thing_arn(thing) for thing in things]
        targets += [self._group_arn(group) for group in groups]
        job = f"{begin}{time.time_ns() // 10**6:x}"
        self._iot.create_job(
            jobId=job,
            targets=targets,
            document=text,
            description=description,
            targetSelection="SNAPSHOT",
            **_settings(rollout),
        )
        return job

    def cancel(self, job: str, *, thing: str | None = None, force: bool = False) -> None:
        """Take the job back, of one thing or of all; raises TidectlError.

        Without `force` it stays where a board has begun it.
        """
        try:
            if thing is None:
                self._iot.cancel_job(jobId=job, force=force)
            else:
                self._iot.cancel_job_execution(jobId=job, thingName=thing, force=force)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                what = job if thing is None else f"{job} of {thing}"
                raise TidectlError(f"there is no job {what}", "see tidectl job list") from error
            if code == "InvalidStateTransitionException":
                raise TidectlError(
                    f"{job} can't be taken back: {error.response['Error']['Message']}",
                    f"see tidectl job status {job}; one that a board has begun takes --force",
                ) from error
            raise

    def listed(self, begin: str, count_max: int) -> list[Job]:
        """Return the newest jobs whose names begin with `begin`, the newest first."""
        pages = self._iot.get_paginator("list_jobs").paginate()
        found = [job for page in pages for job in page["jobs"] if job["jobId"].startswith(begin)]
        found.sort(key=lambda job: job["createdAt"], reverse=True)
        return [self._job(one) for one in found[:count_max]]

    def executions(self, job: str) -> list[Execution]:
        """Return how far each thing is, by name. Raises TidectlError."""
        return sorted(self._executions(job), key=lambda one: one.thing)

    def wait(
        self, job: str, timeout_s: float, show: Callable[[list[Execution]], object]
    ) -> list[Execution]:
        """Return when nothing more will come of any thing. Raises TidectlError."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.executions(job)
            show(found)
            if found and all(one.ended for one in found) and self._is_rolled_out(job):
                return found
            if time.monotonic() > deadline:
                raise TidectlError(
                    f"{job} goes on after {timeout_s:.0f} s",
                    f"look again: tidectl job status {job} --wait",
                )
            time.sleep(_POLL_S)

    def _job(self, summary: Mapping[str, Any]) -> Job:
        facts = self._iot.describe_job(jobId=summary["jobId"])["job"]
        return Job(
            summary["jobId"],
            summary["status"],
            facts.get("description", ""),
            int(summary["createdAt"].timestamp() * 1000),
        )

    def _executions(self, job: str) -> Iterator[Execution]:
        try:
            pages = self._iot.get_paginator("list_job_executions_for_job").paginate(jobId=job)
            for page in pages:
                for item in page["executionSummaries"]:
                    thing = item["thingArn"].rpartition("/")[2]
                    yield self._execution(job, thing)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise TidectlError(f"there is no job {job}", "see tidectl job list") from error
            raise

    def _execution(self, job: str, thing: str) -> Execution:
        one = self._iot.describe_job_execution(jobId=job, thingName=thing)["execution"]
        details: dict[str, Any] = one.get("statusDetails", {}).get("detailsMap", {})
        return Execution(thing, one["status"], dict(details))

    def _is_rolled_out(self, job: str) -> bool:
        facts = self._iot.describe_job(jobId=job)["job"]
        return facts["status"] not in ("IN_PROGRESS", "SCHEDULED") or not (
            facts.get("jobProcessDetails", {}).get("numberOfQueuedThings", 0)
        )

    def _thing_arn(self, thing: str) -> str:
        try:
            return str(self._iot.describe_thing(thingName=thing)["thingArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise TidectlError(f"there is no thing {thing}", "see tidectl status") from error

    def _group_arn(self, group: str) -> str:
        try:
            return str(self._iot.describe_thing_group(thingGroupName=group)["thingGroupArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise TidectlError(f"there is no thing group {group}", "see the console") from error


def _settings(rollout: Rollout) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if rollout.rate_per_minute:
        settings["jobExecutionsRolloutConfig"] = {"maximumPerMinute": rollout.rate_per_minute}
    if rollout.retries:
        retry = [{"failureType": "FAILED", "numberOfRetries": rollout.retries}]
        settings["jobExecutionsRetryConfig"] = {"criteriaList": retry}
    if rollout.abort_percent:
        criterion = {
            "failureType": "ALL",
            "action": "CANCEL",
            "thresholdPercentage": float(rollout.abort_percent),
            "minNumberOfExecutedThings": 1,
        }
        settings["abortConfig"] = {"criteriaList": [criterion]}
    if rollout.timeout_minutes:
        settings["timeoutConfig"] = {"inProgressTimeoutInMinutes": rollout.timeout_minutes}
    return settings
