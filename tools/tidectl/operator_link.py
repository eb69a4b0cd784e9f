"""The operator's own connection to the broker: MQTT 5 over a WebSocket, signed as API calls are.

Flow: credentials -> SigV4 -> [operator link] ~WebSocket~> broker
It needs no certificate: whoever may do iot:Connect, Publish, Subscribe and Receive may ask.
Bounded: MESSAGES_MAX messages wait to be read, another is dropped and counted.
AWS documents it under "MQTT over the WebSocket protocol".
"""

import queue
import threading
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from awscrt import auth, io, mqtt5

from tidectl.errors import CREDENTIALS_HINT, TidectlError
from tidectl.target import Target

CLIENT_BEGIN = "tidectl."  # no thing's name has a dot
CONNECT_S_MAX = 15.0
ANSWER_S_MAX = 10.0
MESSAGES_MAX = 256
_STOP_S_MAX = 5.0
_KEEP_ALIVE_S = 30
_REFUSED = 0x80  # and above, in MQTT 5, is an error
_SERVICE = "iotdevicegateway"


class OperatorLink:
    """Connected within its `with` block; raises `TidectlError` where it can't be."""

    def __init__(self, target: Target) -> None:
        self.dropped = 0
        self._target = target
        self._messages: queue.Queue[tuple[str, bytes]] = queue.Queue(MESSAGES_MAX)
        self._settled, self._stopped = threading.Event(), threading.Event()
        self._failure = ""
        self._client = mqtt5.Client(self._options())

    def __enter__(self) -> Self:
        self._client.start()
        connected = self._settled.wait(CONNECT_S_MAX)
        if not connected or self._failure:
            self._stop()
            raise TidectlError(
                f"can't connect to the broker of {self._target}: {self._failure or 'no answer'}",
                "your credentials need iot:Connect, iot:Publish, iot:Subscribe and iot:Receive; "
                + CREDENTIALS_HINT,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def subscribe(self, topic_filter: str) -> None:
        """Hear what comes by `topic_filter`; raises `TidectlError`."""
        packet = mqtt5.SubscribePacket(
            [mqtt5.Subscription(topic_filter=topic_filter, qos=mqtt5.QoS.AT_LEAST_ONCE)]
        )
        granted = self._done(self._client.subscribe(packet), f"subscribe to {topic_filter}")
        self._check(granted.reason_codes[0].value, f"subscribe to {topic_filter}")

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish at least once; raises `TidectlError`."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        done = self._done(self._client.publish(packet), f"publish to {topic}")
        self._check(done.puback.reason_code.value, f"publish to {topic}")

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """Return (topic, payload) of the next message; None where none comes in time."""
        try:
            return self._messages.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def _options(self) -> mqtt5.ClientOptions:
        endpoint, tls = self._endpoint()
        return mqtt5.ClientOptions(
            host_name=endpoint[0],
            port=endpoint[1],
            tls_ctx=tls,
            websocket_handshake_transform=self._sign,
            connect_options=mqtt5.ConnectPacket(
                client_id=f"{CLIENT_BEGIN}{uuid.uuid4()}", keep_alive_interval_sec=_KEEP_ALIVE_S
            ),
            on_publish_callback_fn=lambda data: self._take(data.publish_packet),
            on_lifecycle_event_connection_success_fn=lambda _: self._settled.set(),
            on_lifecycle_event_connection_failure_fn=lambda data: self._fail(str(data.exception)),
            on_lifecycle_event_stopped_fn=lambda _: self._stopped.set(),
        )

    def _endpoint(self) -> tuple[tuple[str, int], io.ClientTlsContext | None]:
        """Return where to connect; the local cloud has its API and WebSockets at one port."""
        if self._target.local:
            url = urlsplit(self._target.local.http_url)
            return (str(url.hostname), int(url.port or 80)), None
        options = io.TlsContextOptions()
        options.alpn_list = ["http/1.1"]
        return (self._target.broker().host, 443), io.ClientTlsContext(options)

    def _sign(self, transform_args: Any, **_: Any) -> None:
        """Sign the handshake; the local cloud knows by the host's name what it is for."""
        try:
            request = transform_args.http_request
            if self._target.local:
                request.headers.set("Host", f"tidectl.iot.{self._target.region}.localhost")
            signed = auth.aws_sign_request(
                request,
                auth.AwsSigningConfig(
                    algorithm=auth.AwsSigningAlgorithm.V4,
                    signature_type=auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS,
                    credentials_provider=self._credentials(),
                    region=self._target.region,
                    service=_SERVICE,
                    omit_session_token=True,  # IoT takes it beside the signature
                ),
            )
            signed.add_done_callback(lambda done: transform_args.set_done(done.exception()))
        except Exception as error:  # on the SDK's thread, which takes it to the caller
            transform_args.set_done(error)

    def _credentials(self) -> auth.AwsCredentialsProvider:
        credentials = self._target.session.get_credentials()
        if credentials is None:
            raise TidectlError("there are no AWS credentials", CREDENTIALS_HINT)
        frozen = credentials.get_frozen_credentials()
        return auth.AwsCredentialsProvider.new_static(
            frozen.access_key, frozen.secret_key, frozen.token
        )

    def _take(self, packet: mqtt5.PublishPacket) -> None:
        try:
            self._messages.put_nowait((packet.topic, bytes(packet.payload or b"")))
        except queue.Full:
            self.dropped += 1

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._settled.set()

    def _done(self, future: Any, what: str) -> Any:
        try:
            return future.result(ANSWER_S_MAX)
        except Exception as error:  # the SDK's own, of many kinds
            raise TidectlError(
                f"can't {what}: {str(error) or 'no answer'}", "try again, or see tidectl status"
            ) from error

    def _check(self, code: int, what: str) -> None:
        if code >= _REFUSED:
            raise TidectlError(f"may not {what}: code {code}", "see the rights of your credentials")

    def _stop(self) -> None:
        self._client.stop()
        self._stopped.wait(_STOP_S_MAX)
