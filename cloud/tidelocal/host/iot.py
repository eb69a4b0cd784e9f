"""MiniStack's IoT: who a certificate is, connections, and messages of AWS IoT itself."""

import hashlib
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from tidelocal.errors import LocalCloudError
from tidelocal.host.modules import Modules
from tidelocal.host.mqtt_session import Identity, MqttSession

_THINGS_PREFIX = "$aws/things/"


class HostedIot:
    """Certificates, connections and publishes."""

    def __init__(self, m: Modules) -> None:
        self._modules, self._iot = m, m["iot"]

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

    def device_may(self, identity: Identity, action: str, resource: str) -> bool:
        """Whether the policies of a device's certificate allow `action`."""
        return bool(
            self._iot._mqtt_policy_allows(
                identity.account, identity.region, identity.certificate_id, {}, action, resource
            )
        )

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
        return MqttSession(self._modules, identity, send, close)

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
