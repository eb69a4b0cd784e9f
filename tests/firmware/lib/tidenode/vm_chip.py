"""The chip measures itself."""

import gc

import esp32

from tidenode.drivers import chip, find, options_of

NAMES = [name for name, _ in chip.FIELDS]


def read(sensor):
    return dict(zip(NAMES, sensor.read()))


async def test_the_chip_tells_its_memory_and_its_uptime():
    values = read(chip.create({}, None))
    assert values["uptime_s"] == 0
    assert 0 < values["heap_free_bytes"] <= gc.mem_free() + 4096
    assert values["heap_used_bytes"] > 10_000
    assert values["idf_heap_largest_block_bytes"] <= values["idf_heap_free_bytes"]


async def test_regions_of_the_idf_heap_are_summed_and_the_largest_block_is_one():
    sensor = chip.Chip(lambda: [(100, 50, 40, 10), (200, 70, 60, 5)])
    values = read(sensor)
    assert values["idf_heap_free_bytes"] == 120
    assert values["idf_heap_largest_block_bytes"] == 60


async def test_drivers_are_found_by_name_and_nothing_else_is():
    assert find("chip").FIELDS == chip.FIELDS
    assert options_of("bme280")
    assert esp32.HEAP_DATA
    for name in ("", "__init__", "nothing", "../chip", "chip.x", "Chip"):
        try:
            find(name)
        except ImportError:
            continue
        raise AssertionError(name)
