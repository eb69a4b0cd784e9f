"""One MQTT connection at MiniStack's broker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tidelocal.errors import LocalCloudError
from tidelocal.host.asgi import Message
from tidelocal.host.modules import Modules

# Packets of up to 128 KB (the broker's limit) beside one read of pipelined ones.
_SESSION_BUFFER_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a client certificate stands for."""

    certificate_id: str
    account: str
    region: str
    claim_template: str | None


class MqttSession:
    """One MQTT connection: bytes in, bytes out through `send`, policies enforced.

    `close` is called when another connection takes over its client id.
    """

    def __init__(
        self,
        m: Modules,
        identity: Identity,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[], None],
    ) -> None:
        async def forward(message: Message) -> None:
            if message["type"] == "websocket.send":
                await send(message["bytes"])
            elif message["type"] == "websocket.close":
                close()

        self._iot = m["iot"]
        self._session = self._iot._WSSession(
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
