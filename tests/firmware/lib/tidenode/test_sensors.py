"""The simulated board has every chip that its configuration names, and samples it."""

from typing import Any

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tidewire import decode

# Three beside `chip` fit into a board's heap.
BOARDS: list[list[dict[str, Any]]] = [
    [{"driver": "bme280"}, {"driver": "ds18b20", "pin": 4}, {"driver": "pulse_counter", "pin": 5}],
    [{"driver": "sht3x"}, {"driver": "dht22", "pin": 4}, {"driver": "adc", "pin": 34}],
    [{"driver": "scd4x"}, {"driver": "bh1750"}, {"driver": "digital_input", "pin": 4}],
    [{"driver": "ads1115"}, {"driver": "bmp280"}],
    [
        {"driver": "ina219"},
        {"driver": "mpu6050", "bus": -1},
        {"driver": "max31855", "sck_pin": 18, "miso_pin": 19, "cs_pin": 5},
    ],
]
ROMS = ("28ff641e83160349", "28aa0000000001d3")


def run(bench: Bench, entries: list[dict[str, Any]]) -> None:
    """Run a board of `entries` until all have arrived; none may have failed, nothing be lost."""
    bench.broker.resume()
    measurements = [
        {"name": f"m{number}", "period_ms": 250} | entry for number, entry in enumerate(entries)
    ]
    board = bench.board(measurements=measurements, batch={"age_ms_max": 500})
    wanted = {entry["name"] for entry in measurements}

    def all_arrived() -> bool:
        return wanted <= {decode(one.payload).measurement for one in bench.broker.received}

    assert bench.broker.wait_for(all_arrived, LATE_S_MAX), bench.log()[-500:]
    stats = bench.end(board)
    assert (stats.queued_batches, stats.dropped) == (0, 0)
    assert bench.log() == ""


@pytest.mark.parametrize("entries", BOARDS, ids=lambda one: "-".join(e["driver"] for e in one))
def test_a_board_samples_what_its_configuration_names(
    bench: Bench, entries: list[dict[str, Any]]
) -> None:
    run(bench, [*entries, {"driver": "chip"}])


def test_sensors_of_one_bus_are_told_apart_by_their_addresses(bench: Bench) -> None:
    run(bench, [{"driver": "ds18b20", "pin": 4, "rom": rom} for rom in ROMS])
    values: dict[str, int | None] = {}
    for batch in bench.batches():
        values[batch.measurement] = batch.columns[0].values[-1]
    assert values["m0"] != values["m1"]
