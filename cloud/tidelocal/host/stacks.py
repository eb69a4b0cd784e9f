"""MiniStack's CloudFormation: resource types of ours, and HTTP APIs by an address that resolves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidelocal.host.modules import Modules
from tidelocal.host.place import Place


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A CloudFormation type of ours: each function answers (physical id, attributes)."""

    create: Callable[[str, dict[str, Any], str], tuple[str, dict[str, str]]]
    update: Callable[[str, dict[str, Any], dict[str, Any], str], tuple[str, dict[str, str]]]
    delete: Callable[[str, dict[str, Any]], None]


class HostedStacks:
    """Stacks and the types of what is in them."""

    def __init__(self, m: Modules, place: Place) -> None:
        self._stacks, self._provisioners = m["cloudformation"], m["provisioners"]
        self._apigateway, self._place = m["apigateway"], place
        self._name_apis_by_path()

    def add_resource_type(self, name: str, kind: ResourceType) -> None:
        """Let stacks hold resources of type `name`; a ValueError fails the resource."""
        self._provisioners._RESOURCE_HANDLERS[name] = {
            "create": kind.create,
            "update": kind.update,
            "delete": kind.delete,
        }
        self._provisioners._STACK_TAG_PROPERTY.setdefault(name, ("Tags", "list"))

    def in_progress(self) -> bool:
        """Whether a stack is being made, changed or deleted right now."""
        return any(
            stack.get("StackStatus", "").endswith("IN_PROGRESS")
            for stack in list(self._stacks._stacks._data.values())
        )

    def _name_apis_by_path(self) -> None:
        """Name HTTP APIs by path on the gateway: `<id>.execute-api.localhost` rarely resolves."""
        kind = self._provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
        create, apis = kind["create"], self._apigateway._apis
        base = f"{self._place.http_url}/_aws/execute-api"

        def create_here(
            logical_id: str, props: dict[str, Any], stack: str
        ) -> tuple[str, dict[str, str]]:
            api_id, attributes = create(logical_id, props, stack)
            if props.get("ProtocolType", "HTTP") == "HTTP":
                attributes["ApiEndpoint"] = apis[api_id]["apiEndpoint"] = f"{base}/{api_id}"
            return api_id, attributes

        kind["create"] = create_here
