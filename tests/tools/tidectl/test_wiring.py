"""Pins that a configuration asks for, and a board has or has not."""

from typing import Any

import pytest

from tidectl.boards import Board, board_named, boards, with_pins
from tidectl.settings_file import parsed
from tidectl.wiring import mistakes
from tidenode import config, drivers

CLIMATE = {"name": "climate", "driver": "bme280", "period_ms": 1_000}
ELSEWHERE = {"thing": "board", "site": "site", "broker": {"host": "broker"}}


def one(driver: str, **options: object) -> dict[str, object]:
    return {"name": driver, "driver": driver, "period_ms": 5_000, **options}


def told(board: str, *measurements: dict[str, object], **sections: object) -> list[str]:
    document: dict[str, Any] = {"measurements": list(measurements), **sections}
    settings = config.parse(ELSEWHERE | document, drivers.options_of)
    return mistakes(settings, document, board_named(board) if board else None)


@pytest.mark.parametrize(
    ("board", "pin", "why"),
    [
        ("esp32", 6, "an ESP32 has no GPIO 6 to spare: see tidectl boards esp32"),
        ("esp32-c3", 45, "an ESP32-C3 has no GPIO 45 to spare: see tidectl boards esp32-c3"),
        ("esp32", 34, "GPIO 34 of an ESP32 is an input only"),
    ],
)
def test_a_pin_that_the_board_has_not_is_told(board: str, pin: int, why: str) -> None:
    assert told(board, one("dht22", pin=pin)) == [f"measurements[0].pin: {why}"]
    assert told("", one("dht22", pin=pin)) == []


def test_an_input_may_be_one_that_can_only_be_an_input() -> None:
    assert told("esp32", one("pulse_counter", pin=34), one("adc", pin=35)) == []
    assert "can't be read as a voltage" in told("esp32", one("adc", pin=4))[0]


def test_one_pin_is_not_two_things() -> None:
    taken = "measurements[1].pin: GPIO 4 is measurements[0].pin already"
    assert told("", one("dht22", pin=4), one("pulse_counter", pin=4)) == [taken]
    counted = one("pulse_counter", pin=4)
    assert told("", counted, counted | {"name": "again"}) == [taken]
    assert told("", CLIMATE, portal={"button_pin": 21}) == [
        "portal.button_pin: GPIO 21 is measurements[0].sda_pin already"
    ]


def test_chips_of_one_bus_and_probes_of_one_wire_share_their_pins() -> None:
    probes = [one("ds18b20", pin=5, rom="28" * 8) | {"name": name} for name in ("warm", "cold")]
    assert told("esp32", CLIMATE, one("sht3x"), *probes) == []


def test_a_driver_of_ones_own_that_names_no_bus_shares_the_first() -> None:
    wires = {"scl_pin": 22, "sda_pin": 21}
    own = config.Measurement("attic", "tmp102", 5_000, False, wires, None)
    climate = config.parse(ELSEWHERE | {"measurements": [CLIMATE]}, drivers.options_of)
    both = climate._replace(measurements=(own, *climate.measurements))
    assert mistakes(both, {}, board_named("esp32")) == []


@pytest.mark.parametrize("board", list(boards()), ids=lambda board: board.name)
def test_the_pins_of_a_board_are_its_own(board: Board) -> None:
    measurements = [CLIMATE, one("max31855", cs_pin=1), one("ds18b20")]
    assert parsed(with_pins(board, {"measurements": measurements}), "greenhouse.json", board)
