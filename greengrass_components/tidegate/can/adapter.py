"""CAN as the poller sees it: it listens all the time, and a reading is what was heard last.

Flow: bus -> signals -> [adapter] -> samples
A sample's instant is that of its newest frame. A value that was not sent for `stale_ms` is bad; a
group of which nothing was heard is silent. Listens only unless told otherwise.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import can
from cantools.database.errors import Error as DatabaseError

from tidegate.adapter import Deliver
from tidegate.can.address import CanAddress, parse_address
from tidegate.can.errors import CanDownError, CanError, CanSilentError
from tidegate.can.signals import Signals
from tidegate.group import Group
from tidegate.quality import Quality
from tidegate.sample import Sample, Value
from tidegate.setting_reader import SettingReader
from tidegate.tag import Tag

logging.getLogger("can").setLevel(logging.WARNING)  # at INFO it tells of every bus

INTERFACES = ("socketcan", "virtual", "udp_multicast", "slcan", "pcan", "kvaser", "gs_usb")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanSettings:
    """`dbc` are the files that say what frames mean; `sends`: commands may be sent."""

    interface: str
    channel: str
    dbc: tuple[Path, ...]
    bitrate: int = 0
    j1939: bool = False
    stale_ms: int = 5_000
    sends: bool = False


def read_settings(mapping: Mapping[str, Any]) -> CanSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    reader = SettingReader(mapping)
    settings = CanSettings(
        interface=reader.choice("interface", INTERFACES, "socketcan"),
        channel=reader.text("channel"),
        dbc=tuple(Path(one.strip()) for one in reader.text("dbc").split(",") if one.strip()),
        bitrate=reader.integer("bitrate", 0, 0, 8_000_000),
        j1939=reader.flag("j1939", False),
        stale_ms=reader.integer("stale_ms", 5_000, 10, 3_600_000),
        sends=reader.flag("sends", False),
    )
    reader.finish()
    return settings


class CanAdapter:
    """The adapter of one bus."""

    def __init__(
        self, settings: CanSettings, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.signals = Signals(settings.dbc, j1939=settings.j1939)
        self.bus_errors = 0
        self._settings, self._clock_ns = settings, clock_ns
        self._bus: Any = None
        self._notifier: Any = None
        self._addresses: dict[Group, list[CanAddress]] = {}
        self._began_ns = 0

    async def connect(self) -> None:
        """Open the interface; raises `CanDownError`."""
        await self.close()
        settings = self._settings
        facts: dict[str, Any] = {"bitrate": settings.bitrate} if settings.bitrate else {}
        try:
            self._bus = can.Bus(interface=settings.interface, channel=settings.channel, **facts)
        except (can.CanError, OSError, ValueError) as error:
            raise CanDownError(
                f"can't open {settings.interface} {settings.channel}: {error}; is it up? "
                f"(ip link set {settings.channel} up type can bitrate 250000)"
            ) from error
        loop = asyncio.get_running_loop()
        self._notifier = can.Notifier(self._bus, [self._take], timeout=0.1, loop=loop)
        self._began_ns = self._clock_ns()

    async def close(self) -> None:
        """Close the interface; never raises."""
        notifier, bus = self._notifier, self._bus
        self._notifier = self._bus = None
        if notifier:
            await asyncio.to_thread(notifier.stop)
        if bus:
            bus.shutdown()

    def plan(self, group: Group) -> Sequence[str]:
        """Return a line for each message listened to; raises `CanError` for a wrong signal."""
        messages = {self.signals.want(address) for address in self._wanted(group)}
        return [
            f"listen to {message.name} ({message.frame_id:#x})"
            for message in sorted(messages, key=lambda one: one.frame_id)
        ]

    async def poll(self, group: Group) -> Sample:
        """Return what was heard last; raises `CanSilentError` when nothing was for a while."""
        if self._bus is None:
            raise CanDownError(f"{self._settings.channel} is not open")
        now_ns = self._clock_ns()
        oldest_ns = now_ns - self._settings.stale_ms * 1_000_000
        values: list[Value] = []
        newest_ns = 0
        for address, tag in zip(self._wanted(group), group.tags, strict=True):
            told = self.signals.told(address)
            fresh = told is not None and told.at_ns >= oldest_ns
            values.append(_value(tag, told.value) if told and fresh else None)
            if told and fresh:
                newest_ns = max(newest_ns, told.at_ns)
        if not newest_ns:
            if now_ns - self._began_ns < self._settings.stale_ms * 1_000_000:
                newest_ns = now_ns  # it may still come
            else:
                raise CanSilentError(
                    f"nobody sends {group.measurement} on {self._settings.channel}"
                )
        qualities = bytes(Quality.BAD if value is None else Quality.GOOD for value in values)
        return Sample(
            group,
            min(newest_ns, now_ns),
            now_ns,
            tuple(values),
            qualities if any(qualities) else None,
        )

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:  # noqa: ARG002  the protocol's
        """Raise `CanError`: frames come too often to be samples each."""
        raise CanError("a bus is listened to, and polled for what was heard")

    async def write(self, group: Group, tag: str, value: Value) -> None:
        """Send a message with the signal, its other signals as they were heard last.

        Raises `CanError` where nothing may be sent, or the value does not fit.
        """
        if not self._settings.sends:
            raise CanError(f"{self._settings.channel} is listened to only; see the setting sends")
        wanted = group.tag_to_write(tag, value)
        if isinstance(value, str) or value is None:
            raise CanError(f"{tag} takes a number, not {value!r}")
        address = parse_address(wanted.address)
        message = self.signals.want(address)
        data: dict[str, Any] = {}
        for signal in message.signals:
            told = self.signals.told(CanAddress(message.name, signal.name, address.source))
            data[signal.name] = (
                told.value if told and told.value is not None else signal.initial or 0
            )
        data[address.signal] = value if isinstance(value, bool) else wanted.raw(value)
        try:
            frame = can.Message(
                arbitration_id=message.frame_id,
                is_extended_id=message.is_extended_frame,
                data=message.encode(data),
            )
            self._bus.send(frame, timeout=1.0)
        except (can.CanError, DatabaseError, ValueError, OverflowError) as error:
            raise CanError(f"can't send {tag} = {value!r}: {error}") from error

    def health(self) -> Mapping[str, int]:
        """Return counts for the health measurement."""
        assembler = self.signals.assembler
        return {
            "frames": self.signals.frames,
            "malformed_frames": self.signals.malformed,
            "broken_transfers": assembler.broken + assembler.malformed + assembler.displaced,
            "bus_errors": self.bus_errors,
        }

    def _wanted(self, group: Group) -> list[CanAddress]:
        if group not in self._addresses:
            addresses = [parse_address(tag.address) for tag in group.tags]
            for address in addresses:
                self.signals.want(address)
            self._addresses[group] = addresses
        return self._addresses[group]

    def _take(self, frame: Any) -> None:
        if frame.is_error_frame:
            self.bus_errors += 1
        elif not frame.is_remote_frame:
            at_ns = int(frame.timestamp * 1e9)
            self.signals.take(frame.arbitration_id, frame.is_extended_id, bytes(frame.data), at_ns)


def _value(tag: Tag, value: int | float | None) -> Value:
    if value is None:
        return None
    return tag.real(value) if tag.is_scaled else value
