"""Send a bundle to things as an AWS IoT job, and see how far each is.

Flow: bundle -> S3 -> file stream -> job -> each thing's board ; executions -> status
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.target import Target
from tidectl.update_bundle import Bundle

OPERATION = "update"
PREFIX = "bundles/"
RATE_MAX, RETRIES_MAX, MINUTES_MAX = 1000, 10, 10_080  # AWS's
JOB_BEGIN = "tidegauge-update-"
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


class UpdateJobs:
    """The updates of `target`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._iot = target.client("iot")

    def publish(
        self, bundle: Bundle, things: Sequence[str], groups: Sequence[str], rollout: Rollout
    ) -> str:
        """Upload, make the stream and the job; return the job's name. Raises TidectlError."""
        if not bundle.signature:
            raise TidectlError("nobody has signed it: no board would take it", "tidectl ota sign")
        data = bundle.to_bytes()
        digest = hashlib.sha256(data).hexdigest()
        targets = [self._thing_arn(thing) for thing in things]
        targets += [self._group_arn(group) for group in groups]
        stream, version = self._stream(data, digest)
        document = {
            "operation": OPERATION,
            "file": {
                "stream": stream,
                "version": version,
                "file": 0,
                "bytes": len(data),
                "sha256": digest,
            },
        }
        job = f"{JOB_BEGIN}{bundle.facts['version'].replace('.', '-')}-{time.time_ns() // 10**6:x}"
        self._iot.create_job(
            jobId=job,
            targets=targets,
            document=json.dumps(document),
            description=f"update to version {bundle.facts['version']}",
            targetSelection="SNAPSHOT",
            **_settings(rollout),
        )
        return job

    def newest(self) -> str:
        """Return the newest update. Raises TidectlError."""
        pages = self._iot.get_paginator("list_jobs").paginate()
        jobs = [job for page in pages for job in page["jobs"] if job["jobId"].startswith(JOB_BEGIN)]
        if not jobs:
            raise TidectlError(f"no update was published in {self._target}", "tidectl ota publish")
        return str(max(jobs, key=lambda job: job["createdAt"])["jobId"])

    def executions(self, job: str) -> list[Execution]:
        """Return how far each thing is, by name. Raises TidectlError."""
        return sorted(self._executions(job), key=lambda one: one.thing)

    def wait(
        self, job: str, timeout_s: float, show: Callable[[list[Execution]], None]
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
                    f"look again: tidectl ota status {job}",
                )
            time.sleep(_POLL_S)

    def _executions(self, job: str) -> Iterator[Execution]:
        try:
            pages = self._iot.get_paginator("list_job_executions_for_job").paginate(jobId=job)
            for page in pages:
                for item in page["executionSummaries"]:
                    thing = item["thingArn"].rpartition("/")[2]
                    yield self._execution(job, thing)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise TidectlError(f"there is no job {job}", "see tidectl ota status") from error
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

    def _stream(self, data: bytes, digest: str) -> tuple[str, int]:
        """Return the stream that brings `data`, and its version; made where it is not there."""
        outputs = self._target.stack_outputs()
        bucket, key = outputs["FleetBucketName"], f"{PREFIX}{digest}"
        self._target.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
        stream = f"tidegauge-{digest[:32]}"
        try:
            made = self._iot.create_stream(
                streamId=stream,
                description="a bundle of tidectl ota publish",
                files=[{"fileId": 0, "s3Location": {"bucket": bucket, "key": key}}],
                roleArn=outputs["FilesRoleArn"],
            )
        except self._iot.exceptions.ResourceAlreadyExistsException:
            made = self._iot.describe_stream(streamId=stream)["streamInfo"]
        return stream, int(made["streamVersion"])

    def _thing_arn(self, thing: str) -> str:
        try:
            return str(self._iot.describe_thing(thingName=thing)["thingArn"])
        except ClientError as error:
            raise TidectlError(f"there is no thing {thing}", "see tidectl status") from error

    def _group_arn(self, group: str) -> str:
        try:
            return str(self._iot.describe_thing_group(thingGroupName=group)["thingGroupArn"])
        except ClientError as error:
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
