"""The table of energy in firmware/README.md is what its published figures come to."""

import re

import pytest

from tests.firmware.test_readme import section

PERIOD_S = 60
WAKES = 12
CELL_MC = 2_000 * 3_600
YEAR_S = 31_557_600
# glenn20's measurements of an ESP32 with MicroPython, mC a wake.
BOOT_MC = 3.3
MOUNTED_MC = BOOT_MC + 24.0
PUBLISHED_MC = 109.0  # Wi-Fi with a fixed address, plain MQTT
DHCP_MC = 204.0
RADIO_MA = 100 / 0.734  # of the wake with Wi-Fi alone
HANDSHAKE_MC = round(1.0 * RADIO_MA, 1)  # a second of it, estimated
# ESP32's data sheet, mA: receiving; modem sleep at 240 MHz, the middle of its range; deep sleep.
LISTENING_MA, MODEM_SLEEP_MA, ASLEEP_MA = 100, 49, 0.01

ASLEEP_MC = ASLEEP_MA * PERIOD_S
UPLOAD_MC = PUBLISHED_MC + HANDSHAKE_MC
ROWS = {
    "awake, Wi-Fi always listening": LISTENING_MA * PERIOD_S,
    "awake, modem sleep": MODEM_SLEEP_MA * PERIOD_S,
    "asleep, upload at each wake, DHCP": DHCP_MC + HANDSHAKE_MC + ASLEEP_MC,
    "asleep, upload at each wake, fixed address": UPLOAD_MC + ASLEEP_MC,
    "asleep, upload every 12th wake, fixed address": (
        ((WAKES - 1) * MOUNTED_MC + UPLOAD_MC) / WAKES + ASLEEP_MC
    ),
    "the same, no file system at the other wakes": (
        ((WAKES - 1) * BOOT_MC + UPLOAD_MC) / WAKES + ASLEEP_MC
    ),
}


@pytest.mark.parametrize("mode", ROWS)
def test_a_row_has_what_its_figures_come_to(mode: str) -> None:
    charge_mc = ROWS[mode]
    years = CELL_MC / charge_mc * PERIOD_S / YEAR_S
    found = re.search(rf"^\| {mode} \| ([\d.,]+) \| ([\d.]+) \|$", section("Asleep"), re.MULTILINE)
    assert found
    shown = f"{charge_mc:,.0f}" if charge_mc >= 1_000 else f"{charge_mc:.1f}"
    assert found.groups() == (shown, f"{years:.4f}" if years < 0.01 else f"{years:.2f}")
