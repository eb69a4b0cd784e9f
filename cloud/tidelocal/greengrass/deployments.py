"""Deployments: each is an IoT job for its target, a thing or a thing group.

Flow: CreateDeployment -> [deployments] -> job -> device -> job execution -> status
A deployment takes the place of the one before on the same target, whose job is cancelled.
"""

import json
import time
import uuid
from contextlib import suppress
from typing import Any

from tidelocal.errors import ServiceCallError
from tidelocal.greengrass.component_versions import ComponentVersions
from tidelocal.greengrass.documents import Documents
from tidelocal.greengrass.errors import NOT_FOUND, VALIDATION, GreengrassRefusedError
from tidelocal.host import Host

JOB_PREFIX = "gg-"
# Of a job execution, as ListEffectiveDeployments calls it.
EXECUTION_STATUSES = {
    "QUEUED": "QUEUED", "IN_PROGRESS": "IN_PROGRESS", "SUCCEEDED": "SUCCEEDED",
    "FAILED": "FAILED", "TIMED_OUT": "TIMED_OUT", "REJECTED": "REJECTED", "REMOVED": "CANCELED",
    "CANCELED": "CANCELED",
}  # fmt: skip
_DONE = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED"})


class Deployments:
    """Deployments by id."""

    def __init__(self, host: Host, documents: Documents, components: ComponentVersions) -> None:
        self._host, self._documents, self._components = host, documents, components

    async def create(self, account: str, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Begin a deployment and return its document."""
        target = str(request.get("targetArn", ""))
        if ":thing/" not in target and ":thinggroup/" not in target:
            raise GreengrassRefusedError(VALIDATION, f"{target} is no thing and no thing group")
        deployment_id = str(uuid.uuid4())
        job_id = JOB_PREFIX + deployment_id
        components = request.get("components") or {}
        policies = request.get("deploymentPolicies") or {}
        job = {
            "deploymentId": deployment_id,
            "group": target.rpartition("/")[2],
            "components": {
                name: self._entry(account, region, name, entry)
                for name, entry in components.items()
            },
            "failureHandlingPolicy": policies.get("failureHandlingPolicy", "ROLLBACK"),
        }
        await self._supersede(account, region, target)
        body = {
            "targets": [target],
            "document": json.dumps(job),
            "targetSelection": "CONTINUOUS" if ":thinggroup/" in target else "SNAPSHOT",
            "namespaceId": "aws-gg-deployment",
        }
        try:
            answer = await self._host.call_api(
                account, region, "iot", "PUT", f"/jobs/{job_id}", body
            )
        except ServiceCallError as error:
            raise GreengrassRefusedError(VALIDATION, f"{target}: {error.message}") from error
        document = {
            "deploymentId": deployment_id,
            "deploymentName": str(request.get("deploymentName") or ""),
            "targetArn": target,
            "revisionId": str(1 + sum(1 for one in self._of_target(account, region, target))),
            "deploymentStatus": "ACTIVE",
            "iotJobId": job_id,
            "iotJobArn": answer["jobArn"],
            "components": components,
            "deploymentPolicies": policies,
            "creationTimestamp": time.time(),
            "isLatestForTarget": True,
        }
        self._documents.put(account, region, deployment_id, document)
        return document

    async def get(self, account: str, region: str, deployment_id: str) -> dict[str, Any]:
        """Return a deployment with its status as of now."""
        document = self._documents.get(account, region, deployment_id)
        if document is None:
            raise GreengrassRefusedError(NOT_FOUND, f"there is no deployment {deployment_id}")
        if document["deploymentStatus"] == "ACTIVE" and ":thing/" in document["targetArn"]:
            states = [one["coreDeviceExecutionStatus"] for one in await self._executions(
                account, region, document)]  # fmt: skip
            if states and all(state in _DONE for state in states):
                failed = any(state != "SUCCEEDED" for state in states)
                document["deploymentStatus"] = "FAILED" if failed else "COMPLETED"
                self._documents.put(account, region, deployment_id, document)
        return document

    async def cancel(self, account: str, region: str, deployment_id: str) -> None:
        """Cancel what devices have not begun."""
        document = await self.get(account, region, deployment_id)
        await self._end_job(account, region, document)
        document["deploymentStatus"] = "CANCELED"
        self._documents.put(account, region, deployment_id, document)

    def all(self, account: str, region: str) -> list[dict[str, Any]]:
        """Return every deployment, the latest first."""
        return [document for _, document in self._documents.all(account, region)][::-1]

    async def effective(self, account: str, region: str, thing: str) -> list[dict[str, Any]]:
        """Return the deployments that reached a thing, the latest first, with its state in each."""
        found = []
        for document in self.all(account, region):
            for execution in await self._executions(account, region, document):
                if execution.pop("thing") == thing:
                    found.append({**_summary(document), **execution})
        return found

    async def _executions(
        self, account: str, region: str, document: dict[str, Any]
    ) -> list[dict[str, Any]]:
        job_id = document["iotJobId"]
        try:
            answer = await self._host.call_api(
                account, region, "iot", "GET", f"/jobs/{job_id}/things"
            )
            found = []
            for one in answer["executionSummaries"]:
                thing = one["thingArn"].rpartition("/")[2]
                details = await self._host.call_api(
                    account, region, "iot", "GET", f"/things/{thing}/jobs/{job_id}"
                )
                found.append(_execution(thing, details["execution"]))
        except ServiceCallError:
            return []  # its job was deleted
        return found

    async def _supersede(self, account: str, region: str, target: str) -> None:
        for document in self._of_target(account, region, target):
            if document["isLatestForTarget"]:
                await self._end_job(account, region, document)
                document["isLatestForTarget"] = False
                if document["deploymentStatus"] == "ACTIVE":
                    document["deploymentStatus"] = "INACTIVE"
                self._documents.put(account, region, document["deploymentId"], document)

    async def _end_job(self, account: str, region: str, document: dict[str, Any]) -> None:
        with suppress(ServiceCallError):  # it has ended already
            await self._host.call_api(
                account, region, "iot", "PUT", f"/jobs/{document['iotJobId']}/cancel", {}
            )

    def _of_target(self, account: str, region: str, target: str) -> list[dict[str, Any]]:
        return [one for one in self.all(account, region) if one["targetArn"] == target]

    def _entry(self, account: str, region: str, name: str, entry: dict[str, Any]) -> dict[str, Any]:
        version = str(entry.get("componentVersion", ""))
        if not self._components.best(account, region, name, [f"={version}"]):
            raise GreengrassRefusedError(VALIDATION, f"{name} {version} is not deployable")
        update = entry.get("configurationUpdate") or {}
        try:
            merge = json.loads(update.get("merge") or "{}")
        except ValueError:
            raise GreengrassRefusedError(VALIDATION, f"{name}: merge is no JSON") from None
        return {
            "version": version,
            "runWith": entry.get("runWith") or {},
            "configurationUpdate": {"merge": merge, "reset": update.get("reset") or []},
        }


def _execution(thing: str, execution: dict[str, Any]) -> dict[str, Any]:
    details = (execution.get("statusDetails") or {}).get("detailsMap") or {}
    return {
        "thing": thing,
        "coreDeviceExecutionStatus": EXECUTION_STATUSES[execution["status"]],
        "reason": details.get("deployment-failure-cause", ""),
        "modifiedTimestamp": execution.get("lastUpdatedAt", time.time()),
        "statusDetails": {
            "errorStack": [details[key] for key in details if key == "detailed-deployment-status"],
        },
    }


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    names = ("deploymentId", "deploymentName", "iotJobId", "iotJobArn", "targetArn",
             "creationTimestamp")  # fmt: skip
    return {name: document[name] for name in names}
