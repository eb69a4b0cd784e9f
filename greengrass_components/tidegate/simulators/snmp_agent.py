"""The plant as an SNMP agent: a scalar for each point, a trap when the tank is too low.

Numbers with decimals come in hundredths, as most devices have them; `oid_of` tells where a point
stands. It speaks versions 1 and 2c with the community `public`, and 3 with a user if one is
given. Bounded: one request at a time.
"""

import asyncio
import random
from collections.abc import Collection
from typing import Any, Self

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    ContextData,
    NotificationType,
    ObjectIdentity,
    SnmpEngine,
    UdpTransportTarget,
    send_notification,
)
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.smi import instrum
from pysnmp.smi.error import GenError, NotWritableError, TooBigError, WrongValueError

from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import MODBUS_UNITS, POINTS, Kind, Point, Reading

BASE = (1, 3, 6, 1, 4, 1, 8072, 9999, 9999)  # net-snmp's place for experiments
COMMUNITY = "public"
HUNDREDTHS = 100
TRAP_LEVEL_LOW = (*BASE, 0, 1)
_UPTIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
_DESCRIPTION = (1, 3, 6, 1, 2, 1, 1, 1, 0)


def oid_of(point: Point) -> tuple[int, ...]:
    """Return where `point` stands: below `BASE` the equipment, the point, 0."""
    order = [other for other in POINTS if other.equipment == point.equipment].index(point)
    return (*BASE, MODBUS_UNITS[point.equipment], order + 1, 0)


class SnmpAgent:
    """Serves `plant` on loopback; points of `dead` equipment are no such instance.

    An answer takes `round_trip_ms`; a share `exceptions` of them is a general error. With
    `trap_port` a trap goes to it when the tank becomes too low. `user` is
    `(name, authentication key, privacy key)` of version 3: SHA and AES.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        dead: Collection[str] = (),
        round_trip_ms: float = 0.0,
        exceptions: float = 0.0,
        seed: int = 0,
        trap_port: int = 0,
        user: tuple[str, str, str] | None = None,
    ) -> None:
        self.port = port or free_port_udp()
        self.requests = 0
        self.objects_max = 1000  # of one request; beyond it the answer is too big
        self.failing: set[tuple[int, ...]] = set()  # objects that it can't read
        self._plant, self._dead = plant, frozenset(dead)
        self._round_trip_s = round_trip_ms / 1000
        self._exceptions, self._dice = exceptions, random.Random(seed)  # noqa: S311  faults
        self._trap_port, self._user = trap_port, user
        self._low = False
        self._engine: Any = None
        self._sender: Any = None

    async def __aenter__(self) -> Self:
        agent = self._engine = engine.SnmpEngine()
        config.add_transport(
            agent,
            udp.DOMAIN_NAME,
            _SlowTransport(self._round_trip_s).open_server_mode(("127.0.0.1", self.port)),
        )
        config.add_v1_system(agent, "area", COMMUNITY)
        models = [(1, "area", "noAuthNoPriv"), (2, "area", "noAuthNoPriv")]
        if self._user:
            name, authentication, privacy = self._user
            config.add_v3_user(
                agent, name, config.USM_AUTH_HMAC96_SHA, authentication,
                config.USM_PRIV_CFB128_AES, privacy,
            )  # fmt: skip
            models.append((3, name, "authPriv"))
        for model, name, level in models:
            config.add_vacm_user(agent, model, name, level, (1, 3, 6), (1, 3, 6))
        made = context.SnmpContext(agent)
        made.unregister_context_name(b"")
        made.register_context_name(b"", _Instruments(self))
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
            cmdrsp.SetCommandResponder,
        ):
            responder(agent, made)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._engine.close_dispatcher()
        if self._sender:
            self._sender.close_dispatcher()

    async def show(self) -> None:
        """Send the trap if the tank has just become too low; values are read when asked for."""
        low = bool(self._plant.measured["tank.level_low"])
        if low and not self._low and self._trap_port:
            await self.trap()
        self._low = low

    async def trap(self) -> None:
        """Send the trap with the level."""
        if self._sender is None:
            self._sender = SnmpEngine()
        level = next(point for point in POINTS if point.path == "tank.level_m")
        target = await UdpTransportTarget.create(("127.0.0.1", self._trap_port))
        await send_notification(
            self._sender,
            CommunityData(COMMUNITY, mpModel=1),  # noqa: S508  what most devices have
            target,
            ContextData(),
            "trap",
            NotificationType(ObjectIdentity(TRAP_LEVEL_LOW)).add_varbinds(
                (rfc1902.ObjectName(oid_of(level)), self.value_of(level))
            ),
        )

    def value_of(self, point: Point) -> Any:
        """Return what a reader gets."""
        value = self._plant.measured[point.path]
        if point.equipment in self._dead:
            return rfc1905.noSuchInstance
        if point.kind is Kind.FLOAT32:
            return rfc1902.Integer32(round(value * HUNDREDTHS))
        if point.kind is Kind.BOOL:
            return rfc1902.Integer32(1 if value else 2)  # TruthValue
        return rfc1902.Counter32(int(value))

    def write(self, point: Point, value: Reading) -> None:
        """Set a setpoint from what a writer sent; raises `PlantError`."""
        if point.kind is Kind.FLOAT32:
            self._plant.write(point.path, value / HUNDREDTHS)
        else:
            self._plant.write(point.path, value == 1)

    def begin(self) -> None:
        """Count a request; raises `GenError` where this one fails."""
        self.requests += 1
        if self._dice.random() < self._exceptions:
            raise GenError(idx=0)

    def uptime(self) -> Any:
        """Return hundredths of seconds of the plant's age."""
        return rfc1902.TimeTicks(int(self._plant.age_s * 100) % (1 << 32))


class _SlowTransport(udp.UdpTransport):  # type: ignore[misc]  # no types
    """Sends each answer a round trip after its request."""

    def __init__(self, round_trip_s: float) -> None:
        super().__init__()
        self._round_trip_s = round_trip_s

    def send_message(self, message: bytes, address: Any) -> None:
        if not self._round_trip_s:
            super().send_message(message, address)
            return
        asyncio.get_running_loop().call_later(self._round_trip_s, self._send_late, message, address)

    def _send_late(self, message: bytes, address: Any) -> None:
        if self.transport is not None and not self.transport.is_closing():
            super().send_message(message, address)


class _Instruments(instrum.AbstractMibInstrumController):  # type: ignore[misc]  # no types
    """What the agent's responders ask."""

    def __init__(self, agent: SnmpAgent) -> None:
        self._agent = agent
        self._points = {oid_of(point): point for point in POINTS}
        self._oids = sorted([_DESCRIPTION, _UPTIME, *self._points])

    def read_variables(self, *pairs: Any, **_context: Any) -> list[Any]:
        self._agent.begin()
        if len(pairs) > self._agent.objects_max:
            raise TooBigError(idx=0)
        for number, (name, _) in enumerate(pairs):
            if tuple(name) in self._agent.failing:
                raise GenError(idx=number)
        return [(name, self._value(tuple(name))) for name, _ in pairs]

    def read_next_variables(self, *pairs: Any, **_context: Any) -> list[Any]:
        self._agent.begin()
        out = []
        for name, _ in pairs:
            later = [oid for oid in self._oids if oid > tuple(name)]
            if later:
                out.append((rfc1902.ObjectName(later[0]), self._value(later[0])))
            else:
                out.append((name, rfc1905.endOfMibView))
        return out

    def write_variables(self, *pairs: Any, **_context: Any) -> list[Any]:
        self._agent.begin()
        for number, (name, value) in enumerate(pairs):
            point = self._points.get(tuple(name))
            if point is None or not point.writable:
                raise NotWritableError(name=name, idx=number)
            try:
                self._agent.write(point, int(value))
            except PlantError:
                raise WrongValueError(name=name, idx=number) from None
        return list(pairs)

    def _value(self, oid: tuple[int, ...]) -> Any:
        if oid == _UPTIME:
            return self._agent.uptime()
        if oid == _DESCRIPTION:
            return rfc1902.OctetString("Tidegauge plant")
        point = self._points.get(oid)
        return self._agent.value_of(point) if point else rfc1905.noSuchObject
