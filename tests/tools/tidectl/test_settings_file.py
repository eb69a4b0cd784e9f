"""What an operator writes is checked as far as a board would, before it is on one."""

import json
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.errors import TidectlError
from tidectl.settings_file import parsed

CHIP = {"name": "chip", "driver": "chip", "period_ms": 1_000}
CLIMATE = {"name": "climate", "driver": "bme280", "period_ms": 1_000}
SHED = {"name": "shed", "driver": "sht3x", "period_ms": 1_000, "scl_pin": 5}


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"measurement": []}, "measurement: unknown key, perhaps measurements"),
        ({"measurements": [CLIMATE | {"adress": 118}]}, "adress: unknown key, perhaps address"),
        (
            {"measurements": [CLIMATE | {"fields": {"temperature_c": {"dedband": "1"}}}]},
            "fields.temperature_c.dedband: unknown key, perhaps deadband",
        ),
        ({"wifi": {"network": []}, "measurements": [CHIP]}, "unknown key, perhaps networks"),
        ({"lunch": True, "measurements": [CHIP]}, "lunch: unknown key"),
        ({"measurements": [CLIMATE, SHED]}, "measurements[1]: I2C bus 0: on pins"),
        (
            {"measurements": [CHIP | {"driver": "ads1115", "inputs": "09"}]},
            "measurements[0]: inputs: must be digits of 0 to 3",
        ),
        ({"wifi": {"ssid": "a", "password": "1234567"}, "measurements": [CHIP]}, "WPA takes 8"),
        (
            {"wifi": {"networks": [{"ssid": "a", "password": "x"}]}, "measurements": [CHIP]},
            "wifi.networks[0].password",
        ),
    ],
)
def test_a_mistake_is_told_with_what_may_have_been_meant(
    settings: dict[str, object], mistake: str
) -> None:
    with pytest.raises(TidectlError) as caught:
        parsed(settings, "greenhouse.json")
    assert mistake in str(caught.value)
    assert str(caught.value).startswith("greenhouse.json: ")
    assert "1234567" not in str(caught.value)


def test_a_configuration_may_be_used_again_after_one_with_a_mistake() -> None:
    for _ in range(2):
        with pytest.raises(TidectlError):
            parsed({"measurements": [CLIMATE, SHED]}, "one")
        assert parsed({"measurements": [SHED, CHIP]}, "another").measurements


def test_a_file_is_checked_before_there_is_a_thing(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "greenhouse.json"
    path.write_text(json.dumps({"measurements": [CLIMATE]}))
    done = tidectl("config", "check", str(path), "--board", "esp32-c3")
    assert (done.code, done.out) == (0, "")
    assert "is good: climate (bme280)" in done.err
    shown = tidectl("config", "check", str(path), "--board", "esp32-c3", "--json").json()
    assert shown["measurements"] == [CLIMATE | {"scl_pin": 5, "sda_pin": 4}]
    path.write_text(json.dumps({"thing": "x", "measurements": [CLIMATE]}))
    assert "thing can't be set" in tidectl("config", "check", str(path)).complaint()
    path.write_text("[]")
    assert "must hold a JSON object" in tidectl("config", "check", str(path)).complaint()
