"""Whether a component may do an operation: the `accessControl` of its configuration.

`{service: {policy id: {operations: [...], resources: [...]}}}`. What no policy allows is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.ipc.message import NAMESPACE
from tidegate.ipc.topic_filter import covers

PUBSUB = "aws.greengrass.ipc.pubsub"
MQTT_PROXY = "aws.greengrass.ipc.mqttproxy"
LIFECYCLE = "aws.greengrass.ipc.lifecycle"
CLI = "aws.greengrass.Cli"


@dataclass(frozen=True, slots=True)
class Grant:
    """One policy."""

    service: str
    operations: frozenset[str]
    resources: tuple[str, ...]


class Authorization:
    """The grants of one component."""

    def __init__(self, grants: tuple[Grant, ...] = ()) -> None:
        self.grants = grants

    def allows(self, service: str, operation: str, resource: str) -> bool:
        """Return whether any policy of `service` allows `operation` on `resource`."""
        return any(
            grant.service == service
            and not grant.operations.isdisjoint(("*", operation))
            and any(covers(pattern, resource) for pattern in grant.resources)
            for grant in self.grants
        )


def parse_access_control(
    document: Any, variables: Mapping[str, str] | None = None
) -> tuple[Authorization, list[str]]:
    """Return what `document` grants, and a line for each of its mistakes.

    `variables` replace text in resources, as `{iot:thingName}` where the nucleus expands it.
    """
    mistakes: list[str] = []
    grants: list[Grant] = []
    if document in (None, {}, ""):
        return Authorization(), mistakes
    if not isinstance(document, Mapping):
        return Authorization(), ["accessControl is no mapping of services"]
    for service, policies in document.items():
        if not isinstance(policies, Mapping):
            mistakes.append(f"accessControl.{service} is no mapping of policy ids")
            continue
        for policy_id, policy in policies.items():
            grant = _grant(str(service), policy, variables or {})
            if isinstance(grant, str):
                mistakes.append(f"accessControl.{service}.{policy_id} {grant}")
            else:
                grants.append(grant)
    return Authorization(tuple(grants)), mistakes


def _grant(service: str, policy: Any, variables: Mapping[str, str]) -> Grant | str:
    if not isinstance(policy, Mapping):
        return "is no mapping"
    operations, resources = policy.get("operations"), policy.get("resources", [])
    if not _is_texts(operations) or not operations:
        return "has no list of operations"
    if not _is_texts(resources):
        return "has resources that are no list of texts"
    expanded = []
    for resource in resources:
        for name, value in variables.items():
            resource = resource.replace(name, value)  # noqa: PLW2901  one variable after the other
        expanded.append(resource)
    names = frozenset(str(one).removeprefix(NAMESPACE) for one in operations)
    return Grant(service, names, tuple(expanded))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
