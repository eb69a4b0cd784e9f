"""Deploy to a group of devices by the cloud, on AWS and on the local cloud alike.

Flow: package -> S3 -> CreateComponentVersion -> CreateDeployment -> each device's state
A deployment is the whole set of its group: what the group has and is not named here stays, unless
it is to be replaced. When a device fails, the group gets its former deployment again.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.gateway.cloud_devices import CloudDevices
from tidectl.gateway.core_policy import ARTIFACTS_PREFIX
from tidectl.gateway.device_state import UNSEEN, DeviceState
from tidectl.gateway.package import BUCKET, Package
from tidectl.gateway.setting_pairs import overlaid
from tidectl.target import Target

WAIT_S = 600.0  # an install may take that long, and a nucleus reports every half minute
DEPLOYABLE_S_MAX = 120.0
_POLL_AWS_S, _POLL_LOCAL_S = 5.0, 0.2
_DIGEST = "tidegauge-sha256"

Tell = Callable[[str], None]


class CloudRoute:
    """Deployments of `target`; `tell` hears of each step."""

    def __init__(self, target: Target, tell: Tell = lambda _: None) -> None:
        self._target, self._tell = target, tell
        self._greengrass, self._iot = target.client("greengrassv2"), target.client("iot")
        self._devices = CloudDevices(target)
        self._poll_s = _POLL_LOCAL_S if target.local else _POLL_AWS_S

    @property
    def target_option(self) -> str:
        """What a command that looks at the same cloud has behind it."""
        return "" if self._target.local else " --target aws"

    def publish(self, package: Package) -> None:
        """Put a version into S3 and Greengrass; one that is there is left. `TidectlError`."""
        account, region = self._target.account(), self._target.region
        bucket = f"tidegauge-artifacts-{account}-{region}"
        for path in sorted(package.artifacts.iterdir()):
            key = f"{ARTIFACTS_PREFIX}/{package.name}/{package.version}/{path.name}"
            self._upload(bucket, key, path.read_bytes(), package)
        recipe = package.recipe_path.read_text()
        recipe = recipe.replace(f"s3://{BUCKET}/", f"s3://{bucket}/{ARTIFACTS_PREFIX}/")
        arn = (
            f"arn:aws:greengrass:{region}:{account}:components:{package.name}"
            f":versions:{package.version}"
        )
        try:
            self._greengrass.create_component_version(inlineRecipe=recipe.encode())
            self._tell(f"{package.name} {package.version} published")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            self._tell(f"{package.name} {package.version} was published before")
        self._wait_until_deployable(arn)

    def deploy(
        self,
        group: str,
        packages: Sequence[Package],
        configuration: Mapping[str, Any],
        *,
        replace: bool = False,
        roll_back: bool = True,
        name: str = "",
    ) -> str:
        """Begin a deployment to a thing group and return its id."""
        target_arn = self._group_arn(group)
        components = {} if replace else dict((self.latest(target_arn) or {}).get("components", {}))
        for package in packages:
            before = components.get(package.name, {}).get("configurationUpdate", {})
            merge = json.loads(before.get("merge") or "{}")
            merge = overlaid(merge, configuration.get(package.name, {}))
            components[package.name] = {
                "componentVersion": package.version,
                **({"configurationUpdate": {"merge": json.dumps(merge)}} if merge else {}),
            }
        return self._create(target_arn, components, name, roll_back)

    def deploy_again(self, group: str, deployment: Mapping[str, Any], name: str) -> str:
        """Give a group the components of an earlier deployment, and return the new one's id."""
        return self._create(self._group_arn(group), deployment.get("components", {}), name, True)

    def latest(self, target_arn: str) -> dict[str, Any] | None:
        """Return the deployment that a target has, whole, or None."""
        found = self._greengrass.list_deployments(
            targetArn=target_arn, historyFilter="LATEST_ONLY"
        )["deployments"]
        if not found:
            return None
        return dict(self._greengrass.get_deployment(deploymentId=found[0]["deploymentId"]))

    def latest_of_group(self, group: str) -> dict[str, Any] | None:
        """Return the deployment that a group has, or None."""
        return self.latest(self._group_arn(group))

    def configurations(self, group: str) -> dict[str, dict[str, Any]]:
        """Return what each component that a group has was configured with, by its name."""
        components = (self.latest_of_group(group) or {}).get("components", {})
        return {
            name: dict(json.loads(one.get("configurationUpdate", {}).get("merge") or "{}"))
            for name, one in components.items()
        }

    def devices(self, group: str) -> list[str]:
        """Return the things of a group; raises `TidectlError` when it has none."""
        pages = self._iot.get_paginator("list_things_in_thing_group").paginate(thingGroupName=group)
        things = sorted(thing for page in pages for thing in page["things"])
        if not things:
            raise TidectlError(
                f"the group {group} has no devices", "tidectl gateway provision NAME --group"
            )
        return things

    def states(self, deployment_id: str, devices: Sequence[str]) -> list[DeviceState]:
        """Return how far each device is."""
        return [self._state(deployment_id, device) for device in devices]

    def wait(
        self,
        deployment_id: str,
        devices: Sequence[str],
        show: Callable[[Sequence[DeviceState], float], None],
        *,
        timeout_s: float = WAIT_S,
    ) -> list[DeviceState]:
        """Return the states once every device is done, or the time is up.

        `show` gets the states and the seconds since the begin, at each look.
        """
        begin = time.monotonic()
        while True:
            states = self.states(deployment_id, devices)
            elapsed_s = time.monotonic() - begin
            show(states, elapsed_s)
            if all(state.done for state in states) or elapsed_s > timeout_s:
                return states
            time.sleep(self._poll_s)

    def _state(self, deployment_id: str, device: str) -> DeviceState:
        for one in self._devices.deployments(device):
            if one.deployment == deployment_id:
                return one
        why = "its nucleus has not reported yet"
        return DeviceState(device, UNSEEN, why, deployment_id)

    def _create(
        self, target_arn: str, components: Mapping[str, Any], name: str, roll_back: bool
    ) -> str:
        answer = self._greengrass.create_deployment(
            targetArn=target_arn,
            deploymentName=name or "tidegauge",
            components=components,
            deploymentPolicies={
                "failureHandlingPolicy": "ROLLBACK" if roll_back else "DO_NOTHING",
                "componentUpdatePolicy": {
                    "timeoutInSeconds": 60,
                    "action": "NOTIFY_COMPONENTS",
                },
            },
        )
        return str(answer["deploymentId"])

    def _group_arn(self, group: str) -> str:
        try:
            return str(self._iot.describe_thing_group(thingGroupName=group)["thingGroupArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise TidectlError(
                f"there is no thing group {group}", "tidectl gateway provision NAME makes it"
            ) from error

    def _upload(self, bucket: str, key: str, data: bytes, package: Package) -> None:
        storage = self._target.client("s3")
        digest = hashlib.sha256(data).hexdigest()
        try:
            there = storage.head_object(Bucket=bucket, Key=key)["Metadata"].get(_DIGEST)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            there = None
        if there == digest:
            return
        if there is not None:
            raise TidectlError(
                f"{package.name} {package.version} is published with other content "
                f"({key.rpartition('/')[2]})",
                "a version never changes: raise ComponentVersion, and venv-x.y.z with it",
            )
        storage.put_object(Bucket=bucket, Key=key, Body=data, Metadata={_DIGEST: digest})

    def _wait_until_deployable(self, arn: str) -> None:
        deadline = time.monotonic() + DEPLOYABLE_S_MAX
        while time.monotonic() < deadline:
            status = self._greengrass.describe_component(arn=arn)["status"]
            if status["componentState"] == "DEPLOYABLE":
                return
            if status["componentState"] in ("FAILED", "DEPRECATED"):
                raise TidectlError(
                    f"{arn} is {status['componentState']}: {status.get('message', '')}",
                    "mend it and raise ComponentVersion",
                )
            time.sleep(self._poll_s)
        raise TidectlError(f"{arn} is not deployable after {DEPLOYABLE_S_MAX:.0f} s", "try again")
