"""BACnet/IP as the poller sees it.

Flow: devices -> [adapter] -> samples
A group's unit is a device: `192.0.2.10`, `192.0.2.10:47809`, or its instance, which is asked for
by Who-Is. Reads go by ReadPropertyMultiple, `OBJECTS_PER_READ` objects in each, and one property
after the other from devices that don't know that service. A device whose answer would be too long
for it is asked for half as many, from then on. Bounded: one request at a time, and a subscription
for each tag at most, renewed before half its life is over.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bacpypes3.apdu import ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.basetypes import ErrorType
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address, IPv4Address
from bacpypes3.primitivedata import ObjectIdentifier

from tidegate.adapter import Deliver
from tidegate.bacnet.address import (
    PRESENT_VALUE,
    BacnetAddress,
    BacnetDownError,
    BacnetError,
    BacnetSilentError,
    BacnetTooLongError,
    parse_address,
)
from tidegate.bacnet.values import Flags, flags_of, plain
from tidegate.changes import Changes
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample, Value
from tidegate.setting_reader import SettingReader
from tidegate.tag import Tag

log = logging.getLogger("tidegate.bacnet")

OBJECTS_PER_READ = 20  # two properties each: some 700 bytes, within the usual APDU of 1,476
_VENDOR = 999  # reserved for examples by ASHRAE; a client needs none of its own
_STATUS_FLAGS = "status-flags"
_TOO_LONG = ("segmentation-not-supported", "buffer-overflow", "apdu-too-long")
_RETRY_S = 10.0  # until a refused subscription is asked for again


@dataclass(frozen=True, slots=True, kw_only=True)
class BacnetSettings:
    """`address` is our own with the length of the network's prefix, as in `192.0.2.5/24`;
    `instance` is our own device's. Subscriptions live `cov_s`; every `refresh_ms` all is read."""

    address: str
    port: int = 47_808
    instance: int = 4_194_000
    timeout_ms: int = 3_000
    cov: bool = True
    cov_s: int = 600
    refresh_ms: int = 300_000


def read_settings(mapping: Mapping[str, Any]) -> BacnetSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    settings = BacnetSettings(
        address=reader.text("address"),
        port=reader.integer("port", 47_808, 1, 65_535),
        instance=reader.integer("instance", 4_194_000, 0, 4_194_302),
        timeout_ms=reader.integer("timeout_ms", 3_000, 100, 60_000),
        cov=reader.flag("cov", True),
        cov_s=reader.integer("cov_s", 600, 4, 28_800),
        refresh_ms=reader.integer("refresh_ms", 300_000, 1_000, 86_400_000),
    )
    if settings.address and "/" not in settings.address:
        reader.mistake("address", f"is {settings.address!r}, not like 192.0.2.5/24")
    reader.finish()
    return settings


class BacnetAdapter:
    """The adapter of one network; `requests` counts what was asked of its devices."""

    def __init__(
        self, settings: BacnetSettings, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.requests = self.notifications = 0
        self._settings, self._clock_ns = settings, clock_ns
        self._application: Any = None
        self._devices: dict[str, Any] = {}
        self._singly: set[str] = set()  # units without ReadPropertyMultiple
        self._sizes: dict[str, int] = {}  # objects in one read, of units that take fewer
        self._untold: dict[Group, set[int]] = {}  # the places of tags without a subscription
        self._process = 0

    async def connect(self) -> None:
        """Open the port; raises `BacnetError` when it is taken."""
        await self.close()
        settings = self._settings
        try:
            network = NetworkPortObject(
                IPv4Address(f"{settings.address}:{settings.port}"),
                objectIdentifier=ObjectIdentifier("network-port,1"),
                objectName="network",
            )
            device = DeviceObject(
                objectIdentifier=ObjectIdentifier(f"device,{settings.instance}"),
                objectName=f"tidegauge-{settings.instance}",
                vendorIdentifier=_VENDOR,
                apduTimeout=settings.timeout_ms,
                numberOfApduRetries=0,
            )
            self._application = Application.from_object_list([device, network])
        except (ValueError, OSError) as error:
            raise BacnetDownError(
                f"can't open {settings.address}:{settings.port}: {error}"
            ) from error

    async def close(self) -> None:
        """Close the port; never raises."""
        application, self._application = self._application, None
        if application:
            application.close()
        self._devices.clear()

    def plan(self, group: Group) -> Sequence[str]:
        """Return a line for each request; raises `BacnetError` for a wrong address."""
        for tag in group.tags:
            parse_address(tag.address)
        count = len(group.tags)
        return [
            f"ReadPropertyMultiple of objects {start + 1} to {min(start + OBJECTS_PER_READ, count)}"
            for start in range(0, count, OBJECTS_PER_READ)
        ]

    async def poll(self, group: Group) -> Sample:
        """Read the group; raises `BacnetError` when the device does not answer."""
        device = await self._device(group.unit)
        began_ns = self._clock_ns()
        pairs: list[tuple[Value, Quality]] = []
        while len(pairs) < len(group.tags):
            size = self._sizes.get(group.unit, OBJECTS_PER_READ)
            part = group.tags[len(pairs) : len(pairs) + size]
            try:
                pairs += await self._read(group.unit, device, part)
            except BacnetTooLongError:
                if len(part) == 1:
                    raise
                self._sizes[group.unit] = len(part) // 2
                log.info(
                    "device takes fewer objects unit=%s at_most=%d", group.unit, len(part) // 2
                )
        ended_ns = self._clock_ns()
        qualities = bytes(quality for _, quality in pairs)
        return Sample(
            group,
            (began_ns + ended_ns) // 2,
            ended_ns,
            tuple(value for value, _ in pairs),
            qualities if any(qualities) else None,
        )

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        """Deliver changes of value until cancelled.

        Each tag has its own subscription; the device tells the value at once, and then when it
        has changed by the object's COV increment. Everything is read now and then anyway, so
        that a notification may get lost; a group with a tag that the device takes no
        subscription for is read at its period.
        """
        if self._application is None:
            await self.connect()
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                changes = Changes(group, merge_ns=0)
                tasks.create_task(self._refresh(group, changes, deliver))
                for place, tag in enumerate(group.tags):
                    if parse_address(tag.address).property == PRESENT_VALUE:
                        tasks.create_task(self._follow(group, place, tag, changes, deliver))

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Write a property, unscaled, at the tag's `priority` (1 to 16, 16 unless told)."""
        wanted = group.tag_to_write(tag, value)
        address = parse_address(wanted.address)
        raw: Any = value
        if address.object.startswith("binary") and address.property == PRESENT_VALUE:
            raw = "active" if value else "inactive"
        elif isinstance(value, int | float):
            raw = wanted.raw(value)
        priority = int(wanted.options.get("priority", "16"))
        await self._ask(
            f"can't write {value!r} to {tag}",
            lambda device: self._app().write_property(
                device, address.object, address.property, raw, None, priority
            ),
            await self._device(group.unit),
        )

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        return {"requests": self.requests, "notifications": self.notifications}

    def _app(self) -> Any:
        if self._application is None:
            raise BacnetDownError("not connected")
        return self._application

    async def _device(self, unit: str) -> Any:
        """Return the address of a unit; raises `BacnetError` when nobody has its instance."""
        if unit not in self._devices:
            if unit.isdecimal():
                instance = int(unit)
                found = await self._ask(
                    f"nobody answers as device {unit}",
                    lambda _: self._app().who_is(instance, instance),
                    None,
                )
                if not found:
                    raise BacnetSilentError(
                        f"nobody answers as device {unit}; is it on this network?"
                    )
                self._devices[unit] = found[0].pduSource
            else:
                self._devices[unit] = Address(unit)
        return self._devices[unit]

    async def _ask(self, what: str, call: Callable[[Any], Any], device: Any) -> Any:
        """Await an answer; raises `BacnetError` saying `what`."""
        self.requests += 1
        try:
            async with asyncio.timeout(self._settings.timeout_ms / 1000):
                answer = await call(device)
        except TimeoutError as error:
            raise BacnetSilentError(f"{what}: no answer") from error
        except (ErrorRejectAbortNack, ValueError, TypeError) as error:
            raise _error_of(what, error) from error
        if isinstance(answer, ErrorRejectAbortNack):
            raise _error_of(what, answer)
        return answer

    async def _read(
        self, unit: str, device: Any, tags: Sequence[Tag]
    ) -> list[tuple[Value, Quality]]:
        addresses = [parse_address(tag.address) for tag in tags]
        if unit not in self._singly:
            try:
                found = await self._read_many(unit, device, addresses)
            except BacnetError as error:
                if "unrecognized-service" not in str(error):
                    raise
                log.warning("device has no ReadPropertyMultiple unit=%s", unit)
                self._singly.add(unit)
        if unit in self._singly:
            found = await self._read_singly(unit, device, addresses)
        return [
            _judged(tag, found.get((one.object, one.property)), found.get((one.object, "")))
            for tag, one in zip(tags, addresses, strict=True)
        ]

    async def _read_many(
        self, unit: str, device: Any, addresses: Sequence[BacnetAddress]
    ) -> dict[tuple[str, str], Any]:
        """Return what each object and property has; its status flags under property ""."""
        wanted: dict[str, list[str]] = {}
        for one in addresses:
            properties = wanted.setdefault(one.object, [])
            if one.property not in properties:
                properties.append(one.property)
        request: list[Any] = []
        for name, properties in wanted.items():
            flags = [_STATUS_FLAGS] if PRESENT_VALUE in properties else []
            request += [ObjectIdentifier(name), [*properties, *flags]]
        results = await self._ask(
            f"no answer from {unit}",
            lambda to: self._app().read_property_multiple(to, request),
            device,
        )
        found: dict[tuple[str, str], Any] = {}
        for identifier, property_, _, value in results:
            name = f"{identifier[0]},{identifier[1]}"
            key = str(property_)
            found[name, "" if key == _STATUS_FLAGS else key] = value
        return found

    async def _read_singly(
        self, unit: str, device: Any, addresses: Sequence[BacnetAddress]
    ) -> dict[tuple[str, str], Any]:
        found: dict[tuple[str, str], Any] = {}
        for one in addresses:
            for name, key in ((one.property, one.property), (_STATUS_FLAGS, "")):
                if (one.object, key) in found or (not key and one.property != PRESENT_VALUE):
                    continue
                try:
                    read = functools.partial(self._app().read_property, objid=one.object, prop=name)
                    found[one.object, key] = await self._ask(f"no answer from {unit}", read, device)
                except BacnetSilentError:
                    raise
                except BacnetError:
                    continue  # this property is BAD
        return found

    async def _refresh(self, group: Group, changes: Changes, deliver: Deliver) -> None:
        while True:
            try:
                sample = await self.poll(group)
            except BacnetError as error:
                log.warning("device does not answer unit=%s: %s", group.unit, error)
                now_ns = self._clock_ns()
                if lost := changes.lose(now_ns, now_ns):
                    deliver(lost)
                await asyncio.sleep(_RETRY_S)
                continue
            qualities = sample.qualities or bytes(len(sample.values))
            news = [
                (place, sample.at_ns, value, qualities[place])
                for place, value in enumerate(sample.values)
            ]
            for one in changes.take(news, sample.received_at_ns):
                deliver(one)
            polled = bool(self._untold.get(group))
            await asyncio.sleep((group.period_ms if polled else self._settings.refresh_ms) / 1000)

    async def _follow(
        self, group: Group, place: int, tag: Tag, changes: Changes, deliver: Deliver
    ) -> None:
        """Keep one tag's subscription alive."""
        name = parse_address(tag.address).object
        while True:
            try:
                device = await self._device(group.unit)
                self._process += 1
                async with self._app().change_of_value(
                    device, ObjectIdentifier(name), self._process, True, self._settings.cov_s
                ) as subscription:
                    self._untold.get(group, set()).discard(place)
                    await self._take(subscription, place, tag, changes, deliver)
            except (ErrorRejectAbortNack, BacnetError, ValueError) as error:
                log.warning("no subscription unit=%s object=%s: %s", group.unit, name, error)
                self._untold.setdefault(group, set()).add(place)
                await asyncio.sleep(_RETRY_S)

    async def _take(
        self, subscription: Any, place: int, tag: Tag, changes: Changes, deliver: Deliver
    ) -> None:
        """Take the subscription's values for half its life."""
        flags: Flags | None = None
        raw: Any = None
        try:
            async with asyncio.timeout(self._settings.cov_s / 2):
                while True:
                    property_, value = await subscription.get_value()
                    if str(property_) == _STATUS_FLAGS:
                        flags = value
                    elif str(property_) == PRESENT_VALUE:
                        raw = value
                    if not subscription.queue.empty() or raw is None:
                        continue  # both properties of one notification
                    self.notifications += 1
                    now_ns = self._clock_ns()
                    told, quality = _judged(tag, raw, flags)
                    for one in changes.take([(place, now_ns, told, quality)], now_ns):
                        deliver(one)
        except TimeoutError:
            return


def _error_of(what: str, answer: BaseException) -> BacnetError:
    text = str(answer)
    if "no-response" in text:
        return BacnetSilentError(f"{what}: {text}")
    kind = BacnetTooLongError if any(one in text for one in _TOO_LONG) else BacnetError
    return kind(f"{what}: {text}")


def _judged(tag: Tag, raw: Any, flags: Any) -> tuple[Value, Quality]:
    """Return a property's value, scaled, and how far its object's flags let us trust it."""
    if raw is None or isinstance(raw, ErrorType):
        return None, Quality.BAD
    value = plain(raw)
    quality = flags_of(flags)
    if value is None or quality is Quality.BAD:
        return None, Quality.BAD
    return tag.meant(value), quality
