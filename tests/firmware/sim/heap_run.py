"""Measure on the VM what the stand-ins take of a board's heap; prints {"bytes"}."""

import asyncio
import gc
import json


def used_bytes():
    gc.collect()
    return gc.mem_alloc()


async def main():
    await asyncio.sleep_ms(0)  # what the agent loads anyway is loaded before
    asyncio.Event()
    before = used_bytes()
    import bme280
    import console
    import esp32
    import flash
    import machine
    import weather

    chip = bme280.Bme280(weather.Weather(0).at, lambda: 0)
    machine.chips[(0, 0x76)] = chip
    tasks = [
        asyncio.create_task(console.report_for_ever()),
        asyncio.create_task(console.stop_when_told(0)),
    ]
    await asyncio.sleep_ms(1)
    taken = used_bytes() - before
    assert all((flash.Flash, esp32.HEAP_DATA, tasks)), "are held until here"
    print(json.dumps(taken))


asyncio.run(main())
