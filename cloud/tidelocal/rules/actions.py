"""What a rule does with a message. An action that is not here is refused with the rule.

Flow: rule -> [action] -> stream | object | queue | function | topic
"""

import base64
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from tidelocal.rules.errors import PayloadError, RuleRefusedError
from tidelocal.rules.message import Message
from tidelocal.rules.statement import Output, output_bytes
from tidelocal.rules.template import Render, compile_template

ACTIONS_MAX = 10  # AWS: actions of a rule
TOPIC_BYTES_MAX = 256
PARTITION_KEY_CHARACTERS_MAX = 256


class Services(Protocol):
    """What actions call; each raises `ServiceCallError` when the service refuses."""

    def put_record(
        self, account: str, region: str, *, stream: str, key: str, data: bytes
    ) -> None: ...

    async def put_object(
        self,
        account: str,
        region: str,
        *,
        bucket: str,
        key: str,
        body: bytes,
        headers: dict[str, str],
    ) -> None: ...

    def send_message(self, account: str, region: str, queue_url: str, body: str) -> None: ...

    def invoke_later(self, account: str, region: str, function_arn: str, event: Any) -> None: ...

    async def publish(
        self, account: str, region: str, topic: str, payload: bytes, *, qos: int, role: str
    ) -> None: ...


Run = Callable[[Message, Output], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Action:
    """One action of one rule: `kind` and `resource` name it when it fails."""

    kind: str
    resource: str
    run: Run


def compile_action(definition: Mapping[str, Any], services: Services) -> Action:
    """Compile `{kind: settings}` (API shape); raises `RuleRefusedError`."""
    if len(definition) != 1:
        raise RuleRefusedError(f"an action has one kind, not {sorted(definition)}")
    ((kind, settings),) = definition.items()
    make = _MAKERS.get(kind)
    if make is None:
        raise RuleRefusedError(
            f"the action {kind!r} does not run in this local cloud yet; "
            f"these do: {', '.join(sorted(_MAKERS))}"
        )
    return make(_Settings(kind, settings or {}), services)


@dataclass(frozen=True, slots=True)
class _Settings:
    kind: str
    given: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.given.get(name)
        if not isinstance(value, str) or not value:
            raise RuleRefusedError(f"the action {self.kind!r} needs {name}")
        return value

    def only(self, *names: str) -> None:
        unknown = set(self.given) - {*names, "roleArn"}
        if unknown:
            raise RuleRefusedError(
                f"the action {self.kind!r} with {', '.join(sorted(unknown))} "
                "does not run in this local cloud yet"
            )

    def template(self, name: str) -> Render:
        return compile_template(self.text(name))

    def truth(self, name: str) -> bool:
        value = self.given.get(name, False)
        return value if isinstance(value, bool) else str(value).lower() == "true"


def _kinesis(settings: _Settings, services: Services) -> Action:
    settings.only("streamName", "partitionKey")
    stream = settings.text("streamName")
    key: Render = (
        settings.template("partitionKey")
        if settings.given.get("partitionKey")
        else lambda _message: str(uuid.uuid4())
    )

    async def run(message: Message, output: Output) -> None:
        partition_key = key(message)[:PARTITION_KEY_CHARACTERS_MAX]
        services.put_record(
            message.account,
            message.region,
            stream=stream,
            key=partition_key,
            data=output_bytes(output),
        )

    return Action("kinesis", stream, run)


def _s3(settings: _Settings, services: Services) -> Action:
    settings.only("bucketName", "key", "cannedAcl")
    bucket, key = settings.text("bucketName"), settings.template("key")
    headers = {"content-type": "application/octet-stream"}
    if settings.given.get("cannedAcl"):
        headers["x-amz-acl"] = settings.text("cannedAcl")

    async def run(message: Message, output: Output) -> None:
        await services.put_object(
            message.account,
            message.region,
            bucket=bucket,
            key=key(message),
            body=output_bytes(output),
            headers=dict(headers),
        )

    return Action("s3", bucket, run)


def _sqs(settings: _Settings, services: Services) -> Action:
    settings.only("queueUrl", "useBase64")
    queue_url, as_base64 = settings.text("queueUrl"), settings.truth("useBase64")
    if queue_url.endswith(".fifo"):
        raise RuleRefusedError("the action 'sqs' takes no FIFO queue")

    async def run(message: Message, output: Output) -> None:
        data = output_bytes(output)
        body = base64.b64encode(data).decode() if as_base64 else _text(data)
        services.send_message(message.account, message.region, queue_url, body)

    return Action("sqs", queue_url, run)


def _lambda(settings: _Settings, services: Services) -> Action:
    settings.only("functionArn")
    function_arn = settings.text("functionArn")

    async def run(message: Message, output: Output) -> None:
        event = _event(output)
        services.invoke_later(message.account, message.region, function_arn, event)

    return Action("lambda", function_arn, run)


def _republish(settings: _Settings, services: Services) -> Action:
    settings.only("topic", "qos")
    topic, qos_text = settings.template("topic"), str(settings.given.get("qos") or 0)
    role = str(settings.given.get("roleArn") or "")
    if qos_text not in ("0", "1"):
        raise RuleRefusedError(f"the action 'republish' has qos 0 or 1, not {qos_text}")
    qos = int(qos_text)

    async def run(message: Message, output: Output) -> None:
        target = topic(message)
        target = target[1:] if target.startswith("$$") else target
        if not target or len(target.encode()) > TOPIC_BYTES_MAX or set(target) & {"+", "#"}:
            raise PayloadError(f"{target!r} is no topic to republish to")
        await services.publish(
            message.account, message.region, target, output_bytes(output), qos=qos, role=role
        )

    return Action("republish", settings.text("topic"), run)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("the payload is not UTF-8: use encode(*, 'base64')") from error


def _event(output: Output) -> Any:
    if not isinstance(output, bytes):
        return orjson.loads(output_bytes(output))
    try:
        return orjson.loads(output)
    except orjson.JSONDecodeError:
        return _text(output)


_MAKERS: Mapping[str, Callable[[_Settings, Services], Action]] = {
    "kinesis": _kinesis,
    "lambda": _lambda,
    "republish": _republish,
    "s3": _s3,
    "sqs": _sqs,
}
