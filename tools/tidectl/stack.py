"""Create and update the stack, on the local cloud and on AWS by the same calls.

Flow: template, functions' zip -> S3, change set -> CloudFormation -> outputs
What would change is known before anything does; of what failed, the first failure is told.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from tidectl import functions_zip
from tidectl.errors import TidectlError
from tidectl.project import TELEMETRY_SQL
from tidectl.target import STACK_NAME, Target
from tidectl.template import Template

WAIT_S_MAX = 3_600  # an InfluxDB node takes AWS 15 to 25 minutes
_POLL_AWS_S, _POLL_LOCAL_S = 3.0, 0.1
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_UNUSABLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")  # only deleting helps


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource: Add, Modify, Remove, or Import."""

    action: str
    resource: str
    type: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One step of CloudFormation."""

    event_id: str
    resource: str
    type: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment changed, nothing when all was as it should be."""

    changes: tuple[Change, ...]
    outputs: Mapping[str, str]


class Stack:
    """The stack of `target`, with the parameters `given` beside those it already has."""

    def __init__(self, target: Target, given: Mapping[str, str] | None = None) -> None:
        self._target = target
        self._template = Template()
        self._template.check_parameters(given or {})
        self._code = functions_zip.build()
        self._given = {**_local_parameters(target), **(given or {})}
        self._poll_s = _POLL_LOCAL_S if target.local else _POLL_AWS_S

    def deploy(self, on_event: Callable[[Event], None] = lambda _: None) -> Deployment:
        """Bring the stack to what the checkout says; raises `TidectlError` on the first failure.

        A stack that can't be made leaves nothing but the buckets and the store it retains.
        """
        client = self._target.client("cloudformation")
        before = self._target.stack()
        if before and before["StackStatus"] in _UNUSABLE:
            client.delete_stack(StackName=STACK_NAME)
            self._wait(client, before["StackId"], on_event)
            before = None
        seen = {event.event_id for event in _events(client, before)} if before else set[str]()
        bucket = self._put_code()
        name, changes = self._change_set(client, before, bucket)
        if name:
            client.execute_change_set(StackName=STACK_NAME, ChangeSetName=name)
            stack = self._target.stack()
            if stack is None:
                raise TidectlError(f"the stack {STACK_NAME} vanished", "deploy again")
            self._wait(client, stack["StackId"], on_event, seen)
        return Deployment(changes, self._target.stack_outputs())

    def plan(self) -> tuple[Change, ...]:
        """Return what `deploy` would change. Where there is no stack yet, nothing is asked."""
        client = self._target.client("cloudformation")
        before = self._target.stack()
        if before is None or before["StackStatus"] in _UNUSABLE:
            return first_plan(self._given)
        name, changes = self._change_set(client, before, self._bucket_name())
        if name:
            client.delete_change_set(StackName=STACK_NAME, ChangeSetName=name)
        return changes

    def _bucket_name(self) -> str:
        return f"tidegauge-artifacts-{self._target.account()}-{self._target.region}"

    def _put_code(self) -> str:
        """Put the functions' zip where CloudFormation reads it, and return its bucket."""
        bucket, storage = self._bucket_name(), self._target.client("s3")
        owner = {} if self._target.local else {"ExpectedBucketOwner": self._target.account()}
        try:
            storage.head_bucket(Bucket=bucket, **owner)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise TidectlError(
                    f"the bucket {bucket} is not yours to use: {error}", "see who owns it"
                ) from error
            self._make_bucket(storage, bucket)
        try:
            storage.head_object(Bucket=bucket, Key=self._code.key, **owner)
        except ClientError:
            storage.put_object(Bucket=bucket, Key=self._code.key, Body=self._code.data, **owner)
        return bucket

    def _make_bucket(self, storage: Any, bucket: str) -> None:
        region = self._target.region
        place = {} if region == "us-east-1" else {"LocationConstraint": region}
        storage.create_bucket(
            Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {})
        )
        storage.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )

    def _change_set(
        self, client: Any, before: Mapping[str, Any] | None, bucket: str
    ) -> tuple[str, tuple[Change, ...]]:
        """Return the name of a change set, empty when there is nothing to do, and its changes.

        One without changes of resources may still change outputs.
        """
        creates = before is None or before["StackStatus"] == "REVIEW_IN_PROGRESS"
        name = f"tidectl-{uuid.uuid4().hex[:12]}"
        try:
            client.create_change_set(
                StackName=STACK_NAME,
                ChangeSetName=name,
                ChangeSetType="CREATE" if creates else "UPDATE",
                TemplateBody=self._template.body(),
                Parameters=self._parameters(before, bucket),
                Capabilities=_CAPABILITIES,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise _refused(error.response["Error"]["Message"]) from error
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline:
            answer = client.describe_change_set(StackName=STACK_NAME, ChangeSetName=name)
            if answer["Status"] == "CREATE_COMPLETE":
                return name, tuple(_changes(client, answer))
            if answer["Status"] == "FAILED":
                client.delete_change_set(StackName=STACK_NAME, ChangeSetName=name)
                reason = answer.get("StatusReason", "")
                if any(text in reason for text in _NO_CHANGES):
                    return "", ()
                raise _refused(reason)
            time.sleep(self._poll_s)
        raise TidectlError("CloudFormation does not finish the change set", "try again")

    def _parameters(self, before: Mapping[str, Any] | None, bucket: str) -> list[dict[str, Any]]:
        """Return what is given; what the stack has and is not given stays as it is."""
        values = {
            "CodeBucket": bucket,
            "CodeKey": self._code.key,
            "TelemetrySql": TELEMETRY_SQL.read_text().strip(),
            **self._given,
        }
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
        ]
        had = {item["ParameterKey"] for item in (before or {}).get("Parameters", ())}
        kept = (had & self._template.document["Parameters"].keys()) - values.keys()
        return parameters + [
            {"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)
        ]

    def _wait(
        self,
        client: Any,
        stack_id: str,
        on_event: Callable[[Event], None],
        seen: set[str] | None = None,
    ) -> None:
        """Tell each event until the stack rests; raises `TidectlError` with the first failure."""
        seen = set() if seen is None else seen
        failures: list[Event] = []
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline:
            (stack,) = client.describe_stacks(StackName=stack_id)["Stacks"]
            for event in _events(client, stack):
                if event.event_id not in seen:
                    seen.add(event.event_id)
                    on_event(event)
                    if event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                        failures.append(event)
            status = stack["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
            time.sleep(self._poll_s)
        else:
            raise TidectlError(
                f"CloudFormation still works after {WAIT_S_MAX} s", "deploy again to go on watching"
            )
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
            return
        reason = stack.get("StackStatusReason", "")
        if failures:
            reason = f"{failures[0].resource} ({failures[0].type}): {failures[0].reason}"
        raise TidectlError(
            f"the stack is {status}: {reason}", "mend that and deploy again; nothing else changed"
        )


def deploy(
    target: Target,
    given: Mapping[str, str] | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Deployment:
    """Deploy the checkout to `target`; see `Stack.deploy`."""
    return Stack(target, given).deploy(on_event)


def first_plan(given: Mapping[str, str]) -> tuple[Change, ...]:
    """Return what a first deployment makes, without asking any cloud."""
    template = Template()
    template.check_parameters(given)
    return tuple(Change("Add", name, kind) for name, kind in template.resources(given).items())


def _refused(reason: str) -> TidectlError:
    return TidectlError(
        f"CloudFormation refused the change: {reason}", "see --parameter and --dry-run"
    )


def _local_parameters(target: Target) -> dict[str, str]:
    if target.local is None:
        return {}
    return {"StoreScheme": "http", "StorePort": str(target.local.store_port)}


def _changes(client: Any, answer: Mapping[str, Any]) -> Iterator[Change]:
    while True:
        for item in answer["Changes"]:
            change = item["ResourceChange"]
            yield Change(
                change["Action"],
                change["LogicalResourceId"],
                change["ResourceType"],
                change.get("Replacement") == "True",
            )
        if not answer.get("NextToken"):
            return
        answer = client.describe_change_set(
            ChangeSetName=answer["ChangeSetId"], NextToken=answer["NextToken"]
        )


def _events(client: Any, stack: Mapping[str, Any]) -> list[Event]:
    """Return the events of `stack`, the oldest first."""
    found: list[tuple[datetime, Event]] = []  # newest first, as they come
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack["StackId"]):
        for item in page["StackEvents"]:
            event = Event(
                item["EventId"],
                item["LogicalResourceId"],
                item["ResourceType"],
                item["ResourceStatus"],
                item.get("ResourceStatusReason", ""),
            )
            found.append((item["Timestamp"], event))
    found.reverse()
    found.sort(key=lambda pair: pair[0])  # events of one instant keep their order
    return [event for _, event in found]
