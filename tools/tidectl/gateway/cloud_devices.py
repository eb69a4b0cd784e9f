"""Core devices as the cloud knows them: their last reports."""

from typing import Any

from botocore.exceptions import ClientError

from tidectl.errors import TidectlError
from tidectl.gateway.device_state import DeviceState
from tidectl.target import Target


class CloudDevices:
    """What core devices of `target` have told."""

    def __init__(self, target: Target) -> None:
        self._greengrass = target.client("greengrassv2")

    def states(self, thing: str | None = None) -> list[dict[str, Any]]:
        """Return device, status and components of each device that has reported, by name."""
        names = [thing] if thing else sorted(self._names())
        return [self.state(name) for name in names]

    def state(self, thing: str) -> dict[str, Any]:
        """Return one device; raises `TidectlError` when it has not reported."""
        try:
            device = self._greengrass.get_core_device(coreDeviceThingName=thing)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise TidectlError(
                f"{thing} has not reported yet", "does its nucleus run and reach the cloud?"
            ) from error
        pages = self._greengrass.get_paginator("list_installed_components").paginate(
            coreDeviceThingName=thing, topologyFilter="ALL"
        )
        components = [
            {
                "component": one["componentName"],
                "version": one["componentVersion"],
                "state": one["lifecycleState"],
                "why": one.get("lifecycleStateDetails", ""),
            }
            for page in pages
            for one in page["installedComponents"]
        ]
        return {
            "device": thing,
            "status": device["status"],
            "runtime": device.get("runtime", ""),
            "version": device.get("coreVersion", ""),
            "components": components,
        }

    def deployments(self, thing: str) -> list[DeviceState]:
        """Return how far a device is with each of its deployments; none where it is unknown."""
        pages = self._greengrass.get_paginator("list_effective_deployments").paginate(
            coreDeviceThingName=thing
        )
        try:
            return [
                DeviceState(
                    thing,
                    one["coreDeviceExecutionStatus"],
                    one.get("reason", ""),
                    one["deploymentId"],
                )
                for page in pages
                for one in page["effectiveDeployments"]
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return []

    def _names(self) -> list[str]:
        pages = self._greengrass.get_paginator("list_core_devices").paginate()
        return [one["coreDeviceThingName"] for page in pages for one in page["coreDevices"]]
