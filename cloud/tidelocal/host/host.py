"""The process that MiniStack is, loaded once: its life, its HTTP and what it keeps.

Its services are parts of it, a file each.
"""

import asyncio
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tidelocal import contract
from tidelocal.errors import LocalCloudError
from tidelocal.host.answers import raise_for
from tidelocal.host.asgi import Answer, ApiHandler, Message, Receive, Send, ServiceHandler
from tidelocal.host.fleet import HostedFleet
from tidelocal.host.functions import HostedFunctions
from tidelocal.host.iot import HostedIot
from tidelocal.host.place import Place, set_environment
from tidelocal.host.roles import HostedRoles
from tidelocal.host.rules import HostedRules
from tidelocal.host.scopes import Scopes
from tidelocal.host.services import HostedServices
from tidelocal.host.stacks import HostedStacks
from tidelocal.host.streams import HostedStreams

# Loaded up front: what the line uses, and what the contract names.
_SERVICES = (
    "apigateway", "cloudformation", "cloudwatch_logs", "iam", "iot", "iot_data", "kinesis",
    "lambda_svc", "s3", "secretsmanager", "sqs", "sts",
)  # fmt: skip


class Host:
    """MiniStack, loaded once a process; `start` and `stop` on the loop that serves it."""

    def __init__(self, modules: Mapping[str, ModuleType], place: Place) -> None:
        m = {name: cast("Any", module) for name, module in modules.items()}
        self._app, self._router, self._persistence = m["app"], m["router"], m["persistence"]
        self.scopes = Scopes(m)
        self.iot, self.rules = HostedIot(m), HostedRules(m)
        self.fleet, self.roles = HostedFleet(m, self.scopes), HostedRoles(m, self.scopes)
        self.streams, self.functions = HostedStreams(m), HostedFunctions(m)
        self.services = HostedServices(m, place, self.scopes, self.streams)
        self.stacks = HostedStacks(m, place)
        self._to_lifespan: asyncio.Queue[Message] = asyncio.Queue()
        self._from_lifespan: asyncio.Queue[Message] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None
        # Asking its catalogue about an unknown service loads every botocore model: 2.6 s on
        # the loop and 390 MB. Saying yes makes it name the service, which `serves` then refuses.
        self._router._is_aws_service_name = lambda _name: True

    @classmethod
    def load(cls, place: Place) -> "Host":
        """Import MiniStack with `place` in the environment; raises `ContractError`."""
        set_environment(place)
        # Only now: its switches are read at import.
        import ministack.app  # noqa: PLC0415  its switches are read at import
        import ministack.core.lambda_runtime  # noqa: PLC0415  its switches are read at import
        import ministack.core.persistence  # noqa: PLC0415  its switches are read at import
        import ministack.core.responses  # noqa: PLC0415  its switches are read at import
        import ministack.core.router  # noqa: PLC0415  its switches are read at import
        import ministack.services.cloudformation.provisioners  # noqa: PLC0415  its switches are read at import

        core = ministack.core
        modules = {name: ministack.app._get_module(name) for name in _SERVICES}
        modules |= {
            "app": ministack.app,
            "lambda_runtime": core.lambda_runtime,
            "persistence": core.persistence,
            "responses": core.responses,
            "router": core.router,
            "provisioners": ministack.services.cloudformation.provisioners,
        }
        contract.verify(importlib.metadata.version("ministack"), modules)
        return cls(modules, place)

    async def start(self) -> None:
        """Load the kept state and start the services."""
        self._lifespan = asyncio.create_task(
            self._app.app({"type": "lifespan"}, self._to_lifespan.get, self._from_lifespan.put)
        )
        await self._lifespan_step("startup")

    async def stop(self) -> None:
        """End the function workers and the services; MiniStack saves its state once more."""
        await asyncio.to_thread(self.functions.stop)
        await self._lifespan_step("shutdown")

    async def _lifespan_step(self, step: str) -> None:
        await self._to_lifespan.put({"type": f"lifespan.{step}"})
        answer = asyncio.create_task(self._from_lifespan.get())
        assert self._lifespan is not None  # noqa: S101 `start` made it
        await asyncio.wait({answer, self._lifespan}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise LocalCloudError(f"ministack did not get through its {step}")
        if answer.result()["type"] != f"lifespan.{step}.complete":
            raise LocalCloudError(f"ministack refused its {step}: {answer.result()}")

    async def serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP or WebSocket request (ASGI)."""
        await self._app.app(scope, receive, send)

    def service_of(self, method: str, path: str, headers: dict[str, str]) -> str:
        """Return which service a request is for."""
        return str(self._router.detect_service(method, path, headers, {}))

    def serves(self, service: str) -> bool:
        """Whether `service` is here, hosted or ours."""
        return service in self._app.SERVICE_HANDLERS or service == "unknown_query"

    def add_service(self, name: str, target_prefix: str, handler: ServiceHandler) -> None:
        """Route X-Amz-Target `target_prefix`, once its signature is verified, to `handler`."""
        self._app.SERVICE_HANDLERS[name] = handler
        self._router.SERVICE_PATTERNS[name] = {
            "target_prefixes": [target_prefix],
            "credential_scope": name,
            "host_patterns": [],
        }

    def add_rest_service(self, name: str, handler: ServiceHandler) -> None:
        """Route what is signed for the service `name`, once verified, to `handler`."""
        self._app.SERVICE_HANDLERS[name] = handler
        self._router.SERVICE_PATTERNS[name] = {
            "target_prefixes": [],
            "credential_scope": name,
            "host_patterns": [],
        }

    async def call_api(  # noqa: PLR0917 where, what
        self,
        account: str,
        region: str,
        service: str,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Call a hosted REST service as the account itself; raises `ServiceCallError`."""
        body = b"" if document is None else json.dumps(document).encode()
        with self.scopes.scope(account, region):
            answer = await self._app.SERVICE_HANDLERS[service](
                method, path, {"content-type": "application/json"}, body, {}
            )
        raise_for(service, answer)
        return cast("dict[str, Any]", json.loads(answer[2] or b"{}"))

    def answer_first(self, service: str, handlers: Sequence[ApiHandler]) -> None:
        """Ask `handlers` about each call of a hosted service before MiniStack is asked."""
        hosted = self._app.SERVICE_HANDLERS[service]

        async def handle(
            method: str,
            path: str,
            headers: dict[str, str],
            body: bytes,
            query: dict[str, list[str]],
        ) -> Answer:
            for handler in handlers:
                answer = handler(method, path, headers, body, query)
                if answer is not None:
                    return answer
            return cast("Answer", await hosted(method, path, headers, body, query))

        self._app.SERVICE_HANDLERS[service] = handle

    def denied(self, action: str, headers: dict[str, str], resource: str) -> Answer | None:
        """Return the refusal when the caller may not do `action` on `resource`."""
        service = action.partition(":")[0]
        return cast(
            "Answer | None",
            self._app._enforce_data_plane(service, action, headers, {}, "", resource_arn=resource),
        )

    def snapshot(self) -> dict[str, bytes]:
        """Return every service's state as its file's text, by service."""
        documents = {}
        for name, get_state in self._app._build_persistence_save_dict().items():
            state = get_state()
            if state is not None:
                version = self._persistence._state_format_version(name)
                documents[name] = json.dumps(
                    {"__ministack_format__": version, "payload": state},
                    default=self._persistence._json_default,
                ).encode()
        return documents

    @property
    def state_folder(self) -> Path:
        """Where MiniStack reads `<service>.json` at the start."""
        return Path(self._persistence.STATE_DIR)
