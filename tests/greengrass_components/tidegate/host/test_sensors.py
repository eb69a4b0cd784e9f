"""This machine tells what its kernel knows, under names every store takes."""

from pathlib import Path

import psutil
import pytest

from tidegate.host.sensors import HostSensors, temperature_field
from tidewire import column_of
from tidewire.names import check_field


def test_a_sample_is_of_this_machine(tmp_path: Path) -> None:
    fields = HostSensors(tmp_path).read()
    assert 0 <= fields["cpu_percent"] <= 100
    assert 0 < fields["memory_available_bytes"] <= psutil.virtual_memory().total
    assert 0 < fields["disk_free_bytes"] <= psutil.disk_usage(str(tmp_path)).total
    assert fields["network_received_bytes"] >= 0
    for name, value in fields.items():
        check_field(name)
        column_of(name, [value])


def test_every_temperature_the_kernel_has_is_a_field() -> None:
    plausible = sum(
        -40 < sensor.current < 150
        for sensors in psutil.sensors_temperatures().values()
        for sensor in sensors
    )
    names = [name for name in HostSensors().read() if name.startswith("temperature_")]
    assert len(names) <= plausible
    assert bool(names) == bool(plausible)


@pytest.mark.parametrize(
    ("chip", "label", "name"),
    [
        ("coretemp", "Package id 0", "temperature_coretemp_package_id_0_c"),
        ("k10temp", "Tctl", "temperature_k10temp_tctl_c"),
        ("nvme", "Ünïcode / x" * 9, None),
    ],
)
def test_any_chip_and_label_make_a_field_name(chip: str, label: str, name: str | None) -> None:
    field = temperature_field(chip, label)
    assert check_field(field) == (name or field)
