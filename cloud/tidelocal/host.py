"""MiniStack as a library: the one file that imports it or touches its internals.

Flow: front, broker, rules, mappings -> [host] -> MiniStack's services, all in this process

Everything that this file relies on is listed in `contract.py` and checked by `load`. What it
replaces inside MiniStack, and why: the rule evaluator (ours knows IoT SQL and every action it
accepts), the Kinesis poller (ours keeps order, bisects and remembers), the expiry of stream
records (theirs copies the whole shard at every put), sequence numbers (ours never go back),
function logs (theirs stay in memory for ever) and state files (theirs are written at a clean
end only).
"""

import asyncio
import base64
import hashlib
import importlib.metadata
import json
import os
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tidelocal import contract
from tidelocal.errors import LocalCloudError, ServiceCallError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]
ServiceHandler = Callable[
    [str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]
]
# Answers an API call, or leaves it to MiniStack.
ApiHandler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Answer | None]
ProvisioningReply = tuple[str, dict[str, Any]]
HTTP_ERROR = 400
_SIGN = "create-from-csr"
_THINGS_PREFIX = "$aws/things/"
_LOOPBACK = ("127.0.0.1", "::1")
# Packets of up to 128 KB (the broker's limit) beside one read of pipelined ones.
_SESSION_BUFFER_BYTES_MAX = 256 * 1024
# Loaded up front: what the line uses, and what the contract names.
_SERVICES = (
    "apigateway", "cloudformation", "cloudwatch_logs", "iam", "iot", "iot_data", "kinesis",
    "lambda_svc", "s3", "secretsmanager", "sqs", "sts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where MiniStack keeps things and what it says about itself."""

    state: Path
    objects: Path
    scratch: Path
    address: str
    http_url: str
    http_port: int
    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a client certificate stands for."""

    certificate_id: str
    account: str
    region: str
    claim_template: str | None


@dataclass(frozen=True, slots=True)
class Publish:
    """One message that reached the rules engine."""

    account: str
    region: str
    topic: str
    payload: bytes
    client: str | None
    principal: str | None
    trace_id: str
    source_ip: str


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A certificate that opens nothing until a provisioning template activates it."""

    certificate_id: str
    certificate_pem: str
    ownership_token: str


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a function answered; `error` is the text of what it raised."""

    payload: Any
    error: str | None


@dataclass(frozen=True, slots=True)
class RuleHooks:
    """Our rules engine as MiniStack sees it."""

    check: Callable[[str, Mapping[str, Any]], None]
    changed: Callable[[], None]
    on_publish: Callable[[Publish], Awaitable[None]]
    on_ingest: Callable[[Publish, str], Awaitable[None]]
    refusal: type[Exception]


@dataclass(frozen=True, slots=True)
class ProvisioningHooks:
    """`sign` answers requests on `topic`; `kept` returns a reply once it is on the disk."""

    topic: str
    sign: Callable[[str, str, bytes], ProvisioningReply]
    kept: Callable[[ProvisioningReply], Awaitable[ProvisioningReply]]


@dataclass(frozen=True, slots=True)
class ShadowHooks:
    """`accept` returns an update as a plain merge may take it; `delta` compares two sections."""

    accept: Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]
    delta: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
    refusal: type[Exception]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A CloudFormation type of ours: each function answers (physical id, attributes)."""

    create: Callable[[str, dict[str, Any], str], tuple[str, dict[str, str]]]
    update: Callable[[str, dict[str, Any], dict[str, Any], str], tuple[str, dict[str, str]]]
    delete: Callable[[str, dict[str, Any]], None]


class MqttSession:
    """One MQTT connection: bytes in, bytes out through `send`, policies enforced.

    `close` is called when another connection takes over its client id.
    """

    def __init__(
        self,
        iot: Any,
        identity: Identity,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[], None],
    ) -> None:
        async def forward(message: Message) -> None:
            if message["type"] == "websocket.send":
                await send(message["bytes"])
            elif message["type"] == "websocket.close":
                close()

        self._iot = iot
        self._session = iot._WSSession(
            forward, identity.account, identity.region, identity.certificate_id
        )
        self._session.certificate_id = identity.certificate_id
        self._session.provisioning_template = identity.claim_template
        self._refusal = ""
        allows = self._session._policy_allows

        def allows_and_notes(action: str, resource: str) -> bool:
            allowed = bool(allows(action, resource))
            if not allowed:
                self._refusal = f"its policies do not allow {action} on {resource}"
            return allowed

        self._session._policy_allows = allows_and_notes

    async def feed(self, data: bytes) -> bool:
        """Handle the packets in `data`; false when the connection must end."""
        return bool(await self._iot._feed_session(self._session, data, _SESSION_BUFFER_BYTES_MAX))

    async def end(self) -> None:
        """Publish the will when it is due, keep or forget the session.

        Raises what kept the will from being delivered, once all else is done.
        """
        try:
            await self._session.cleanup()
        except LocalCloudError:
            self._session._cleaned_up = False
            self._session._will_topic = None
            await self._session.cleanup()
            raise

    @property
    def client(self) -> str:
        """The MQTT client id, empty before CONNECT."""
        return str(self._session._client_id)

    @property
    def unacknowledged(self) -> int:
        """How many messages wait for the PUBACK of this device."""
        return len(self._session._in_flight)

    @property
    def taken_over(self) -> bool:
        """Whether another connection came with the same client id."""
        return bool(self._session.disconnect_reason() == "DUPLICATE_CLIENTID")

    @property
    def reason(self) -> str:
        """Why the broker ended the session."""
        if self.taken_over:
            return "another connection took over its client id"
        if self._session.disconnect_reason() == "CLIENT_INITIATED_DISCONNECT":
            return "it said DISCONNECT"
        return self._refusal or "a packet that is malformed, or of a topic closed to devices"


class Host:
    """MiniStack, loaded once a process; `start` and `stop` on the loop that serves it."""

    def __init__(self, modules: Mapping[str, ModuleType], place: Place) -> None:
        m = {name: cast("Any", module) for name, module in modules.items()}
        self._app, self._router, self._responses = m["app"], m["router"], m["responses"]
        self._iot, self._kinesis, self._lambda = m["iot"], m["kinesis"], m["lambda_svc"]
        self._runtime, self._persistence = m["lambda_runtime"], m["persistence"]
        self._s3, self._sqs, self._secrets = m["s3"], m["sqs"], m["secretsmanager"]
        self._stacks, self._provisioners = m["cloudformation"], m["provisioners"]
        self._apigateway, self._iam, self._sts = m["apigateway"], m["iam"], m["sts"]
        self._place = place
        self._to_lifespan: asyncio.Queue[Message] = asyncio.Queue()
        self._from_lifespan: asyncio.Queue[Message] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None
        self._adopt_streams: Callable[[], None] = lambda: None
        # Asking its catalogue about an unknown service loads every botocore model: 2.6 s on
        # the loop and 390 MB. Saying yes makes it name the service, which `serves` then refuses.
        self._router._is_aws_service_name = lambda _name: True
        self._name_apis_by_path()

    @classmethod
    def load(cls, place: Place) -> "Host":
        """Import MiniStack with `place` in the environment; raises `ContractError`."""
        _set_environment(place)
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

    # ---- life ----

    async def start(self) -> None:
        """Load the kept state and start the services."""
        self._lifespan = asyncio.create_task(
            self._app.app({"type": "lifespan"}, self._to_lifespan.get, self._from_lifespan.put)
        )
        await self._lifespan_step("startup")

    async def stop(self) -> None:
        """End the function workers and the services; MiniStack saves its state once more."""
        await asyncio.to_thread(self._runtime.reset)
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

    # ---- HTTP ----

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
        with self.scope(account, region):
            answer = await self._app.SERVICE_HANDLERS[service](
                method, path, {"content-type": "application/json"}, body, {}
            )
        _raise_for(service, answer)
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

    # ---- state ----

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

    def stacks_in_progress(self) -> bool:
        """Whether a stack is being made, changed or deleted right now."""
        return any(
            stack.get("StackStatus", "").endswith("IN_PROGRESS")
            for stack in list(self._stacks._stacks._data.values())
        )

    def scope(self, account: str, region: str) -> AbstractContextManager[None]:
        """Act for `account` in `region` within the block."""
        return cast("AbstractContextManager[None]", self._responses.request_scope(account, region))

    def caller(self) -> tuple[str, str]:
        """Return the account and region of the request being answered."""
        return str(self._responses.get_account_id()), str(self._responses.get_region())

    # ---- IoT ----

    def ca_certificate_pem(self) -> str:
        """Return the certificate that devices verify the broker with."""
        return str(self._iot.get_ca_cert_pem())

    async def tls_context(self) -> ssl.SSLContext:
        """Return the broker's TLS side: TLS 1.2 or newer, a client certificate REQUIRED."""
        context = await self._iot._mtls_context()
        if context is None:
            raise LocalCloudError("the broker's certificate could not be made")
        context.verify_mode = ssl.CERT_REQUIRED
        return cast("ssl.SSLContext", context)

    def identify(self, certificate: bytes) -> Identity | str:
        """Return whom a verified certificate (DER) stands for, or why it is refused."""
        certificate_id = hashlib.sha256(certificate).hexdigest()
        owner = self._iot._mtls_resolve_identity(certificate)
        if owner is None:
            reason = self._iot._mtls_refusal_reason(certificate_id)
            return f"certificate {certificate_id[:12]} is {reason}"
        return Identity(certificate_id, *owner)

    def is_active(self, identity: Identity) -> bool:
        """Whether the certificate still is what it was when its client connected."""
        if identity.claim_template is not None:
            return True
        record = self._iot._certificates.get_scoped(
            identity.account, identity.region, identity.certificate_id
        )
        return bool(record) and record.get("status") == "ACTIVE"

    def open_session(
        self,
        identity: Identity,
        source_ip: str,
        *,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[], None],
    ) -> MqttSession:
        """Begin a connection of `identity`; call it inside `scope`, in the connection's task."""
        self._iot._publish_source_ip.set(source_ip)
        return MqttSession(self._iot, identity, send, close)

    def extend_provisioning(self, hooks: ProvisioningHooks) -> None:
        """Answer signing requests too, and no reply of fleet provisioning before it is kept."""
        iot = self._iot
        parse, reply = iot._parse_fleet_provisioning_topic, iot._fleet_provisioning_reply

        def parse_all(topic: str) -> tuple[str, str | None] | None:
            if topic == hooks.topic:
                return _SIGN, None
            return cast("tuple[str, str | None] | None", parse(topic))

        async def reply_to_all(  # noqa: PLR0917 called as MiniStack's own was
            account_id: str,
            region: str,
            operation: str,
            template_name: str | None,
            payload: bytes,
            connection: dict[str, Any],
        ) -> ProvisioningReply:
            if operation == _SIGN:
                answer = hooks.sign(account_id, region, payload)
            else:
                answer = await reply(
                    account_id, region, operation, template_name, payload, connection
                )
            return await hooks.kept(answer)

        iot._parse_fleet_provisioning_topic = parse_all
        iot._fleet_provisioning_reply = reply_to_all

    def sign_request(self, account: str, region: str, request_pem: str) -> SignedCertificate:
        """Sign a request as fleet provisioning does; raises `ServiceCallError`."""
        iot, tokens = self._iot, self._iot._ownership_tokens
        with self.scope(account, region):
            answer = iot._create_certificate_from_csr(
                {"certificateSigningRequest": request_pem}, {}
            )
            _raise_for("iot", answer)
            signed = json.loads(answer[2])
            certificate_id = signed["certificateId"]
            record = iot._certificates[certificate_id]
            record["status"] = "PENDING_ACTIVATION"
            iot._certificates[certificate_id] = record
            token = secrets.token_urlsafe(48)
            iot._drop_expired(tokens)
            tokens[token] = {
                "certificateId": certificate_id,
                "expiration": time.time() + iot._OWNERSHIP_TOKEN_SECONDS,
            }
        return SignedCertificate(certificate_id, signed["certificatePem"], token)

    def answer_things(self, answer: Callable[[str, str, str, bytes], Awaitable[None]]) -> None:
        """Give each publish to `$aws/things/` to `answer`, once it is delivered."""
        publish = self._iot.broker_publish

        async def publish_and_answer(  # noqa: PLR0917 called as MiniStack's own was
            account_id: str,
            region: str,
            topic: str,
            payload: bytes,
            qos: int = 0,
            retain: bool = False,
            properties: bytes = b"",
            client_id: str | None = None,
            principal: str | None = None,
        ) -> None:
            await publish(
                account_id,
                region,
                topic,
                payload,
                qos=qos,
                retain=retain,
                properties=properties,
                client_id=client_id,
                principal=principal,
            )
            if topic.startswith(_THINGS_PREFIX):
                await answer(account_id, region, topic, payload)

        self._iot.broker_publish = publish_and_answer

    async def publish_answer(self, account: str, region: str, topic: str, payload: bytes) -> None:
        """Publish as AWS IoT itself."""
        await self._iot.broker_publish(account, region, topic, payload, qos=1)

    def replace_shadow_merge(self, hooks: ShadowHooks) -> None:
        """Let `hooks` decide what a shadow takes and how its sections differ."""
        iot = self._iot
        update = iot.update_thing_shadow

        def update_checked(thing_name: str, shadow_name: str, request: Any) -> Any:
            if not isinstance(request, dict):
                return update(thing_name, shadow_name, request)
            _status, before = iot.get_thing_shadow(thing_name, shadow_name)
            try:
                accepted = hooks.accept(request, before.get("state") or {})
            except hooks.refusal as error:
                return vars(error)["code"], {"message": str(error)}
            status, document = update(thing_name, shadow_name, accepted)
            if status < HTTP_ERROR:  # accepted tells what was asked for, nulls included
                document["state"] = request["state"]
            return status, document

        iot.update_thing_shadow = update_checked
        iot._compute_delta = hooks.delta

    def check_job_details(self, mistake: Callable[[dict[str, Any]], str]) -> None:
        """Refuse a device's report of a job when `mistake` says why."""
        iot = self._iot
        hosted = iot._jobs_status_details_error

        def check(details: Any) -> Any:
            error = hosted(details)
            if error is not None or not details:
                return error
            why = mistake(details)
            return iot.error_response_json("InvalidRequestException", why, 400) if why else None

        iot._jobs_status_details_error = check

    def replace_rules(self, hooks: RuleHooks) -> None:
        """Put our rules engine in the place of MiniStack's."""
        iot = self._iot
        put, delete, disable = (
            iot.put_topic_rule,
            iot.delete_topic_rule,
            iot._set_topic_rule_disabled,
        )

        def put_checked(
            name: str, payload: dict[str, Any], *, created_at: float | None = None
        ) -> Any:
            try:
                hooks.check(name, payload)
            except hooks.refusal as error:
                raise iot.RuleSqlError(str(error)) from error
            rule = put(name, payload, created_at=created_at)
            hooks.changed()
            return rule

        def delete_and_tell(name: str) -> None:
            delete(name)
            hooks.changed()

        def disable_and_tell(name: str, disabled: bool) -> Any:
            answer = disable(name, disabled)
            hooks.changed()
            return answer

        async def on_publish(
            account_id: str, region: str, topic: str, payload: bytes, client_id: str | None = None
        ) -> None:
            await hooks.on_publish(
                self._publish_of(account_id, region, topic=topic, payload=payload, client=client_id)
            )

        async def on_ingest(  # noqa: PLR0917 called as MiniStack's own was
            account_id: str,
            region: str,
            rule: dict[str, Any] | None,
            payload: bytes,
            topic: str = "",
            client_id: str | None = None,
        ) -> None:
            publish = self._publish_of(
                account_id, region, topic=topic, payload=payload or b"", client=client_id
            )
            await hooks.on_ingest(publish, rule["ruleName"] if rule else "")

        iot.put_topic_rule, iot.delete_topic_rule = put_checked, delete_and_tell
        iot._set_topic_rule_disabled = disable_and_tell
        iot._validate_rule_sql = lambda _sql: None
        iot._unimplemented_sql_functions = lambda _sql: []
        iot._evaluate_topic_rules, iot._run_rule_actions = on_publish, on_ingest

    def _publish_of(
        self, account: str, region: str, *, topic: str, payload: bytes, client: str | None
    ) -> Publish:
        principal, trace_id = self._iot._rule_message_identity.get()
        source_ip = self._iot._publish_source_ip.get()
        return Publish(account, region, topic, payload, client, principal, trace_id, source_ip)

    def rules(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield account, region and definition (API shape) of every rule."""
        for (account, region, _name), rule in list(self._iot._topic_rules._data.items()):
            yield account, region, rule

    async def publish(
        self, account: str, region: str, topic: str, payload: bytes, *, qos: int, role: str
    ) -> None:
        """Publish as the rule role `role`."""
        principal = self._iot._rule_role_principal(account, role)
        with self.scope(account, region):
            await self._iot.broker_publish(
                account, region, topic, payload, qos=qos, principal=principal
            )

    # ---- services that actions and mappings call; all raise `ServiceCallError` ----

    def put_record(self, account: str, region: str, *, stream: str, key: str, data: bytes) -> None:
        """Append `data` to a stream."""
        self._adopt_streams()
        text = base64.b64encode(data).decode()
        with self.scope(account, region):
            answer = self._kinesis._put_record(
                {"StreamName": stream, "PartitionKey": key, "Data": text}
            )
        _raise_for("kinesis", answer)

    async def put_object(
        self,
        account: str,
        region: str,
        *,
        bucket: str,
        key: str,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        """Write an object."""
        with self.scope(account, region):
            answer = await self._s3.handle_request(
                "PUT", f"/{bucket}/{key}", headers, body, {}, internal=True
            )
        _raise_for("s3", answer)

    def read_object(  # noqa: PLR0917 where, as whom, what
        self, account: str, region: str, role: str, bucket: str, key: str, version: str | None
    ) -> bytes | None:
        """Read an object as IoT reads it in the role `role`; None when it may not or can't."""
        wanted = [("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")]
        with self.scope(account, region):
            if not self._iot._provisioning_role_allows(role, wanted):
                return None
            return cast("bytes | None", self._s3._get_object_data(bucket, key, version))

    def object_data(self, account: str, region: str, bucket: str, key: str) -> bytes | None:
        """Read an object as the account itself; None when there is none."""
        with self.scope(account, region):
            return cast("bytes | None", self._s3._get_object_data(bucket, key, None))

    def presigned_url(self, region: str, bucket: str, key: str, lasts_s: int) -> str:
        """Return an address that anybody may read an object from, for a while."""
        import boto3  # noqa: PLC0415 only who deploys to gateways pays for it

        client = boto3.client(
            "s3",
            endpoint_url=self._place.http_url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 the root of every local cloud
        )
        return str(
            client.generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=lasts_s
            )
        )

    def device_may(self, identity: Identity, action: str, resource: str) -> bool:
        """Whether the policies of a device's certificate allow `action`."""
        return bool(
            self._iot._mqtt_policy_allows(
                identity.account, identity.region, identity.certificate_id, {}, action, resource
            )
        )

    def device_session(
        self, identity: Identity, role_arn: str, duration_s: int
    ) -> tuple[str, dict[str, Any]]:
        """Return access key and session of a role, for a device; raises `ServiceCallError`."""
        service = "credentials.iot.amazonaws.com"
        with self.scope(identity.account, identity.region):
            role = self._iam._roles.get(role_arn.rpartition("/")[2])
        if role is None or not _trusts(role.get("AssumeRolePolicyDocument", "{}"), service):
            raise ServiceCallError("sts", "AccessDenied", f"{role_arn} does not trust {service}")
        session_name = identity.certificate_id
        assumed_arn, refused = self._sts._assumed_role_arn(role_arn, session_name)
        if refused:
            raise ServiceCallError("sts", "ValidationError", f"{role_arn} is no role")
        return str(self._sts._gen_session_access_key()), {
            "Arn": assumed_arn,
            "UserId": f"{self._sts._role_id(role_arn)}:{session_name}",
            "SecretAccessKey": str(self._sts._gen_secret()),
            "SessionToken": str(self._sts._gen_session_token()),
            "Expiration": time.time() + duration_s,
            "AccountId": identity.account,
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": "",
            "SourcePrincipalArn": "",
            "SessionTags": [],
            "SessionPolicies": None,
        }

    def register_session(self, access_key: str, session: dict[str, Any]) -> None:
        """Take requests that are signed with a session's keys."""
        self._sts.register_session(access_key, dict(session))

    def send_message(self, account: str, region: str, queue_url: str, body: str) -> None:
        """Send to a queue."""
        with self.scope(account, region):
            try:
                self._sqs._act_send_message({"MessageBody": body}, queue_url)
            except self._sqs._Err as error:
                raise ServiceCallError("sqs", error.code, error.message) from error

    def queue_url(self, queue_arn: str) -> str:
        """Return the address of the queue `queue_arn`."""
        for queue_url, queue in self._sqs._queues.all_items():
            if queue.get("attributes", {}).get("QueueArn") == queue_arn:
                return str(queue_url[-1])
        raise ServiceCallError("sqs", "QueueDoesNotExist", queue_arn)

    def invoke(self, function_arn: str, event: Any) -> FunctionResult:
        """Run a function and wait for it: call it in a thread."""
        _prefix, _arn, _service, region, account, *_rest = function_arn.split(":")
        function, config, _name = self._lambda._get_func_record_for_ref_in_scope(
            function_arn, account_id=account, region=region
        )
        if not function or not config:
            raise ServiceCallError("lambda", "ResourceNotFoundException", function_arn)
        record = self._lambda._execution_record_for_config(function, config)
        with self.scope(account, region):
            answer = self._lambda._execute_function_with_config_scope(record, event)
        body = answer.get("body")
        if answer.get("error"):
            text = body.get("errorMessage") if isinstance(body, dict) else body
            return FunctionResult(payload=None, error=str(text or "the function failed"))
        return FunctionResult(payload=body, error=None)

    def invoke_later(self, account: str, region: str, function_arn: str, event: Any) -> None:
        """Run a function without waiting for it."""
        self._iot._dispatch_rule_to_lambda(account, region, function_arn, event)

    def log_functions_to(self, write: Callable[[str, str], None]) -> None:
        """Send each line that a function writes, as it writes it, to `write(function, line)`."""

        def read_stderr(worker: Any) -> None:
            for line in worker._proc.stderr:
                write(worker.func_name, line.rstrip("\n"))

        def report(
            func: dict[str, Any],
            request_id: str,
            log_text: str,
            error: bool,
            duration_ms: int,
            *,
            log_source: str | None = None,
        ) -> None:
            del log_source
            name = (func.get("config") or func).get("FunctionName", "?")
            if error:
                for line in log_text.splitlines():
                    write(name, line)
            outcome = "failed" if error else "ok"
            write(name, f"REPORT request={request_id} outcome={outcome} duration_ms={duration_ms}")

        self._runtime.Worker._read_stderr = read_stderr
        # Waiting for lines that go elsewhere costs every invocation 50 ms.
        self._runtime.Worker._drain_stderr_bounded = lambda _worker, **_waits: ""
        self._lambda._emit_lambda_logs = report

    # ---- streams and their mappings ----

    def replace_stream_upkeep(
        self, next_sequence_number: Callable[[], str], adopt: Callable[[], None]
    ) -> None:
        """Leave expiry, numbering, delivery and the keeping of records to us.

        `adopt` runs before a rule's record is put: its stream may be new.
        """
        kinesis, self._adopt_streams = self._kinesis, adopt
        self._lambda._poll_kinesis = lambda: False
        kinesis._expire_records = lambda _stream: None
        kinesis._next_sequence_number = next_sequence_number
        get_state = kinesis.get_state

        def get_state_without_records() -> dict[str, Any]:
            kept = {
                stream_key: {shard_id: shard["records"] for shard_id, shard in shards.items()}
                for stream_key, stream in kinesis._streams._data.items()
                if (shards := stream["shards"]) is not None
            }
            try:
                for stream in kinesis._streams._data.values():
                    for shard in stream["shards"].values():
                        shard["records"] = []
                return cast("dict[str, Any]", get_state())
            finally:
                for stream_key, records in kept.items():
                    for shard_id, shard in kinesis._streams._data[stream_key]["shards"].items():
                        shard["records"] = records[shard_id]

        kinesis.get_state = get_state_without_records

    def streams(self) -> list[dict[str, Any]]:
        """Return the streams: StreamARN, RetentionPeriodHours and `shards` by id."""
        return list(self._kinesis._streams._data.values())

    def iterators(self) -> list[dict[str, Any]]:
        """Return the open shard iterators: stream_arn, shard_id and position."""
        return list(self._kinesis._shard_iterators._data.values())

    def mappings(self) -> list[dict[str, Any]]:
        """Return the event source mappings (API shape, with `Enabled`)."""
        return list(self._lambda._esms._data.values())

    # ---- stacks ----

    def add_resource_type(self, name: str, kind: ResourceType) -> None:
        """Let stacks hold resources of type `name`; a ValueError fails the resource."""
        self._provisioners._RESOURCE_HANDLERS[name] = {
            "create": kind.create,
            "update": kind.update,
            "delete": kind.delete,
        }
        self._provisioners._STACK_TAG_PROPERTY.setdefault(name, ("Tags", "list"))

    def put_rule(self, name: str, payload: dict[str, Any], tags: list[dict[str, str]]) -> str:
        """Make or replace a rule (API shape) and return its ARN; raises ValueError."""
        existing = self._iot._topic_rules.get(name)
        created_at = existing.get("createdAt") if existing else None
        self._iot.put_topic_rule(name, payload, created_at=created_at)
        arn = str(self._iot._topic_rule_arn(name))
        self._iot._set_created_tags(
            arn, [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]
        )
        return arn

    def has_rule(self, name: str) -> bool:
        """Whether the rule exists in the caller's account."""
        return name in self._iot._topic_rules

    def delete_rule(self, name: str) -> None:
        """Forget a rule."""
        self._iot.delete_topic_rule(name)

    def put_secret(self, name: str, text: str) -> str:
        """Keep `text` as the secret `name` and return its ARN, which stays as long as the name."""
        if name in self._secrets._secrets:
            put = self._secrets._put_secret_value({"SecretId": name, "SecretString": text})
        else:
            put = self._secrets._create_secret({"Name": name, "SecretString": text})
        _raise_for("secretsmanager", put)
        return str(self._secrets._secrets[name]["ARN"])

    def delete_secret(self, name: str) -> None:
        """Forget a secret at once."""
        if name in self._secrets._secrets:
            self._secrets._delete_secret({"SecretId": name, "ForceDeleteWithoutRecovery": True})


def _trusts(document: Any, service: str) -> bool:
    """Whether a role's trust policy lets `service` assume it."""
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            services if isinstance(services, list) else [services]
        ):
            return True
    return False


def _raise_for(service: str, answer: tuple[int, Any, Any]) -> None:
    status, _headers, body = answer
    if status < HTTP_ERROR:
        return
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        document = json.loads(text)
        code, message = document.get("__type", str(status)), document.get("message", text)
    except (ValueError, AttributeError):
        code, message = str(status), text[:500]
    raise ServiceCallError(service, code, message)


def _set_environment(place: Place) -> None:
    """Say to MiniStack, and to the functions it starts, where they are.

    Its switches are read at import. What the caller's shell says about AWS accounts, profiles
    and proxies must reach neither.
    """
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_", "LAMBDA_", "IOT_")):
            del os.environ[name]
    own_addresses = f"{place.address},127.0.0.1,localhost"
    os.environ.update(
        AUTH="true",
        GATEWAY_PORT=str(place.http_port),
        # Names the broker's certificate too, beside localhost and the loopback addresses.
        MINISTACK_HOST=place.address if place.address not in _LOOPBACK else "localhost",
        MINISTACK_REGION=place.region,
        MINISTACK_ACCOUNT_ID=place.account,
        PERSIST_STATE="1",
        STATE_DIR=str(place.state),
        S3_PERSIST="1",
        S3_DATA_DIR=str(place.objects),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LOG_LEVEL="WARNING",
        TMPDIR=str(place.scratch),
        AWS_ENDPOINT_URL=place.http_url,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY=own_addresses,
        no_proxy=own_addresses,
    )
