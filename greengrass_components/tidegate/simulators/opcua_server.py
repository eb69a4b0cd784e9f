"""The plant as an OPC UA server sees it: an object for each piece of equipment, variables in it.

Flow: plant -> [OPC UA server] -> subscriptions of its clients
Bounded: by asyncua's queues; each monitored item keeps what its client asked for. Nodes are
`ns=2;s=tank.level_m`. Each has its EURange and EngineeringUnits; a setpoint can be written, and
`ns=2;s=batch.name`, a text.
"""

import random
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from asyncua import Server, ua
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

from tidegate.opcua.certificate import APPLICATION_URI_PREFIX, own_certificate
from tidegate.simulators.free_port import free_port
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import MODBUS_UNITS, POINTS, Kind, Point, Reading

TEXT = "batch.name"
NAMESPACE = "urn:tidegauge:plant:tags"
_TYPES = {
    Kind.FLOAT32: ua.VariantType.Float,
    Kind.UINT16: ua.VariantType.UInt16,
    Kind.UINT32: ua.VariantType.UInt32,
    Kind.BOOL: ua.VariantType.Boolean,
}
_SECURE = (
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
)
_STRING = ua.VariantType.String
_DEAD = ua.StatusCode(ua.StatusCodes.BadCommunicationError)
_FAILED = ua.StatusCode(ua.StatusCodes.BadSensorFailure)
_GOOD = ua.StatusCode(ua.StatusCodes.Good)


class OpcuaServer:
    """Serves `plant` on loopback; `show` publishes what it measures now.

    With `keys`, a folder, the endpoint also takes Basic256Sha256, Aes128_Sha256_RsaOaep and
    Aes256_Sha256_RsaPss (signed, or signed and encrypted); the server makes its certificate there,
    and those in the folder `client_certificates` are the only ones that it trusts.
    `clock_ahead_s`, which may change, is what its clock is off. `dead` equipment answers with bad
    communication, and each value of the rest is a failed sensor's with a chance of `bad_share`
    (0 to 1) a tick. `extra_nodes` adds counting variables `load.N` for load tests.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        keys: Path | None = None,
        client_certificates: Path | None = None,
        dead: Collection[str] = (),
        bad_share: float = 0.0,
        seed: int = 0,
        extra_nodes: int = 0,
    ) -> None:
        self.port = port or free_port()
        self.clock_ahead_s = 0.0
        self._dead, self._bad_share = frozenset(dead), bad_share
        self.plant = plant
        self._keys, self._client_certificates = keys, client_certificates
        self._extra_nodes = extra_nodes
        self._random = random.Random(seed)  # noqa: S311  faults, no secret
        self._server: Any = None
        self._nodes: dict[str, Any] = {}
        self._extra: list[Any] = []
        self._ticks = 0

    @property
    def url(self) -> str:
        """Return where clients find it."""
        return f"opc.tcp://127.0.0.1:{self.port}/plant"

    async def __aenter__(self) -> Self:
        server = Server()
        await server.init()
        index = await server.register_namespace(NAMESPACE)  # first, so that it is always 2
        server.set_endpoint(self.url)
        server.set_server_name("Tidegauge plant")
        policies = [ua.SecurityPolicyType.NoSecurity]
        if self._keys:
            uri = f"{APPLICATION_URI_PREFIX}plant"
            await server.set_application_uri(uri)
            certificate, key = own_certificate(self._keys, "plant", uri)
            await server.load_certificate(certificate)
            await server.load_private_key(key)
            policies += _SECURE
        if self._client_certificates:
            await self._trust(server, self._client_certificates)
        server.set_security_policy(policies)
        self._server = server
        await self._build(index)
        await self.show()
        await server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def show(self) -> None:
        """Publish what the plant measures now; the source's time is now."""
        self._ticks += 1
        now = datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)
        for point in POINTS:
            status = _GOOD
            if point.equipment in self._dead:
                status = _DEAD
            elif not point.writable and self._random.random() < self._bad_share:
                status = _FAILED
            value = self.plant.measured[point.path]
            await self._publish(self._nodes[point.path], point.kind, value, status, now)
        for number, node in enumerate(self._extra):
            count = (self._ticks + number) % 65_536
            await self._publish(node, Kind.UINT32, count, _GOOD, now)

    async def _publish(
        self, node: Any, kind: Kind, value: Reading, status: ua.StatusCode, now: datetime
    ) -> None:
        variant = ua.Variant(value, _TYPES[kind]) if status.is_good() else ua.Variant()
        data = ua.DataValue(variant, status, SourceTimestamp=now, ServerTimestamp=now)
        await self._server.write_attribute_value(node.nodeid, data)

    async def _build(self, index: int) -> None:
        root = await self._server.nodes.objects.add_folder(
            ua.NodeId("plant", index), ua.QualifiedName("plant", index)
        )
        for equipment in MODBUS_UNITS:
            parent = await root.add_object(
                ua.NodeId(equipment, index), ua.QualifiedName(equipment, index)
            )
            for point in POINTS:
                if point.equipment == equipment:
                    self._nodes[point.path] = await self._add(parent, index, point)
        batch = await root.add_object(ua.NodeId("batch", index), ua.QualifiedName("batch", index))
        text = await batch.add_variable(
            ua.NodeId(TEXT, index), ua.QualifiedName("name", index), ua.Variant("", _STRING)
        )
        await text.set_writable()
        if self._extra_nodes:
            load = await root.add_folder(ua.NodeId("load", index), ua.QualifiedName("load", index))
            for number in range(self._extra_nodes):
                name = f"load.{number}"
                node = await load.add_variable(
                    ua.NodeId(name, index),
                    ua.QualifiedName(name, index),
                    ua.Variant(0, ua.VariantType.UInt32),
                )
                self._extra.append(node)

    async def _add(self, parent: Any, index: int, point: Point) -> Any:
        node = await parent.add_variable(
            ua.NodeId(point.path, index),
            ua.QualifiedName(point.name, index),
            ua.Variant(self.plant.measured[point.path], _TYPES[point.kind]),
        )
        if point.kind is not Kind.BOOL:
            await node.add_property(0, "EURange", ua.Range(Low=point.low, High=point.high))
            await node.add_property(
                0, "EngineeringUnits", ua.EUInformation(DisplayName=ua.LocalizedText(point.unit))
            )
        if point.writable:
            await node.set_writable()
            self._server.set_attribute_value_setter(node.nodeid, self._setter(point))
        return node

    def _setter(self, point: Point) -> Any:
        """Return what takes a client's write to the plant; asyncua calls it for our own, too."""

        def take(node: Any, attribute: ua.AttributeIds, data: ua.DataValue) -> None:
            value = data.Value.Value if data.Value else None
            if value is not None and value != self.plant.measured[point.path]:
                try:
                    self.plant.write(point.path, value)
                except PlantError as error:
                    raise ua.uaerrors.BadOutOfRange from error
            node.attributes[attribute].value = data

        return take

    @staticmethod
    async def _trust(server: Any, folder: Path) -> None:
        store = TrustStore([folder], [])
        await store.load()
        options = (
            CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
        )
        server.set_certificate_validator(CertificateValidator(options, store))
