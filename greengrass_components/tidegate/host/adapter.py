"""Read this machine: what the kernel tells, by name.

An address is a field of `HostSensors` (`cpu_percent`, `memory_used_percent`,
`temperature_coretemp_core_0_c`), or a name and a part: `disk_used_percent@/data`,
`disk_free_bytes@/data`, `network_received_bytes@eth0`, `network_sent_bytes@eth0`,
`cpu_percent@0` for one core. Beyond those: `uptime_s`, `swap_used_percent`, and on a Raspberry Pi
`throttled`, the firmware's bits (1: under-voltage now, 65536: since the start). What this machine
does not have is BAD.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tidegate.adapter import Deliver
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.host.sensors import HostSensors
from tidegate.quality import Quality
from tidegate.sample import Sample, Value

_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PARTS = (
    "disk_used_percent", "disk_free_bytes", "network_received_bytes", "network_sent_bytes",
    "cpu_percent",
)  # fmt: skip


class HostError(GateError):
    """An address that no machine has."""


class HostAdapter:
    """The adapter of this machine; `clock_ns` is the time of day."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._sensors = HostSensors()
        psutil.cpu_percent(percpu=True)

    async def connect(self) -> None:
        """There is nothing to connect to."""

    def plan(self, group: Group) -> Sequence[str]:
        """Return one line: all is read at once. Raises `HostError` for an address that can't be."""
        for tag in group.tags:
            check_address(tag.address)
        return [f"read {len(group.tags)} values of this machine"]

    async def poll(self, group: Group) -> Sample:
        """Read the machine; it takes a millisecond or two."""
        began_ns = self._clock_ns()
        known = dict(self._sensors.read())
        known["uptime_s"] = int(time.time() - psutil.boot_time())
        known["swap_used_percent"] = psutil.swap_memory().percent
        parts = _Parts()
        values: list[Value] = []
        for tag in group.tags:
            name, at, part = tag.address.partition("@")
            raw = parts.read(name, part) if at else known.get(name)
            if name == "throttled":
                raw = _throttled()
            values.append(raw if raw is None or not tag.is_scaled else tag.real(raw))
        ended_ns = self._clock_ns()
        qualities = bytes(Quality.BAD if value is None else Quality.GOOD for value in values)
        return Sample(
            group,
            (began_ns + ended_ns) // 2,
            ended_ns,
            tuple(values),
            qualities if any(qualities) else None,
        )

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:  # noqa: ARG002  the protocol's
        """Raise `HostError`: a kernel tells no changes."""
        raise HostError("this machine tells no changes: poll it")

    async def write(self, group: Group, tag: str, value: Value) -> None:  # noqa: ARG002  the protocol's
        """Raise `HostError`: nothing of it can be written."""
        raise HostError(f"{tag} of this machine can't be written")

    async def close(self) -> None:
        """There is nothing to let go of."""


def check_address(address: str) -> None:
    """Raise `HostError` for an address that no machine has."""
    name, at, _ = address.partition("@")
    if at and name not in _PARTS:
        raise HostError(f"{name} has no parts; {', '.join(_PARTS)} have")
    if not _NAME.fullmatch(name):
        raise HostError(f"{address!r} is no name, as in cpu_percent or disk_used_percent@/data")


class _Parts:
    """Parts of the machine, each kind read once a sample and only when asked for."""

    def __init__(self) -> None:
        self._networks: Mapping[str, object] | None = None
        self._cores: list[float] | None = None

    def read(self, name: str, part: str) -> int | float | None:
        """Return a value, None for a part that is not there."""
        if name == "cpu_percent":
            if self._cores is None:
                self._cores = psutil.cpu_percent(percpu=True)
            core = int(part) if part.isdecimal() else len(self._cores)
            return self._cores[core] if core < len(self._cores) else None
        if name.startswith("disk_"):
            try:
                disk = psutil.disk_usage(part)
            except OSError:
                return None
            return float(disk.percent) if name == "disk_used_percent" else int(disk.free)
        if self._networks is None:
            self._networks = psutil.net_io_counters(pernic=True)
        counted = "bytes_recv" if name == "network_received_bytes" else "bytes_sent"
        count: int | None = getattr(self._networks.get(part), counted, None)
        return count


def _throttled() -> int | None:
    try:
        return int(_THROTTLED.read_text(), 16)
    except (OSError, ValueError):
        return None
