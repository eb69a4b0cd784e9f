"""This machine as a sensor: processor, memory, disk, network, temperatures.

Pure of any transport: `read` returns the fields of one sample. What the kernel does not tell
(temperatures in most virtual machines) is left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

MEASUREMENT = "host"
TEMPERATURES_MAX = 16  # a server's drives alone may be dozens
_TEMPERATURE_C = (-40.0, 150.0)  # what is beyond is a sensor that is not there
_NO_WORD = re.compile(r"[^a-z0-9]+")


class HostSensors:
    """Reads what the kernel of this machine says; `disk` is the file system to look at."""

    def __init__(self, disk: Path = Path("/")) -> None:
        self._disk = str(disk)
        psutil.cpu_percent()  # the next call tells the use since this one

    def read(self) -> dict[str, int | float]:
        """Return the fields of one sample; counters count since the machine's start."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(self._disk)
        fields: dict[str, int | float] = {
            "cpu_percent": psutil.cpu_percent(),
            "load_1m": round(psutil.getloadavg()[0], 2),
            "memory_used_percent": memory.percent,
            "memory_available_bytes": memory.available,
            "disk_used_percent": disk.percent,
            "disk_free_bytes": disk.free,
        }
        if transfers := psutil.disk_io_counters():
            fields["disk_read_bytes"] = transfers.read_bytes
            fields["disk_written_bytes"] = transfers.write_bytes
        if traffic := psutil.net_io_counters():
            fields["network_received_bytes"] = traffic.bytes_recv
            fields["network_sent_bytes"] = traffic.bytes_sent
        fields.update(_temperatures())
        return fields


def _temperatures() -> Iterator[tuple[str, float]]:
    """Yield a field per sensor, named after chip and label."""
    chips = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    count = 0
    for chip, sensors in sorted(chips.items()):
        for number, sensor in enumerate(sensors):
            lowest, highest = _TEMPERATURE_C
            if count < TEMPERATURES_MAX and lowest < sensor.current < highest:
                count += 1
                label = sensor.label or str(number)
                yield temperature_field(chip, label), round(sensor.current, 2)


def temperature_field(chip: str, label: str) -> str:
    """Return the name of a field that any chip and label can have."""
    words = _NO_WORD.sub("_", f"{chip} {label}".lower()).strip("_")
    return f"temperature_{words[:48]}_c"
