"""The operations of Greengrass IPC: what a component may ask, and what it is answered.

Flow: session -> [operations] -> local bus | configuration | IoT Core | lifecycle
Source: the service model of aws.greengrass IPC, and what both nuclei do with it.
"""

import base64
import binascii
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.ipc.authorization import CLI, LIFECYCLE, MQTT_PROXY, PUBSUB
from tidegate.ipc.errors import (
    INVALID,
    INVALID_TOKEN,
    NOT_FOUND,
    SERVICE,
    UNAUTHORIZED,
    OperationError,
)
from tidegate.ipc.limits import Limits
from tidegate.ipc.local_bus import LocalBus
from tidegate.ipc.ports import CloudMessage, IotCorePort, KeyPath, NucleusPort

log = logging.getLogger(__name__)

STREAM_MANAGER = "aws.greengrass.StreamManager"
OTHERS = "RECEIVE_MESSAGES_FROM_OTHERS"
STATES = ("RUNNING", "ERRORED")
_PROPERTIES = ("contentType", "responseTopic", "correlationData", "userProperties",
               "messageExpiryIntervalSeconds", "payloadFormat")  # fmt: skip
TOPIC_CHARACTERS_MAX = 256


@dataclass(slots=True)
class Call:
    """One call of one component. `send` gives events to the stream of a subscription."""

    component: str
    document: Mapping[str, Any]
    send: Callable[[str, dict[str, Any]], None]
    # What a subscription leaves behind, awaited when its stream ends.
    end: Callable[[], Awaitable[None]] | None = field(default=None)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text of the request; raises `OperationError`."""
        value = self.document.get(name, default)
        if not isinstance(value, str) or not value:
            raise OperationError(INVALID, f"{name} is missing")
        return value

    def path(self) -> KeyPath:
        """Return `keyPath`, empty when it is not given."""
        value = self.document.get("keyPath") or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise OperationError(INVALID, "keyPath is no list of texts")
        return tuple(value)


Handler = Callable[[Call], Awaitable[dict[str, Any]]]


class Operations:
    """Every operation by name; a subscription sets `call.end`."""

    def __init__(
        self, *, nucleus: NucleusPort, bus: LocalBus, iot_core: IotCorePort, limits: Limits
    ) -> None:
        self._nucleus, self._bus, self._iot_core = nucleus, bus, iot_core
        self._limits = limits
        self._cloud_subscriptions: Counter[str] = Counter()  # by component
        self.subscriptions_refused = 0
        self._by_name: dict[str, Handler] = {
            "PublishToTopic": self._publish_to_topic,
            "SubscribeToTopic": self._subscribe_to_topic,
            "PublishToIoTCore": self._publish_to_iot_core,
            "SubscribeToIoTCore": self._subscribe_to_iot_core,
            "GetConfiguration": self._get_configuration,
            "UpdateConfiguration": self._update_configuration,
            "SubscribeToConfigurationUpdate": self._subscribe_to_configuration_update,
            "UpdateState": self._update_state,
            "ValidateAuthorizationToken": self._validate_authorization_token,
            "RestartComponent": self._restart_component,
            "CreateLocalDeployment": self._create_local_deployment,
        }
        # Lite has none of these, except for the command line's own way in.
        self._classic_only: dict[str, Handler] = {
            "ListComponents": self._list_components,
            "GetComponentDetails": self._get_component_details,
            "ListLocalDeployments": self._list_local_deployments,
            "GetLocalDeploymentStatus": self._get_local_deployment_status,
        }

    async def answer(self, operation: str, call: Call) -> dict[str, Any]:
        """Return the reply's document; raises `OperationError`."""
        handler = self._by_name.get(operation)
        if handler is None and (self._limits.name == "classic" or call.component == CLI):
            handler = self._classic_only.get(operation)
        if handler is None:
            raise OperationError(SERVICE, f"{operation} is not in nucleus {self._limits.name}")
        return await handler(call)

    # ---- the local bus ----

    async def _publish_to_topic(self, call: Call) -> dict[str, Any]:
        topic = _topic(call.text("topic"))
        self._authorize(call, PUBSUB, "PublishToTopic", topic)
        message = call.document.get("publishMessage")
        kinds = [kind for kind in ("jsonMessage", "binaryMessage") if (message or {}).get(kind)]
        if not isinstance(message, dict) or len(kinds) != 1:
            raise OperationError(INVALID, "publishMessage needs jsonMessage or binaryMessage")
        body = message[kinds[0]]
        if not isinstance(body, dict) or "message" not in body:
            raise OperationError(INVALID, f"{kinds[0]} has no message")
        if kinds[0] == "binaryMessage":
            _blob(body, "message")
        event = {kinds[0]: {"message": body["message"], "context": {"topic": topic}}}
        self._bus.publish(call.component, topic, event)
        return {}

    async def _subscribe_to_topic(self, call: Call) -> dict[str, Any]:
        topic = call.text("topic")
        self._authorize(call, PUBSUB, "SubscribeToTopic", topic)
        if len(self._bus) >= self._limits.subscriptions_max:
            raise OperationError(SERVICE, f"{len(self._bus)} subscriptions are the most")
        cancel = self._bus.subscribe(
            call.component,
            topic,
            lambda _topic, event: call.send("SubscriptionResponseMessage", dict(event)),
            others_only=call.document.get("receiveMode") == OTHERS,
        )
        call.end = _awaited(cancel)
        return {"topicName": topic}

    # ---- IoT Core ----

    async def _publish_to_iot_core(self, call: Call) -> dict[str, Any]:
        topic = _topic(call.text("topicName"))
        self._authorize(call, MQTT_PROXY, "PublishToIoTCore", topic)
        payload = _blob(call.document, "payload") if call.document.get("payload") else b""
        most = self._limits.iot_core_payload_bytes_max
        if len(payload) > most:
            raise OperationError(SERVICE, f"a payload of {len(payload)} bytes, at most {most}")
        properties = {
            name: call.document[name] for name in _PROPERTIES if call.document.get(name) is not None
        }
        await self._iot_core.publish(
            CloudMessage(
                topic,
                payload,
                _qos(call.document),
                retain=bool(call.document.get("retain")),
                properties=properties,
            )
        )
        return {}

    async def _subscribe_to_iot_core(self, call: Call) -> dict[str, Any]:
        topic = call.text("topicName")
        self._authorize(call, MQTT_PROXY, "SubscribeToIoTCore", topic)
        self._check_cloud_subscriptions(call.component)

        def deliver(message: CloudMessage) -> None:
            body = {
                "topicName": message.topic,
                "payload": base64.b64encode(message.payload).decode(),
                **({"retain": True} if message.retain else {}),
                **message.properties,
            }
            call.send("IoTCoreMessage", {"message": body})

        qos = _qos(call.document)
        self._cloud_subscriptions[call.component] += 1  # also while the broker is asked
        try:
            cancel = await self._iot_core.subscribe(topic, qos, deliver)
        except BaseException:
            self._cloud_subscriptions[call.component] -= 1
            raise

        async def end() -> None:
            self._cloud_subscriptions[call.component] -= 1
            await cancel()

        call.end = end
        return {}

    def _check_cloud_subscriptions(self, component: str) -> None:
        """Raise `OperationError` where one more would be too many, and count that."""
        most, most_of_one = self._limits.subscriptions_max, self._limits.cloud_subscriptions_max
        if self._cloud_subscriptions[component] < most_of_one:
            if self._cloud_subscriptions.total() < most:
                return
            told = f"the components of this gateway have {most} subscriptions to IoT Core"
        else:
            told = f"{component} has {most_of_one} subscriptions to IoT Core"
        self.subscriptions_refused += 1
        log.warning("%s, no more are taken refused=%d", told, self.subscriptions_refused)
        raise OperationError(SERVICE, f"{told}: end some, or subscribe to a filter with + or #")

    # ---- configuration ----

    async def _get_configuration(self, call: Call) -> dict[str, Any]:
        component = self._component(call)
        value = self._nucleus.configuration(component, call.path())
        answer = {"componentName": component, "value": value}
        size = len(json.dumps(answer))
        if size > self._limits.message_bytes_max:
            raise OperationError(
                SERVICE, f"{size} bytes of configuration do not fit into a message: read a part"
            )
        return answer

    async def _update_configuration(self, call: Call) -> dict[str, Any]:
        value, at_s = call.document.get("valueToMerge"), call.document.get("timestamp")
        if not isinstance(value, dict):
            raise OperationError(INVALID, "valueToMerge is no object")
        if not isinstance(at_s, int | float):
            raise OperationError(INVALID, "timestamp is no number of seconds")
        path = call.path()
        if "accessControl" in (*path[:1], *(value if not path else ())):
            raise OperationError(INVALID, "a component can't change its own accessControl")
        self._nucleus.update_configuration(call.component, path, value, int(at_s * 1000))
        return {}

    async def _subscribe_to_configuration_update(self, call: Call) -> dict[str, Any]:
        component = self._component(call)

        def changed(path: KeyPath) -> None:
            event = {"componentName": component, "keyPath": list(path)}
            call.send("ConfigurationUpdateEvents", {"configurationUpdateEvent": event})

        call.end = _awaited(self._nucleus.listen_to_configuration(component, call.path(), changed))
        return {}

    # ---- lifecycle ----

    async def _update_state(self, call: Call) -> dict[str, Any]:
        state = call.text("state")
        if state not in STATES:
            raise OperationError(INVALID, f"state is {state}, not one of {', '.join(STATES)}")
        self._nucleus.report_state(call.component, state)
        return {}

    async def _validate_authorization_token(self, call: Call) -> dict[str, Any]:
        if call.component != STREAM_MANAGER:
            raise OperationError(UNAUTHORIZED, f"only {STREAM_MANAGER} may ask")
        if self._nucleus.component_of(call.text("token")) is None:
            raise OperationError(INVALID_TOKEN, "no component has this token")
        return {"isValid": True}

    async def _restart_component(self, call: Call) -> dict[str, Any]:
        component = call.text("componentName")
        self._authorize(call, LIFECYCLE, "RestartComponent", component, CLI)
        await self._nucleus.restart_component(component)
        return {"restartStatus": "SUCCEEDED"}

    async def _create_local_deployment(self, call: Call) -> dict[str, Any]:
        self._authorize(call, CLI, "CreateLocalDeployment", "*")
        return {"deploymentId": await self._nucleus.deploy_locally(call.document)}

    async def _list_components(self, call: Call) -> dict[str, Any]:
        self._authorize(call, CLI, "ListComponents", "*", LIFECYCLE)
        return {
            "components": list(self._nucleus.components()),
            # Ours: AWS's clients pass over what they don't know.
            "iotCore": {
                **self._iot_core.counts(), "subscriptionsRefused": self.subscriptions_refused,
            },
        }  # fmt: skip

    async def _get_component_details(self, call: Call) -> dict[str, Any]:
        name = call.text("componentName")
        self._authorize(call, CLI, "GetComponentDetails", name, LIFECYCLE)
        for component in self._nucleus.components():
            if component["componentName"] == name:
                return {"componentDetails": component}
        raise OperationError(NOT_FOUND, f"there is no component {name}")

    async def _list_local_deployments(self, call: Call) -> dict[str, Any]:
        self._authorize(call, CLI, "ListLocalDeployments", "*")
        return {"localDeployments": list(self._nucleus.local_deployments())}

    async def _get_local_deployment_status(self, call: Call) -> dict[str, Any]:
        self._authorize(call, CLI, "GetLocalDeploymentStatus", "*")
        wanted = call.text("deploymentId")
        for deployment in self._nucleus.local_deployments():
            if deployment["deploymentId"] == wanted:
                return {"deployment": deployment}
        raise OperationError(NOT_FOUND, f"there is no deployment {wanted}")

    def _component(self, call: Call) -> str:
        return str(call.document.get("componentName") or call.component)

    def _authorize(
        self, call: Call, service: str, operation: str, resource: str, *or_by: str
    ) -> None:
        authorization = self._nucleus.authorization(call.component)
        if not any(authorization.allows(each, operation, resource) for each in (service, *or_by)):
            raise OperationError(
                UNAUTHORIZED,
                f"{call.component} is not allowed {operation} on {resource}: "
                f"its accessControl has no such grant under {service}",
            )


def _topic(topic: str) -> str:
    if len(topic) > TOPIC_CHARACTERS_MAX:
        raise OperationError(INVALID, f"a topic has {TOPIC_CHARACTERS_MAX} characters at most")
    if any(mark in topic for mark in "+#\0"):
        raise OperationError(INVALID, f"{topic} is a filter, not a topic")
    return topic


def _qos(document: Mapping[str, Any]) -> int:
    qos = str(document.get("qos", "1"))
    if qos not in ("0", "1"):
        raise OperationError(INVALID, f"qos is {qos}, not 0 or 1")
    return int(qos)


def _blob(document: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(document[name], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise OperationError(INVALID, f"{name} is no base64") from error


def _awaited(cancel: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def end() -> None:
        cancel()

    return end
