"""Every driver runs on the real VM as it ships, in a board's heap, against its chip."""

import re
from pathlib import Path

import pytest

from tests.firmware import vm
from tests.firmware.lib.tidenode.test_config import GOOD
from tidectl.firmware_image import FIRMWARE
from tidenode import config, drivers

FOLDER = FIRMWARE / "lib" / "tidenode" / "drivers"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
# (lowest, highest) of each field's value, scaled, in the simulated world.
HEAP_BYTES_MAX = 6_700  # the largest, a BMP280, which brings a BME280's formulae
GROWTH_BYTES_MAX = 128  # a table or two, not a sample
RANGES = {
    "adc": [(1_000_000, 3_000_000)],
    "bh1750": [(0, 300_000)],
    "bme280": [(1_000, 3_000), (990_000, 1_030_000), (2_000, 8_000)],
    "bmp280": [(1_000, 3_000), (990_000, 1_030_000)],
    "dht22": [(100, 300), (200, 800)],
    "digital_input": [(0, 1), (0, 100)],
    "ds18b20": [(100_000, 300_000)],
    "ina219": [(5_000, 12_000), (0, 30_000), (0, 36_000)],
    "max31855": [(1_000, 21_000), (100_000, 300_000)],
    "mpu6050": [(-3_000, 13_000)] * 3 + [(-4_100, 4_100)] * 3 + [(1_000, 3_000)],
    "pulse_counter": [(0, 100), (0, 6_000)],
    "scd4x": [(400, 830), (1_000, 3_000), (2_000, 8_000)],
    "sht3x": [(1_000, 3_000), (2_000, 8_000)],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_measures_in_a_boards_heap_and_takes_no_more_of_it_as_it_goes_on(
    name: str,
) -> None:
    heap_bytes, growth_bytes, values = vm.run(Path(__file__).with_name("driver_run.py"), name)
    print(name, heap_bytes, growth_bytes)
    assert heap_bytes <= HEAP_BYTES_MAX
    assert growth_bytes <= GROWTH_BYTES_MAX
    for value, (lowest, highest) in zip(values, RANGES.get(name, ()), strict=False):
        assert lowest <= value <= highest, (name, values)


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_is_one_line_of_configuration(name: str) -> None:
    driver = drivers.find(name)
    assert re.match(r"[A-Z].*\.", driver.__doc__ or "")
    assert len({field for field, _ in driver.FIELDS}) == len(driver.FIELDS)
    needed = {row[0]: 4 for row in driver.OPTIONS if row[2] is config.REQUIRED}
    entry = {"name": "one", "driver": name, "period_ms": 1_000} | needed
    (measurement,) = config.parse(GOOD | {"measurements": [entry]}, drivers.options_of).measurements
    assert set(measurement.options) == {row[0] for row in driver.OPTIONS}
