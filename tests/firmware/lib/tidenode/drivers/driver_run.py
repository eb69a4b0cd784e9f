"""Run one driver on the VM as a board does, against its simulated chip: `driver_run.py DRIVER`.

Prints what it takes of the heap once the start is forgotten, how much that grew over many
reads, and a sample.
"""

import asyncio
import gc
import json
import sys

import dht
import esp32
import machine
import network
import onewire
import peripherals  # of `machine`, which loads it late

import tidenode.config
import tidenode.errors
from tidenode import drivers

PINS = {"sck_pin": 18, "miso_pin": 19, "cs_pin": 5, "pin": 4}
SLOW = ("bh1750", "dht22", "ds18b20", "scd4x", "sht3x")
READS = 200
TRIES = 3


def used_bytes():
    gc.collect()
    return gc.mem_alloc()


def grow_table_of_names():
    """Have the VM's table of names just doubled, which else a driver may happen to do."""
    for number in range(2_000):
        before = used_bytes()
        hasattr(gc, "a_name_%d" % number)  # enters it
        if used_bytes() - before > 1_024:
            return
    raise AssertionError("the table has not grown")


def solder(name, options):
    import soldering
    import world

    if name not in ("chip", "health"):
        chip = __import__(soldering.module_of(name))
        chip.solder(machine, options, world.World(1))


async def measured(sensor):
    begin = getattr(sensor, "begin", None)
    if begin:
        await asyncio.sleep_ms(begin() + 1)  # as the sampler has it
    return sensor.read()


async def main(name):
    grow_table_of_names()
    before = used_bytes()
    driver = drivers.find(name)
    options = {row[0]: PINS.get(row[0], row[2]) for row in driver.OPTIONS}
    sensor = driver.create(options, machine)
    heap_bytes = used_bytes() - before
    solder(name, options)
    sensor = driver.create(options, machine)  # again: only now is there a pin to watch
    await asyncio.sleep_ms(300)
    for _ in range(TRIES):
        values = await measured(sensor)
        if tuple(values).count(None) < len(values):
            break
        await asyncio.sleep_ms(60)
    before = used_bytes()
    for _ in range(1 if name in SLOW else READS):
        await measured(sensor)
    growth_bytes = used_bytes() - before
    before = used_bytes()
    del driver.OPTIONS, driver.create
    for module in ("tidenode.i2c_bus", "tidenode.input_pin"):
        if module in sys.modules:
            sys.modules.pop(module).__dict__.clear()
    heap_bytes -= before - used_bytes()
    assert len(values) == len(driver.FIELDS)
    for value in values:
        assert value is None or type(value) is int, value
    for module in (dht, esp32, network, onewire, peripherals, tidenode.config, tidenode.errors):
        assert module, "a board has it by then"
    print(json.dumps([heap_bytes, growth_bytes, values]))


asyncio.run(main(sys.argv[1]))
