"""Deployments that come from the cloud: an IoT job for this gateway, carried out and reported.

Flow: CreateDeployment -> job ~MQTT~> [jobs] -> recipes, artifacts ~HTTPS~> nucleus -> health
A job that was under way when the nucleus ended is begun again; it ends where it began or done.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.ipc.errors import OperationError
from tidegate.ipc.ports import CloudMessage
from tidegate.nucleus.dependencies import BUILT_IN
from tidegate.nucleus.deployment import Deployment, from_job
from tidegate.nucleus.device_cloud import DeviceCloud
from tidegate.nucleus.environment import GGC_VERSIONS
from tidegate.nucleus.errors import DeploymentError, NucleusError
from tidegate.nucleus.iot_core import IotCore
from tidegate.nucleus.local_source import digest, unpack
from tidegate.nucleus.nucleus import Nucleus
from tidegate.nucleus.recipe import RUNTIMES, Recipe, parse_recipe
from tidegate.nucleus.settings import Settings, write_whole

log = logging.getLogger(__name__)

JOB_PREFIX = "gg-"  # a board's update has another
ASK_S = 30.0  # as nucleus lite asks again, for a notice that was lost
REASON_CHARACTERS_MAX = 1_000
HEALTH_S = 60.0
COMPONENTS_MAX = 256
JOBS_MAX = 16  # heard of and not begun; the cloud tells of the next one again


class Jobs:
    """Runs until cancelled."""

    def __init__(
        self, *, settings: Settings, nucleus: Nucleus, iot_core: IotCore, cloud: DeviceCloud
    ) -> None:
        self._settings, self._nucleus = settings, nucleus
        self._iot_core, self._cloud = iot_core, cloud
        self._documents: asyncio.Queue[dict[str, Any]] = asyncio.Queue(JOBS_MAX)
        self._changed = asyncio.Event()
        self._sequence = 0
        self._done = ("", 0)  # heard of twice, an execution is carried out once

    @property
    def _topic(self) -> str:
        return f"$aws/things/{self._settings.thing}/jobs"

    async def run(self) -> None:
        """Take one job after the other."""
        while True:
            await self._iot_core.connected.wait()
            try:
                await self._iot_core.subscribe(f"{self._topic}/notify-next", 1, self._hear)
                await self._iot_core.subscribe(f"{self._topic}/$next/get/accepted", 1, self._hear)
                break
            except OperationError as error:
                log.warning("no deployments from the cloud: %s", error)
                await asyncio.sleep(ASK_S)
        while True:
            await self._say(f"{self._topic}/$next/get", {"clientToken": "tidegate"})
            try:
                async with asyncio.timeout(ASK_S):
                    execution = await self._documents.get()
            except TimeoutError:
                continue
            key = (str(execution["jobId"]), int(execution.get("executionNumber", 0)))
            if key != self._done:
                await self._carry_out(execution)
                self._done = key

    async def report_health(self) -> None:
        """Tell the cloud of the components, at each change and now and then."""
        while True:
            await self._iot_core.connected.wait()
            await self._say_health()
            self._changed.clear()
            try:
                async with asyncio.timeout(HEALTH_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def note_change(self) -> None:
        """Have the health reported soon."""
        self._changed.set()

    def _hear(self, message: CloudMessage) -> None:
        try:
            execution = json.loads(message.payload).get("execution")
        except (ValueError, AttributeError):
            log.warning("%s: no JSON", message.topic)
            return
        if execution and str(execution.get("jobId", "")).startswith(JOB_PREFIX):
            try:
                self._documents.put_nowait(execution)
            except asyncio.QueueFull:
                log.warning("%d jobs wait already; asked again in %.0f s", JOBS_MAX, ASK_S)

    async def _carry_out(self, execution: Mapping[str, Any]) -> None:
        job, document = str(execution["jobId"]), execution.get("jobDocument") or {}
        log.info("job %s", job)
        await self._update(job, "IN_PROGRESS", "resolving")
        try:
            deployment = await asyncio.to_thread(self._fetch, document)
            await self._update(job, "IN_PROGRESS", "starting")
            await self._nucleus.deploy(deployment)
        except (NucleusError, OSError) as error:
            log.error("job %s failed: %s", job, error)
            await self._say_health()
            await self._update(job, "FAILED", "FAILED_ROLLBACK_COMPLETE", str(error))
            return
        await self._say_health()
        await self._update(job, "SUCCEEDED", "SUCCESSFUL")

    def _fetch(self, document: Mapping[str, Any]) -> Deployment:
        """Get every recipe and artifact of a deployment, dependencies included."""
        wanted = _wanted(document)
        recipes: dict[str, Recipe] = {}
        arns: dict[str, str] = {}
        while missing := {name: need for name, need in wanted.items() if name not in recipes}:
            if len(wanted) > COMPONENTS_MAX:
                raise DeploymentError(f"more than {COMPONENTS_MAX} components")
            for entry in self._cloud.recipes(missing):
                recipe = parse_recipe(
                    entry["recipe"], where=entry["componentName"], nucleus=self._settings.nucleus
                )
                recipes[recipe.name], arns[recipe.name] = recipe, entry["arn"]
                for need in recipe.dependencies:
                    if need.name not in BUILT_IN and need.hard:
                        wanted.setdefault(need.name, []).append(need.requirement)
            absent = missing.keys() - recipes.keys()
            if absent:
                raise DeploymentError(f"the cloud has no version of {', '.join(sorted(absent))}")
        for name, recipe in recipes.items():
            self._fetch_artifacts(recipe, arns[name])
            kept = self._settings.recipe_path(name, recipe.version)
            write_whole(kept, recipe.text.encode())
        return from_job(document, recipes)

    def _fetch_artifacts(self, recipe: Recipe, arn: str) -> None:
        folder = self._settings.artifacts(recipe.name, recipe.version)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for artifact in recipe.artifacts:
            path = folder / artifact.name
            if not (path.exists() and artifact.digest and digest(path) == artifact.digest):
                url = self._cloud.artifact_url(arn, artifact.uri.removeprefix("s3://"))
                self._cloud.fetch(url, path)
            self._check(path, artifact.digest)
            unpack(self._settings, recipe, artifact)

    def _check(self, path: Path, expected: str) -> None:
        if expected and digest(path) != expected:
            path.unlink()
            raise DeploymentError(f"{path.name} is not what its recipe's digest says")

    async def _update(self, job: str, status: str, detail: str, reason: str = "") -> None:
        details = {"detailed-deployment-status": detail}
        if reason:
            details["deployment-failure-cause"] = reason[:REASON_CHARACTERS_MAX]
        await self._say(f"{self._topic}/{job}/update", {"status": status, "statusDetails": details})

    async def _say_health(self) -> None:
        self._sequence += 1
        components = [
            {
                "componentName": one["componentName"],
                "version": one["version"],
                "isRoot": True,
                "status": one["state"],
                "statusDetails": {"statusCodes": [], "statusReason": one["reason"]},
            }
            for one in self._nucleus.components()
        ]
        unhealthy = any(one["status"] == "BROKEN" for one in components)
        document = {
            "ggcVersion": GGC_VERSIONS[self._settings.nucleus],
            "platform": "linux",
            "runtime": RUNTIMES[self._settings.nucleus],
            "thing": self._settings.thing,
            "overallDeviceStatus": "UNHEALTHY" if unhealthy else "HEALTHY",
            "messageType": "COMPLETE",
            "sequenceNumber": self._sequence,
            "components": components,
        }
        await self._say(f"$aws/things/{self._settings.thing}/greengrassv2/health/json", document)

    async def _say(self, topic: str, document: Mapping[str, Any]) -> None:
        try:
            await self._iot_core.publish(CloudMessage(topic, json.dumps(document).encode()))
        except OperationError as error:
            log.warning("%s: %s", topic, error)


def _wanted(document: Any) -> dict[str, list[str]]:
    """Return the version that a deployment document wants of each component."""
    try:
        return {
            str(name): [f"={entry['version']}"] for name, entry in document["components"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DeploymentError(f"the deployment document is broken: {error!r}") from error
