"""The plant as a BACnet/IP device: analog and binary objects, changes of value reported.

Measured values are analog and binary inputs, setpoints and switches are analog and binary
values that can be commanded; `object_of` tells which. COV increments are a thousandth of a
point's range. Bounded: bacpypes3 queues what a subscriber has not confirmed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Self

from bacpypes3.apdu import AbortPDU, AbortReason
from bacpypes3.app import Application
from bacpypes3.basetypes import Reliability
from bacpypes3.errors import ExecutionError, UnrecognizedService
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObject
from bacpypes3.local.binary import BinaryInputObject, BinaryValueObject
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import IPv4Address
from bacpypes3.primitivedata import ObjectIdentifier, Real

from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.plant import Plant, PlantError
from tidegate.simulators.points import MODBUS_UNITS, POINTS, Kind, Point, Reading

DEVICE_INSTANCE = 4711
_VENDOR = 999  # reserved for examples by ASHRAE
_INSTANCES_PER_EQUIPMENT = 100


def object_of(point: Point) -> str:
    """Return the object that shows `point`, as in `analog-input,201`."""
    order = [other for other in POINTS if other.equipment == point.equipment].index(point)
    instance = MODBUS_UNITS[point.equipment] * _INSTANCES_PER_EQUIPMENT + order
    shape = "binary" if point.kind is Kind.BOOL else "analog"
    return f"{shape}-{'value' if point.writable else 'input'},{instance}"


class _FieldApplication(Application):  # type: ignore[misc]  # bacpypes3 has no types
    """Awaits `asked` before it looks at a request, and refuses what `fails` says."""

    asked: Callable[[], Awaitable[None]] | None = None
    fails: Callable[[], bool] = staticmethod(lambda: False)
    multiple = True
    objects_max = 1000

    async def indication(self, apdu: Any) -> None:
        if self.asked:
            await self.asked()
        await super().indication(apdu)

    async def do_ReadPropertyMultipleRequest(self, apdu: Any) -> None:  # noqa: N802  bacpypes3 looks for it
        if not self.multiple:
            raise UnrecognizedService("no ReadPropertyMultiple")
        if len(apdu.listOfReadAccessSpecs) > self.objects_max:
            # Raised, the library's own abort says that it comes from a client.
            reason = AbortReason.segmentationNotSupported
            await self.response(AbortPDU(srv=True, reason=reason, context=apdu))
            return
        self._may_fail()
        await super().do_ReadPropertyMultipleRequest(apdu)

    async def do_ReadPropertyRequest(self, apdu: Any) -> None:  # noqa: N802  bacpypes3 looks for it
        self._may_fail()
        await super().do_ReadPropertyRequest(apdu)

    def _may_fail(self) -> None:
        if self.fails():
            raise ExecutionError(errorClass="device", errorCode="operationalProblem")


class BacnetDevice:
    """Serves `plant` on loopback; objects of `dead` equipment report a communication failure.

    Without `multiple` it does not know ReadPropertyMultiple, as small controllers; others know it
    for `objects_max` objects only. `exceptions` is the share of reads that are answered by an
    error.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        port: int = 0,
        dead: Collection[str] = (),
        round_trip_ms: float = 0.0,
        multiple: bool = True,
        objects_max: int = 1000,
        exceptions: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.port = port or free_port_udp()
        self.requests = 0
        self._round_trip_s = round_trip_ms / 1000
        self._multiple, self._objects_max = multiple, objects_max
        self._exceptions, self._dice = exceptions, random.Random(seed)  # noqa: S311  faults
        self._plant = plant
        self._dead = frozenset(dead)
        self._application: Any = None
        self._objects: dict[str, Any] = {}
        self._shown: dict[str, Reading] = {}

    async def __aenter__(self) -> Self:
        device = DeviceObject(
            objectIdentifier=ObjectIdentifier(f"device,{DEVICE_INSTANCE}"),
            objectName="Tidegauge plant",
            vendorIdentifier=_VENDOR,
        )
        network = NetworkPortObject(
            IPv4Address(f"127.0.0.1/8:{self.port}"),
            objectIdentifier=ObjectIdentifier("network-port,1"),
            objectName="loopback",
        )
        for point in POINTS:
            self._objects[point.path] = self._make(point)
        self._application = _FieldApplication.from_object_list(
            [device, network, *self._objects.values()]
        )
        self._application.asked = self._asked
        self._application.multiple = self._multiple
        self._application.objects_max = self._objects_max
        self._application.fails = lambda: self._dice.random() < self._exceptions
        await self.show()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._application.close()

    async def show(self) -> None:
        """Take what clients commanded, then show what the plant measures now."""
        for point in POINTS:
            shown = self._objects[point.path]
            value = self._plant.measured[point.path]
            if point.writable and point.path in self._shown:
                there = _value(shown, point)
                if there != self._shown[point.path]:
                    try:
                        self._plant.write(point.path, there)
                        value = there
                    except PlantError:
                        pass  # the next line shows what is in force
            if point.equipment in self._dead:
                continue
            shown.presentValue = (
                ("active" if value else "inactive")
                if point.kind is Kind.BOOL
                else Real(float(value))
            )
            self._shown[point.path] = _value(shown, point)

    async def _asked(self) -> None:
        self.requests += 1
        await asyncio.sleep(self._round_trip_s)

    def _make(self, point: Point) -> Any:
        kind = object_of(point).partition(",")[0]
        facts: dict[str, Any] = {
            "objectIdentifier": ObjectIdentifier(object_of(point)),
            "objectName": point.path,
            "statusFlags": [0, 1, 0, 0] if point.equipment in self._dead else [0, 0, 0, 0],
            "eventState": "normal",
            "outOfService": False,
        }
        if point.equipment in self._dead:
            facts["reliability"] = Reliability.communicationFailure
        if point.kind is Kind.BOOL:
            made = BinaryValueObject if point.writable else BinaryInputObject
            if not point.writable:
                facts["polarity"] = "normal"
            return made(presentValue="inactive", **facts)
        made = AnalogValueObject if kind == "analog-value" else AnalogInputObject
        return made(
            presentValue=Real(0.0),
            units=_UNITS.get(point.unit, "noUnits"),
            covIncrement=Real((point.high - point.low) / 1000),
            **facts,
        )


_UNITS = {
    "%": "percent", "l/s": "litersPerSecond", "bar": "bars", "A": "amperes", "m": "meters",
    "degC": "degreesCelsius", "mm/s": "millimetersPerSecond", "kWh": "kilowattHours",
    "kW": "kilowatts", "l": "liters",
}  # fmt: skip


def _value(shown: Any, point: Point) -> Reading:
    return bool(int(shown.presentValue)) if point.kind is Kind.BOOL else float(shown.presentValue)
