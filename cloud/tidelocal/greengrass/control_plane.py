"""The API `greengrassv2` for operators: components, deployments, core devices.

Flow: front -> host (signature) -> [control plane: IAM] -> components | deployments | devices
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from tidelocal.greengrass.component_versions import ComponentVersions
from tidelocal.greengrass.core_devices import CoreDevices
from tidelocal.greengrass.deployments import Deployments
from tidelocal.greengrass.errors import NOT_FOUND, STATUSES, VALIDATION, GreengrassRefusedError
from tidelocal.host import Answer, Host

SERVICE = "greengrass"
_ARN = r"(arn:aws:greengrass:[^/]+)"
_THING = "([^/]+)"
Query = dict[str, list[str]]


class ControlPlane:
    """A service handler of the host. Lists are whole: a laptop's fit into one page."""

    def __init__(
        self,
        *,
        host: Host,
        components: ComponentVersions,
        deployments: Deployments,
        devices: CoreDevices,
    ) -> None:
        self._host, self._components = host, components
        self._deployments, self._devices = deployments, devices
        routes: list[tuple[str, str, str, Callable[..., Awaitable[tuple[int, Any]]]]] = [
            ("POST", r"/createComponentVersion", "CreateComponentVersion", self._create_component),
            ("GET", rf"/components/{_ARN}/metadata", "DescribeComponent", self._describe),
            ("GET", rf"/components/{_ARN}/versions", "ListComponentVersions", self._versions),
            ("GET", rf"/components/{_ARN}", "GetComponent", self._get_component),
            ("DELETE", rf"/components/{_ARN}", "DeleteComponent", self._delete_component),
            ("GET", r"/components", "ListComponents", self._list_components),
            ("POST", r"/deployments", "CreateDeployment", self._create_deployment),
            ("GET", r"/deployments", "ListDeployments", self._list_deployments),
            ("GET", r"/deployments/([^/]+)", "GetDeployment", self._get_deployment),
            ("POST", r"/deployments/([^/]+)/cancel", "CancelDeployment", self._cancel),
            ("GET", r"/coreDevices", "ListCoreDevices", self._list_devices),
            ("GET", rf"/coreDevices/{_THING}", "GetCoreDevice", self._get_device),
            ("GET", rf"/coreDevices/{_THING}/installedComponents", "ListInstalledComponents",
             self._installed),
            ("GET", rf"/coreDevices/{_THING}/effectiveDeployments", "ListEffectiveDeployments",
             self._effective),
        ]  # fmt: skip
        self._routes = [
            (method, re.compile("/greengrass/v2" + path), operation, handler)
            for method, path, operation, handler in routes
        ]

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: Query
    ) -> Answer:
        """Answer one call."""
        path = unquote(path)
        for verb, pattern, operation, handler in self._routes:
            match = pattern.fullmatch(path)
            if verb != method or match is None:
                continue
            denied = self._host.denied(f"greengrass:{operation}", headers, "*")
            if denied:
                return denied
            try:
                status, document = await handler(*match.groups(), body=body, query=query)
            except GreengrassRefusedError as error:
                return _refused(error)
            return _json(status, document)
        return _refused(
            GreengrassRefusedError(NOT_FOUND, f"{method} {path} is not in the local cloud")
        )

    async def _create_component(self, *, body: bytes, query: Query) -> tuple[int, Any]:
        del query
        account, region = self._host.scopes.caller()
        request = _request(body)
        if "inlineRecipe" not in request:
            raise GreengrassRefusedError(VALIDATION, "only inlineRecipe is taken here")

        def read(bucket: str, key: str) -> bytes | None:
            return self._host.services.object_data(account, region, bucket, key)

        document = self._components.create(account, region, request["inlineRecipe"], read)
        names = ("arn", "componentName", "componentVersion", "creationTimestamp", "status")
        return 201, {name: document[name] for name in names}

    async def _describe(self, arn: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        document = self._components.get(*self._host.scopes.caller(), arn)
        return 200, {name: value for name, value in document.items() if name != "recipe"}

    async def _get_component(self, arn: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        document = self._components.get(*self._host.scopes.caller(), arn)
        recipe = base64.b64encode(document["recipe"].encode()).decode()
        return 200, {"recipeOutputFormat": "JSON", "recipe": recipe}

    async def _delete_component(self, arn: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        self._components.delete(*self._host.scopes.caller(), arn)
        return 204, None

    async def _versions(self, arn: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        name = arn.partition(":components:")[2].partition(":")[0]
        found = [one for one in self._components.all(*self._host.scopes.caller())
                 if one["componentName"] == name]  # fmt: skip
        names = ("arn", "componentName", "componentVersion")
        return 200, {"componentVersions": [{key: one[key] for key in names} for one in found]}

    async def _list_components(self, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        latest: dict[str, Any] = {}
        for one in self._components.all(*self._host.scopes.caller()):
            latest.setdefault(one["componentName"], one)
        return 200, {"components": [_component_summary(one) for one in latest.values()]}

    async def _create_deployment(self, *, body: bytes, query: Query) -> tuple[int, Any]:
        del query
        document = await self._deployments.create(*self._host.scopes.caller(), _request(body))
        return 201, {name: document[name] for name in ("deploymentId", "iotJobId", "iotJobArn")}

    async def _list_deployments(self, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body
        target = query.get("targetArn", [""])[0]
        found = [one for one in self._deployments.all(*self._host.scopes.caller())
                 if target in ("", one["targetArn"])]  # fmt: skip
        if query.get("historyFilter", ["LATEST_ONLY"])[0] != "ALL":
            found = [one for one in found if one["isLatestForTarget"]]
        hidden = ("components", "deploymentPolicies", "iotJobId", "iotJobArn")
        return 200, {
            "deployments": [
                {name: value for name, value in one.items() if name not in hidden} for one in found
            ]
        }

    async def _get_deployment(self, name: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        return 200, await self._deployments.get(*self._host.scopes.caller(), name)

    async def _cancel(self, name: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        await self._deployments.cancel(*self._host.scopes.caller(), name)
        return 200, {"message": f"{name} is cancelled"}

    async def _list_devices(self, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        names = ("coreDeviceThingName", "status", "lastStatusUpdateTimestamp", "platform",
                 "architecture", "runtime")  # fmt: skip
        found = self._devices.all(*self._host.scopes.caller())
        return 200, {"coreDevices": [{name: one[name] for name in names} for one in found]}

    async def _get_device(self, thing: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        device = self._device(thing)
        return 200, {name: value for name, value in device.items() if name != "components"}

    async def _installed(self, thing: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        return 200, {"installedComponents": self._device(thing)["components"]}

    async def _effective(self, thing: str, *, body: bytes, query: Query) -> tuple[int, Any]:
        del body, query
        found = await self._deployments.effective(*self._host.scopes.caller(), thing)
        return 200, {"effectiveDeployments": found}

    def _device(self, thing: str) -> dict[str, Any]:
        device = self._devices.get(*self._host.scopes.caller(), thing)
        if device is None:
            raise GreengrassRefusedError(NOT_FOUND, f"{thing} is no core device that has reported")
        return device


def _component_summary(one: dict[str, Any]) -> dict[str, Any]:
    arn = one["arn"].partition(":versions:")[0]
    latest = {name: one[name] for name in ("arn", "componentVersion", "creationTimestamp")}
    return {"arn": arn, "componentName": one["componentName"], "latestVersion": latest}


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise GreengrassRefusedError(VALIDATION, "the body is no JSON object")
    return request


def _refused(error: GreengrassRefusedError) -> Answer:
    answer = _json(STATUSES.get(error.code, 400), {"message": error.message})
    answer[1]["x-amzn-ErrorType"] = error.code
    return answer


def _json(status: int, document: Any) -> Answer:
    body = b"" if document is None else json.dumps(document).encode()
    return status, {"Content-Type": "application/json"}, body
